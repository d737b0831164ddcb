// The log of receipts, one for each tenant: an append-only Merkle tree that each sweep lets grow by what was submitted.
import { isDeepStrictEqual } from 'node:util';
import {
  type Edge,
  entryBytes,
  entryOfReceipt,
  formatEntry,
  fromBase64,
  GrowingTree,
  HASH_BYTES,
  isSameHash,
  type LogEntry,
  leafHash,
  originOf,
  parseEntry,
  type ReadTile,
  TILE_WIDTH,
  type Tile,
  toBase64,
} from '@proctoring-recordings/receipt-verifier';
import { pMapIterable } from 'p-map';
import { z } from 'zod';
import { DAY_MS, HOUR_MS } from '../model/durations.ts';
import { newUniqueName, type RandomBytes } from '../model/ids.ts';
import { type ListedObject, listAll, listPages, type ObjectStore } from '../objectstore/object-store.ts';
import { parseDocument, parseJson, type Receipt, readAs, toBody } from './documents.ts';
import { keyOf, LOG_QUEUE_PREFIX, MAX_KEY_BYTES, MAX_LOG_SIZE, parseKey, prefixOf } from './layout.ts';
import type { Signer } from './signer.ts';

const entryText = z.string().refine((text) => parseEntry(text) !== undefined);
/** Entries of a submission, which stays under a megabyte. */
const MAX_SUBMITTED = 10_000;
/** More submissions than a head ever names. */
const MAX_INCLUDED = 50_000;
const MAX_LEVELS = 5;
const MAX_LISTINGS = 3;
/** Read at once: together some hundred KiB. */
const BUNDLES = { concurrency: 8 };

const submission = z.object({
  version: z.literal(1),
  tenantId: z.string(),
  entries: z.array(entryText).max(MAX_SUBMITTED),
});

const hash = z
  .string()
  .regex(/^[A-Za-z0-9+/]{43}=$/)
  .transform(fromBase64);

const head = z.object({
  version: z.literal(1),
  /** The signed note. */
  checkpoint: z.string().max(16_384),
  /** The last submission that is in the log: the log goes on with the next one, by the store's date and then by its key. */
  position: z.object({ storedAtMs: z.number().int(), key: z.string().max(MAX_KEY_BYTES) }),
  /** Keys of submissions that are in the log, and were still listed when this was written. */
  included: z.array(z.string().max(MAX_KEY_BYTES)).max(MAX_INCLUDED),
  /** The entries after the last whole tile. */
  entries: z.array(entryText).max(TILE_WIDTH - 1),
  /** Of each level above them the hashes after the last whole tile. */
  edge: z.array(z.array(hash).max(TILE_WIDTH - 1)).max(MAX_LEVELS),
});

export type Head = z.output<typeof head> & { readonly size: number };

export interface StoredHead {
  readonly key: string;
  readonly storedAtMs: number;
  readonly head: Head;
  /** Heads that this one has replaced. */
  readonly older: readonly ListedObject[];
}

export type ListedHead = Pick<ListedObject, 'key' | 'lastModifiedMs'> & { readonly size: number };

/** `unreadable`: torn, or not what a key has signed. `unknown-key`: it is signed by a key that this process does not have. */
export type HeadProblem = 'unreadable' | 'unknown-key';

export type SubmissionProblem = 'missing' | 'forged' | 'expired' | 'unknown-key';

/** A submission, as it is listed. */
export interface Submission extends ListedObject {
  readonly tenant: string;
}

/** What the log says for a signed receipt; undefined of one without a signature. */
export function entryOf({ jws, keptUntil, ...receipt }: Receipt): LogEntry | undefined {
  return jws === undefined || keptUntil === undefined ? undefined : entryOfReceipt(jws, { ...receipt, keptUntil });
}

export interface SubmitContext {
  readonly store: ObjectStore;
  readonly signer: Signer;
  readonly randomBytes: RandomBytes;
  readonly now: () => number;
}

/**
 * Submits receipts to the log of their tenant, in one signed object for each ten thousand. The signature keeps everyone
 * without the key from adding to the log. Safe to repeat: a receipt that is submitted twice has two equal entries. One that
 * has expired is left out: a purge of what came back found it just before it was deleted, and no sweep would log it.
 * @throws StoreError
 */
