// Attacks on a proof by somebody who may write everything in the bucket and sign nothing, and whether each is found.
import {
  type checkProof,
  hashOfReceipt,
  type openReceipt,
  type ProofFile,
  type ProofProblem,
  type ProofReport,
  parseEntry,
  type readPublicKeys,
} from '@proctoring-recordings/receipt-verifier';
import { newRandom } from '../../../test/simulation/random.ts';
import {
  checkpointOf,
  claimsOf,
  DAY_MS,
  type Deletion,
  deletionOf,
  type Installation,
  install,
  makeKey,
  NOW_MS,
  signReceipt,
  TENANT,
} from './service.ts';

/** The library, or a copy with a mistake in it. */
export interface Verifier {
  readonly checkProof: typeof checkProof;
  readonly openReceipt: typeof openReceipt;
  readonly readPublicKeys: typeof readPublicKeys;
}

/** What the attacker finds: the installation, another tenant's on the same service, and a key of their own. */
interface Scene {
  readonly own: Installation;
  readonly other: Installation;
  readonly thief: ReturnType<typeof makeKey>;
  /** From 0 up to, and without, this number. */
  readonly below: (end: number) => number;
  /** Made by the service after the attack. */
  readonly later: readonly Deletion[];
}

type Draft = { -readonly [member in keyof ProofFile]: ProofFile[member] } & { entries: string[]; receipts: string[] };

interface Attack {
  /** One of these is found. */
  readonly finds: readonly ProofProblem[];
  /** It changes the log: then the checkpoint is the one that was, or an older one, or the service goes on and signs. */
  readonly isOfLog?: boolean;
  readonly act: (draft: Draft, scene: Scene) => unknown;
}

