// What the client writes of bytes that a source gives.
import { expect } from '@jest/globals';
import { type Bytes, concat } from '../src/bytes.ts';
import { Intake } from '../src/intake.ts';
import { MediaIndex } from '../src/media-index.ts';

export interface Recorded {
  /** The file with its first head. */
  readonly file: Bytes;
  /** What replaces it. */
  readonly head: Bytes | undefined;
  readonly index: MediaIndex;
}

/** The files, more than one when the source begins anew. */
export function recordAll(chunks: Iterable<Bytes>): Recorded[] {
  const written: Bytes[][] = [[]];
  let intake = new Intake();
  for (const chunk of chunks) {
    for (let bytes: Bytes | undefined = chunk; bytes; ) {
      const { kept, restart }: ReturnType<Intake['accept']> = intake.accept(bytes);
      written.at(-1)?.push(kept);
      bytes = restart;
      if (!restart) continue;
      intake = new Intake();
      written.push([]);
    }
  }
  written.at(-1)?.push(intake.end());
  return written.map((pieces) => {
    const index = new MediaIndex();
    for (const bytes of pieces) index.push(bytes);
    return { file: concat(pieces), head: index.finalHead(), index };
  });
}

export function record(chunks: Iterable<Bytes>): Recorded {
  const [recorded, ...others] = recordAll(chunks);
  if (!recorded || others.length > 0) throw new Error('The source began anew.');
  return recorded;
}

export function pieces(file: Bytes, cuts: readonly number[]): Bytes[] {
  const at = [0, ...cuts.map((cut) => cut % file.length).sort((a, b) => a - b), file.length];
  return at.slice(1).map((end, index) => file.slice(at[index], end));
}

/** However the file is cut, and with the index put down and taken up at every cut, it is read as `whole` was. */
export function expectReadTheSame(raw: Bytes, whole: Recorded, cuts: readonly number[]): void {
  const cut = record(pieces(raw, cuts));
  expectSame(cut.file, whole.file);
  expectSame(cut.head, whole.head);
  let index = new MediaIndex();
  for (const piece of pieces(whole.file, cuts)) {
    index = new MediaIndex(structuredClone(index.state));
    index.push(piece);
  }
  expectSame(index.finalHead(), whole.head);
}

export function expectSame(bytes: Uint8Array | undefined, others: Uint8Array | undefined): void {
  expect(Buffer.compare(bytes ?? Buffer.from('none'), others ?? Buffer.alloc(0))).toBe(0);
}
