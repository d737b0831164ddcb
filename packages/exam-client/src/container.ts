// What is the same in both containers, WebM and MP4.
import type { Bytes } from './bytes.ts';

/** Header, tracks and room for an index: at 20 bytes each, one cue every 5 s for four hours. */
export const HEAD_BYTES: number = 64 * 1024;
/** Headers that browsers write are smaller than this. */
export const MAX_OWN_BYTES: number = HEAD_BYTES / 2;
/** A time that is further back than tracks are interleaved: the source has begun anew. */
export const JUMP_BACK_MS = 500;
/** As decoders name it: profile 0, 8 bits. */
export const VP9 = 'vp09.00.10.08';

/** A keyframe from which a player can read on. */
export interface Cue {
  /** Milliseconds from the beginning. */
  readonly timeMs: number;
  /** The position of its cluster or fragment in the file. */
  readonly offset: number;
}

/** A keyframe of the picture, from which a decoder can begin. */
export interface Keyframe {
  readonly timeMs: number;
  /** Where its data are in the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** How a decoder has to be set up, as WebCodecs has it. */
export interface Decoding {
  readonly codec: string;
  readonly description?: Bytes;
}

/** Another file begins at `at`: a second header, or times that jump back. `head` makes the rest a file of its own. */
export interface Restart {
  readonly at: number;
  readonly head: Bytes;
}

/** The smallest thinning of `items` of which at most `room` are left; the first one stays. */
export function thinned<Item>(items: readonly Item[], room: number): readonly Item[] {
  return items.length <= room ? items : thinned(everySecond(items), room);
}

export function everySecond<Item>(items: readonly Item[]): Item[] {
  return items.filter((_, index) => index % 2 === 0);
}
