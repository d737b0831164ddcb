// An entry of the log: hashes of a signed receipt and of its recording, and how long the receipt is kept. It names nobody.
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64Url, utf8 } from './encoding.ts';
import { isDay } from './shape.ts';

export interface LogEntry {
  /** The last day (UTC, `2026-11-30`) on which the receipt must still be kept. */
  readonly keptUntil: string;
  /** SHA-256 of the signed receipt, which holds a random salt; base64url. */
  readonly hash: string;
  /** SHA-256 of the recording's id, of which 128 bits are random; base64url. */
  readonly recording: string;
  /** How many earlier receipts of the recording this one replaces. */
  readonly generation: number;
}

/** The last of the 43 characters has four bits of the hash, and two that are zero. */
export const RECEIPT_HASH: RegExp = /^[\w-]{42}[AEIMQUYcgkosw048]$/;
const ENTRY = /^1 (?<keptUntil>\S{10}) (?<hash>\S{43}) (?<recording>\S{43}) (?<generation>0|[1-9]\d{0,2})$/;

/** The bytes that the log commits to. */
export function entryBytes(entry: LogEntry): Uint8Array<ArrayBuffer> {
  return utf8(formatEntry(entry));
}

export function formatEntry({ keptUntil, hash, recording, generation }: LogEntry): string {
  return `1 ${keptUntil} ${hash} ${recording} ${generation}`;
}

/** Undefined for what is no entry of this version. */
export function parseEntry(text: string): LogEntry | undefined {
  const { keptUntil = '', hash = '', recording = '', generation } = ENTRY.exec(text)?.groups ?? {};
  const isEntry = isDay(keptUntil) && RECEIPT_HASH.test(hash) && RECEIPT_HASH.test(recording);
  return isEntry ? { keptUntil, hash, recording, generation: Number(generation) } : undefined;
}

/** What of a receipt its entry is made from. */
interface LoggedReceipt {
  readonly recordingId: string;
  readonly keptUntil: string;
  readonly supersedes?: readonly string[] | undefined;
}

/** The entry of a signed receipt. */
export function entryOfReceipt(jws: string, { recordingId, keptUntil, supersedes = [] }: LoggedReceipt): LogEntry {
  const recording = toBase64Url(sha256(utf8(recordingId)));
  return { keptUntil, hash: hashOfReceipt(jws), recording, generation: supersedes.length };
}

/** What stands in the log for a signed receipt. */
export function hashOfReceipt(jws: string): string {
  return toBase64Url(sha256(utf8(jws)));
}
