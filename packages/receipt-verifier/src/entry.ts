// An entry of the log: hashes of a signed receipt and of its recording, and how long the receipt is kept. It names nobody.
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, toBase64Url, utf8 } from './encoding.ts';
import { isDay } from './shape.ts';

export interface LogEntry {
  /** The last day (UTC, `2026-11-30`) on which the receipt must still be kept. */
  readonly keptUntil: string;
  /** SHA-256 of the signed receipt, which holds a random salt; base64url. */
  readonly hash: string;
  /** SHA-256 of `tenant/exam/attempt/recording`, of which 128 bits are random; base64url. */
  readonly recording: string;
  /** How many earlier receipts of the recording this one replaces. */
  readonly generation: number;
  /**
   * How many seconds before its deadline the recording was deleted, rounded down; negative when it was late. It is here so
   * that no later receipt can hide it, and it outlives all receipts.
   */
  readonly leadSeconds: number;
}

/** The last of the 43 characters has four bits of the hash, and two that are zero. */
export const RECEIPT_HASH: RegExp = /^[\w-]{42}[AEIMQUYcgkosw048]$/;
const ENTRY =
  /^1 (?<keptUntil>\S{10}) (?<hash>\S{43}) (?<recording>\S{43}) (?<generation>0|[1-9]\d{0,2}) (?<lead>0|-?[1-9]\d{0,11})$/;

/** The bytes that the log commits to. */
export function entryBytes(entry: LogEntry): Bytes {
  return utf8(formatEntry(entry));
}

export function formatEntry({ keptUntil, hash, recording, generation, leadSeconds }: LogEntry): string {
  return `1 ${keptUntil} ${hash} ${recording} ${generation} ${leadSeconds}`;
}

/** Undefined for what is no entry of this version. */
export function parseEntry(text: string): LogEntry | undefined {
  const { keptUntil = '', hash = '', recording = '', generation, lead } = ENTRY.exec(text)?.groups ?? {};
  const isEntry = isDay(keptUntil) && RECEIPT_HASH.test(hash) && RECEIPT_HASH.test(recording);
  if (!isEntry) return undefined;
  return { keptUntil, hash, recording, generation: Number(generation), leadSeconds: Number(lead) };
}

/** The ids that together name a recording. None has a slash. */
export interface RecordingIds {
  readonly tenantId: string;
  readonly examId: string;
  readonly attemptId: string;
  readonly recordingId: string;
}

/** The claims of a receipt that its entry is made from. */
interface LoggedReceipt extends RecordingIds {
  readonly keptUntil: string;
  readonly deadline: string;
  readonly deletedAt: string;
  readonly supersedes?: readonly string[] | undefined;
}

/** The entry of a signed receipt. */
export function entryOfReceipt(jws: string, receipt: LoggedReceipt): LogEntry {
  const { keptUntil, deadline, deletedAt, supersedes = [] } = receipt;
  return {
    keptUntil,
    hash: hashOfReceipt(jws),
    recording: hashOfRecording(receipt),
    generation: supersedes.length,
    leadSeconds: leadSecondsOf({ deadline, deletedAt }),
  };
}

/** How long before its deadline a recording was deleted, rounded down; negative when it was late, then rounded up. */
export function leadSecondsOf({ deadline, deletedAt }: Pick<LoggedReceipt, 'deadline' | 'deletedAt'>): number {
  return Math.floor((Date.parse(deadline) - Date.parse(deletedAt)) / 1000);
}

/** The hash of a recording in the log: of `tenant/exam/attempt/recording`. */
export function hashOfRecording({ tenantId, examId, attemptId, recordingId }: RecordingIds): string {
  return toBase64Url(sha256(utf8([tenantId, examId, attemptId, recordingId].join('/'))));
}

/** The hash of a signed receipt in the log. */
export function hashOfReceipt(jws: string): string {
  return toBase64Url(sha256(utf8(jws)));
}
