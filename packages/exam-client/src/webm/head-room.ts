// Makes room behind the header of a WebM while it is recorded; everything else passes as it came.
import { type Bytes, concat } from './ebml.ts';
import { draftHead, readHead } from './head.ts';

/** Holds back nothing but a header that is not yet complete. Other containers pass unchanged. */
export class HeadRoom {
  #held: Bytes | undefined = new Uint8Array();

  /** The bytes of the file that these make; none while the header is incomplete. */
  push(bytes: Bytes): Bytes {
    if (!this.#held) return bytes;
    const held = concat([this.#held, bytes]);
    const head = readHead(held);
    if (head === 'incomplete') {
      this.#held = held;
      return new Uint8Array();
    }
    this.#held = undefined;
    return head === 'unsupported' ? held : concat([draftHead(head), held.subarray(head.sizeBytes)]);
  }

  /** What was held back, when no more comes. */
  end(): Bytes {
    const held = this.#held ?? new Uint8Array();
    this.#held = undefined;
    return held;
  }
}