const LOG = ['log-rewritten', 'log-cut-off', 'entries-changed'] as const;
const ofLog = (act: Attack['act'], ...more: ProofProblem[]): Attack => ({
  isOfLog: true,
  finds: [...LOG, ...more],
  act,
});
/** A change may be to the name of the key. */
const NOT_VALID = ['receipt-not-valid', 'receipt-of-unknown-key'] as const;
const NOTE_NOT_VALID = ['checkpoint-not-valid', 'checkpoint-of-unknown-key'] as const;
const finds = (problem: ProofProblem | readonly ProofProblem[], act: Attack['act']): Attack => ({
  finds: [problem].flat(),
  act,
});

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'an entry is removed': ofLog((draft, { below }) => draft.entries.splice(below(draft.entries.length), 1)),
  'an entry is removed with its receipt': ofLog((draft, scene) => {
    const { deletion } = keptBy(draft, scene);
    draft.entries = draft.entries.filter((entry) => entry !== deletion.entry);
    draft.receipts = draft.receipts.filter((jws) => jws !== deletion.jws);
  }),
  'the first entries are removed': ofLog((draft, { below }) => draft.entries.splice(0, 1 + below(5))),
  'the hash of an entry is changed': ofLog((draft, { below }) => {
    const place = below(draft.entries.length);
    draft.entries[place] = flip(draft.entries[place] ?? '', 15 + below(40));
  }),
  'an entry is made to expire, and its receipt removed': ofLog((draft, scene) => {
    const { deletion } = keptBy(draft, scene);
    const expired = deletion.entry.replace(/ \d{4}/, ' 2025');
    draft.entries = draft.entries.map((entry) => (entry === deletion.entry ? expired : entry));
    draft.receipts = draft.receipts.filter((jws) => jws !== deletion.jws);
  }),
  'an entry is inserted': ofLog((draft, { below }) =>
    draft.entries.splice(below(draft.entries.length), 0, madeUpEntry(below, '2025-11-01')),
  ),
  'an entry is there twice': ofLog((draft, { below }) => {
    const place = below(draft.entries.length);
    draft.entries.splice(below(place + 1), 0, draft.entries[place] ?? '');
  }),
  'two entries change places': ofLog((draft, { below }) => {
    const first = below(draft.entries.length - 1);
    const second = first + 1 + below(draft.entries.length - first - 1);
    const [a = '', b = ''] = [draft.entries[first], draft.entries[second]];
    draft.entries[first] = b;
    draft.entries[second] = a;
  }),
  'some entries are reversed': ofLog((draft, { below }) => {
    const from = below(draft.entries.length - 3);
    const some = draft.entries.splice(from, 2 + below(20));
    draft.entries.splice(from, 0, ...some.reverse());
  }),
  'an entry gets a blank': ofLog((draft, { below }) => {
    const place = below(draft.entries.length);
    draft.entries[place] = `${draft.entries[place]}${[' ', '\n', '\u0000', '\u200B'][below(4)]}`;
  }),
  'the last entries are cut off': ofLog((draft, scene) =>
    cutTo(draft, scene, draft.entries.length - 1 - scene.below(50)),
  ),
  'the log is put back to an older checkpoint': finds('log-cut-off', (draft, scene) => {
    draft.checkpoint = older(scene);
    cutTo(draft, scene, sizeOf(draft.checkpoint));
  }),
  'the log is cut, and grows again past where it was': finds('log-rewritten', (draft, scene) => {
    const cut = 1 + scene.below(scene.later.length - 1);
    cutTo(draft, scene, draft.entries.length - cut);
    goOn(draft, scene, cut + scene.below(scene.later.length - cut));
  }),
  'the end of the log is written anew': ofLog((draft, scene) => {
    const count = 1 + scene.below(30);
    cutTo(draft, scene, draft.entries.length - count);
    for (let at = 0; at < count; at += 1) draft.entries.push(madeUpEntry(scene.below, '2025-11-01'));
  }),
  'the log is emptied': ofLog((draft) => Object.assign(draft, { entries: [], receipts: [] })),
  'there never was a log': finds('log-cut-off', (draft) =>
    Object.assign(draft, { entries: [], receipts: [], checkpoint: null }),
  ),
  'the log is that of another tenant': ofLog((draft, { other }) =>
    Object.assign(draft, { entries: [...other.file.entries], receipts: [...other.file.receipts] }),
  ),
  'an expired entry is added, and the service signs': finds('entry-out-of-time', (draft, scene) => {
    draft.entries.push(madeUpEntry(scene.below, '2025-11-01'));
    goOn(draft, scene, 1 + scene.below(scene.later.length));
  }),
  'an entry that has expired is repeated, and the service signs': finds('entry-out-of-time', (draft, scene) => {
    draft.entries.push(draft.entries[scene.below(draft.entries.length / 20)] ?? '');
    goOn(draft, scene, 1 + scene.below(scene.later.length));
  }),
  'an entry is added, and the service signs': finds('receipt-missing', (draft, scene) => {
    draft.entries.push(madeUpEntry(scene.below, '2027-11-01'));
    goOn(draft, scene, 1 + scene.below(scene.later.length));
  }),
  'an entry is repeated with another day, and the service signs': finds('receipt-contradicts-entry', (draft, scene) => {
    const { deletion } = keptBy(draft, scene);
    draft.entries.push(deletion.entry.replace(/ \d{4}/, ' 2030'));
    goOn(draft, scene, 1 + scene.below(scene.later.length));
  }),
  'something else is added, and the service signs': finds('entry-unreadable', (draft, scene) => {
    draft.entries.push(['', 'x', '2 2027-01-01 x', madeUpEntry(scene.below, '2027-02-31')][scene.below(4)] ?? '');
    goOn(draft, scene, 1 + scene.below(scene.later.length));
  }),

  'a receipt is removed': finds('receipt-missing', (draft, scene) =>
    draft.receipts.splice(keptBy(draft, scene).place, 1),
  ),
  'many receipts are removed': finds('receipt-missing', (draft, scene) =>
    draft.receipts.splice(keptBy(draft, scene).place, 1 + scene.below(100)),
  ),
  'all receipts are removed': finds('receipt-missing', (draft) => Object.assign(draft, { receipts: [] })),
  'a receipt is removed, and the service goes on': finds('receipt-missing', (draft, scene) => {
    draft.receipts.splice(keptBy(draft, scene).place, 1);
    goOn(draft, scene, scene.later.length);
  }),
  'a byte of a receipt is changed': finds(NOT_VALID, (draft, { below }) => {
    const place = below(draft.receipts.length);
    const jws = draft.receipts[place] ?? '';
    draft.receipts[place] = flip(jws, below(jws.length));
  }),
  'a receipt says another time': finds('receipt-not-valid', (draft, scene) => {
    const { place, deletion } = keptBy(draft, scene);
    const [header, , signature] = deletion.jws.split('.');
    const claims = { ...deletion.claims, deadline: '2030-01-01T00:00:00.000Z' };
    draft.receipts[place] = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
  }),
  'the text of a receipt is another for the same bytes': finds('receipt-not-valid', (draft, scene) => {
    const { place, deletion } = keptBy(draft, scene);
    draft.receipts[place] = writtenOtherwise(deletion.jws, scene.below(5));
  }),
  'the text of a receipt that is not logged yet is another for the same bytes': finds(
    'receipt-not-valid',
    (draft, { below }) => draft.receipts.push(writtenOtherwise(draft.receipts.pop() ?? '', below(5))),
  ),
  'a receipt of another tenant is put in': finds('receipt-of-another-tenant', (draft, { other, below }) =>
    draft.receipts.splice(below(draft.receipts.length), below(2), pickOf(other.file.receipts, below)),
  ),
  'a receipt is there twice': finds('receipt-twice', (draft, { below }) =>
    draft.receipts.splice(below(draft.receipts.length), 0, pickOf(draft.receipts, below)),
  ),
  'a receipt that was replaced is put back': finds('receipt-replaced', (draft, { own, below }) =>
    draft.receipts.splice(below(draft.receipts.length), 0, replacedRecently(own, below).jws),
  ),
  'a receipt that was replaced takes the place of the newer one': finds('receipt-missing', (draft, { own, below }) => {
    const earlier = replacedRecently(own, below);
    const newer = own.deletions.find(({ claims }) => claims.supersedes?.includes(hashOfReceipt(earlier.jws)));
    draft.receipts = draft.receipts.map((jws) => (jws === newer?.jws ? earlier.jws : jws));
  }),
  'a receipt is made to supersede that of another recording, which is removed': finds(
    'receipt-missing',
    (draft, scene) => {
      const { place, deletion } = keptBy(draft, scene);
      draft.receipts.splice(place, 1);
      const claims = claimsOf('accomplice', NOW_MS - DAY_MS, { supersedes: [hashOfReceipt(deletion.jws)] });
      draft.receipts.push(deletionOf(claims, scene.own.key).jws);
    },
  ),
  'a recording is deleted again, and its first receipt removed': finds('receipt-missing', (draft, scene) => {
    const { place, deletion } = keptBy(draft, scene, 0.9);
    draft.receipts.splice(place, 1);
    const { examId, attemptId, recordingId } = deletion.claims;
    const again = claimsOf('again', NOW_MS - DAY_MS, { examId, attemptId, recordingId });
    draft.receipts.push(deletionOf(again, scene.own.key).jws);
  }),
  'a receipt loses its signature': finds(['receipt-missing'], (draft, scene) => {
    const { place, deletion } = keptBy(draft, scene);
    draft.receipts.splice(place, 1);
    draft.unsigned = [deletion.claims.recordingId];
  }),
  'the youngest receipt loses its signature': finds('receipt-not-signed', (draft) => {
    draft.receipts.pop();
    draft.unsigned = ['recording-young-2'];
  }),
  'a receipt that a webhook has named, or that was kept, is removed before it is in the log': finds(
    'held-receipt-missing',
    (draft, { below }) => draft.receipts.splice(-1 - below(2), 1),
  ),
  'a receipt is made unreadable': finds('receipt-unreadable', (draft) => {
    draft.receipts.pop();
    draft.unreadable = ['receipts/university/math/attempt-young-2/recording-young-2.json'];
  }),
  "a receipt is signed by the attacker's key": finds('receipt-of-unknown-key', (draft, scene) => {
    const { place, deletion } = keptBy(draft, scene);
    draft.receipts[place] = signReceipt(deletion.claims, scene.thief);
  }),
  "a receipt is signed by the attacker's key under the name of the service's": finds(
    'receipt-not-valid',
    (draft, scene) => {
      const { place, deletion } = keptBy(draft, scene);
      const key = { ...scene.thief, kid: scene.own.key.kid };
      draft.receipts[place] = signReceipt(deletion.claims, key, scene.below(2) === 0 ? {} : { jwk: scene.thief.jwk });
    },
  ),
  'a receipt is signed by another algorithm, or by none': finds('receipt-not-valid', (draft, scene) => {
    const { place, deletion } = keptBy(draft, scene);
    const alg = ['none', 'HS256', 'ES256', 'RS256', ''][scene.below(5)];
    const jws = signReceipt(deletion.claims, scene.own.key, { alg });
    draft.receipts[place] = alg === 'none' ? jws.replace(/[^.]+$/, '') : jws;
  }),
  'something else that the service has signed passes for a receipt': finds('receipt-not-valid', (draft, scene) => {
    const { place, deletion } = keptBy(draft, scene);
    draft.receipts[place] = signReceipt(deletion.claims, scene.own.key, { typ: ['JWT', undefined][scene.below(2)] });
  }),
  'a receipt that has expired is put back': finds('receipt-kept-too-long', (draft, { own, below }) =>
    draft.receipts.push(pickOf(own.deletions.slice(0, own.deletions.length / 20), below).jws),
  ),
  'a receipt is kept out of the log': finds('receipt-not-in-log', (draft, { own, below }) => {
    draft.receipts.push(deletionOf(claimsOf(`hidden-${below(1e9)}`, NOW_MS - (3 + below(300)) * DAY_MS), own.key).jws);
  }),
  'a receipt was hidden until the service wrote a second one': finds('receipts-disagree', (draft, scene) => {
    const { deletion } = keptBy(draft, scene);
    const { examId, attemptId, recordingId } = deletion.claims;
    const again = claimsOf('again', NOW_MS - scene.below(DAY_MS), { examId, attemptId, recordingId });
    draft.receipts.push(deletionOf(again, scene.own.key).jws);
  }),

  'a byte of the checkpoint is changed': finds(NOTE_NOT_VALID, (draft, { below }) => {
    const note = draft.checkpoint ?? '';
    draft.checkpoint = flip(note, below(note.length));
  }),
  'the checkpoint says another size': finds('checkpoint-not-valid', (draft, { below }) => {
    draft.checkpoint = draft.checkpoint?.replace(/\n\d+\n/, `\n${below(20_000)}0\n`) ?? null;
  }),
  'the checkpoint has the signature of an older one': finds('checkpoint-not-valid', (draft, scene) => {
    const [, signature] = older(scene).split('\n\n');
    draft.checkpoint = `${draft.checkpoint?.split('\n\n')[0]}\n\n${signature}`;
  }),
  'the checkpoint is signed twice, wrongly': finds('checkpoint-of-unknown-key', (draft, { thief, own }) => {
    const [, wrong = ''] = checkpointOf(own.file.entries, thief).split('\n\n');
    draft.checkpoint = `${draft.checkpoint?.split('\n\n')[0]}\n\n${wrong}${wrong}`;
  }),
  "the checkpoint is signed by the attacker's key": finds('checkpoint-of-unknown-key', (draft, { thief }) => {
    draft.checkpoint = checkpointOf(draft.entries, thief);
  }),
  'the checkpoint is that of another tenant': finds('checkpoint-not-valid', (draft, { other }) => {
    draft.checkpoint = other.file.checkpoint;
  }),
  'the checkpoint is an older one': finds('entries-changed', (draft, scene) => {
    draft.checkpoint = older(scene);
  }),
  'the checkpoint is missing': finds('checkpoint-missing', (draft) => {
    draft.checkpoint = null;
  }),

  'the file says another tenant': finds('checkpoint-not-valid', (draft) => {
    draft.tenant = 'another';
  }),
  'the file is that of another tenant': finds('file-of-another-tenant', (draft, { other }) =>
    Object.assign(draft, other.file),
  ),
  'the file is of a time to come, when receipts will have expired': finds('file-from-future', (draft, { below }) => {
    draft.exportedAt = new Date(NOW_MS + (2 + below(900)) * DAY_MS).toISOString();
    draft.receipts = [];
  }),
  'the file is of an earlier time, when receipts need not be logged': finds('receipt-from-future', (draft, scene) => {
    draft.exportedAt = new Date(NOW_MS - (2 + scene.below(300)) * DAY_MS).toISOString();
  }),
  "all is signed by the attacker's key, which the file brings": finds(
    'checkpoint-of-unknown-key',
    (draft, { thief, below }) => {
      const made = Array.from({ length: 1 + below(20) }, (_, at) => deletionOf(claimsOf(at, NOW_MS - DAY_MS), thief));
      draft.entries = made.map(({ entry }) => entry);
      draft.receipts = made.map(({ jws }) => jws);
      draft.checkpoint = checkpointOf(draft.entries, thief);
      draft.keys = { keys: [thief.jwk] };
    },
  ),
  'a part of the file is of another type': finds('file-malformed', (draft, { below }) => {
    const names = ['version', 'tenant', 'exportedAt', 'checkpoint', 'entries', 'receipts', 'unsigned', 'unreadable'];
    const wrong = [undefined, 7, true, {}, [7], [[]], [null], { length: 3 }, -1, [{ toString: 'x' }]];
    Object.assign(draft, { [pickOf(names, below)]: pickOf(wrong, below) });
  }),
};

