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
