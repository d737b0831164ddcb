// What is found of receipts without their place in the log: whether the service has signed them, and what they say.
import { leadSecondsOf } from './entry.ts';
import type { GivenReceipt } from './given.ts';
import { findingOf, type ProofFinding, refusalOf } from './problems.ts';
import { latestOf } from './proof.ts';
import { openReceipt, type ReceiptClaims, ReceiptError } from './receipt.ts';
import type { SingleOptions } from './single-report.ts';

export interface ReceiptsReport {
  /** How many there are; one that is there twice counts once. */
  readonly receipts: number;
  /** Of those that the service has signed. */
  readonly claims: readonly ReceiptClaims[];
  /** As in the report on a whole proof. */
  readonly latest: ReceiptClaims | null;
  readonly findings: readonly ProofFinding[];
}

/** Never throws because of what the receipts say. */
export async function reportOnReceipts(
  given: readonly GivenReceipt[],
  { keys, tenant }: SingleOptions,
): Promise<ReceiptsReport> {
  const claims: ReceiptClaims[] = [];
  const findings: ProofFinding[] = [];
  const seen = new Set<string>();
  let repeated = 0;
  for (const [at, jws] of given.entries()) {
    const place = ['receiptAt', at + 1] as const;
    if (jws === null) findings.push(findingOf('receipt-not-signed', place));
    else if (seen.has(jws)) repeated += 1;
    else {
      seen.add(jws);
      try {
        claims.push(await openReceipt(jws, keys));
      } catch (error) {
        if (!(error instanceof ReceiptError)) throw error;
        findings.push(refusalOf('receipt', error, place));
      }
    }
  }
  for (const receipt of claims) {
    const { tenantId, recordingId } = receipt;
    const lead = leadSecondsOf(receipt);
    if (tenant !== undefined && tenantId !== tenant) findings.push(findingOf('receipt-of-another-tenant', recordingId));
    if (lead < 0) findings.push(findingOf('late', ['late', recordingId, -lead]));
  }
  return { receipts: given.length - repeated, claims, latest: latestOf(claims), findings };
}
