// What people keep as witnesses: signed notes, or webhooks and reports, which have a checkpoint, the hash of a receipt, or both.
import { CheckpointError, readNote } from './checkpoint.ts';
import { RECEIPT_HASH } from './entry.ts';
import { MalformedError } from './shape.ts';

export interface Kept {
  /** They can be read; their signatures still have to be checked. */
  readonly checkpoints: readonly string[];
  readonly receipts: readonly string[];
}

/** Of a note; a line that was wrapped may begin like it. */
const FIRST_LINE = /(?<!— *)\n(?=proctoring-recordings\/)/;
const BEFORE_SIGNATURE = /\s*\n(?=—\s)/;
const SIGNATURE = /^—\s+(?<name>\S+)\s+(?<signature>[\s\S]+)$/;

/** @throws MalformedError */
export function keptIn(file: string): Kept {
  const text = file.replaceAll('\r\n', '\n').trim();
  const kept = /^[{[]/.test(text) ? inJson(text) : { checkpoints: text.split(FIRST_LINE).map(unwrapped), receipts: [] };
  for (const note of kept.checkpoints) requireReadable(note);
  return kept;
}

/** As it was written, though a page, a form or an editor has wrapped its signatures or taken empty lines. */
function unwrapped(note: string): string {
  const [text = '', ...signatures] = note.trimEnd().split(BEFORE_SIGNATURE);
  if (signatures.length === 0) return `${text}\n`;
  const lines = signatures.map((wrapped) => {
    const { name, signature } = SIGNATURE.exec(wrapped)?.groups ?? {};
    return signature === undefined ? wrapped : `— ${name} ${signature.replaceAll(/\s/g, '')}`;
  });
  return `${text}\n\n${lines.join('\n')}\n`;
}

function requireReadable(note: string): void {
  try {
    readNote(note);
  } catch (error) {
    throw error instanceof CheckpointError ? new MalformedError(error.detail) : error;
  }
}

/** One value, a list of them, or one in each line. */
function inJson(text: string): Kept {
  const values = parsed(text).map((value) => (value ?? {}) as Record<string, unknown>);
  const checkpoints = values.map(({ checkpoint }) => checkpoint).filter((note) => typeof note === 'string');
  const receipts = values.map(({ receiptHash }) => receiptHash).filter((hash) => typeof hash === 'string');
  if (checkpoints.length + receipts.length === 0) throw new MalformedError(['nothingKept']);
  if (!receipts.every((hash) => RECEIPT_HASH.test(hash))) throw new MalformedError(['noHash']);
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
    throw new MalformedError(['notJson']);
  }
}