export async function submitReceipts(
  { store, signer, randomBytes, now }: SubmitContext,
  tenant: string,
  receipts: readonly Receipt[],
): Promise<void> {
  const entries = receipts
    .flatMap((receipt) => entryOf(receipt) ?? [])
    .map(formatEntry)
    .filter((text) => !hadExpired(text, now() + HOUR_MS));
  while (entries.length > 0) {
    const document = { version: 1, tenantId: tenant, entries: entries.splice(0, MAX_SUBMITTED) };
    const jws = await signer.sign('submission', toBody(document));
    await store.put(keyOf('log-queue', { tenant, unique: newUniqueName(randomBytes) }), Buffer.from(jws));
  }
}

/** All submissions, a tenant's together, each with the store's time when it was listed. @throws StoreError */
export async function* listSubmissions(
  store: ObjectStore,
  onUnknownKey: (key: string) => void,
): AsyncGenerator<{ tenant: string; submissions: readonly Submission[]; storeTimeMs: number }, void, undefined> {
  let own: Submission[] = [];
  // The earliest page counts: what it shows is complete up to its time.
  let timeMs = Number.NaN;
  for await (const { objects, storeTimeMs } of listPages(store, LOG_QUEUE_PREFIX)) {
    if (own.length === 0) timeMs = storeTimeMs;
    for (const object of objects) {
      const parsed = parseKey(object.key);
      if (parsed?.type !== 'log-queue') {
        onUnknownKey(object.key);
        continue;
      }
      const [first] = own;
      if (first && first.tenant !== parsed.tenant) {
        yield { tenant: first.tenant, submissions: own, storeTimeMs: timeMs };
        own = [];
        timeMs = storeTimeMs;
      }
      own.push({ ...object, tenant: parsed.tenant });
    }
  }
  const [first] = own;
  if (first) yield { tenant: first.tenant, submissions: own, storeTimeMs: timeMs };
}

/**
 * The log of one tenant. Every method throws StoreError when the store fails. With a signer, a head whose checkpoint none of
 * its keys has signed, or does not belong to it, is unreadable: what is built upon a head must be what was signed.
 */
export class ReceiptLog {
  readonly #store: ObjectStore;
  readonly #tenant: string;
  readonly #signer: Signer | undefined;

  constructor(store: ObjectStore, tenant: string, signer?: Signer) {
    this.#store = store;
    this.#tenant = tenant;
    this.#signer = signer;
  }

