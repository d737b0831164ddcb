// The words of the command and of the page in English.
import { DETAILS, type Details } from '../details.ts';
import type { Kind } from '../kind.ts';
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
  closestTitle: 'The deletion closest to its deadline',
  latestTitle: 'The deletion furthest past its deadline',
  findingsTitle: 'What was found',

  askedLog: (entries: string) =>
    `Is the log, which has ${entries}, the one that the service has signed, with nothing changed, removed, inserted or moved?`,
  askedHeld: (checkpoints: string, entries: string) =>
    `Does the log agree with ${checkpoints} of your own? The newest covers ${entries}.`,
  askedKept: (receipts: string) => `Can ${receipts} that you hold, or whose hash a webhook names, be found?`,
  askedReceipts: (receipts: string) =>
    `Are all receipts signed by the service, of this organisation, and in the log unless they are too young? The signatures of ${receipts} hold.`,
  askedSignatures: (receipts: string) =>
    `Are all receipts signed by the service, and of this organisation? The signatures of ${receipts} hold.`,
  askedComplete: 'Is every receipt there that must still be kept?',
  askedDeadlines: 'Was each recording that has a receipt deleted before its deadline?',
  askedSignedDeadlines: 'Was each recording whose receipt has a valid signature deleted before its deadline?',
  answered: (question: string, isSo: boolean) => `${question} ${isSo ? 'Yes.' : 'No.'}`,

  noLog:
    'Whether a receipt was removed. There is no signed log yet: receipts are only signed, and their number is what the file says.',
  notHeld:
    'Whether this is the latest log, and whether all of it was written anew. Keep the checkpoints that the service sends with webhooks and reports, and check the next proof against them.',
  heldUnsigned: (receipts: string) => `What became of ${receipts} that you hold without a signature.`,
  notCovered: (entries: string) =>
    `Whether the end of the log (${entries}) was written anew: it is younger than the newest checkpoint of your own.`,
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
  newKey: 'The service may have replaced its key: get its public keys again, and compare them over another channel.',

  receiptHolds: 'The receipt holds.',
  receiptLate: 'The receipt is genuine. It shows a deletion that came too late.',
  receiptFails: 'The receipt does not hold.',
  receiptSigned: 'The service has signed it.',
  receiptOf: (tenant: string, exam: string, attempt: string) =>
    `Organisation (tenant) ${tenant}, exam ${exam}, attempt ${attempt}.`,
  receiptInLog: 'It is in the log that the service has signed.',
  receiptWaiting: 'It is too young to be in the log. Ask for its proof again in two days.',
  receiptNotInLog: 'It is not shown to be in the log that the service has signed.',
  oneReceipt: {
    signed: 'The service has signed the receipt.',
    late: 'The receipt is genuine. It shows a deletion that came too late.',
    fail: 'The receipt does not hold.',
    notInLog:
      'Whether it is in the log: it is not shown to be. Its receipt-proof shows that, or a whole proof, if you give this file with it as something that you kept.',
  },
  severalReceipts: {
    signed: 'The service has signed all receipts.',
    late: 'The receipts are genuine. They show that not everything was deleted in time.',
    fail: 'Not all of the receipts hold.',
    notInLog:
      'Whether they are in the log: they are not shown to be. The receipt-proof of each shows that, or a whole proof, if you give this file with it as something that you kept.',
  },
  receiptsSigned: (signed: string, receipts: string, tenants: string) =>
    `The signatures of ${signed} of ${receipts} hold. Organisation (tenant) ${tenants}.`,
  deletionTitle: 'The deletion',
  beyondReceipt:
    'Whether other receipts were removed or changed, and whether the log agrees with checkpoints of your own. A whole proof shows that.',
  consistencyHolds: 'The newer checkpoint holds.',
  consistencyFails: 'The newer checkpoint does not hold.',
  consistencyOf: (tenant: string, older: string, newer: string) =>
    `The log of organisation (tenant) ${tenant}, from ${older} to ${newer}.`,
  onlyAddedTo: 'Does the log of the newer checkpoint begin as the older one says, and was it only added to? Yes.',
  beyondStep: 'What the entries say, and whether their receipts are there. A whole proof shows that.',
  steps: {
    'not-shown': (older: string, newer: string, size: string) =>
      `It is not shown that the log of ${newer} begins as the checkpoint of ${older} says. If the step was made for another size, ask for the one with size=${size}.`,
    'other-sizes': (older: string, newer: string, size: string) =>
      `The step was made for other sizes than these: its hashes cannot lead from ${older} to ${newer}. Ask for the one with size=${size}.`,
    backwards: (older: string, newer: string, _size: string) =>
      `The checkpoint given as the older one has ${older}, the newer one ${newer}. Perhaps they were swapped.`,
  },

  kinds: {
    proof: 'a whole proof',
    receipt: 'a receipt proof (one receipt, with its place in the log)',
    unplaced: 'one or more receipts without their place in the log',
    step: 'a step between two checkpoints',
    keys: 'a set of keys',
    kept: 'a checkpoint, or something that brought one',
    page: 'a page to read (HTML or PDF)',
    unknown: 'a file of another kind',
  } as Readonly<Record<Kind, string>>,
  entry: ['entry', 'entries'] as readonly string[],
  receipt: ['receipt', 'receipts'] as readonly string[],
  checkpoint: ['checkpoint', 'checkpoints'] as readonly string[],
  details: DETAILS as Details,
  problems: PROOF_PROBLEMS as Readonly<Record<ProofProblem, string>>,
};

export type Words = typeof en;
