// Everything in the bucket, key by key with its meaning, whether this service wrote it or not: for expiry and verification.
import { type RecordingRef, recordingId } from '../model/ids.ts';
import { isDispensable } from '../objectstore/needs.ts';
import {
  endUpload,
  type ListedObject,
  listAll,
  listAllMultipartUploads,
  listsUploadsByFolder,
  type ObjectStore,
  type OpenUpload,
  type UploadListingTrial,
  type UploadPage,
} from '../objectstore/object-store.ts';
import { parseDocument, type Receipt, readAs } from './documents.ts';
import { ATTEMPTS_PREFIX, DOCTOR_PREFIX, keyOf, type ParsedKey, parseKey, ROOTS } from './layout.ts';
import { hashOf } from './receipts.ts';

export type Folder = 'attempts' | 'audit' | 'due' | 'log' | 'log-queue' | 'outbox' | 'participants' | 'receipts';

/** `parsed` is undefined of a key that this service cannot have made. */
export type InventoryKey = ListedObject & { readonly parsed: ParsedKey | undefined };

/** `ref` is undefined, or `isMedia` false, where this service cannot have opened it. */
export type ListedUpload = OpenUpload & { readonly ref: RecordingRef | undefined; readonly isMedia: boolean };

/** Sorts after every key of a folder. */
const LAST_CHARACTER = '\u{10ffff}';

/** Every key of a folder, page by page. @throws StoreError */
export async function* keysIn(store: ObjectStore, folder: Folder): AsyncGenerator<InventoryKey, void, undefined> {
  for await (const object of listAll(store, `${folder}/`)) yield { ...object, parsed: parseKey(object.key) };
}

/** Keys outside of every folder of the service, found by skipping the folders. @throws StoreError */
export async function* otherKeys(store: ObjectStore): AsyncGenerator<ListedObject, void, undefined> {
  let after: string | undefined;
  for (;;) {
    const { objects } = await store.list('', { startAfter: after });
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
export function isScratch(key: string): boolean {
  return key.startsWith(DOCTOR_PREFIX);
}

/** Ends an upload that a trial left. @throws StoreError */
export async function endScratchUpload(store: ObjectStore, { key, uploadId }: OpenUpload): Promise<void> {
  if (isScratch(key)) await endUpload(store, key, uploadId);
}

/** The uploads that the store lists as open: of recordings, or with `everywhere` of the whole bucket. @throws StoreError */
export async function* openUploads(
  store: ObjectStore,
  { everywhere = false, onPage }: { everywhere?: boolean; onPage?: (page: UploadPage) => void } = {},
): AsyncGenerator<ListedUpload, void, undefined> {
  for await (const upload of listAllMultipartUploads(store, everywhere ? '' : ATTEMPTS_PREFIX, onPage)) {
    const parsed = parseKey(upload.key);
    const ref = parsed?.type === 'recording' ? parsed.ref : undefined;
    yield { ...upload, ref, isMedia: parsed?.type === 'recording' && parsed.object === 'media' };
  }
}

/** The open uploads of exactly one key; none where the store lists no open uploads. @throws StoreError */
export async function openUploadsAt(store: ObjectStore, key: string): Promise<OpenUpload[]> {
  try {
    return await Array.fromAsync(listAllMultipartUploads(store, key));
  } catch (error) {
    if (isDispensable(error)) return [];
    throw error;
  }
}

/** Whether the store lists open uploads by a folder, tried with an upload of one's own: three requests. @throws StoreError */
export function listsUploads(trial: UploadListingTrial): Promise<boolean> {
  return listsUploadsByFolder(trial, DOCTOR_PREFIX);
}

/** The recording of a receipt's key; undefined of any other key. */
export function receiptRef(key: string): RecordingRef | undefined {
  const parsed = parseKey(key);
  return parsed?.type === 'receipt' ? parsed.ref : undefined;
}

export interface StoredReceipt {
  readonly receipt: Receipt;
  /** By which the next receipt in its run is chained to it. */
  readonly hash: string;
}

/** A receipt with the hash of its bytes. @throws StoreError */
export function readStoredReceipt(
  store: ObjectStore,
  ref: RecordingRef,
): Promise<StoredReceipt | 'unreadable' | undefined> {
  return readAs(store, keyOf('receipt', ref), (body) => {
    const receipt = parseDocument('receipt', body, ref);
    return receipt && { receipt, hash: hashOf(body) };
  });
}

/**
 * The ids of those recordings of which a listing of all of `attempts/` shows anything: a LIST for every 1000 keys, none for
 * no recordings. No order of keys is relied on. An answer may be as old as its page: check again before you act on it.
 * @throws StoreError
 */
export async function storedAmong(store: ObjectStore, refs: readonly RecordingRef[]): Promise<ReadonlySet<string>> {
  const wanted = new Set(refs.map(recordingId));
  const stored = new Set<string>();
  if (wanted.size === 0) return stored;
  for await (const { parsed } of keysIn(store, 'attempts')) {
    if (parsed?.type !== 'recording') continue;
    const id = recordingId(parsed.ref);
    if (wanted.has(id)) stored.add(id);
  }
  return stored;
}
