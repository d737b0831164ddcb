// What was chosen, dropped or pasted, whichever field it came through: a proof, keys, checkpoints.
import { keptIn } from '../kept.ts';

export interface NamedText {
  readonly name: string;
  readonly text: string;
  readonly bytes: Uint8Array;
}

export interface Chosen {
  proof?: NamedText;
  keys?: NamedText;
  checkpoints: NamedText[];
}

/** A file that was dropped says itself what it is; one that cannot be read is taken for the proof, and refused as that. */
export function take(chosen: Chosen, file: NamedText): void {
  const kind = kindOf(file.text);
  if (kind === 'checkpoints') chosen.checkpoints.push(file);
  else chosen[kind] = file;
}

export async function readFiles(files: Iterable<File>): Promise<NamedText[]> {
  return Promise.all([...files].map(readFile));
}

async function readFile(file: File): Promise<NamedText> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return { name: file.name, bytes, text: new TextDecoder().decode(bytes) };
}

function kindOf(text: string): 'proof' | 'keys' | 'checkpoints' {
  try {
    const value = JSON.parse(text);
    if ('entries' in value) return 'proof';
    if ('keys' in value) return 'keys';
  } catch {
    // A note, or nothing that can be read.
  }
  return isKept(text) ? 'checkpoints' : 'proof';
}

function isKept(text: string): boolean {
  try {
    keptIn(text);
    return true;
  } catch {
    return false;
  }
}