export interface Outcome {
  readonly kind: string;
  readonly finds: readonly ProofProblem[];
  readonly found: readonly ProofProblem[];
  readonly isFound: boolean;
}

export interface Arena {
  /** What the untouched file is found to be. */
  readonly untouched: ProofReport;
  attack(kind: string, seed: number): Promise<Outcome>;
}

/**
 * An installation, whose controller has the keys, the latest checkpoint, some older ones, the latest webhooks and some
 * receipts. Each attack finds it as it was.
 */
export async function openArena(verifier: Verifier, receipts: number): Promise<Arena> {
  const own = install(receipts);
  const keys = await verifier.readPublicKeys(own.keys);
  const opened = new Map<string, ReturnType<typeof openReceipt>>();
  const open: typeof openReceipt = (jws) => {
    const opening = opened.get(jws) ?? verifier.openReceipt(jws, keys);
    opened.set(jws, opening);
    return opening;
  };
  const heldReceipts = own.file.receipts
    .slice(-20)
    .map((jws, at) => (at % 2 === 0 ? { hash: hashOfReceipt(jws) } : { jws }));
  const check = (file: unknown, held: readonly string[]) =>
    verifier.checkProof(file, { keys, tenant: TENANT, nowMs: NOW_MS, heldCheckpoints: held, heldReceipts, open });
  const scene = {
    own,
    other: otherTenant(own),
    thief: makeKey(),
    later: Array.from({ length: 60 }, (_, at) => deletionOf(claimsOf(`later-${at}`, NOW_MS - 60_000 + at), own.key)),
  };

  async function attack(kind: string, seed: number): Promise<Outcome> {
    const known = new Set(opened.keys());
    const { isOfLog, finds, act } = ATTACKS[kind] as Attack;
    const { between } = newRandom(seed);
    const below = (end: number) => between(0, end - 1);
    const draft: Draft = { ...own.file, entries: [...own.file.entries], receipts: [...own.file.receipts] };
    act(draft, { ...scene, below });
    if (isOfLog) coverUp(draft, { ...scene, below });
    const latest = own.checkpoints.slice(-1);
    const held = [...own.checkpoints.slice(0, -1).filter(() => below(4) === 0), ...latest];
    const { findings } = await check(draft, held);
    // What one attack has made no other uses.
    for (const jws of opened.keys()) if (!known.has(jws)) opened.delete(jws);
    const found = [...new Set(findings.map(({ problem }) => problem))];
    return { kind, finds, found, isFound: found.some((problem) => finds.includes(problem)) };
  }
  return { untouched: await check(own.file, own.checkpoints), attack };
}

