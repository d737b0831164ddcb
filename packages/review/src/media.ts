// One media element that plays one recording over one link, steered to where the line is.
import type { Piece } from './line.ts';
import type { Link } from './service.ts';

/** Where the line is, and how it moves. */
export interface Course {
  readonly atMs: number;
  /** 1 for as fast as it was recorded. */
  readonly speed: number;
  readonly isMoving: boolean;
}

/** Of the position in the media, in seconds, at normal speed. */
const TOLERATED_SECONDS = 0.005;
/** Up to this the element plays faster or slower to come back into step; beyond, it seeks. */
const SEEK_BEYOND_SECONDS = 0.5;
/** Within which time a difference is made up for. */
const CATCH_UP_SECONDS = 0.25;
const MAX_CORRECTION = 0.5;
/** A larger difference, as after a start, is made up for as fast as it may be. */
const LARGE_SECONDS = 0.04;
/** A smaller change of the rate is not worth the cost of setting it. */
const RATE_STEP = 0.01;
/** Of a paused element, whose position is read back rounded. */
const ROUNDED_SECONDS = 0.02;
/** A recording whose file ends a moment before its timeline does. */
const END_SECONDS = 0.1;
/** Chromium's clock runs ahead at a start, and then waits for the sound. */
const STARTING_SECONDS = 0.02;
const SHORTEST_FRAME_MS = 8;
const LONGEST_FRAME_MS = 1_000;
const IN_STEP_SECONDS = 0.05;
/** No recording is as long. */
const BEYOND_SECONDS = 1e7;

export class Media {
  readonly piece: Piece;
  readonly link: Link;
  readonly video: HTMLVideoElement = document.createElement('video');
  /** The target of the last seek: what an element that could not land on it more precisely is not sent to again. */
  #soughtSeconds = Number.NaN;
  #soughtAtMs = 0;
  /** How long the last seek took: the line moves on during a seek, so the next one aims that much further. */
  #seekMs = 0;
  #rollsFromSeconds = 0;
  #hasPicture = false;
  /** Of a file that does not say how long it is: where its end was found. */
  #foundSeconds: number | undefined;
  #isFindingEnd = false;
  #frameMs: number | undefined;
  readonly #over = new AbortController();

