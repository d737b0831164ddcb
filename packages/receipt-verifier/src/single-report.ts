// What is found of one receipt, or of one step: what it shows, or why it is refused.
import type { Detail } from './details.ts';
import type { PublicKeys } from './keys.ts';
import { isTimeToBeLogged } from './proof.ts';
import type { ReceiptClaims } from './receipt.ts';
import { Refusal } from './refusal.ts';
import { type ConsistencyProof, checkReceipt, openConsistency, type ReceiptProof } from './single.ts';
import { consistencyLength, verifyConsistency } from './tree.ts';

/** What a signature or a shape refuses. */
export interface Refused {
  readonly refusal: Detail;
}

export interface ReceiptReport {
  readonly claims: ReceiptClaims;
  /** `waiting`: it is too young to be in the log. */
  readonly place: 'logged' | 'waiting' | 'missing';
  /** Whether it is of the tenant that was asked for. */
  readonly isExpected: boolean;
}

export interface StepReport {
  readonly tenant: string;
  readonly olderSize: number;
  readonly newerSize: number;
  /** `other-sizes`: it has not as many hashes as lead from one size to the other. */
  readonly result: 'only-added-to' | 'not-shown' | 'other-sizes' | 'backwards';
}

export interface SingleOptions {
  readonly keys: PublicKeys;
  readonly tenant?: string;
}

/** Never throws because of what the file says. */
export function reportOnReceipt(
  file: unknown,
  { keys, tenant, nowMs }: SingleOptions & { readonly nowMs: number },
): Promise<ReceiptReport | Refused> {
  return orRefused(async () => {
    const { claims, isInLog } = await checkReceipt(file as ReceiptProof, keys);
    const isWaiting = (file as ReceiptProof).inclusion === null && !isTimeToBeLogged(claims, nowMs);
    const place = isInLog ? 'logged' : isWaiting ? 'waiting' : 'missing';
    return { claims, place, isExpected: tenant === undefined || tenant === claims.tenantId };
  });
}

/** Without a tenant, of the log that the older checkpoint names. Never throws because of what the file says. */
export function reportOnStep(
  file: ConsistencyProof,
  { keys, tenant = tenantOf(file.older) }: SingleOptions,
): Promise<StepReport | Refused> {
  return orRefused(async () => {
    const { first, second, proof } = await openConsistency(file, tenant, keys);
    const sizes = { olderSize: first.size, newerSize: second.size };
    if (verifyConsistency({ first, second, proof })) return { tenant, ...sizes, result: 'only-added-to' };
    if (first.size > second.size) return { tenant, ...sizes, result: 'backwards' };
    const isOfOthers = proof.length !== consistencyLength(first.size, second.size);
    return { tenant, ...sizes, result: isOfOthers ? 'other-sizes' : 'not-shown' };
  });
}

async function orRefused<Report>(report: () => Promise<Report>): Promise<Report | Refused> {
  try {
    return await report();
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error.detail };
    throw error;
  }
}

/** Of a log's name. */
function tenantOf(note: string): string {
  const [origin = ''] = note.split('\n');
  return origin.slice(origin.indexOf('/') + 1);
}
