// The bucket as the rest of the service sees it: attempts, recordings, documents.
import pMap from 'p-map';
import { type AttemptRef, attemptId, type ParticipantRef, type RandomBytes, type RecordingRef } from '../model/ids.ts';
import { memoize } from '../model/memoize.ts';
import type { RetentionPolicy } from '../model/retention.ts';
import {
  type DeleteFailure,
  type DeleteTarget,
  listAll,
  listPages,
  nextKey,
  type ObjectStore,
  type OpenUpload,
  refusalOf,
  STORE_CONCURRENCY,
  type WriteOptions,
} from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { Attempt, type RecordingState } from './attempt.ts';
import { listByCommonPrefix } from './common-listing.ts';
import { creationClaim, DeletionQueue } from './deletion-queue.ts';
import { type DocumentOf, type Manifest, type Receipt, readDocument, refOf, toBody } from './documents.ts';
import { ATTEMPTS_PREFIX, attemptPrefix, keyOf, parseKey, prefixOf, type RecordingObject } from './layout.ts';
import { eachItem, hasObjects, listTogether, type StoredItem, targetsOf } from './listing.ts';
import { isForged } from './receipt-log.ts';
import type { Signer } from './signer.ts';

export interface BucketContext {
  readonly store: ObjectStore;
  readonly policy: RetentionPolicy;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** With a signer, a receipt that was changed is read as `unreadable`. */
  readonly signer?: Signer | undefined;
}

/** Documents under a recording's prefix. */
type RecordingDocument = 'manifest' | 'deleting' | 'restricted' | 'timeline' | 'stored';
/** Objects without a body. */
type Marker = 'truncated' | 'announced' | 'ahead';
/** What to list: all attempts, those of an exam, or one. */
export type Scope = Partial<AttemptRef>;

/** A caller that deletes many keys must say what it does with a refused one. */
export type OnRefused = (failure: DeleteFailure) => void;

/** The body of a participant index entry until its creation was whole, as earlier versions wrote it. */
const BEGUN = Buffer.from('begun');

/** Whether an index entry can have a body of this size. */
export function isIndexBody(sizeBytes: number): boolean {
  return sizeBytes === 0 || sizeBytes === BEGUN.length;
}

/** The media type of an overview, which only those who know its format can read. */
export const OVERVIEW_TYPE = 'application/octet-stream';

/** What the store calls a refused deletion, in a batch or alone. */
export const DELETION = 'DeleteObject';

/**
 * Made for one request or one run: it remembers whether the bucket keeps versions. Every method throws StoreError when
 * the store fails; a read gives undefined for what is absent and `unreadable` for what cannot be parsed, or is too large.
 */
export class Bucket {
  /** For media, which have no document: uploads, ranges, tags, by `mediaKey`. */
  readonly store: ObjectStore;
  readonly queue: DeletionQueue;
  readonly #policy: RetentionPolicy;
  readonly #now: () => number;
  readonly #signer: Signer | undefined;
  readonly #versioned = memoize(() => this.store.isVersioned());

  constructor({ store, policy, now, randomBytes, signer }: BucketContext) {
    this.store = store;
    this.queue = new DeletionQueue(store, randomBytes);
    this.#policy = policy;
    this.#now = now;
    this.#signer = signer;
  }

