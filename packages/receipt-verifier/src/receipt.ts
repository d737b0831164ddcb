// A signed receipt: a JWS (RFC 7515) whose payload says what was deleted, when, and against which deadline.
import { type CryptoKey, compactVerify, decodeProtectedHeader } from 'jose';
import type { Detail } from './details.ts';
import { fromBase64Url } from './encoding.ts';
import { RECEIPT_HASH } from './entry.ts';
import type { PublicKeys } from './keys.ts';
import { Refusal } from './refusal.ts';
import { isDay, isTime } from './shape.ts';

/** Of the JWS header: a signature over anything else is none over a receipt. */
export const RECEIPT_TYPE = 'proctoring-deletion-receipt+jws';

/** Times are ISO 8601 in UTC. */
export interface ReceiptClaims {
  readonly tenantId: string;
  readonly examId: string;
  readonly attemptId: string;
  readonly recordingId: string;
  readonly participantId: string | null;
  readonly reason: string;
  /** The time after which the recording must not exist. */
  readonly deadline: string;
  readonly deletedAt: string;
  /** When a second listing showed nothing left. */
  readonly verifiedAt: string;
  readonly objects: number;
  readonly versions: number;
  readonly bytes: number;
  readonly actor: string;
  /** The last day on which the receipt is kept. */
  readonly keptUntil: string;
  /** Random, so that nobody can find out by trying which receipt an entry of the log stands for. */
  readonly salt: string;
  /** The hashes of earlier receipts of the recording, which this one replaces. */
  readonly supersedes?: readonly string[];
}

export type ReceiptProblem = 'malformed' | 'unknown-key' | 'not-signed';

export class ReceiptError extends Refusal {
  override readonly name = 'ReceiptError';
  readonly code: ReceiptProblem;

  constructor(code: ReceiptProblem, detail: Detail) {
    super(detail);
    this.code = code;
  }
}

/** Verifies a signed receipt and parses its claims. @throws ReceiptError */
export async function openReceipt(jws: string, keys: PublicKeys): Promise<ReceiptClaims> {
  if (!isCanonical(jws)) throw new ReceiptError('malformed', ['noJws']);
  const key = keyOf(jws, keys);
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(jws, key, { algorithms: ['EdDSA', 'Ed25519'] }));
  } catch {
    throw new ReceiptError('not-signed', ['receiptNotSigned']);
  }
  const claims = claimsOf(payload);
  if (!claims) throw new ReceiptError('malformed', ['noReceipt']);
  return claims;
}

/** Of the texts that decode to one receipt there is one: the log has the hash of the text. */
function isCanonical(jws: string): boolean {
  const parts = typeof jws === 'string' && jws.length <= LONGEST_RECEIPT ? jws.split('.') : [];
  try {
    return parts.length === 3 && parts.map(fromBase64Url)[2]?.length === SIGNATURE_BYTES;
  } catch {
    return false;
  }
}

function keyOf(jws: string, keys: PublicKeys): CryptoKey {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(jws);
  } catch {
    throw new ReceiptError('malformed', ['noJws']);
  }
  if (header.typ !== RECEIPT_TYPE) throw new ReceiptError('malformed', ['jwsOfOther']);
  const key = keys.get(header.kid ?? '');
  if (!key) throw new ReceiptError('unknown-key', ['unknownKey']);
  return key.key;
}

const COUNTS = ['objects', 'versions', 'bytes'] as const;
const IDS = ['tenantId', 'examId', 'attemptId', 'recordingId'] as const;
const TEXTS = ['reason', 'actor', 'salt'] as const;
const TIMES = ['deadline', 'deletedAt', 'verifiedAt'] as const;
const LONGEST_RECEIPT = 65_536;
const SIGNATURE_BYTES = 64;

function claimsOf(payload: Uint8Array): ReceiptClaims | undefined {
  let claims: Record<string, unknown>;
  try {
    claims = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
  if (typeof claims !== 'object' || claims === null) return undefined;
  const { participantId, keptUntil, supersedes = [] } = claims;
  const isReceipt =
    IDS.every((name) => isId(claims[name])) &&
    TEXTS.every((name) => typeof claims[name] === 'string') &&
    TIMES.every((name) => isTime(claims[name])) &&
    COUNTS.every((name) => isCount(claims[name])) &&
    isDay(keptUntil) &&
    (participantId === null || typeof participantId === 'string') &&
    Array.isArray(supersedes) &&
    supersedes.every((hash) => typeof hash === 'string' && RECEIPT_HASH.test(hash));
  return isReceipt ? (claims as unknown as ReceiptClaims) : undefined;
}

/** Ids are joined with slashes where they name a recording. */
function isId(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('/');
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
