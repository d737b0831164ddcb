// What was chosen, dropped or pasted, whichever field it came through: something to check, keys, checkpoints.
import { type Kind, kindOf } from '../kind.ts';

export interface NamedText {
  readonly name: string;
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly kind: Kind;
}

export interface Chosen {
  /** A whole proof, a receipt proof, or a step. */
  proof?: NamedText;
  keys?: NamedText;
  checkpoints: NamedText[];
}

/** A file that was dropped says itself what it is; one that is of no use is taken for the proof, and refused as that. */
export function take(chosen: Chosen, file: NamedText): void {
  if (file.kind === 'kept') chosen.checkpoints.push(file);
  else if (file.kind === 'keys') chosen.keys = file;
  else chosen.proof = file;
}

export async function readFiles(files: Iterable<File>): Promise<NamedText[]> {
  return Promise.all([...files].map(readFile));
}

async function readFile(file: File): Promise<NamedText> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  return { name: file.name, bytes, text, kind: kindOf(text) };
}
