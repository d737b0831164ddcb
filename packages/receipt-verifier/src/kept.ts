// What people keep as witnesses: signed notes, or webhooks and reports, which have a checkpoint, the hash of a receipt, or both.
import { CheckpointError, readNote } from './checkpoint.ts';
import { RECEIPT_HASH } from './entry.ts';
import { MalformedError } from './shape.ts';

export interface Kept {
  /** They can be read; their signatures still have to be checked. */
  readonly checkpoints: readonly string[];
  readonly receipts: readonly string[];
}

const NAME = 'proctoring-recordings/';

/** @throws MalformedError */
export function keptIn(file: string): Kept {
  const text = file.replaceAll('\r\n', '\n').trim();
  const kept = /^[{[]/.test(text) ? inJson(text) : { checkpoints: notesIn(text), receipts: [] };
  for (const note of kept.checkpoints) requireReadable(note);
  return kept;
}

/** As they were written, though a page, a form or an editor has wrapped their signatures or taken empty lines. */
function notesIn(text: string): string[] {
  const isFirst = (line: string, before: string) => line.startsWith(NAME) && !before.trimEnd().endsWith('—');
  return grouped(text.split('\n'), isFirst).map(unwrapped);
}

function unwrapped(lines: readonly string[]): string {
  const [text = [], ...signatures] = grouped(lines, (line) => line.startsWith('—'));
  const note = `${text.join('\n').trimEnd()}\n`;
  return signatures.length === 0 ? note : `${note}\n${signatures.map(signatureIn).join('')}`;
}

/** White space is no part of a name or of base64. */
function signatureIn(lines: readonly string[]): string {
  const [dash, name = '', ...parts] = lines.join('\n').trim().split(/\s+/);
  return `${dash} ${name} ${parts.join('')}\n`;
}

/** With each line that begins a group, the next one; line by line, because expressions over a whole text can take for ever. */
function grouped(lines: readonly string[], begins: (line: string, before: string) => boolean): string[][] {
  const groups: string[][] = [[]];
  for (const [at, line] of lines.entries()) {
    if (at > 0 && begins(line, lines[at - 1] ?? '')) groups.push([]);
    groups.at(-1)?.push(line);
  }
  return groups;
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
