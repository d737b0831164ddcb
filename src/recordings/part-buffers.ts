// The memory of parts that pass through the service: bounded whatever comes at once, and used again instead of allocated.
import { SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';

/** Whoever fills a part more slowly gives way when others wait for memory: 5 MiB may take five minutes and twenty seconds. */
const MIN_BYTES_PER_SECOND = 16 * 1024;

/** Of one process. Whoever waits for a buffer reads no further meanwhile, and so its client waits too. */
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
   * A buffer of `sizeBytes` with anything in it, once fewer than `max` are taken; first come, first served. Whoever waits
   * may hold only such buffers as come back by themselves: else all could wait for each other.
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

  /** Since when a buffer is filled that is taken now. */
  now(): number {
    return this.#now();
  }

  /** @throws ServiceError `uploads-busy` when a part that is filled since then keeps others waiting */
  requireProgress(sinceMs: number, partSizeBytes: number): void {
    const limitMs = (partSizeBytes / MIN_BYTES_PER_SECOND) * SECOND_MS;
    if (this.#waiting.length === 0 || this.#now() - sinceMs <= limitMs) return;
    throw new ServiceError('uploads-busy', 'The file came too slowly while others waited; send it again later.');
  }

  /** Once for each buffer that was taken, when nothing reads or writes it any more. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
    const next = this.#waiting.shift();
    if (next) next();
    else this.#taken -= 1;
    // At rest the memory goes back.
    if (this.#taken === 0) this.#free.length = 0;
  }
}

/** The bytes of one part; they are another's after `release`, which must be called once. */
export interface FilledPart {
  readonly bytes: Uint8Array;
  release(): void;
}

/**
 * Cuts a stream into parts of `partSizeBytes`, the last may be shorter; none of an empty one. A part is its taker's.
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
