// What a page sends as overviews, and what their pictures show.
import { readOverview } from '../../../packages/exam-client/test/own-parts.ts';
import { FRAME, readClock } from '../review/burnt-clock.ts';
import type { PictureTime } from '../review/sample.ts';

const sent: Uint8Array<ArrayBuffer>[] = [];

/** From now on each overview is kept for the test, and sent on. */
export function watchOverviews(): void {
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) => {
    const body = init?.body;
    if (typeof input === 'string' && input.endsWith('/overview') && body instanceof Uint8Array)
      sent.push(new Uint8Array(body));
    return fetch(input, init);
  };
}

/** In base 64. */
export function overviews(): string[] {
  return sent.map((bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')));
}

/** What the clock in each picture of an overview says, which is given in base 64. */
export async function clocksIn(base64: string): Promise<PictureTime[]> {
  const { pictures } = readOverview(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  const canvas = new OffscreenCanvas(FRAME.width, FRAME.height);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  const times: PictureTime[] = [];
  for (const { atSeconds, bytes } of pictures?.items ?? []) {
    const bitmap = await createImageBitmap(new Blob([bytes], { type: pictures?.type ?? '' }));
    context?.drawImage(bitmap, 0, 0, FRAME.width, FRAME.height);
    bitmap.close();
    const { data = [] } = context?.getImageData(0, 0, FRAME.width, FRAME.height) ?? {};
    times.push({ atSeconds, shown: readClock((x, y) => data[4 * (y * FRAME.width + x) + 1] ?? 0) ?? null });
  }
  return times;
}

/** Its size, the mean of its brightness and the greatest difference to that, from 0 to 255. @throws when it is no picture */
export async function look(base64: string, type: string) {
  const blob = await (await fetch(`data:${type};base64,${base64}`)).blob();
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D;
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const bright = Array.from({ length: width * height }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = data.subarray(pixel * 4, pixel * 4 + 3);
    return (red + green + blue) / 3;
  });
  const mean = bright.reduce((sum, value) => sum + value, 0) / bright.length;
  return { width, height, mean, contrast: Math.max(...bright.map((value) => Math.abs(value - mean))) };
}
