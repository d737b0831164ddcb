// What people keep as witnesses: signed notes, or webhooks and reports, which have a checkpoint, the hash of a receipt, or both.
import { RECEIPT_HASH } from './entry.ts';
import { MalformedError } from './shape.ts';

export interface Kept {
  /** Their signatures still have to be checked. */
  readonly checkpoints: readonly string[];
  readonly receipts: readonly string[];
}

const FIRST_LINE = /\n(?=proctoring-recordings\/)/;

/** @throws MalformedError */
export function keptIn(file: string): Kept {
  const text = file.replaceAll('\r\n', '\n').trim();
  if (/^[{[]/.test(text)) return inJson(text);
  const checkpoints = text.split(FIRST_LINE).map((note) => {
    if (!note.includes('\n\n')) throw new MalformedError('this is neither a checkpoint nor JSON that has one');
    // An editor or a form may have taken the end of the last line, or added lines.
    return `${note.trimEnd()}\n`;
  });
  return { checkpoints, receipts: [] };
}

/** One value, a list of them, or one in each line. */
function inJson(text: string): Kept {
  const values = parsed(text).map((value) => (value ?? {}) as Record<string, unknown>);
  const checkpoints = values.map(({ checkpoint }) => checkpoint).filter((note) => typeof note === 'string');
  const receipts = values.map(({ receiptHash }) => receiptHash).filter((hash) => typeof hash === 'string');
  if (checkpoints.length + receipts.length === 0) {
    throw new MalformedError('the JSON has no member "checkpoint" or "receiptHash" that is a text');
  }
  if (!receipts.every((hash) => RECEIPT_HASH.test(hash))) throw new MalformedError('a "receiptHash" is not a hash');
  return { checkpoints, receipts };
}

function parsed(text: string): unknown[] {
  try {
    return [JSON.parse(text)].flat();
  } catch {
    // Perhaps each line is a value.
  }
  try {
    return text.split('\n').map((line) => JSON.parse(line));
  } catch {
    throw new MalformedError('this is not JSON');
  }
}
