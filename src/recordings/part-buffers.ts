// How many proxied uploads run at once, and the memory that they share: bounded, and used again instead of allocated.
import { SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';

/** An upload that fills a part more slowly is ended when others wait for memory: 5 MiB may take 320 seconds. */
const MIN_BYTES_PER_SECOND = 16 * 1024;

/** In which a part may arrive while others wait. */
function longestMs(partSizeBytes: number): number {
  return (partSizeBytes / MIN_BYTES_PER_SECOND) * SECOND_MS;
}

/** Of one process. An upload that waits for a buffer reads no further meanwhile, so its client waits too. */
export class PartBuffers {
  readonly #max: number;
  readonly #free: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #now: () => number;
  #taken = 0;

  /** @param now in ms, of any beginning */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#now = now;
  }

  /**
   * A buffer of `sizeBytes` with anything in it, once fewer than `max` are taken; first come, first served. While it waits
   * the caller may hold only buffers that are given back without it: else all could wait for each other.
   */
  async take(sizeBytes: number): Promise<Buffer> {
    if (this.#taken < this.#max) this.#taken += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const free = this.#free.pop();
    return free?.length === sizeBytes ? free : Buffer.allocUnsafeSlow(sizeBytes);
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** The time from which a buffer that is taken now is filled. */
  now(): number {
    return this.#now();
  }

  /** @throws ServiceError `uploads-busy` when a part that is filled since then keeps others waiting */
  requireProgress(sinceMs: number, partSizeBytes: number): void {
    if (this.#waiting.length === 0 || this.#now() - sinceMs <= longestMs(partSizeBytes)) return;
    throw new ServiceError('uploads-busy', 'The file came too slowly while others waited; send it again later.');
  }

  /** Once for each buffer that was taken, when nothing reads or writes it any more. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
    const next = this.#waiting.shift();
    if (next) next();
    else this.#taken -= 1;
    // At rest the memory is released.
    if (this.#taken === 0) this.#free.length = 0;
  }
}

/** The bytes of one part; they may be reused after `release`, which must be called once. */
export interface FilledPart {
  readonly bytes: Uint8Array;
  release(): void;
}

/**
 * Cuts a stream into parts of `partSizeBytes`, the last may be shorter; an empty stream has none. The consumer releases each.
 * @throws ServiceError `uploads-busy`, or what the stream throws
 */
export async function* partsOf(
  stream: AsyncIterable<Uint8Array>,
  partSizeBytes: number,
  buffers: PartBuffers,
): AsyncGenerator<FilledPart, void, undefined> {
  let buffer: Buffer | undefined;
  let filled = 0;
  let sinceMs = 0;
  function part(of: Buffer): FilledPart {
    const bytes = of.subarray(0, filled);
    buffer = undefined;
    filled = 0;
    return { bytes, release: () => buffers.give(of) };
  }
  try {
    for await (const chunk of stream) {
      for (let from = 0; from < chunk.length; ) {
        if (buffer) buffers.requireProgress(sinceMs, partSizeBytes);
        else {
          buffer = await buffers.take(partSizeBytes);
          sinceMs = buffers.now();
        }
        const taken = Math.min(partSizeBytes - filled, chunk.length - from);
        buffer.set(chunk.subarray(from, from + taken), filled);
        filled += taken;
        from += taken;
        if (filled === partSizeBytes) yield part(buffer);
      }
    }
    if (buffer) yield part(buffer);
  } finally {
    if (buffer) buffers.give(buffer);
  }
}

export interface ProxiedUploadLimits {
  /** Uploads at once: files, and parts that are sent one by one. */
  readonly max: number;
  /** An upload whose body brings no byte for this long is ended. */
  readonly idleMs: number;
  /** Measures the pace of a file, in ms of any beginning. Default: the process's monotonic clock. */
  readonly now?: () => number;
  /** Checks for silence. Default: the process's own timers. */
  readonly every?: Every;
}

/** Calls `tick` every `ms` until the returned function is called. */
export type Every = (ms: number, tick: () => void) => () => void;

function everyInterval(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  return () => clearInterval(timer);
}

/** One for each process. */
export class ProxiedUploads {
  readonly idleMs: number;
  readonly every: Every;
  /**
   * A quarter as many as uploads: 50 at once stay below 300 MiB (bench, figure 3). A single upload uses two, of which one
   * is filled while the other is sent; where all run, three wait for each that is filled.
   */
  readonly buffers: PartBuffers;
  readonly #max: number;
  #running = 0;

  constructor({ max, idleMs, now, every = everyInterval }: ProxiedUploadLimits) {
    this.#max = max;
    this.buffers = new PartBuffers(Math.max(2, Math.ceil(max / 4)), now);
    this.idleMs = idleMs;
    this.every = every;
  }

  /** The time from which the pace of a part that begins now is measured. */
  now(): number {
    return this.buffers.now();
  }

  /** @throws ServiceError `uploads-busy` when a part that began then is too slow, and as many uploads run as may */
  requireProgress(sinceMs: number, partSizeBytes: number): void {
    if (this.#running < this.#max || this.now() - sinceMs <= longestMs(partSizeBytes)) return;
    throw new ServiceError('uploads-busy', 'The part came too slowly while others waited; send it again later.');
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
