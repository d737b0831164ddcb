// The words of the command and of the page in English.
import { PROOF_PROBLEMS, type ProofProblem } from '../problems.ts';

export const en = {
  locale: 'en-GB',
  holds: 'The proof holds.',
  late: 'The proof is genuine. It shows that not everything was deleted in time.',
  fails: 'The proof does not hold.',
  whose: (tenant: string, madeAt: string) =>
    `Organisation (tenant) ${tenant}. The file says that it was made on ${madeAt}.`,
  notAProof: 'The file cannot be read as a proof.',
  checkedTitle: 'What was checked',
  notCheckedTitle: 'What could not be checked',
  latestTitle: 'The deletion closest to its deadline',
  findingsTitle: 'What was found',

  askedLog: (entries: string) =>
    `Is the log, which has ${entries}, the one that the service has signed, with nothing changed, removed, inserted or moved?`,
  askedHeld: (checkpoints: string, entries: string) =>
    `Does the log agree with ${checkpoints} of your own? The newest covers ${entries}.`,
  askedKept: (receipts: string) => `Can ${receipts} whose hashes your webhooks name be found?`,
  askedReceipts: (receipts: string) =>
    `Are all receipts signed by the service, of this organisation, and in the log? The signatures of ${receipts} hold.`,
  askedComplete: 'Is every receipt there that must still be kept?',
  askedDeadlines: 'Was each recording that has a receipt deleted before its deadline?',
  answered: (question: string, isSo: boolean) => `${question} ${isSo ? 'Yes.' : 'No.'}`,

  notHeld:
    'Whether this is the latest log, and whether all of it was written anew. Keep the checkpoints that the service sends with webhooks and reports, and check the next proof against them.',
  notCovered: (entries: string) =>
    `Whether ${entries} at the end of the log were written anew: they are younger than the newest checkpoint of your own.`,
  keysFromFile:
    'Who has signed. The keys came with the proof, so whoever made the proof may have made the keys. Get them in another way, and check again.',
  since: (age: string) => `What happened since the file was made, by its own account ${age} ago.`,
  expired: (receipts: string) =>
    `What was in ${receipts} whose time has passed. Such receipts are no longer kept; only their places in the log were checked.`,
  replaced: (receipts: string) =>
    `What was in ${receipts} for which another of the same recording stands; only their places in the log were checked.`,
  notYetLogged: (receipts: string) =>
    `The place in the log of ${receipts}, too young to have one. Each signature holds.`,
  beyond:
    'Whether there were recordings of which the service knew nothing, and whether somebody had copied one before. No receipt can show that.',

  before: (recording: string, deletedAt: string, lead: string, deadline: string) =>
    `Recording ${recording} was deleted on ${deletedAt}, ${lead} before its deadline of ${deadline}.`,
  after: (recording: string, deletedAt: string, lead: string, deadline: string) =>
    `Recording ${recording} was deleted on ${deletedAt}, ${lead} after its deadline of ${deadline}.`,
  noneDeleted: 'The file has no receipt with a valid signature.',
  found: (problem: string, count: string) => `${problem} (${count})`,
  more: (count: string) => `and ${count} more`,

  receiptHolds: 'The receipt holds.',
  receiptLate: 'The receipt is genuine. It shows a deletion that came too late.',
  receiptFails: 'The receipt does not hold.',
  receiptSigned: (tenant: string, exam: string, attempt: string) =>
    `The service has signed it. Organisation (tenant) ${tenant}, exam ${exam}, attempt ${attempt}.`,
  receiptInLog: 'It is in the log that the service has signed.',
  receiptWaiting: 'It is too young to be in the log. Ask for its proof again in two days.',
  receiptNotInLog: 'It is not shown to be in the log that the service has signed.',
  consistencyHolds: (tenant: string) =>
    `The newer checkpoint holds. The log of ${tenant} begins as the older one says: it was only added to.`,
  consistencyFails: 'The newer checkpoint does not hold. It is not shown that its log begins as the older one says.',

  entry: ['entry', 'entries'] as readonly string[],
  receipt: ['receipt', 'receipts'] as readonly string[],
  checkpoint: ['checkpoint', 'checkpoints'] as readonly string[],
  problems: PROOF_PROBLEMS as Readonly<Record<ProofProblem, string>>,
};

export type Words = typeof en;