/** Another customer of the same service: the same keys, and everything in order. */
function otherTenant({ key, file }: Installation): Installation {
  const made = Array.from({ length: 50 }, (_, at) =>
    deletionOf(claimsOf(at, NOW_MS - (5 + at) * DAY_MS, { tenantId: 'college' }), key),
  );
  const entries = made.map(({ entry }) => entry);
  const checkpoint = checkpointOf(entries, key, 'college');
  const receipts = made.map(({ jws }) => jws);
  return {
    file: { ...file, tenant: 'college', entries, receipts, checkpoint },
    checkpoints: [checkpoint],
    keys: { keys: [key.jwk] },
    key,
    deletions: made,
    replaced: [],
  };
}

function coverUp(draft: Draft, scene: Scene): void {
  const choice = scene.below(3);
  if (choice === 0) draft.checkpoint = older(scene);
  if (choice === 1) goOn(draft, scene, 1 + scene.below(scene.later.length));
}

/** The service logs so many more receipts, and signs what is there. */
function goOn(draft: Draft, { own, later }: Scene, count: number): void {
  const more = later.slice(0, count);
  draft.entries.push(...more.map(({ entry }) => entry));
  draft.receipts.push(...more.map(({ jws }) => jws));
  draft.checkpoint = checkpointOf(draft.entries, own.key);
}

