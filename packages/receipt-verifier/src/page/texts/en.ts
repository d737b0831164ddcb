// The words of the page in English, but for those of the verdict.
import type { Kind } from '../../kind.ts';

export const en = {
  title: 'Check the proof of deletions',
  skip: 'Skip to the check',
  about:
    'This page checks that recordings were deleted on time, and that no deletion receipt was removed or changed. It works without a network: nothing that you choose leaves this computer. You may drop files anywhere on it.',
  languageLabel: 'Language',
  proofTitle: '1. What to check',
  proofLabel: 'Proof file',
  proofHint:
    'The JSON file that the recordings service gave your organisation: a whole proof, the proof of one receipt, the step between two checkpoints, or a response that has receipts.',
  tenantLabel: 'Your organisation’s name in the service (tenant)',
  tenantHint: 'May be left empty. Otherwise the proof of another organisation is refused.',
  keysTitle: '2. The keys of the service',
  keysFileLabel: 'File with public keys',
  keysTextLabel: 'Or paste the keys',
  keysHint:
    'A file such as jwks.json, which you got in another way than the proof: at an earlier time, or from the address that the service publishes.',
  trustLabel: 'I have no keys. Take those of the proof; this shows only that the file agrees with itself.',
  checkpointsTitle: '3. What you kept',
  checkpointsFileLabel: 'Files with checkpoints or receipts',
  checkpointsTextLabel: 'Or paste checkpoints or receipts',
  checkpointsHint:
    'Checkpoints (signed notes), webhooks or reports that brought one, and responses that have receipts. Without a checkpoint it cannot be seen whether an old log was put in the place of a newer one.',
  check: 'Check',
  progressLabel: 'Checked so far',
  progress: (done: string, steps: string) => `${done} of ${steps} entries and receipts`,
  print: 'Print or save as PDF',
  detailsTitle: 'Details',
  detailFile: 'File',
  detailHash: 'SHA-256 of the file',
  detailSize: 'Entries in the log',
  detailRoot: 'Root hash of the log',
  detailReceipts: 'Receipts with a valid signature',
  detailHeld: 'Your own checkpoints',
  detailKeys: 'Keys (RFC 7638 thumbprints)',
  detailChecked: 'Checked on',
  chosen: (name: string, what: string) => `${name}: ${what}`,
  noProof: 'Choose the proof file first.',
  noKeys: 'Give the keys of the service, or say that you have none.',
  unreadable: (name: string, why: string) => `${name} cannot be used: ${why}.`,
  otherKind: (name: string, what: string, advice: string) => `${name} is ${what}. ${advice}`,
  advice: {
    proof: 'Choose it under 1.',
    receipt: 'Choose it under 1.',
    unplaced: 'Choose it under 1, or under 3 if a whole proof is to be compared with it.',
    step: 'Choose it under 1.',
    keys: 'Choose it under 2.',
    kept: 'Choose it under 3.',
    page: 'Copy the checkpoint from it, and paste that under 3.',
  } as Readonly<Record<Exclude<Kind, 'unknown'>, string>>,
  keysTwice: 'Give the keys once: in a file, pasted, or as those of the proof.',
  nothingCompared:
    'A receipt alone is not compared with what is given under 3. Leave that empty, or choose a whole proof under 1 and the receipt under 3.',
  noNewer: 'The step brings no newer checkpoint. Get it again from the service: it is made with one.',
  oneCheckpoint:
    'Give one checkpoint under 3: the older one, where the step begins. The newer one comes with the step.',
  noEd25519:
    'This browser cannot check Ed25519 signatures, so it cannot check a proof. Use a newer one (Chrome or Edge 137, Firefox 130, Safari 17, or later), or the command receipt-verifier.',
  pastedKeys: 'What was pasted as keys',
  pastedCheckpoints: 'What was pasted under 3',
  keysOfProof: 'The proof’s own set of keys',
};

export type Texts = typeof en;
