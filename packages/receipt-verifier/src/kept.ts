// What people keep as witnesses: signed notes, webhooks and reports with one or with the hash of a receipt, and receipts.
import { CheckpointError, readNote } from './checkpoint.ts';
import { RECEIPT_HASH } from './entry.ts';
import { type GivenReceipt, isSignedReceipt, receiptsOf } from './given.ts';
import { isTime, MalformedError } from './shape.ts';
import { membersIn, valuesIn } from './values.ts';

/** A receipt, or its hash and, if it is known, the time of the deletion. */
export type HeldReceipt = { readonly jws: GivenReceipt } | { readonly hash: string; readonly deletedAt?: string };

export interface Kept {
  /** They can be read; their signatures still have to be checked. */
  readonly checkpoints: readonly string[];
  readonly receipts: readonly HeldReceipt[];
}

const NAME = 'proctoring-recordings/';

/** @throws MalformedError */
export function keptIn(file: string): Kept {
  const text = file.replaceAll('\r\n', '\n').trim();
  const kept = /^[{[]/.test(text) ? inJson(text) : inText(text);
  for (const note of kept.checkpoints) requireReadable(note);
  return kept;
}

function inText(text: string): Kept {
  if (isSignedReceipt(text)) return { checkpoints: [], receipts: [{ jws: text }] };
  return { checkpoints: notesIn(text), receipts: [] };
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

/** Each line that begins a group, with the next one. Line by line, because an expression over the whole text can take minutes. */
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

function inJson(text: string): Kept {
  const values = valuesIn(text);
  const checkpoints = values.flatMap(checkpointsOf);
  const receipts = values.flatMap(heldReceiptsOf);
  if (checkpoints.length + receipts.length === 0) throw new MalformedError(['nothingKept']);
  return { checkpoints, receipts };
}

/** Of a webhook or a report, or of a receipt proof. */
function checkpointsOf(value: unknown): string[] {
  const { checkpoint, inclusion } = membersIn(value);
  return [checkpoint, membersIn(inclusion).checkpoint].filter((note) => typeof note === 'string');
}

function heldReceiptsOf(value: unknown): HeldReceipt[] {
  const { receiptHash, data } = membersIn(value);
  const { deletedAt } = membersIn(data);
  const given = receiptsOf(value).map((jws) => ({ jws }));
  if (typeof receiptHash !== 'string') return given;
  if (!RECEIPT_HASH.test(receiptHash)) throw new MalformedError(['noHash']);
  return [...given, { hash: receiptHash, ...(isTime(deletedAt) ? { deletedAt } : {}) }];
}
