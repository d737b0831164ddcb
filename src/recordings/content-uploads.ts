// How many files may come through the service at once, and the memory that they share.
import { ServiceError } from '../model/errors.ts';
import { PartBuffers } from './part-buffers.ts';

export interface ContentLimits {
  /** Uploads at once. */
  readonly max: number;
  /** A body that brings no byte for this long is given up on. */
  readonly idleMs: number;
  /** What the pace of a file is measured by, in ms of any beginning. Default: the process's own clock. */
  readonly now?: () => number;
  /** What looks for silence. Default: the process's own timers. */
  readonly every?: Every;
}

/** Calls `tick` every `ms` until the returned function is called. */
export type Every = (ms: number, tick: () => void) => () => void;

function everyInterval(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  return () => clearInterval(timer);
}

/** One for each process. */
export class ContentUploads {
  readonly idleMs: number;
  readonly every: Every;
  /**
   * A quarter as many as uploads: 50 at once stay below 300 MiB (bench, figure 3). One that is alone uses two, of which one
   * fills while the other is sent; where all run, three wait for each that fills.
   */
  readonly buffers: PartBuffers;
  readonly #max: number;
  #running = 0;

  constructor({ max, idleMs, now, every = everyInterval }: ContentLimits) {
    this.#max = max;
    this.buffers = new PartBuffers(Math.max(2, Math.ceil(max / 4)), now);
    this.idleMs = idleMs;
    this.every = every;
  }

  /** Runs one upload. @throws ServiceError `uploads-busy` at once when as many run as may, or what `upload` throws. */
  async run<T>(upload: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) {
      throw new ServiceError('uploads-busy', `${this.#max} uploads pass through this service already; try again soon.`);
    }
    this.#running += 1;
    try {
      return await upload();
    } finally {
      this.#running -= 1;
    }
  }
}