  /** What reports call it. */
  get name(): string {
    return prefixOf('log-head', { tenant: this.#tenant });
  }

  /** The latest head: a LIST and a GET. Undefined: the log has no entry. */
  async head(attempt = 1): Promise<StoredHead | HeadProblem | undefined> {
    // The latest is listed first.
    const { objects } = await this.#store.list(prefixOf('log-head', { tenant: this.#tenant }));
    const heads = objects.flatMap((object) => {
      const parsed = parseKey(object.key);
      return parsed?.type === 'log-head' ? [{ ...object, size: parsed.size }] : [];
    });
    const [latest, ...older] = heads;
    if (!latest) return undefined;
    const read = await this.readHead(latest);
    // A later one has replaced it since it was listed.
    if (!read && attempt < MAX_LISTINGS) return this.head(attempt + 1);
    if (!read || typeof read === 'string') return read ?? 'unreadable';
    return { key: latest.key, storedAtMs: latest.lastModifiedMs, head: read, older };
  }

  /** One of the heads, as it is listed. Undefined: it was removed. */
  async readHead({ key, size, lastModifiedMs }: ListedHead): Promise<Head | HeadProblem | undefined> {
    const read = await readAs(this.#store, key, (body) => {
      const document = parseJson(head as unknown as z.ZodType<z.output<typeof head>>, body);
      // The edge must be that of a tree of this size.
      return document && isEdgeOf(size, document.entries.length, document.edge) ? { ...document, size } : undefined;
    });
    if (!read || read === 'unreadable') return read;
    const state = await this.#stateOf(read);
    if (state !== 'true') return state;
    // Its submissions were there before it. The position is not signed, and one to come would keep all others out.
    return read.position.storedAtMs > lastModifiedMs ? 'unreadable' : read;
  }

  /**
   * What a submission brings: the entries that had not expired at its date. That is the store's, so every sweep takes the
   * same. `missing`: it is in the log, and was removed. `expired`: it was there before, and somebody has put it back.
   * @throws StoreError
   */
  async readSubmission(
    signer: Signer,
    { key, lastModifiedMs }: Pick<ListedObject, 'key' | 'lastModifiedMs'>,
  ): Promise<readonly string[] | SubmissionProblem> {
    const jws = await readAs(this.#store, key, (body) => Buffer.from(body).toString('latin1'));
    if (jws === undefined) return 'missing';
    const opened = jws === 'unreadable' ? 'forged' : await signer.open('submission', jws);
    if (opened === 'forged' || opened === 'unknown-key') return opened;
    const document = parseJson(submission, opened);
    if (document?.tenantId !== this.#tenant) return 'forged';
    const entries = document.entries.filter((text) => !hadExpired(text, lastModifiedMs));
    return entries.length > 0 ? entries : 'expired';
  }

  /** Submits again what came too late to be in its place. @throws StoreError */
  async resubmit(key: string, randomBytes: RandomBytes): Promise<void> {
    const body = await this.#store.get(key);
    if (body)
      await this.#store.put(keyOf('log-queue', { tenant: this.#tenant, unique: newUniqueName(randomBytes) }), body);
  }

  async putTile({ level, index, hashes }: Tile): Promise<void> {
    const body = new Uint8Array(hashes.length * HASH_BYTES);
    for (const [at, one] of hashes.entries()) body.set(one, at * HASH_BYTES);
    await this.#store.put(keyOf('log-tile', { tenant: this.#tenant, level, index }), body);
  }

  /** A whole bundle of entries, each behind its length in two bytes (C2SP tlog-tiles). */
  async putEntries(index: number, entries: readonly string[]): Promise<void> {
    const parts = entries.flatMap((text) => {
      const bytes = Buffer.from(text);
      return [Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes];
    });
    await this.#store.put(keyOf('log-entries', { tenant: this.#tenant, index }), Buffer.concat(parts));
  }

  /** Heads are written once, and the largest counts: a slow writer of a smaller one changes nothing. */
  async putHead(
    tree: GrowingTree,
    { entries, ...rest }: Pick<Head, 'entries' | 'position' | 'included' | 'checkpoint'>,
  ): Promise<void> {
    const edge = tree.edge.slice(1).map((hashes) => hashes.map(toBase64));
    const key = keyOf('log-head', { tenant: this.#tenant, size: tree.size });
    await this.#store.put(key, toBody({ version: 1, ...rest, entries, edge }));
  }

  /** Every entry up to a head, in order, by bundles: a GET each. Ends before a bundle that is missing or damaged. */
  async *bundles({
    size,
    entries,
  }: Pick<Head, 'size' | 'entries'>): AsyncGenerator<readonly string[], void, undefined> {
    const places = Array.from({ length: Math.floor(size / TILE_WIDTH) }, (_, index) => index);
    for await (const bundle of pMapIterable(places, (index) => this.readEntries(index), BUNDLES)) {
      if (!bundle) return;
      yield bundle;
    }
    if (entries.length > 0) yield entries;
  }

  /** A whole bundle; undefined where it is missing or damaged. */
  async readEntries(index: number): Promise<readonly string[] | undefined> {
    const key = keyOf('log-entries', { tenant: this.#tenant, index });
    const entries = await readAs(this.#store, key, parseBundle);
    return entries === 'unreadable' || entries?.length !== TILE_WIDTH ? undefined : entries;
  }

  /** The tiles of a head, for proofs. @throws RangeError where one is missing or damaged */
  tilesOf({ size, entries, edge }: Head): ReadTile {
    const cache = new Map<string, Promise<readonly Uint8Array[]>>();
    const right = edgeOf({ entries, edge });
    return (level, index) => {
      const isWhole = (index + 1) * TILE_WIDTH ** (level + 1) <= size;
      if (!isWhole) return Promise.resolve(right[level] ?? []);
      const name = `${level}/${index}`;
      const tile = cache.get(name) ?? this.readTile(level, index);
      cache.set(name, tile);
      return tile;
    };
  }

  /** A whole tile. @throws RangeError where it is missing or damaged */
  async readTile(level: number, index: number): Promise<readonly Uint8Array[]> {
    const body = await this.#store.get(keyOf('log-tile', { tenant: this.#tenant, level, index }));
    if (body?.length !== TILE_WIDTH * HASH_BYTES) throw new RangeError(`tile ${level}/${index} is not whole`);
    return Array.from({ length: TILE_WIDTH }, (_, at) => body.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES));
  }

  /**
   * Where an entry is, searched from the end; undefined: it is not in the log of this head. A GET for each 256 entries, and a
   * few more.
   * @throws RangeError where some on the way are missing or damaged
   */
  async indexOf(entry: LogEntry, { size, entries }: Pick<Head, 'size' | 'entries'>): Promise<number | undefined> {
    const text = formatEntry(entry);
    const within = entries.indexOf(text);
    if (within >= 0) return size - entries.length + within;
    for await (const { index, bundle } of this.bundlesFromEnd(size)) {
      if (!bundle) throw new RangeError(`bundle ${index} is not whole`);
      const place = bundle.indexOf(text);
      if (place >= 0) return index * TILE_WIDTH + place;
    }
    return undefined;
  }

  /** The whole bundles of a log of that size, the last one first. `bundle` is undefined where it is missing or damaged. */
  bundlesFromEnd(size: number): AsyncIterable<{ index: number; bundle: readonly string[] | undefined }> {
    const count = Math.floor(size / TILE_WIDTH);
    const places = Array.from({ length: count }, (_, before) => count - 1 - before);
    return pMapIterable(places, async (index) => ({ index, bundle: await this.readEntries(index) }), BUNDLES);
  }

  async #stateOf(head: Head): Promise<'true' | HeadProblem> {
    if (!this.#signer) return 'true';
    const signed = await this.#signer.openCheckpoint(head.checkpoint, originOf(this.#tenant));
    if (signed === 'unknown-key') return signed;
    if (signed === 'forged' || signed.size !== head.size) return 'unreadable';
    return isSameHash(signed.root, new GrowingTree(head.size, edgeOf(head)).root) ? 'true' : 'unreadable';
  }
}

/** Compares the members of a receipt with the claims that its signature covers. */
export async function agreesWithItsSignature(
  signer: Signer,
  { jws = '', ...receipt }: Receipt,
): Promise<'yes' | 'forged' | 'unknown-key'> {
  const signed = await signer.open('receipt', jws);
  if (signed === 'forged' || signed === 'unknown-key') return signed;
  return isDeepStrictEqual(parseDocument('receipt', signed), receipt) ? 'yes' : 'forged';
}

/** Whether a signed receipt was changed. False without a signature, without a signer, and where the key is unknown. */
export async function isForged(signer: Signer | undefined, receipt: Receipt): Promise<boolean> {
  return (
    signer !== undefined && receipt.jws !== undefined && (await agreesWithItsSignature(signer, receipt)) === 'forged'
  );
}

/** Whether a receipt proves a deletion to the service: with a signer only a signed one does, because others can write here too. */
export async function isProof(
  signer: Signer | undefined,
  receipt: Receipt | 'unreadable' | undefined,
): Promise<boolean> {
  if (!receipt || receipt === 'unreadable') return false;
  return !signer || (await agreesWithItsSignature(signer, receipt)) === 'yes';
}

/** The right edge of the tree of a head, from the hashes of its entries upwards. */
export function edgeOf({ entries, edge }: Pick<Head, 'entries' | 'edge'>): Edge {
  return [entries.map(leafOf), ...edge];
}

/** Whether the receipt of an entry was no longer kept. Receipts may be kept for less than a day, and clocks differ: a day more. */
function hadExpired(text: string, atMs: number): boolean {
  const entry = parseEntry(text);
  return entry !== undefined && Date.parse(entry.keptUntil) + 2 * DAY_MS <= atMs;
}

/** The hash of an entry. */
export function leafOf(text: string): Uint8Array {
  const entry = parseEntry(text);
  return leafHash(entry ? entryBytes(entry) : Buffer.from(text));
}

/** All submissions of a tenant. @throws StoreError */
export function submissionsOf(store: ObjectStore, tenant: string): AsyncGenerator<ListedObject, void, undefined> {
  return listAll(store, prefixOf('log-queue', { tenant }));
}

function isEdgeOf(size: number, entries: number, edge: Head['edge']): boolean {
  const counts = [entries, ...edge.map(({ length }) => length)];
  const total = counts.reduce((sum, count, level) => sum + count * TILE_WIDTH ** level, 0);
  return total === size && size <= MAX_LOG_SIZE;
}

/** Undefined for what is no bundle of entries. */
function parseBundle(body: Uint8Array): string[] | undefined {
  const entries: string[] = [];
  for (let at = 0; at < body.length; ) {
    const length = ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0);
    const text = Buffer.from(body.subarray(at + 2, at + 2 + length)).toString('latin1');
    if (text.length !== length || !parseEntry(text)) return undefined;
    entries.push(text);
    at += 2 + length;
  }
  return entries;
}

/** The latest checkpoint, as a signed note; null without one, and where the head cannot be verified. */
export function checkpointOf(stored: StoredHead | HeadProblem | undefined): string | null {
  return stored === undefined || typeof stored === 'string' ? null : stored.head.checkpoint;
}
