// What a file is, by its shape alone: a proof, or something else that people have at hand when they check one.
import { receiptsIn } from './given.ts';
import { keptIn } from './kept.ts';
import { membersIn } from './values.ts';

/**
 * `receipt` is one receipt with its place in the log, `unplaced` are receipts without. `kept` has checkpoints or hashes of
 * receipts. `page` is to be read: HTML, or PDF.
 */
export type Kind = 'proof' | 'receipt' | 'unplaced' | 'step' | 'keys' | 'kept' | 'page' | 'unknown';

const PAGE = /^\s*<|^%PDF-/;
/** In this order: a proof and a receipt have keys, and a proof may have been kept for its checkpoint. */
const MEMBERS = [
  ['entries', 'proof'],
  ['inclusion', 'receipt'],
  ['jws', 'unplaced'],
  ['receipts', 'unplaced'],
  ['hashes', 'step'],
  ['keys', 'keys'],
] as const;

export function kindOf(text: string): Kind {
  if (PAGE.test(text)) return 'page';
  const members = membersOf(text);
  if (typeof members.receipt === 'string' && !Object.hasOwn(members, 'entries')) return 'receipt';
  for (const [member, kind] of MEMBERS) if (Object.hasOwn(members, member)) return kind;
  if (canRead(() => receiptsIn(text).length > 0)) return 'unplaced';
  return canRead(() => keptIn(text) !== undefined) ? 'kept' : 'unknown';
}

function membersOf(text: string): Record<string, unknown> {
  try {
    return membersIn(JSON.parse(text));
  } catch {
    return {};
  }
}

function canRead(read: () => boolean): boolean {
  try {
    return read();
  } catch {
    return false;
  }
}