/** Without what was logged after that: as if it had never been. */
function cutTo(draft: Draft, { own }: Scene, size: number): void {
  const gone = new Set(own.deletions.slice(size).map(({ jws }) => jws));
  draft.entries = draft.entries.slice(0, size);
  draft.receipts = draft.receipts.filter((jws) => !gone.has(jws));
}

function older({ own, below }: Scene): string {
  return pickOf(own.checkpoints.slice(0, -1), below);
}

function sizeOf(note: string): number {
  return Number(note.split('\n')[1]);
}

/** A receipt of the file that is logged, among so much of the oldest. */
function keptBy({ receipts }: Draft, { own, below }: Scene, share = 1): { place: number; deletion: Deletion } {
  const byJws = new Map(own.deletions.map((deletion) => [deletion.jws, deletion]));
  const place = below(Math.floor((receipts.length - 2) * share));
  return { place, deletion: byJws.get(receipts[place] ?? '') as Deletion };
}

/** One whose receipt would still be kept. */
function replacedRecently({ replaced }: Installation, below: Scene['below']): Deletion {
  return pickOf(replaced.slice(replaced.length / 2), below);
}

function pickOf<Item>(items: readonly Item[], below: Scene['below']): Item {
  return items[below(items.length)] as Item;
}

function madeUpEntry(below: Scene['below'], keptUntil: string): string {
  const hash = hashOfReceipt(`made up ${below(1e9)}`);
  const entry = `1 ${keptUntil} ${hash} ${hash} 0 86400`;
  return parseEntry(entry) || keptUntil === '2027-02-31' ? entry : '';
}

/** Another character of base64url, or of whatever it is, at this place. */
function flip(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
}

/** Texts that a lenient decoder takes for the same receipt. */
function writtenOtherwise(jws: string, way: number): string {
  const [header, payload, signature = ''] = jws.split('.');
  const last = signature.at(-1) ?? '';
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const otherAlphabet = signature.replaceAll('-', '+').replaceAll('_', '/');
  const written = [
    `${signature}==`,
    ` ${signature}`,
    `${signature}\n`,
    `${signature.slice(0, -1)}${alphabet[alphabet.indexOf(last) + 1]}`,
    otherAlphabet === signature ? `${signature}=` : otherAlphabet,
  ];
  return `${header}.${payload}.${written[way]}`;
}
