// The bucket as the rest of the service sees it: attempts, recordings, documents. It alone turns them into keys.
import pMap from 'p-map';
import type { AttemptRef, ParticipantRef, RandomBytes, RecordingRef } from '../model/ids.ts';
import type { StoredPart } from '../model/parts.ts';
import type { RetentionPolicy } from '../model/retention.ts';
import { endUpload } from '../objectstore/end-upload.ts';
import { isDispensable } from '../objectstore/needs.ts';
import {
  type DeleteFailure,
  type DeleteTarget,
  type ListedObject,
  listAll,
  listAllMultipartUploads,
  type ObjectStore,
  type OpenUpload,
  type PutOptions,
  STORE_CONCURRENCY,
  type UploadedPart,
  type UploadPage,
} from '../objectstore/object-store.ts';
import { StoreError } from '../objectstore/store-error.ts';
import { listsUploadsByFolder } from '../objectstore/upload-listing.ts';
import { Attempt, type RecordingState } from './attempt.ts';
import { DeletionQueue } from './deletion-queue.ts';
import { type DocumentOf, type Manifest, parseDocument, type Receipt, refOf, toBody } from './documents.ts';
import {
  ATTEMPTS_PREFIX,
  assessedKey,
  attemptPrefix,
  DOCTOR_PREFIX,
  examPrefix,
  type ParsedKey,
  parseKey,
  participantKey,
  participantPrefix,
  type RecordingObject,
  ROOTS,
  receiptKey,
  recordingKey,
  recordingPrefix,
} from './layout.ts';
import {
  eachItem,
  existenceInOrder,
  hasObject,
  hasObjects,
  listTogether,
  type StoredItem,
  targetsOf,
  toItem,
} from './listing.ts';
import { hashOf } from './receipts.ts';

export interface BucketContext {
  readonly store: ObjectStore;
  readonly policy: RetentionPolicy;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
}

/** Documents under a recording's prefix. */
type RecordingDocument = 'manifest' | 'deleting' | 'restricted' | 'timeline' | 'stored';
/** Objects that say all by being there. */
type Marker = 'truncated' | 'announced';
/** Recordings under which to list: all, those of an exam, or of an attempt. */
export type Scope = Record<string, never> | { readonly tenant: string; readonly exam: string } | AttemptRef;

/** Sorts after every key of a folder. */
const LAST_CHARACTER = '\u{10ffff}';

/** The folders of the bucket. */
export type Folder = 'attempts' | 'audit' | 'due' | 'outbox' | 'participants' | 'receipts';

/** `parsed` is undefined of a key that this service cannot have made. */
export interface FolderKey extends ListedObject {
  readonly parsed: ParsedKey | undefined;
}

export interface StoredReceipt {
  readonly receipt: Receipt;
  readonly hash: string;
}

/** What the store calls a refused deletion, in a batch or alone. */
export const DELETION = 'DeleteObject';

/**
 * Made for one request or one run: it remembers whether the bucket keeps versions. Every method throws StoreError when
 * the store fails; a read gives undefined for what is absent and `unreadable` for what cannot be parsed.
 */
export class Bucket {
  readonly queue: DeletionQueue;
  readonly #context: BucketContext;
  #versioned: Promise<boolean> | undefined;

  constructor(context: BucketContext) {
    this.#context = context;
    this.queue = new DeletionQueue(context.store, context.randomBytes);
  }

