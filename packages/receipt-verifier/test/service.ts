// The service as far as its receipts and its log go: it signs, logs and hands out checkpoints, and goes on over what it finds.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type Checkpoint,
  checkpointText,
  entryOfReceipt,
  formatEntry,
  GrowingTree,
  hashOfReceipt,
  leafHash,
  originOf,
  type ProofFile,
  type ReceiptClaims,
  toNote,
} from '@proctoring-recordings/receipt-verifier';

export const TENANT = 'university';
export const DAY_MS = 86_400_000;
/** When the proof is made. */
export const NOW_MS = Date.parse('2026-11-30T12:00:00.000Z');
const KEPT_MS = 365 * DAY_MS;

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicBytes: Uint8Array;
  readonly jwk: { readonly kty: string; readonly crv: string; readonly x: string };
}

export function makeKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const jwk = { crv: 'Ed25519', kty: 'OKP', x };
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  return { kid, privateKey, publicBytes: Buffer.from(x, 'base64url'), jwk };
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** `header` replaces members of the one that the service writes. */
export function signReceipt(
  claims: unknown,
  { kid, privateKey }: Pick<SigningKey, 'kid' | 'privateKey'>,
  header: Record<string, unknown> = {},
): string {
  const text = `${part({ alg: 'EdDSA', kid, typ: 'proctoring-deletion-receipt+jws', ...header })}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

export function signCheckpoint(checkpoint: Checkpoint, { privateKey, publicBytes }: SigningKey): string {
  return toNote(checkpoint, publicBytes, sign(null, Buffer.from(checkpointText(checkpoint)), privateKey));
}

export function treeOf(entries: readonly string[]): GrowingTree {
  const tree = new GrowingTree();
  for (const entry of entries) tree.append(leafHash(Buffer.from(entry)));
  return tree;
}

/** The honest service signs what its log is now, whoever has written into it. */
export function checkpointOf(entries: readonly string[], key: SigningKey, tenant = TENANT): string {
  const { size, root } = treeOf(entries);
  return signCheckpoint({ origin: originOf(tenant), size, root }, key);
}

/** A receipt of a deletion at this time, three hours before the deadline. */
export function claimsOf(name: string | number, deletedMs: number, more: Partial<ReceiptClaims> = {}): ReceiptClaims {
  const time = (offsetMs: number) => new Date(deletedMs + offsetMs).toISOString();
  return {
    tenantId: TENANT,
    examId: 'math',
    attemptId: `attempt-${name}`,
    recordingId: `recording-${name}`,
    participantId: `p-${name}`,
    reason: 'retention',
    deadline: time(3 * 3_600_000),
    deletedAt: time(0),
    verifiedAt: time(1_000),
    objects: 2,
    versions: 2,
    bytes: 4_000_000,
    actor: 'sweeper',
    keptUntil: time(KEPT_MS).slice(0, 10),
    salt: createHash('sha256').update(`salt ${name} ${deletedMs}`).digest('base64url').slice(0, 22),
    ...more,
  };
}

export function entryOf(jws: string, claims: ReceiptClaims): string {
  return formatEntry(entryOfReceipt(jws, claims));
}

export interface Deletion {
  readonly jws: string;
  readonly claims: ReceiptClaims;
  readonly entry: string;
}

export function deletionOf(claims: ReceiptClaims, key: SigningKey): Deletion {
  const jws = signReceipt(claims, key);
  return { jws, claims, entry: entryOf(jws, claims) };
}

export interface Installation {
  readonly file: ProofFile;
  /** Handed out while the log grew, the latest last. */
  readonly checkpoints: readonly string[];
  readonly keys: { readonly keys: readonly SigningKey['jwk'][] };
  /** The key that the service signs with now. */
  readonly key: SigningKey;
  /** Of the entries, in their order: also those whose receipts are no longer kept. */
  readonly deletions: readonly Deletion[];
  /** Receipts of this tenant that a later one has replaced. */
  readonly replaced: readonly Deletion[];
}

/**
 * A tenant's deletions over 400 days, one after the other. Receipts of the first 35 days have expired, one in 50 was replaced
 * later, of one in 70 there were two purges at once, the key changed in the middle, and the last two are too young to be in
 * the log.
 */
export function install(receipts: number): Installation {
  const [oldKey, key] = [makeKey(), makeKey()];
  const spanMs = 400 * DAY_MS;
  const deletions: Deletion[] = [];
  const replaced: Deletion[] = [];
  const overwritten: Deletion[] = [];
  const entries: string[] = [];
  const checkpoints: string[] = [];
  const tree = new GrowingTree();
  const every = Math.max(1, Math.floor(receipts / 40));
  for (let at = 0; at < receipts; at += 1) {
    const deletedMs = NOW_MS - 3 * DAY_MS - spanMs + Math.floor((at / receipts) * spanMs);
    const signing = at < receipts / 2 ? oldKey : key;
    const earlier = at > 100 && at % 50 === 0 ? deletions[at - 20] : undefined;
    const again = earlier && { ...earlier.claims, supersedes: [hashOfReceipt(earlier.jws)] };
    const claims = claimsOf(earlier ? at - 20 : at, deletedMs, again && pick(again));
    if (earlier) replaced.push(earlier);
    // The other purge has written its receipt just before, and it was overwritten.
    const twin = at > 100 && at % 70 === 5 ? deletions[at - 1] : undefined;
    const deletion = deletionOf(twin ? { ...twin.claims, salt: claims.salt } : claims, signing);
    if (twin) overwritten.push(twin);
    deletions.push(deletion);
    entries.push(deletion.entry);
    tree.append(leafHash(Buffer.from(deletion.entry)));
    if (at % every === 0) {
      checkpoints.push(signCheckpoint({ origin: originOf(TENANT), size: tree.size, root: tree.root }, signing));
    }
  }
  const latest = signCheckpoint({ origin: originOf(TENANT), size: tree.size, root: tree.root }, key);
  checkpoints.push(latest);
  const today = new Date(NOW_MS).toISOString().slice(0, 10);
  const gone = new Set([...replaced, ...overwritten]);
  const kept = deletions.filter((deletion) => deletion.claims.keptUntil >= today && !gone.has(deletion));
  const young = ['young-1', 'young-2'].map((name) => deletionOf(claimsOf(name, NOW_MS - 3_600_000), key));
  const keys = { keys: [oldKey.jwk, key.jwk] };
  const file: ProofFile = {
    version: 1,
    tenant: TENANT,
    exportedAt: new Date(NOW_MS).toISOString(),
    checkpoint: latest,
    entries,
    receipts: [...kept, ...young].map(({ jws }) => jws),
    unsigned: [],
    unreadable: [],
    keys,
  };
  return { file, checkpoints, keys, key, deletions, replaced };
}

function pick({ examId, attemptId, recordingId, supersedes = [] }: ReceiptClaims): Partial<ReceiptClaims> {
  return { examId, attemptId, recordingId, supersedes };
}
