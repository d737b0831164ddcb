// The words of the page in English, but for those of the verdict.
import type { Kind } from '../../kind.ts';

export const en = {
  title: 'Check the proof of deletions',
  skip: 'Skip to the check',
  about:
    'This page checks that recordings were deleted on time, and that no deletion receipt was removed or changed. It works without a network: your files never leave this computer. You may drop files anywhere on the page.',
  languageLabel: 'Language',
  proofTitle: '1. What to check',
  proofLabel: 'Proof file',
  proofHint:
    'The JSON file that the recordings service gave your organisation: a whole proof, the proof of one receipt, the step between two checkpoints, or a response with receipts.',
  tenantLabel: 'Your organisation’s name in the service (tenant)',
  tenantHint: 'Optional. If you enter a name, the proof of another organisation is refused.',
  keysTitle: '2. The keys of the service',
  keysFileLabel: 'File with public keys',
  keysTextLabel: 'Or paste the keys',
  keysHint:
    'A file such as jwks.json. Get it from another source than the proof: at an earlier time, or from the address that the service publishes.',
  trustLabel: 'I have no keys. Use those in the proof. This only shows that the file agrees with itself.',
  checkpointsTitle: '3. What you kept',
  checkpointsFileLabel: 'Files with checkpoints or receipts',
  checkpointsTextLabel: 'Or paste checkpoints or receipts',
  checkpointsHint:
    'Checkpoints (signed notes), webhooks or reports that contain one, and responses with receipts. Without a checkpoint, this page cannot see whether an old log has replaced a newer one.',
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
  noKeys: 'Add the keys of the service, or tick that you have none.',
  unreadable: (name: string, why: string) => `${name} cannot be used: ${why}.`,
  otherKind: (name: string, what: string, advice: string) => `${name} is ${what}. ${advice}`,
  advice: {
    proof: 'Choose it under 1.',
    receipt: 'Choose it under 1.',
    unplaced: 'Choose it under 1, or under 3 to compare it with a whole proof.',
    step: 'Choose it under 1.',
    keys: 'Choose it under 2.',
    kept: 'Choose it under 3.',
    page: 'Copy the checkpoint from it, and paste it under 3.',
  } as Readonly<Record<Exclude<Kind, 'unknown'>, string>>,
  keysTwice: 'Add the keys only once: as a file, pasted, or from the proof.',
  nothingCompared:
    'A single receipt is not compared with anything under 3. Leave 3 empty, or choose a whole proof under 1 and the receipt under 3.',
  noNewer: 'The step has no newer checkpoint. Download the step again from the service, which adds one.',
  oneCheckpoint: 'Add one checkpoint under 3: the older one, where the step begins. The step contains the newer one.',
  noEd25519:
    'This browser cannot check Ed25519 signatures, so it cannot check a proof. Use a newer browser (Chrome or Edge 137, Firefox 130, Safari 17, or later), or the command receipt-verifier.',
  pastedKeys: 'The pasted keys',
  pastedCheckpoints: 'The text pasted under 3',
  keysOfProof: 'The proof’s own set of keys',
};

export type Texts = typeof en;
