// What a recorder really recorded, and when: the truth with which the oracle compares.

import type { Bytes } from '../../src/bytes.ts';
import type { RecordingKind } from '../../src/service.ts';
import { concat, SYNTHETIC_HEAD, syntheticCluster } from '../synthetic-webm.ts';

/** What the recorder gave at once: a cluster of its own. */
export interface Block {
  /** Of the film's bytes after the header of the container. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** When its media were taken, by the true clock, and from where on in the film. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly mediaMs: number;
  readonly lengthMs: number;
  readonly handedAtMs: number;
}

/** A time in which nothing was recorded though the recorder was running, by the true clock. */
export interface Hole {
  readonly fromMs: number;
  toMs: number;
  readonly why: string;
}

export interface FilmOptions {
  /** Of page and recorder, such as `p1/webcam`. */
  readonly name: string;
  readonly kind: RecordingKind;
  /** No other film has the same bytes. */
  readonly number: number;
  readonly bytesPerSecond: number;
  readonly openedAtMs: number;
}

const KEYFRAME_EVERY_MS = 5_000;

export class Film {
  readonly name: string;
  readonly kind: RecordingKind;
  readonly blocks: Block[] = [];
  readonly holes: Hole[] = [];
  readonly openedAtMs: number;
  endedAtMs: number | undefined;
  /** When its recorder reported an error. */
  failedAtMs: number | undefined;
  readonly #options: FilmOptions;
  readonly #pieces: Bytes[] = [];
  #sizeBytes = 0;
  #mediaMs = 0;
  #keyframeMs = Number.NEGATIVE_INFINITY;

  constructor(options: FilmOptions) {
    this.name = options.name;
    this.kind = options.kind;
    this.openedAtMs = options.openedAtMs;
    this.#options = options;
  }

  /** The next bytes: of so much media. `atMs` is where they are in the film. */
  next({ fromMs, toMs, handedAtMs }: Pick<Block, 'fromMs' | 'toMs' | 'handedAtMs'>, mediaMs: number): Bytes {
    const { number, bytesPerSecond } = this.#options;
    const isKeyframe = this.#mediaMs - this.#keyframeMs >= KEYFRAME_EVERY_MS;
    if (isKeyframe) this.#keyframeMs = this.#mediaMs;
    const cluster = syntheticCluster({
      timeMs: Math.round(this.#mediaMs),
      lengthMs: Math.round(mediaMs),
      frames: Math.min(MAX_FRAMES, Math.max(1, Math.round(mediaMs / FRAME_MS))),
      sizeBytes: Math.max(MIN_BLOCK_BYTES, Math.round((bytesPerSecond * mediaMs) / 1000)),
      isKeyframe,
      seed: (number * MAX_BLOCKS + this.blocks.length) * MAX_FRAMES,
    });
    const sizeBytes = cluster.length;
    this.blocks.push({
      offset: this.#sizeBytes,
      sizeBytes,
      fromMs,
      toMs,
      mediaMs: this.#mediaMs,
      lengthMs: mediaMs,
      handedAtMs,
    });
    this.#pieces.push(cluster);
    this.#sizeBytes += sizeBytes;
    this.#mediaMs += mediaMs;
    return this.blocks.length === 1 ? concat([SYNTHETIC_HEAD, cluster]) : cluster;
  }

  /** A moment that is in no frame, but in the times of the frames. */
  skip(mediaMs: number): void {
    this.#mediaMs += mediaMs;
  }

  /** All bytes after the header. */
  get media(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  get lengthMs(): number {
    return this.#mediaMs;
  }
}

const FRAME_MS = 250;
/** For the seeds of the frames: more than a film has blocks, and a block frames. */
const MAX_BLOCKS = 20_000;
const MAX_FRAMES = 64;
const MIN_BLOCK_BYTES = 64;
