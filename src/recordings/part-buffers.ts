// The memory that uploads through the service share: bounded, and used again instead of allocated.
import { type Holder, keepsOut, Places, type Share, sharesOf } from './places.ts';

/** A single upload uses two: one is filled while the other is sent. */
const OF_ONE_UPLOAD = 2;

interface Waiting {
  readonly shares: readonly Share[];
  readonly resolve: () => void;
}

/** Of one process. An upload that waits for a buffer reads no further meanwhile, so its client waits too. */
export class PartBuffers {
  readonly #max: number;
  readonly #free: Buffer[] = [];
  readonly #places = new Places();
  #waiting: Waiting[] = [];
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * A buffer of `sizeBytes` with anything in it, once fewer than `max` are taken, and fewer than the holder's tenant and
   * caller may have; first come, first served among those who may. While it waits the holder may have only buffers that
   * are given back without it: else all could wait for each other.
   */
  async take(sizeBytes: number, holder: Holder): Promise<Buffer> {
    const shares = this.#sharesOf(holder);
    if (this.#places.fullOf(shares)) {
      await new Promise<void>((resolve) => this.#waiting.push({ shares, resolve }));
    } else this.#take(shares);
    const free = this.#free.pop();
    return free?.length === sizeBytes ? free : Buffer.allocUnsafeSlow(sizeBytes);
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether others wait for what this holder has. */
  keepsOthersWaiting(holder: Holder): boolean {
    const shares = this.#sharesOf(holder);
    return this.#waiting.some((waiting) => {
      const full = this.#places.fullOf(waiting.shares);
      return full !== undefined && keepsOut(shares, full);
    });
  }

  /** Once for each buffer that was taken, when nothing reads or writes it any more. */
  give(buffer: Buffer, holder: Holder): void {
    this.#free.push(buffer);
    this.#places.give(this.#sharesOf(holder));
    this.#taken -= 1;
    const next = this.#waiting.find(({ shares }) => !this.#places.fullOf(shares));
    if (next) {
      this.#waiting = this.#waiting.filter((waiting) => waiting !== next);
      this.#take(next.shares);
      next.resolve();
    }
    // At rest the memory is released.
    if (this.#taken === 0) this.#free.length = 0;
  }

  #sharesOf(holder: Holder): Share[] {
    return sharesOf(holder, this.#max, OF_ONE_UPLOAD);
  }

  #take(shares: readonly Share[]): void {
    this.#places.take(shares);
    this.#taken += 1;
  }
}

/** The bytes of one part; they may be reused after `release`, which must be called once. */
export interface FilledPart {
  readonly bytes: Uint8Array;
  release(): void;
}

/**
 * Cuts a stream into parts of `partSizeBytes`, the last may be shorter; an empty stream has none. The consumer releases each.
 * @throws what the stream throws
 */
export async function* partsOf(
  stream: AsyncIterable<Uint8Array>,
  partSizeBytes: number,
  buffers: PartBuffers,
  holder: Holder,
): AsyncGenerator<FilledPart, void, undefined> {
  let buffer: Buffer | undefined;
  let filled = 0;
  function part(of: Buffer): FilledPart {
    const bytes = of.subarray(0, filled);
    buffer = undefined;
    filled = 0;
    return { bytes, release: () => buffers.give(of, holder) };
  }
  try {
    for await (const chunk of stream) {
      for (let from = 0; from < chunk.length; ) {
        buffer ??= await buffers.take(partSizeBytes, holder);
        const taken = Math.min(partSizeBytes - filled, chunk.length - from);
        buffer.set(chunk.subarray(from, from + taken), filled);
        filled += taken;
        from += taken;
        if (filled === partSizeBytes) yield part(buffer);
      }
    }
    if (buffer) yield part(buffer);
  } finally {
    if (buffer) buffers.give(buffer, holder);
  }
}
