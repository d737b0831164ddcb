// What was chosen, dropped or pasted, whichever field it came through: something to check, keys, checkpoints.
import { type Kind, kindOf } from '../kind.ts';

export interface NamedText {
  readonly name: string;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly kind: Kind;
}

export interface Chosen {
  /** A whole proof, a receipt proof, receipts, or a step. */
  proof?: NamedText;
  keys?: NamedText;
  kept: NamedText[];
}

/**
 * A file that was dropped says itself what it is. Receipts are to be checked, or beside a whole proof to be looked for in it.
 * One that is of no use is taken for the proof, and refused as that.
 */
export function takeAll(chosen: Chosen, files: readonly NamedText[]): void {
  const proofsFirst = files.toSorted((a, b) => Number(b.kind === 'proof') - Number(a.kind === 'proof'));
  for (const file of proofsFirst) {
    const isBesideProof = file.kind === 'unplaced' && chosen.proof?.kind === 'proof';
    if (file.kind === 'kept' || isBesideProof) chosen.kept.push(file);
    else if (file.kind === 'keys') chosen.keys = file;
    else chosen.proof = file;
  }
}

export async function readFiles(files: Iterable<File>): Promise<NamedText[]> {
  return Promise.all([...files].map(readFile));
}

async function readFile(file: File): Promise<NamedText> {
  const bytes = await bytesOf(file);
  const text = new TextDecoder().decode(bytes);
  return { name: file.name, bytes, text, kind: kindOf(text) };
}

/** One that is gone is empty, so that it is refused as of no kind, and not passed over. */
async function bytesOf(file: File): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    return new Uint8Array();
  }
}
