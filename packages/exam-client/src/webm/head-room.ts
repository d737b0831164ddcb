// Adds room after the header of a WebM while it is recorded; all other bytes pass unchanged.
import { type Bytes, concat } from './ebml.ts';
import { draftHead, readHead } from './head.ts';

/** Holds back only an incomplete header. Other containers pass unchanged. */
export class HeadRoom {
  #held: Bytes | undefined = new Uint8Array();

  /** The resulting bytes of the file; none while the header is incomplete. */
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

  /** What was held back, at the end of the recording. */
  end(): Bytes {
    const held = this.#held ?? new Uint8Array();
    this.#held = undefined;
    return held;
  }
}
