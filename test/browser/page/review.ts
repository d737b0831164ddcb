// What the tests do with a review in a page: read the clocks that are burnt into its pictures, while it plays and after seeks.
import '@proctoring-recordings/review';
import { FRAME, readClock, type Shown } from '../review/burnt-clock.ts';
import type { Sample, Sought } from '../review/sample.ts';
import { until } from './moments.ts';

/** What is used of the review. */
interface Review {
  readonly lanes: readonly { readonly video: HTMLVideoElement | undefined }[];
  readonly positionMs: number;
  readonly isPlaying: boolean;
  readonly isWaiting: boolean;
  speed: number;
  play(): void;
  pause(): void;
  seek(atMs: number): void;
}

export interface OpenOptions {
  readonly service: string;
  readonly attempt: string;
}

declare global {
  /** See ../review/stage.ts. */
  function freshToken(): Promise<string>;
}

const SAMPLE_EVERY_MS = 50;
const FIRST_PICTURE_WITHIN_MS = 1_000;

let review: Review;
const canvas = new OffscreenCanvas(FRAME.width, FRAME.height);
const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });

letPixelsBeRead();

/** A page may read the pixels of a video of another origin only when it asked for them. The product does not ask. */
function letPixelsBeRead(): void {
  const source = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'src');
  Object.defineProperty(HTMLMediaElement.prototype, 'src', {
    ...source,
    set(this: HTMLMediaElement, url: string) {
      this.crossOrigin = 'anonymous';
      source?.set?.call(this, url);
    },
  });
}

/** Opens the review of an attempt; resolves once it shows pictures of `streams` recordings. */
export async function open({ service, attempt }: OpenOptions): Promise<void> {
  const element = document.createElement('proctoring-review') as HTMLElement & { review?: Review };
  Object.assign(element, { getToken: () => freshToken() });
  const attributes = { service, attempt, exam: 'math', reason: 'measurement', lang: 'en' };
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  document.body.append(element);
  await until(() => (element.review?.lanes.length ?? 0) > 0);
  review = element.review as Review;
}

/** Now. */
export function sample(): Sample {
  const { positionMs, isPlaying, isWaiting } = review;
  const clocks = review.lanes.map(({ video }) => clockOf(video));
  return { atMs: performance.now(), positionMs, isPlaying, isWaiting, clocks };
}

/** Of so long a time. */
export function sampleFor(ms: number): Promise<Sample[]> {
  const samples = [sample()];
  const { promise, resolve } = Promise.withResolvers<Sample[]>();
  const timer = setInterval(() => {
    samples.push(sample());
    if (performance.now() - (samples[0]?.atMs ?? 0) < ms) return;
    clearInterval(timer);
    resolve(samples);
  }, SAMPLE_EVERY_MS);
  return promise;
}

export function play(speed: number): void {
  review.speed = speed;
  review.play();
}

export function pause(): void {
  review.pause();
}

/** Seeks. Resolves when each of the `streams` shows a picture of less than a second from there. */
export async function seek(atMs: number, attemptAtMs: number, streams: readonly number[]): Promise<Sought> {
  const isThere = ({ clocks }: Sample) =>
    streams.every((stream) =>
      clocks.some(
        (shown) => shown?.stream === stream && Math.abs(attemptAtMs + shown.ms - atMs) < FIRST_PICTURE_WITHIN_MS,
      ),
    );
  const fromMs = nowMs();
  review.seek(atMs);
  await until(() => isThere(sample()));
  return { fromMs, pictureMs: nowMs() };
}

const nowMs = () => performance.timeOrigin + performance.now();

function clockOf(video: HTMLVideoElement | undefined): Shown | null {
  if (!context || !video || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
  context.drawImage(video, 0, 0, FRAME.width, FRAME.height);
  const { data } = context.getImageData(0, 0, FRAME.width, FRAME.height);
  return readClock((x, y) => data[4 * (y * FRAME.width + x) + 1] ?? 0) ?? null;
}
