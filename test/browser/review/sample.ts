// What was seen of a review at one moment.
import type { Shown } from './burnt-clock.ts';

/** All lanes in one task. */
export interface Sample {
  /** Monotonic. */
  readonly atMs: number;
  readonly positionMs: number;
  readonly isPlaying: boolean;
  readonly isWaiting: boolean;
  /** Null where a lane shows nothing that can be read. */
  readonly clocks: readonly (Shown | null)[];
}

/** A seek and its first picture, in milliseconds since the epoch. */
export interface Sought {
  readonly fromMs: number;
  readonly pictureMs: number;
}

/** Of the strip of a recording. */
export interface ShownStrip {
  /** From the request of the overview until the strip is drawn, from its beginning to its end. */
  readonly tookMs: number;
  /** How many stretches are shaded. */
  readonly still: number;
  /** How far the recording played in two seconds. */
  readonly playedSeconds: number;
}

/** Of a picture of an overview. */
export interface PictureTime {
  /** The position in the media that the overview gives. */
  readonly atSeconds: number;
  /** Null where no clock can be read. */
  readonly shown: Shown | null;
}