  constructor(piece: Piece, link: Link, onChange: () => void) {
    this.piece = piece;
    this.link = link;
    const { video } = this;
    const { signal } = this.#over;
    video.preload = 'auto';
    video.playsInline = true;
    video.muted = true;
    video.disableRemotePlayback = true;
    video.style.cssText = 'position: absolute; inset: 0; visibility: hidden';
    for (const name of ['loadedmetadata', 'canplay', 'error', 'ended', 'stalled', 'waiting']) {
      video.addEventListener(name, onChange, { signal });
    }
    video.addEventListener('loadedmetadata', () => this.#findEnd(), { signal });
    const onSought = () => {
      this.#noteEnd();
      this.#seekMs = performance.now() - this.#soughtAtMs;
      this.#hasPicture = true;
      onChange();
    };
    video.addEventListener('seeked', onSought, { signal });
    video.addEventListener('loadeddata', () => (this.#hasPicture = true), { signal });
    this.#watchFrames();
    video.src = link.url;
  }

  /** The shortest time between two frames that were shown; undefined before. */
  get frameMs(): number | undefined {
    return this.#frameMs;
  }

  get hasFailed(): boolean {
    return this.video.error !== null;
  }

  /** Whether it has shown something: until then there is nothing to look at. */
  get hasPicture(): boolean {
    return this.#hasPicture;
  }

  /** In seconds; undefined where the file does not say, or has not said yet. */
  get durationSeconds(): number | undefined {
    return Number.isFinite(this.video.duration) ? this.video.duration : this.#foundSeconds;
  }

  /** Whether it can play on from where it is. */
  get isReady(): boolean {
    const { video } = this;
    if (video.readyState < HTMLMediaElement.HAVE_METADATA || video.seeking || this.#isFindingEnd) return false;
    return video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA || video.ended || this.#isAtEnd(video.currentTime);
  }

  /** Where it is on the line, in milliseconds since the epoch; undefined before it has moved, and where it stands. */
  get atMs(): number | undefined {
    const { video, piece } = this;
    const isRolling = !video.paused && !video.seeking && !video.ended && video.currentTime > this.#rollsFromSeconds;
    return isRolling && this.isReady ? piece.clock.momentMsAt(video.currentTime) : undefined;
  }

  /** Whether it may take the place of another element without a visible step. */
  isInStep({ atMs, speed }: Course): boolean {
    const off = this.video.currentTime - this.#wanted(atMs);
    return this.#hasPicture && this.isReady && Math.abs(off) < IN_STEP_SECONDS * Math.max(1, speed);
  }

  /** `isLeading`: the line follows this element, which therefore keeps the very rate. */
  follow({ atMs, speed, isMoving }: Course, isLeading: boolean): void {
    const { video } = this;
    if (video.readyState < HTMLMediaElement.HAVE_METADATA || this.hasFailed || this.#isFindingEnd) return;
    const wanted = this.#wanted(atMs);
    const mayPlay = isMoving && !this.#isAtEnd(wanted);
    if (!mayPlay && !video.paused) video.pause();
    if (video.seeking) return;
    const off = video.currentTime - wanted;
    // A file that does not say how long it is may end early.
    if (video.ended && off <= 0) return;
    if (!mayPlay) {
      if (Math.abs(off) > ROUNDED_SECONDS) this.#seek(wanted);
      return;
    }
    if (Math.abs(off) > SEEK_BEYOND_SECONDS * Math.max(1, speed)) {
      this.#seek(wanted + (this.#seekMs / 1000) * speed);
    } else this.#setRate(speed * (1 + (isLeading ? 0 : correctionOf(off / speed))));
    if (!video.paused) return;
    this.#rollsFromSeconds = video.currentTime + STARTING_SECONDS * speed;
    void video.play().catch(() => {});
  }

  /** Until then it is loaded, and brought into step, unseen. */
  show(): void {
    this.video.style.cssText = '';
    this.video.part.add('video');
  }

  /** The line is elsewhere: the last picture stays. */
  rest(): void {
    if (!this.video.paused) this.video.pause();
  }

  close(): void {
    this.#over.abort();
    this.video.pause();
    this.video.removeAttribute('src');
    // What was being loaded is loaded no further.
    this.video.load();
    this.video.remove();
  }

  /** Where nobody says how long the recording is, the end is where a seek beyond it leads. */
  #findEnd(): void {
    if (!this.piece.isEstimated || this.video.duration !== Number.POSITIVE_INFINITY) return;
    this.#isFindingEnd = true;
    this.video.currentTime = BEYOND_SECONDS;
  }

  #noteEnd(): void {
    if (!this.#isFindingEnd) return;
    this.#isFindingEnd = false;
    this.#foundSeconds = this.video.currentTime;
    this.#soughtSeconds = Number.NaN;
  }

  #watchFrames(beforeSeconds = Number.NaN): void {
    this.video.requestVideoFrameCallback?.((_nowMs, { mediaTime }) => {
      const apartMs = 1000 * (mediaTime - beforeSeconds);
      if (apartMs > SHORTEST_FRAME_MS && apartMs < (this.#frameMs ?? LONGEST_FRAME_MS)) this.#frameMs = apartMs;
      if (!this.#over.signal.aborted) this.#watchFrames(mediaTime);
    });
  }

  #wanted(atMs: number): number {
    return Math.max(0, Math.min(this.piece.clock.secondsAt(atMs), this.durationSeconds ?? Number.POSITIVE_INFINITY));
  }

  #isAtEnd(seconds: number): boolean {
    return this.durationSeconds !== undefined && seconds >= this.durationSeconds - END_SECONDS;
  }

  #seek(seconds: number): void {
    if (seconds === this.#soughtSeconds) return;
    this.#soughtSeconds = seconds;
    this.#soughtAtMs = performance.now();
    this.video.currentTime = seconds;
  }

  #setRate(rate: number): void {
    if (Math.abs(this.video.playbackRate - rate) > RATE_STEP * rate) this.video.playbackRate = rate;
  }
}

/** By how much to play faster, or slower when negative. @param ahead in seconds at normal speed */
export function correctionOf(ahead: number): number {
  if (Math.abs(ahead) < TOLERATED_SECONDS) return 0;
  return -Math.sign(ahead) * (Math.abs(ahead) > LARGE_SECONDS ? MAX_CORRECTION : Math.abs(ahead) / CATCH_UP_SECONDS);
}
