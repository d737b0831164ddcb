// What can be wrong with a proof, and how a finding names it.
import type { CheckpointError } from './checkpoint.ts';
import { DETAILS, type DetailPart, inWords } from './details.ts';
import type { ReceiptError } from './receipt.ts';

export const PROOF_PROBLEMS = {
  'file-malformed': 'the file is not a proof',
  'file-of-another-tenant': 'the file is the proof of another tenant',
  'file-from-future': 'the file says that it was made in the future',
  'checkpoint-missing': 'the log has entries but no checkpoint',
  'checkpoint-not-valid': 'the service has not signed the checkpoint for this log',
  'checkpoint-of-unknown-key': 'the checkpoint is signed by a key that is not among those given',
  'held-checkpoint-of-unknown-key': 'a checkpoint that you kept is signed by a key that is not among those given',
  'held-checkpoint-not-valid': 'the service has not signed a checkpoint that you kept for this log',
  'log-cut-off': 'the log is shorter than a checkpoint that you kept',
  'log-rewritten': 'the beginning of the log does not match a checkpoint that you kept',
  'held-receipt-missing': 'a receipt that you kept, or whose hash you kept, is neither in the file nor in the log',
  'held-receipt-not-valid': 'the service has not signed a receipt that you kept for this organisation',
  'held-receipt-of-unknown-key': 'a receipt that you kept is signed by a key that is not among those given',
  'entries-changed': 'the entries do not match the checkpoint',
  'entry-unreadable': 'an entry of the log cannot be read',
  'entry-out-of-time': 'an entry had expired before it was added to the log',
  'receipt-missing': 'an entry of the log has no receipt, although the receipt must still be kept',
  'receipt-not-valid': 'the service has not signed a receipt',
  'receipt-of-unknown-key': 'a receipt is signed by a key that is not among those given',
  'receipt-of-another-tenant': 'a receipt belongs to another tenant',
  'receipt-not-in-log': 'a receipt is not in the log',
  'receipt-contradicts-entry': 'a receipt and its entry disagree',
  'receipts-disagree': 'a recording has two receipts, and neither replaces the other',
  'receipt-twice': 'a receipt is in the file twice',
  'receipt-replaced': 'the file has a receipt that a later one has replaced',
  'receipt-from-future': 'a receipt is newer than the file',
  'receipt-kept-too-long': 'a receipt is in the file although it has expired',
  'receipt-not-signed': 'a receipt has no signature, so it proves nothing',
  'receipt-unreadable': 'a receipt cannot be read',
  late: 'a recording was deleted after its deadline',
} as const;
export type ProofProblem = keyof typeof PROOF_PROBLEMS;

export interface ProofFinding {
  readonly problem: ProofProblem;
  /** The recording, the place in the log, or the reason; empty where there is no more to say. Shown as it is: it has nothing that cannot be printed. */
  readonly detail: string;
  /** What the detail is made of, to be said in another language. */
  readonly parts: readonly DetailPart[];
}

export function findingOf(problem: ProofProblem, ...parts: readonly DetailPart[]): ProofFinding {
  return { problem, detail: inWords(parts, DETAILS), parts };
}

/** Of what no key that was given has signed. */
export function refusalOf(
  what: 'checkpoint' | 'held-checkpoint' | 'receipt' | 'held-receipt',
  { code, detail }: CheckpointError | ReceiptError,
  ...which: readonly DetailPart[]
): ProofFinding {
  if (code === 'unknown-key') return findingOf(`${what}-of-unknown-key`, ...which);
  return findingOf(`${what}-not-valid`, ...which, detail);
}