  /** One LIST of exactly the attempt's prefix; with `everything` what a purge has to delete, older versions included. */
  async attempt(
    ref: AttemptRef,
    { everything = false, uploads = [] }: { everything?: boolean; uploads?: readonly OpenUpload[] } = {},
  ): Promise<Attempt> {
    const prefix = attemptPrefix(ref);
    if (everything && (await this.isVersioned())) {
      const items = await Array.fromAsync(eachItem(this.store, prefix, true));
      return new Attempt(this.#policy, ref, items, { uploads });
    }
    const items: StoredItem[] = [];
    let storeTimeMs = Number.NaN;
    for await (const page of listPages(this.store, prefix)) {
      items.push(...page.objects);
      storeTimeMs = page.storeTimeMs;
    }
    return new Attempt(this.#policy, ref, items, { uploads, storeTimeMs });
  }

  /** An attempt of which nothing is known: no assessment, no recording. */
  unlisted(ref: AttemptRef): Attempt {
    return new Attempt(this.#policy, ref, []);
  }

  /** What a listing of the attempt shows of one recording; undefined where it shows nothing. */
  async recording(ref: RecordingRef): Promise<RecordingState | undefined> {
    return (await this.attempt(ref)).recording(ref.recording);
  }

  /**
   * Lists many attempts with few requests. The function that it resolves with gives undefined for an attempt that must
   * be listed alone, and throws where the store is down or busy.
   */
  async listTogether(
    refs: readonly AttemptRef[],
  ): Promise<(ref: AttemptRef, uploads?: readonly OpenUpload[]) => Attempt | undefined> {
    const shared = await listTogether(this.store, ATTEMPTS_PREFIX, refs.map(attemptPrefix));
    return (ref, uploads = []) => {
      const objects = shared.objectsOf(attemptPrefix(ref));
      return objects && new Attempt(this.#policy, ref, objects, { uploads });
    };
  }

  /**
   * Lists attempts as `attempt` does with `everything`, each once, and none before the first call of the function that it
   * gives. Close neighbours share requests, unless the bucket keeps versions.
   */
  listExactly(refs: readonly AttemptRef[]): (ref: AttemptRef) => Promise<Attempt> {
    const share = memoize(async () =>
      listByCommonPrefix(this.store, (await this.isVersioned()) ? [] : refs.map(attemptPrefix)),
    );
    const listings = new Map<string, Promise<Attempt>>();
    const listOnce = async (ref: AttemptRef) => {
      const objects = (await share()).objectsOf(attemptPrefix(ref));
      return objects ? new Attempt(this.#policy, ref, objects) : this.attempt(ref, { everything: true });
    };
    return (ref) => {
      const listing = listings.get(attemptId(ref)) ?? listOnce(ref);
      listings.set(attemptId(ref), listing);
      return listing;
    };
  }

  /** Many attempts with as few requests as their closeness allows. */
  async attempts(refs: readonly AttemptRef[]): Promise<Attempt[]> {
    const together = await this.listTogether(refs);
    return pMap(refs, (ref) => together(ref) ?? this.attempt(ref), { concurrency: STORE_CONCURRENCY });
  }

  /** Attempts in the order of their keys, one in memory at a time; from `from` on, where it is given. */
  async *attemptsIn(
    { tenant, exam, attempt }: Scope,
    options: {
      from?: AttemptRef | undefined;
      versions?: boolean;
      onUnknownKey?: (key: string) => Promise<void> | void;
    } = {},
  ): AsyncGenerator<Attempt, void, undefined> {
    const prefix = prefixOf('recording', { tenant, exam, attempt });
    const items = options.versions
      ? eachItem(this.store, prefix, true)
      : listAll(this.store, prefix, options.from && attemptPrefix(options.from));
    let ref: AttemptRef | undefined;
    let own: StoredItem[] = [];
    for await (const item of items) {
      const parsed = parseKey(item.key);
      if (parsed?.type !== 'recording' && parsed?.type !== 'assessed' && parsed?.type !== 'assessing') {
        await options.onUnknownKey?.(item.key);
        continue;
      }
      if (ref && attemptPrefix(ref) !== attemptPrefix(parsed.ref)) {
        yield new Attempt(this.#policy, ref, own);
        own = [];
      }
      ref = parsed.ref;
      own.push(item);
    }
    if (ref) yield new Attempt(this.#policy, ref, own);
  }

  /** Whether anything is stored under a recording's prefix, by a listing of it. */
  hasRecording(ref: RecordingRef): Promise<boolean> {
    return hasObjects(this.store, prefixOf('recording', ref));
  }

  // What reports call things.

  recordingName(ref: RecordingRef): string {
    return prefixOf('recording', ref);
  }

  participantName(participant: string, ref: RecordingRef): string {
    return keyOf('participant', { ...ref, participant });
  }

  attemptName(ref: AttemptRef): string {
    return attemptPrefix(ref);
  }

  /** For the store and the presigner, and for reports. */
  mediaKey(ref: RecordingRef): string {
    return keyOf('recording', { ...ref, object: 'media' });
  }

  /** As `mediaKey`. */
  overviewKey(ref: RecordingRef): string {
    return keyOf('recording', { ...ref, object: 'overview' });
  }

  // Documents

  read<K extends RecordingDocument>(ref: RecordingRef, kind: K): Promise<DocumentOf<K> | 'unreadable' | undefined> {
    return readDocument(this.store, keyOf('recording', { ...ref, object: kind }), kind, ref);
  }

  async write<K extends RecordingDocument>(ref: RecordingRef, kind: K, document: DocumentOf<K>): Promise<void> {
    await this.store.put(keyOf('recording', { ...ref, object: kind }), toBody(document));
  }

  /** Bytes of the format of `mistakesInOverview`. */
  async putOverview(ref: RecordingRef, overview: Uint8Array): Promise<void> {
    await this.store.put(this.overviewKey(ref), overview, { contentType: OVERVIEW_TYPE });
  }

  /** What can be read of a manifest is final: it is written once, and no write of it comes later. @throws StoreError */
  async putManifest(ref: RecordingRef, manifest: Manifest): Promise<void> {
    await this.store.put(keyOf('recording', { ...ref, object: 'manifest' }), toBody(manifest), { once: true });
  }

  async mark(ref: RecordingRef, marker: Marker): Promise<void> {
    await this.store.put(keyOf('recording', { ...ref, object: marker }), new Uint8Array());
  }

  async putAssessment(ref: AttemptRef, completedAtMs: number): Promise<void> {
    await this.store.put(keyOf('assessed', { ...ref, timeMs: completedAtMs }), new Uint8Array());
  }

  /** The deadline of a recording; of one that is being deleted that of its intent, which is read. @throws StoreError */
  async deadlineMs(attempt: Attempt, { ref, objects }: RecordingState): Promise<number> {
    const intent = objects.deleting && (await this.read(ref, 'deleting'));
    return attempt.deadlineOfDeletion(ref, intent && intent !== 'unreadable' ? intent.deadline : undefined);
  }

  async readReceipt(ref: RecordingRef): Promise<Receipt | 'unreadable' | undefined> {
    const receipt = await readDocument(this.store, keyOf('receipt', ref), 'receipt', ref);
    if (receipt === undefined || receipt === 'unreadable') return receipt;
    return (await isForged(this.#signer, receipt)) ? 'unreadable' : receipt;
  }

  async putReceipt(receipt: Receipt): Promise<void> {
    await this.store.put(keyOf('receipt', refOf(receipt)), toBody(receipt));
  }

  // The participant index

  /** Leads from a participant to a recording. Its creation writes it before the manifest. */
  async putParticipant(participant: string, ref: RecordingRef, options?: Pick<WriteOptions, 'once'>): Promise<void> {
    await this.store.put(keyOf('participant', { ...ref, participant }), new Uint8Array(), options);
  }

  /** How old the index entry is that leads from a participant to a recording, by the store's clock; undefined: there is none. */
  async participantEntryAgeMs(participant: string, ref: RecordingRef): Promise<number | undefined> {
    const key = keyOf('participant', { ...ref, participant });
    const { objects, storeTimeMs } = await this.store.list(key, { limit: 1 });
    const [object] = objects;
    return object?.key === key ? storeTimeMs - object.lastModifiedMs : undefined;
  }

  removeParticipant(participant: string, ref: RecordingRef): Promise<void> {
    return this.removeKey(keyOf('participant', { ...ref, participant }));
  }

  /**
   * The recordings of a participant in the order of their keys (exam, attempt, creation), a page at a time. Those that are
   * deleted meanwhile are skipped; those that are added may be.
   */
  async *recordingsOf(
    { tenant, participant }: ParticipantRef,
    { after, limit }: { after?: RecordingRef | undefined; limit?: number } = {},
  ): AsyncGenerator<RecordingRef[], void, undefined> {
    const prefix = prefixOf('participant', { tenant, participant });
    let startAfter = after && keyOf('participant', { ...after, participant });
    do {
      const page = await this.store.list(prefix, { startAfter, ...(limit !== undefined && { limit }) });
      const parsed = page.objects.map(({ key }) => parseKey(key));
      yield parsed.flatMap((entry) => (entry?.type === 'participant' ? [entry.ref] : []));
      startAfter = nextKey(page);
    } while (startAfter !== undefined);
  }

  // Deletion

  /** Whether the bucket keeps versions; one request, however often it is called. */
  isVersioned(): Promise<boolean> {
    return this.#versioned();
  }

  /** Deletes objects of a recording permanently, versions included. @throws StoreError also when a key is refused */
  remove(ref: RecordingRef, ...objects: readonly RecordingObject[]): Promise<void> {
    return this.#remove(objects.map((object) => keyOf('recording', { ...ref, object })));
  }

  /** `remove` of what a writer wrote too late. When the store fails, a queue entry leads the next sweep to it. */
  async withdraw(ref: RecordingRef, ...objects: readonly RecordingObject[]): Promise<void> {
    try {
      await this.remove(ref, ...objects);
    } catch (error) {
      await this.queue.enqueue(ref, this.#now()).catch(() => {});
      throw error;
    }
  }

  /** Deletes a key permanently. @throws StoreError also when it is refused */
  removeKey(key: string): Promise<void> {
    return this.#remove([key]);
  }

  async #remove(keys: readonly string[]): Promise<void> {
    const refused: DeleteFailure[] = [];
    await this.removeKeys(keys, (failure) => void refused.push(failure));
    if (refused[0]) throw refusalOf(refused[0]);
  }

  /** Deletes keys permanently, versions included. One refused key stops no other: `onRefused` gets each. */
  async removeKeys(keys: readonly string[], onRefused: OnRefused): Promise<void> {
    const targets = await pMap(keys, (key) => this.#targetsOf(key), { concurrency: STORE_CONCURRENCY });
    await this.removeTargets(targets.flat(), onRefused);
  }

  /** Deletes exactly these objects or versions, as `removeKeys` does. */
  async removeTargets(targets: readonly DeleteTarget[], onRefused: OnRefused): Promise<void> {
    for (const failure of await this.store.delete(targets.map(({ key, versionId }) => ({ key, versionId })))) {
      onRefused(failure);
    }
  }

  /** What deletes the index entry of a recording's participant. */
  participantTargets(participant: string, ref: RecordingRef): Promise<DeleteTarget[]> {
    return this.#targetsOf(keyOf('participant', { ...ref, participant }));
  }

  /** What deletes the claim of a recording's creation. */
  claimTargets(participant: string, ref: RecordingRef): Promise<DeleteTarget[]> {
    return this.#targetsOf(creationClaim(ref, participant));
  }

  /**
   * Deletes entries of the deletion queue that lead to nothing: their request wrote nothing else, or took it back. A sweep
   * deletes those for which the store fails.
   */
  async takeBackEntries(keys: readonly string[]): Promise<void> {
    try {
      if (keys.length > 0) await this.removeKeys(keys, () => {});
    } catch (error) {
      if (!isStoreError(error)) throw error;
    }
  }

  async #targetsOf(key: string): Promise<DeleteTarget[]> {
    return targetsOf(this.store, key, await this.isVersioned());
  }
}
