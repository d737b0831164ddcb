// What can be wrong with a proof, and how a finding names it.
import type { CheckpointError } from './checkpoint.ts';
import { DETAILS, type DetailPart, inWords } from './details.ts';
import type { ReceiptError } from './receipt.ts';

export const PROOF_PROBLEMS = {
  'file-malformed': 'the file is not a proof',
  'file-of-another-tenant': 'the file is the proof of another tenant',
  'file-from-future': 'the file says that it was made at a time to come',
  'checkpoint-missing': 'the log has entries, and no checkpoint',
  'checkpoint-not-valid': 'the checkpoint is not one that the service has signed for this log',
  'checkpoint-of-unknown-key': 'the checkpoint is signed by a key that is not among those given',
  'held-checkpoint-of-unknown-key': 'a checkpoint that you hold is signed by a key that is not among those given',
  'held-checkpoint-not-valid': 'a checkpoint that you hold is not one that the service has signed for this log',
  'log-cut-off': 'the log is shorter than a checkpoint that you hold',
  'log-rewritten': 'the log does not begin as a checkpoint that you hold says',
  'held-receipt-missing': 'a receipt that you hold, or hold the hash of, is neither in the file nor in the log',
  'held-receipt-not-valid': 'a receipt that you hold is not one that the service has signed for this organisation',
  'held-receipt-of-unknown-key': 'a receipt that you hold is signed by a key that is not among those given',
  'entries-changed': 'the entries are not those of the checkpoint',
  'entry-unreadable': 'an entry of the log cannot be read',
  'entry-out-of-time': 'an entry had expired before it came into the log',
  'receipt-missing': 'an entry of the log has no receipt, though it must still be kept',
  'receipt-not-valid': 'a receipt is not one that the service has signed',
  'receipt-of-unknown-key': 'a receipt is signed by a key that is not among those given',
  'receipt-of-another-tenant': 'a receipt is of another tenant',
  'receipt-not-in-log': 'a receipt is not in the log',
  'receipt-contradicts-entry': 'a receipt and its entry disagree',
  'receipts-disagree': 'a recording has two receipts, and neither replaces the other',
  'receipt-twice': 'a receipt is there twice',
  'receipt-replaced': 'a receipt is there that a later one has replaced',
  'receipt-from-future': 'a receipt is of a time after the file was made',
  'receipt-kept-too-long': 'a receipt is there though its time has passed',
  'receipt-not-signed': 'a receipt has no signature: it proves nothing',
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