  get #store(): ObjectStore {
    return this.#context.store;
  }

  /** One LIST of exactly the attempt's prefix; with `everything` what a purge has to delete, older versions included. */
  async attempt(
    ref: AttemptRef,
    { everything = false, uploads }: { everything?: boolean; uploads?: readonly OpenUpload[] | undefined } = {},
  ): Promise<Attempt> {
    const prefix = attemptPrefix(ref);
    let storeTimeMs = Number.NaN;
    const onPage = (page: { storeTimeMs: number }) => {
      storeTimeMs = page.storeTimeMs;
    };
    const items =
      everything && (await this.isVersioned())
        ? await Array.fromAsync(eachItem(this.#store, prefix, true))
        : (await Array.fromAsync(listAll(this.#store, prefix, undefined, onPage))).map(toItem);
    return new Attempt(this.#context.policy, ref, items, { storeTimeMs, ...(uploads && { uploads }) });
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
    const shared = await listTogether(this.#store, ATTEMPTS_PREFIX, refs.map(attemptPrefix));
    return (ref, uploads = []) => {
      const objects = shared.objectsOf(attemptPrefix(ref));
      return objects && new Attempt(this.#context.policy, ref, objects.map(toItem), { uploads });
    };
  }

  /** Many attempts with as few requests as their closeness allows. */
  async attempts(refs: readonly AttemptRef[]): Promise<Attempt[]> {
    const together = await this.listTogether(refs);
    return pMap(refs, (ref) => together(ref) ?? this.attempt(ref), { concurrency: STORE_CONCURRENCY });
  }

  /** Attempts in the order of their keys, one in memory at a time; from `from` on, where it is given. */
  async *attemptsIn(
    scope: Scope,
    options: {
      from?: AttemptRef | undefined;
      versions?: boolean;
      onUnknownKey?: (key: string) => Promise<void> | void;
    } = {},
  ): AsyncGenerator<Attempt, void, undefined> {
    const prefix = scopePrefix(scope);
    const start = options.from && attemptPrefix(options.from);
    const items = options.versions
      ? eachItem(this.#store, prefix, true)
      : mapAsync(listAll(this.#store, prefix, start), toItem);
    let ref: AttemptRef | undefined;
    let own: StoredItem[] = [];
    for await (const item of items) {
      const parsed = parseKey(item.key);
      if (parsed?.type !== 'recording' && parsed?.type !== 'assessed') {
        await options.onUnknownKey?.(item.key);
        continue;
      }
      if (ref && attemptPrefix(ref) !== attemptPrefix(parsed.ref)) {
        yield new Attempt(this.#context.policy, ref, own);
        own = [];
      }
      const { tenant, exam, attempt } = parsed.ref;
      ref = { tenant, exam, attempt };
      own.push(item);
    }
    if (ref) yield new Attempt(this.#context.policy, ref, own);
  }

  /** How reports name an attempt or a recording. */
  prefixOf(ref: AttemptRef | RecordingRef): string {
    return 'recording' in ref ? recordingPrefix(ref) : attemptPrefix(ref);
  }

  /** Whether anything is stored under a recording's prefix, by a listing of it. */
  hasRecording(ref: RecordingRef): Promise<boolean> {
    return hasObjects(this.#store, recordingPrefix(ref));
  }

  /** Every key of a folder with its meaning, page by page. */
  async *keysIn(folder: Folder, after?: string): AsyncGenerator<FolderKey, void, undefined> {
    for await (const object of listAll(this.#store, `${folder}/`, after)) yield toFolderKey(object);
  }

  /** One LIST of a folder. */
  async keyPage(
    folder: Folder,
    { after, limit }: { after?: string | undefined; limit?: number },
  ): Promise<{ readonly keys: readonly FolderKey[]; readonly next: string | undefined }> {
    const options = { startAfter: after, ...(limit !== undefined && { limit }) };
    const { objects, truncated } = await this.#store.list(`${folder}/`, options);
    return { keys: objects.map(toFolderKey), next: truncated ? objects.at(-1)?.key : undefined };
  }

  /** Keys outside of every folder of the service, found by skipping the folders. */
  async *otherKeys(): AsyncGenerator<ListedObject, void, undefined> {
    let after: string | undefined;
    for (;;) {
      const { objects } = await this.#store.list('', { startAfter: after });
      if (objects.length === 0) return;
      for (const object of objects) {
        const root = ROOTS.find((prefix) => object.key.startsWith(prefix));
        after = root ? root + LAST_CHARACTER : object.key;
        if (root) break;
        yield object;
      }
    }
  }

  /** Whether a key is of the scratch folder, with which the store is tried. */
  isScratch(key: string): boolean {
    return key.startsWith(DOCTOR_PREFIX);
  }

  async endScratchUpload(key: string, uploadId: string): Promise<void> {
    if (this.isScratch(key)) await endUpload(this.#store, key, uploadId);
  }

  /** Whether exactly this key is listed. */
  hasKey(key: string): Promise<boolean> {
    return hasObject(this.#store, key);
  }

  /** As `hasRecording`, for recordings in the order of their keys: a page of `attempts/` answers for all that it spans. */
  hasRecordingInOrder(): (ref: RecordingRef) => Promise<boolean> {
    const exists = existenceInOrder(this.#store, ATTEMPTS_PREFIX);
    return (ref) => exists(recordingPrefix(ref));
  }

  /** The recording of a receipt's key; undefined of any other key. */
  receiptRef(key: string): RecordingRef | undefined {
    const parsed = parseKey(key);
    return parsed?.type === 'receipt' ? parsed.ref : undefined;
  }

  // Documents

  async read<K extends RecordingDocument>(
    ref: RecordingRef,
    kind: K,
  ): Promise<DocumentOf<K> | 'unreadable' | undefined> {
    const body = await this.#store.get(recordingKey(ref, kind));
    return body && (parseDocument(kind, body, ref) ?? 'unreadable');
  }

  async write<K extends RecordingDocument>(ref: RecordingRef, kind: K, document: DocumentOf<K>): Promise<void> {
    await this.#store.put(recordingKey(ref, kind), toBody(document));
  }

  async mark(ref: RecordingRef, marker: Marker): Promise<void> {
    await this.#store.put(recordingKey(ref, marker), new Uint8Array());
  }

  async putAssessment(ref: AttemptRef, completedAtMs: number): Promise<void> {
    await this.#store.put(assessedKey(ref, completedAtMs), new Uint8Array());
  }

  async readReceipt(ref: RecordingRef): Promise<Receipt | 'unreadable' | undefined> {
    const stored = await this.readStoredReceipt(ref);
    return stored === 'unreadable' ? stored : stored?.receipt;
  }

  /** A receipt with the hash of its bytes, by which the next one in its run is chained to it. */
  async readStoredReceipt(ref: RecordingRef): Promise<StoredReceipt | 'unreadable' | undefined> {
    const body = await this.#store.get(receiptKey(ref));
    const receipt = body && parseDocument('receipt', body, ref);
    return body && (receipt ? { receipt, hash: hashOf(body) } : 'unreadable');
  }

  async putReceipt(receipt: Receipt): Promise<void> {
    await this.#store.put(receiptKey(refOf(receipt)), toBody(receipt));
  }

  // The participant index

  async putParticipant(participant: string, ref: RecordingRef): Promise<void> {
    await this.#store.put(participantKey(participant, ref), new Uint8Array());
  }

  /** How reports name an index entry. */
  participantKey(participant: string, ref: RecordingRef): string {
    return participantKey(participant, ref);
  }

  /** The index entry that leads from a recording's participant to it; undefined where there is none. */
  async participantEntry({ participantId }: Manifest, ref: RecordingRef): Promise<ListedObject | undefined> {
    const key = participantKey(participantId, ref);
    const [object] = (await this.#store.list(key, { limit: 1 })).objects;
    return object?.key === key ? object : undefined;
  }

  removeParticipant(participant: string, ref: RecordingRef): Promise<void> {
    return this.removeKey(participantKey(participant, ref));
  }

  /**
   * The recordings of a participant in the order of their keys (exam, attempt, creation), a page at a time. Those that are
   * deleted meanwhile are skipped; those that are added may be.
   */
  async *recordingsOf(
    { tenant, participant }: ParticipantRef,
    { after, limit }: { after?: RecordingRef | undefined; limit?: number } = {},
  ): AsyncGenerator<RecordingRef[], void, undefined> {
    const prefix = participantPrefix(tenant, participant);
    let startAfter = after && participantKey(participant, after);
    for (;;) {
      const page = await this.#store.list(prefix, { startAfter, ...(limit !== undefined && { limit }) });
      const parsed = page.objects.map(({ key }) => parseKey(key));
      yield parsed.flatMap((entry) => (entry?.type === 'participant' ? [entry.ref] : []));
      startAfter = page.objects.at(-1)?.key;
      if (!page.truncated) return;
      if (startAfter === undefined) throw new StoreError('unavailable', 'ListObjectsV2', 'CutShort');
    }
  }

  // Media and their upload

  /** For the presigner, and for reports. */
  mediaKey(ref: RecordingRef): string {
    return recordingKey(ref, 'media');
  }

  createUpload(ref: RecordingRef, options: PutOptions): Promise<string> {
    return this.#store.createMultipartUpload(recordingKey(ref, 'media'), options);
  }

  /** @throws StoreError `no-such-upload` */
  uploadPart(ref: RecordingRef, uploadId: string, partNumber: number, body: Uint8Array): Promise<string> {
    return this.#store.uploadPart(recordingKey(ref, 'media'), uploadId, partNumber, body);
  }

  listParts(ref: RecordingRef, uploadId: string): Promise<UploadedPart[] | undefined> {
    return this.#store.listParts(recordingKey(ref, 'media'), uploadId);
  }

  completeUpload(ref: RecordingRef, uploadId: string, parts: readonly StoredPart[]): Promise<boolean> {
    return this.#store.completeMultipartUpload(recordingKey(ref, 'media'), uploadId, parts);
  }

  abortUpload(ref: RecordingRef, uploadId: string): Promise<void> {
    return this.#store.abortMultipartUpload(recordingKey(ref, 'media'), uploadId);
  }

  /** Aborts until ListParts proves that the upload is gone; the bytes of its parts. */
  endUpload(ref: RecordingRef, uploadId: string): Promise<number> {
    return endUpload(this.#store, recordingKey(ref, 'media'), uploadId);
  }

  /** The uploads that the store lists as open: of recordings, or with `everywhere` of the whole bucket. */
  async *openUploads({
    everywhere = false,
    onPage,
  }: {
    everywhere?: boolean;
    onPage?: (page: UploadPage) => void;
  } = {}) {
    const uploads = listAllMultipartUploads(this.#store, everywhere ? '' : ATTEMPTS_PREFIX, onPage);
    for await (const upload of uploads) {
      const parsed = parseKey(upload.key);
      const ref = parsed?.type === 'recording' ? parsed.ref : undefined;
      yield { ...upload, ref, isMedia: parsed?.type === 'recording' && parsed.object === 'media' };
    }
  }

  /** Whether the store lists open uploads by a folder, tried with an upload of its own: three requests. */
  listsUploads(graceMs: number): Promise<boolean> {
    return listsUploadsByFolder({ ...this.#context, settleMs: graceMs });
  }

  /** The open uploads of exactly this recording; none where the store lists no open uploads. */
  async openUploadsOf(ref: RecordingRef): Promise<OpenUpload[]> {
    try {
      return await Array.fromAsync(listAllMultipartUploads(this.#store, recordingKey(ref, 'media')));
    } catch (error) {
      if (isDispensable(error)) return [];
      throw error;
    }
  }

  mediaStart(ref: RecordingRef, length: number): Promise<Uint8Array | undefined> {
    return this.#store.getStart(recordingKey(ref, 'media'), length);
  }

  mediaRange(ref: RecordingRef, offset: number, length: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#store.getRange(recordingKey(ref, 'media'), offset, length);
  }

  /** Writes the tags that the attempt's records call for. Safe to repeat; false where the store has no tags. */
  tagMedia(attempt: Attempt, ref: RecordingRef): Promise<boolean> {
    return this.#store.tag(recordingKey(ref, 'media'), attempt.tagsOf(ref));
  }

  mediaTags(ref: RecordingRef): Promise<Record<string, string> | undefined> {
    return this.#store.tags(recordingKey(ref, 'media'));
  }

  // Deletion

  /** Whether the bucket keeps versions; one request, however often it is called. */
  isVersioned(): Promise<boolean> {
    this.#versioned ??= this.#store.isVersioned().catch((error: unknown) => {
      this.#versioned = undefined;
      throw error;
    });
    return this.#versioned;
  }

  /** Deletes objects of a recording permanently, versions included. @throws StoreError also when a key is refused */
  remove(ref: RecordingRef, ...objects: readonly RecordingObject[]): Promise<void> {
    return this.#remove(objects.map((object) => recordingKey(ref, object)));
  }

  /** `remove` of what a writer wrote too late. When the store fails, a queue entry leads the next sweep to it. */
  async withdraw(ref: RecordingRef, ...objects: readonly RecordingObject[]): Promise<void> {
    try {
      await this.remove(ref, ...objects);
    } catch (error) {
      await this.queue.enqueue(ref, this.#context.now()).catch(() => {});
      throw error;
    }
  }

  /** Deletes a key permanently. @throws StoreError also when it is refused */
  removeKey(key: string): Promise<void> {
    return this.#remove([key]);
  }

  async #remove(keys: readonly string[]): Promise<void> {
    const [failure] = await this.removeKeys(keys);
    if (failure) throw new StoreError('unexpected', DELETION, failure.code);
  }

  /** Deletes keys permanently, versions included; resolves with those that were refused, which the caller reports. */
  async removeKeys(keys: readonly string[]): Promise<DeleteFailure[]> {
    const targets = await pMap(keys, (key) => this.#targetsOf(key), { concurrency: STORE_CONCURRENCY });
    return this.removeTargets(targets.flat());
  }

  /** Deletes exactly these objects or versions; resolves with those that were refused. */
  removeTargets(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    return this.#store.delete(targets.map(({ key, versionId }) => ({ key, versionId })));
  }

  /** What deletes the index entry of a recording's participant. */
  participantTargets(participant: string, ref: RecordingRef): Promise<DeleteTarget[]> {
    return this.#targetsOf(participantKey(participant, ref));
  }

  async #targetsOf(key: string): Promise<DeleteTarget[]> {
    return targetsOf(this.#store, key, await this.isVersioned());
  }
}

function toFolderKey(object: ListedObject): FolderKey {
  return { ...object, parsed: parseKey(object.key) };
}

function scopePrefix(scope: Scope): string {
  if ('attempt' in scope) return attemptPrefix(scope as AttemptRef);
  if ('exam' in scope) return examPrefix(scope.tenant as string, scope.exam as string);
  return ATTEMPTS_PREFIX;
}

async function* mapAsync<T, U>(items: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U, void, undefined> {
  for await (const item of items) yield map(item);
}
