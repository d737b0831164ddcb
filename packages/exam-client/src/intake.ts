// What is written of the bytes that a source gives: with room after the header, and up to where another file begins.
import { type Bytes, concat } from './bytes.ts';
import { MediaIndex } from './media-index.ts';
import { draftMp4Head } from './mp4/head.ts';
import { draftWebmHead } from './webm/head.ts';

export interface Accepted {
  /** The next bytes of the file; none while a header is incomplete. */
  readonly kept: Bytes;
  /** The source has begun anew: a file of its own begins with these bytes, and all that follow belong to it. */
  readonly restart?: Bytes;
}

/** Holds back only incomplete headers. Other containers pass unchanged. */
export class Intake {
  /** Of the bytes as they come. */
  readonly #index = new MediaIndex();
  #held: Bytes = new Uint8Array();

  accept(bytes: Bytes): Accepted {
    const hadHead = this.#index.state.head !== undefined;
    const all = this.#held.length > 0 ? concat([this.#held, bytes]) : bytes;
    const restart = this.#index.push(bytes);
    const { head, pending, offset } = this.#index.state;
    const end = restart ? restart.at - (offset - all.length) : all.length - pending.length;
    this.#held = restart ? new Uint8Array() : all.slice(end);
    const file = end === all.length ? all : all.slice(0, end);
    const draft = head && !hadHead && ('moov' in head ? draftMp4Head(head) : draftWebmHead(head));
    const kept = draft ? concat([draft, file.subarray(head.sizeBytes)]) : file;
    return restart ? { kept, restart: concat([restart.head, all.subarray(end)]) } : { kept };
  }

  /** What was held back, at the end of the recording. */
  end(): Bytes {
    const held = this.#held;
    this.#held = new Uint8Array();
    return held;
  }
}
