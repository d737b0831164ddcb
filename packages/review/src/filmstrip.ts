// Draws the pictures of a recording's overview: a strip of them along the line, or the one nearest to a moment.
import type { OverviewPictures } from '@proctoring-recordings/exam-client';
import { make } from './dom.ts';
import { type Lane, type Line, pieceAt } from './line.ts';
import { pictureSize } from './picture-size.ts';
import type { LaneView } from './review.ts';

export interface Strip {
  readonly line: Line;
  readonly lane: Lane;
  readonly overviewOf: LaneView['overviewOf'];
}

/** Decoded pictures of one overview, by their index: a strip is drawn again whenever its place changes its size. */
const decoded = new WeakMap<OverviewPictures, Map<number, Promise<ImageBitmap>>>();
const drawings = new WeakMap<HTMLCanvasElement, number>();
/** A recording may have pictures that are one pixel wide. */
const NARROWEST_PX = 8;
/** A picture is shown for a moment that is no further from its own. */
const NEAR_SECONDS = 30;

/** Draws as many pictures as fit, each where it was recorded. Resolves when they are drawn, or another drawing has begun. */
export async function drawStrip(canvas: HTMLCanvasElement, { line, lane, overviewOf }: Strip): Promise<void> {
  const { width, height } = canvas.getBoundingClientRect();
  if (width === 0 || height === 0) return;
  const drawing = (drawings.get(canvas) ?? 0) + 1;
  drawings.set(canvas, drawing);
  const scale = globalThis.devicePixelRatio || 1;
  const placed = placesOf(width, height, { line, lane, overviewOf });
  const images = await Promise.all(
    placed.map(async (place) => ({ ...place, image: await decode(place.pictures, place.index) })),
  );
  if (drawings.get(canvas) !== drawing) return;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context?.scale(scale, scale);
  for (const { image, x, slot } of images) {
    if (image) context?.drawImage(image, x, 0, slot, height);
  }
}

/** A canvas with the picture nearest to a moment; undefined where there is none near. */
export async function drawPicture(
  { lane, overviewOf }: LaneView,
  atMs: number,
): Promise<HTMLCanvasElement | undefined> {
  const piece = pieceAt(lane, atMs);
  const pictures = piece && overviewOf(piece.recording.recordingId)?.pictures;
  if (!piece || !pictures) return undefined;
  const seconds = piece.clock.secondsAt(atMs);
  const index = nearest(pictures, seconds);
  if (Math.abs((pictures.items[index]?.atSeconds ?? Number.POSITIVE_INFINITY) - seconds) > NEAR_SECONDS)
    return undefined;
  const image = await decode(pictures, index);
  if (!image) return undefined;
  const canvas = make('canvas', { width: image.width, height: image.height });
  canvas.getContext('2d')?.drawImage(image, 0, 0);
  return canvas;
}

interface Place {
  readonly pictures: OverviewPictures;
  readonly index: number;
  readonly x: number;
  readonly slot: number;
}

/** The places along the line. A picture that is nearest to several of them has the one that is nearest to it. */
export function placesOf(width: number, height: number, { line, lane, overviewOf }: Strip): Place[] {
  const msPerPixel = (line.toMs - line.fromMs) / width;
  return lane.pieces.flatMap((piece) => {
    const pictures = overviewOf(piece.recording.recordingId)?.pictures;
    if (!pictures || pictures.items.length === 0) return [];
    const slot = Math.max(NARROWEST_PX, (height * pictures.width) / pictures.height);
    const [from, to] = [piece.fromMs, piece.toMs].map((ms) => (ms - line.fromMs) / msPerPixel) as [number, number];
    const places = new Map<number, Place & { readonly offSeconds: number }>();
    for (let x = from; x < to; x += slot) {
      const atMs = line.fromMs + (x + slot / 2) * msPerPixel;
      const seconds = piece.clock.secondsAt(Math.min(atMs, piece.toMs));
      const index = nearest(pictures, seconds);
      const offSeconds = Math.abs((pictures.items[index]?.atSeconds ?? 0) - seconds);
      if (offSeconds < (places.get(index)?.offSeconds ?? Number.POSITIVE_INFINITY)) {
        places.set(index, { pictures, index, x, slot: Math.min(slot, to - x), offSeconds });
      }
    }
    return [...places.values()];
  });
}

/** The index of the picture whose time is nearest; they are in order. */
export function nearest({ items }: Pick<OverviewPictures, 'items'>, wantedSeconds: number): number {
  const after = items.findIndex(({ atSeconds }) => atSeconds >= wantedSeconds);
  if (after <= 0) return after === 0 ? 0 : items.length - 1;
  const [before, next] = [items[after - 1]?.atSeconds ?? 0, items[after]?.atSeconds ?? 0];
  return wantedSeconds - before <= next - wantedSeconds ? after - 1 : after;
}

/** Undefined where the browser cannot decode it, or where it is not as small as its overview says. */
async function decode(pictures: OverviewPictures, index: number): Promise<ImageBitmap | undefined> {
  const own = decoded.get(pictures) ?? new Map<number, Promise<ImageBitmap>>();
  decoded.set(pictures, own);
  const { type, width, height } = pictures;
  const bytes = pictures.items[index]?.bytes;
  const size = bytes && pictureSize(type, bytes);
  if (!bytes || size?.width !== width || size.height !== height) return undefined;
  const image = own.get(index) ?? createImageBitmap(new Blob([bytes], { type }));
  own.set(index, image);
  return image.catch(() => undefined);
}
