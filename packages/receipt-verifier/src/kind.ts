// What a file is, by its shape alone: a proof, or something else that people have at hand when they check one.
import { keptIn } from './kept.ts';

/**
 * `receipt` is one receipt with its place in the log, `unplaced` is one without. `kept` has checkpoints or hashes of receipts.
 * `page` is to be read: HTML, or PDF.
 */
export type Kind = 'proof' | 'receipt' | 'unplaced' | 'step' | 'keys' | 'kept' | 'page' | 'unknown';

const PAGE = /^\s*<|^%PDF-/;
/** In this order: a proof and a receipt have keys, and a proof may have been kept for its checkpoint. */
const MEMBERS = [
  ['entries', 'proof'],
  ['receipt', 'receipt'],
  ['jws', 'unplaced'],
  ['hashes', 'step'],
  ['keys', 'keys'],
] as const;

export function kindOf(text: string): Kind {
  if (PAGE.test(text)) return 'page';
  const members = membersIn(text);
  for (const [member, kind] of MEMBERS) if (Object.hasOwn(members, member)) return kind;
  return isKept(text) ? 'kept' : 'unknown';
}

function membersIn(text: string): object {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

function isKept(text: string): boolean {
  try {
    keptIn(text);
    return true;
  } catch {
    return false;
  }
}
