// The overview of a long recording, and how soon a player shows its strip.
import '@proctoring-recordings/review';
import { writeOverview } from '../../../packages/exam-client/test/own-parts.ts';
import type { ShownStrip } from '../review/sample.ts';

declare global {
  /** See ../review/strip.test.ts. */
  function freshToken(): Promise<string>;
}

const [WIDTH, HEIGHT] = [96, 54];
const QUALITY = 0.4;
const SHAPES = 40;

/** A picture every ten seconds, of as much detail as those of a camera. In base 64. */
export async function overviewOf(pictures: number): Promise<string> {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const items = [];
  for (let index = 0; index < pictures; index++) {
    paint(canvas, index);
    const blob = await canvas.convertToBlob({ type: 'image/webp', quality: QUALITY });
    items.push({ atSeconds: 10 * index, bytes: new Uint8Array(await blob.arrayBuffer()) });
  }
  const activity = Uint8Array.from({ length: 10 * pictures }, (_, second) => (second % 60 < 20 ? 0 : 200));
  const written = writeOverview({ pictures: { type: 'image/webp', width: WIDTH, height: HEIGHT, items }, activity });
  return btoa(Array.from(written, (byte) => String.fromCharCode(byte)).join(''));
}

export interface Wanted {
  readonly service: string;
  readonly attempt: string;
}

/** Opens the review of an attempt, and waits for its strip. */
export async function showStrip({ service, attempt }: Wanted): Promise<ShownStrip> {
  let requestedAtMs = Number.NaN;
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) => {
    if (input instanceof Request ? false : new URL(input).pathname.endsWith('/overview'))
      requestedAtMs = performance.now();
    return fetch(input, init);
  };
  const element = document.createElement('proctoring-review');
  element.getToken = () => freshToken();
  for (const [name, value] of Object.entries({ service, attempt, exam: 'math', reason: 'measurement' })) {
    element.setAttribute(name, value);
  }
  document.body.append(element);
  while (!isDrawn(element.shadowRoot?.querySelector('canvas.strip'))) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  const tookMs = performance.now() - requestedAtMs;
  return { tookMs, still: element.review?.still.length ?? 0, playedSeconds: await play(element.review) };
}

/** How far it comes in two seconds: a recording plays, with a strip or without. */
async function play(review: HTMLElementTagNameMap['proctoring-review']['review']): Promise<number> {
  if (!review) return 0;
  review.seek(review.line.fromMs);
  review.play();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  review.pause();
  return (review.positionMs - review.line.fromMs) / 1000;
}

function isDrawn(canvas: HTMLCanvasElement | null | undefined): boolean {
  if (!canvas || canvas.width === 0) return false;
  const context = canvas.getContext('2d');
  const alphaAt = (x: number) => context?.getImageData(x, canvas.height >> 1, 1, 1).data[3] ?? 0;
  return alphaAt(2) > 0 && alphaAt(canvas.width - 3) > 0;
}

function paint(canvas: OffscreenCanvas, seed: number): void {
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) throw new Error('The browser draws nothing.');
  const random = randomFrom(seed);
  const gradient = context.createLinearGradient(0, 0, WIDTH * random(), HEIGHT);
  gradient.addColorStop(0, `hsl(${360 * random()} 30% 60%)`);
  gradient.addColorStop(1, `hsl(${360 * random()} 30% 30%)`);
  context.fillStyle = gradient;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  for (let shape = 0; shape < SHAPES; shape++) {
    context.fillStyle = `hsl(${360 * random()} 40% ${80 * random()}% / 50%)`;
    context.fillRect(WIDTH * random(), HEIGHT * random(), 20 * random(), 12 * random());
  }
}

/** The same pictures in each run. */
function randomFrom(seed: number): () => number {
  let state = seed + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
