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
    `Is the log (${entries}) exactly as the service signed it, with nothing changed, removed, inserted or moved?`,
  askedHeld: (checkpoints: string, entries: string) =>
    `Does the log agree with ${checkpoints} that you kept? The newest covers ${entries}.`,
  askedKept: (receipts: string) =>
    `Does the proof contain each receipt that you kept, or whose hash a webhook named (${receipts})?`,
  askedReceipts: (receipts: string) =>
    `Are all receipts signed by the service, of this organisation, and in the log (unless they are too new)? Valid signatures: ${receipts}.`,
  askedSignatures: (receipts: string) =>
    `Are all receipts signed by the service, and of this organisation? Valid signatures: ${receipts}.`,
  askedComplete: 'Is every receipt that must still be kept in the file?',
  askedDeadlines: 'Was each recording that has a receipt deleted before its deadline?',
  askedSignedDeadlines: 'Was each recording whose receipt has a valid signature deleted before its deadline?',
  answered: (question: string, isSo: boolean) => `${question} ${isSo ? 'Yes.' : 'No.'}`,

  noLog:
    'Whether a receipt was removed. There is no signed log yet, so only the signatures could be checked, and the number of receipts is the one in the file.',
  notHeld:
    'Whether this is the latest log, and whether the whole log was rewritten. Keep the checkpoints that the service sends with webhooks and reports, and check the next proof against them.',
  heldUnsigned: (receipts: string) => `What happened to ${receipts} that you kept without a signature.`,
  notCovered: (entries: string) =>
    `Whether the end of the log (${entries}) was rewritten. It is newer than the newest checkpoint that you kept.`,
  keysFromFile:
    'Who signed the proof. The keys came with the proof, so whoever made the proof may have made the keys. Get the keys over another channel, and check again.',
  since: (age: string) => `What happened after the file was made, which by its own account was ${age} ago.`,
  expired: (receipts: string) =>
    `The content of expired receipts (${receipts}). They are no longer kept; only their places in the log were checked.`,
  replaced: (receipts: string) =>
    `The content of replaced receipts (${receipts}). Another receipt of the same recording stands for each; only their places in the log were checked.`,
  notYetLogged: (receipts: string) =>
    `The place in the log of the newest receipts (${receipts}). They are too new to have one. Each signature is valid.`,
  beyond:
    'Whether there were recordings unknown to the service, and whether somebody copied one before its deletion. No receipt can show that.',

  before: (recording: string, deletedAt: string, lead: string, deadline: string) =>
    `Recording ${recording} was deleted on ${deletedAt}, ${lead} before its deadline of ${deadline}.`,
  after: (recording: string, deletedAt: string, lead: string, deadline: string) =>
    `Recording ${recording} was deleted on ${deletedAt}, ${lead} after its deadline of ${deadline}.`,
  noneDeleted: 'The file has no receipt with a valid signature.',
  found: (problem: string, count: string) => `${problem} (${count})`,
  more: (count: string) => `and ${count} more`,
  newKey:
    'The service may have replaced its key. Download its public keys again, and compare them over another channel.',

  receiptHolds: 'The receipt holds.',
  receiptLate: 'The receipt is genuine. It shows a deletion after the deadline.',
  receiptFails: 'The receipt does not hold.',
  receiptSigned: 'The service has signed it.',
  receiptOf: (tenant: string, exam: string, attempt: string) =>
    `Organisation (tenant) ${tenant}, exam ${exam}, attempt ${attempt}.`,
  receiptInLog: 'It is in the log that the service has signed.',
  receiptWaiting: 'It is too new to be in the log. Request its proof again in two days.',
  receiptNotInLog: 'The file does not show that it is in the log that the service has signed.',
  oneReceipt: {
    signed: 'The service has signed the receipt.',
    late: 'The receipt is genuine. It shows a deletion after the deadline.',
    fail: 'The receipt does not hold.',
    notInLog:
      'Whether it is in the log. Its receipt proof shows that. So does a whole proof, if you add this file as something that you kept.',
  },
  severalReceipts: {
    signed: 'The service has signed all receipts.',
    late: 'The receipts are genuine. They show that not everything was deleted in time.',
    fail: 'Not all of the receipts hold.',
    notInLog:
      'Whether they are in the log. The receipt proof of each shows that. So does a whole proof, if you add this file as something that you kept.',
  },
  receiptsSigned: (signed: string, receipts: string, tenants: string) =>
    `Valid signatures: ${signed} of ${receipts}. Organisation (tenant) ${tenants}.`,
  deletionTitle: 'The deletion',
  beyondReceipt:
    'Whether other receipts were removed or changed, and whether the log agrees with checkpoints that you kept. A whole proof shows that.',
  consistencyHolds: 'The newer checkpoint holds.',
  consistencyFails: 'The newer checkpoint does not hold.',
  consistencyOf: (tenant: string, older: string, newer: string) =>
    `The log of organisation (tenant) ${tenant}, from ${older} to ${newer}.`,
  onlyAddedTo: 'Does the newer log begin with the whole older log, with entries only added after it? Yes.',
  beyondStep: 'What the entries say, and whether their receipts exist. A whole proof shows that.',
  steps: {
    'not-shown': (older: string, newer: string, size: string) =>
      `The step does not show that the log of ${newer} begins with the log of ${older}. If the step was made for another size, request the one with size=${size}.`,
    'other-sizes': (older: string, newer: string, size: string) =>
      `The step was made for other sizes: its hashes do not lead from ${older} to ${newer}. Request the one with size=${size}.`,
    backwards: (older: string, newer: string, _size: string) =>
      `The checkpoint given as the older one has ${older}, the newer one ${newer}. Perhaps they were swapped.`,
  },

  kinds: {
    proof: 'a whole proof',
    receipt: 'a receipt proof (one receipt with its place in the log)',
    unplaced: 'one or more receipts without their place in the log',
    step: 'a step between two checkpoints',
    keys: 'a set of keys',
    kept: 'a checkpoint, or something that contains one',
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
