// A signed receipt: a JWS (RFC 7515) whose payload says what was deleted, when, and against which deadline.
import { type CryptoKey, compactVerify, decodeProtectedHeader } from 'jose';
import type { PublicKeys } from './keys.ts';

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

export class ReceiptError extends Error {
  override readonly name = 'ReceiptError';
  readonly code: ReceiptProblem;

  constructor(code: ReceiptProblem, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a key of the set has signed. @throws ReceiptError */
export async function openReceipt(jws: string, keys: PublicKeys): Promise<ReceiptClaims> {
  const key = keyOf(jws, keys);
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(jws, key, { algorithms: ['EdDSA', 'Ed25519'] }));
  } catch {
    throw new ReceiptError('not-signed', 'the signature is not over this receipt');
  }
  const claims = claimsOf(payload);
  if (!claims) throw new ReceiptError('malformed', 'the signed text is not a receipt');
  return claims;
}

function keyOf(jws: string, keys: PublicKeys): CryptoKey {
  let header: ReturnType<typeof decodeProtectedHeader>;
  try {
    header = decodeProtectedHeader(jws);
  } catch {
    throw new ReceiptError('malformed', 'this is not a JWS');
  }
  if (header.typ !== RECEIPT_TYPE) throw new ReceiptError('malformed', 'this is not a JWS of a receipt');
  const key = keys.get(header.kid ?? '');
  if (!key) throw new ReceiptError('unknown-key', 'it is signed by a key that is not in the set');
  return key.key;
}

const TEXTS = ['tenantId', 'examId', 'attemptId', 'recordingId', 'reason', 'actor', 'salt'] as const;
const TIMES = ['deadline', 'deletedAt', 'verifiedAt'] as const;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

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
    TEXTS.every((name) => typeof claims[name] === 'string') &&
    TIMES.every((name) => typeof claims[name] === 'string' && TIME.test(claims[name])) &&
    typeof keptUntil === 'string' &&
    DAY.test(keptUntil) &&
    (participantId === null || typeof participantId === 'string') &&
    Array.isArray(supersedes) &&
    supersedes.every((hash) => typeof hash === 'string');
  return isReceipt ? (claims as unknown as ReceiptClaims) : undefined;
}
