// An entry of the log: the hash of a signed receipt, and how long that receipt is kept. It names nobody.
import { sha256 } from '@noble/hashes/sha2.js';
import { toBase64Url, utf8 } from './encoding.ts';
import { isDay } from './shape.ts';

export interface LogEntry {
  /** The last day (UTC, `2026-11-30`) on which the receipt must still be kept. */
  readonly keptUntil: string;
  /** SHA-256 of the signed receipt, which holds a random salt; base64url. */
  readonly hash: string;
}

/** The last of the 43 characters has four bits of the hash, and two that are zero. */
export const RECEIPT_HASH: RegExp = /^[\w-]{42}[AEIMQUYcgkosw048]$/;
const ENTRY_LENGTH = 56;

/** The bytes that the log commits to. */
export function entryBytes({ keptUntil, hash }: LogEntry): Uint8Array<ArrayBuffer> {
  return utf8(formatEntry({ keptUntil, hash }));
}

export function formatEntry({ keptUntil, hash }: LogEntry): string {
  return `1 ${keptUntil} ${hash}`;
}

/** Undefined for what is no entry of this version. */
export function parseEntry(text: string): LogEntry | undefined {
  if (text.length !== ENTRY_LENGTH) return undefined;
  const entry = { keptUntil: text.slice(2, 12), hash: text.slice(13) };
  const isEntry = formatEntry(entry) === text && isDay(entry.keptUntil) && RECEIPT_HASH.test(entry.hash);
  return isEntry ? entry : undefined;
}

/** What stands in the log for a signed receipt. */
export function hashOfReceipt(jws: string): string {
  return toBase64Url(sha256(utf8(jws)));
}
