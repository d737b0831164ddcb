// Reads the truth about an attempt from one listing: its recordings, its assessments, and what nobody knows.

import type { AttemptRef, RecordingRef } from '../model/ids.ts';
import {
  type DeleteTarget,
  type ListedObject,
  listAll,
  type ObjectStore,
  type OpenUpload,
} from '../objectstore/object-store.ts';
import { attemptPrefix, type ParsedKey, parseKey, type RecordingObject } from './layout.ts';

/** What S3 calls the version of an object that was written before its bucket kept versions. */
const NULL_VERSION = 'null';

/** An object, or one of its versions in a versioned bucket. */
export interface StoredItem extends DeleteTarget {
  readonly sizeBytes: number;
  readonly lastModifiedMs: number;
  /** False for an older version and for a delete marker: not readable, and yet kept by the store. */
  readonly isCurrent: boolean;
}

export interface AssessmentFact extends StoredItem {
  readonly completedAtMs: number;
}

export interface RecordingState {
  readonly ref: RecordingRef;
  /** What a reader finds there now. */
  readonly objects: Partial<Record<RecordingObject, ListedObject>>;
  /** Everything that a purge has to delete, versions and delete markers included. */
  readonly items: readonly (StoredItem & { readonly object: RecordingObject })[];
  readonly uploads: readonly OpenUpload[];
}

export interface AttemptState {
  readonly ref: AttemptRef;
  readonly assessments: readonly AssessmentFact[];
  /** Oldest first. */
  readonly recordings: readonly RecordingState[];
  /** Keys under the attempt that this service cannot have made: kept and reported. */
  readonly unknownKeys: readonly string[];
  /** The store's clock when it listed; NaN where it sent none, and where many attempts were listed at once. */
  readonly storeTimeMs: number;
}

export interface ReadOptions {
  /** In a versioned bucket: read all versions, for a purge. */
  readonly versions?: boolean;
  /** The open uploads, where they were listed before the attempt. */
  readonly uploads?: readonly OpenUpload[];
}

/** One LIST of exactly the attempt's prefix. */
export async function readAttempt(
  store: ObjectStore,
  ref: AttemptRef,
  options: ReadOptions = {},
): Promise<AttemptState> {
  const prefix = attemptPrefix(ref);
  if (options.versions) return attemptStateOf(ref, await listItemVersions(store, prefix), options.uploads);
  let storeTimeMs = Number.NaN;
  const objects = await collect(
    listAll(store, prefix, undefined, (page) => {
      storeTimeMs = page.storeTimeMs;
    }),
  );
  return { ...attemptStateOf(ref, currentItems(objects), options.uploads), storeTimeMs };
}

/** The state that a listing shows; pure, for callers that list many attempts at once. */
export function attemptStateOf(
  ref: AttemptRef,
  items: readonly StoredItem[],
  uploads: readonly OpenUpload[] = [],
): AttemptState {
  const assessments: AssessmentFact[] = [];
  const unknownKeys: string[] = [];
  const byRecording = new Map<string, Draft>();
  for (const item of items) {
    const parsed = parseKey(item.key);
    if (parsed?.type === 'assessed') assessments.push({ ...item, completedAtMs: parsed.completedAtMs });
    else if (parsed?.type === 'recording') addItem(draftOf(byRecording, parsed), parsed.object, item);
    else unknownKeys.push(item.key);
  }
  for (const upload of uploads) {
    const parsed = parseKey(upload.key);
    if (parsed?.type === 'recording' && parsed.object === 'media') draftOf(byRecording, parsed).uploads.push(upload);
    else unknownKeys.push(upload.key);
  }
  const recordings = [...byRecording.values()].sort((a, b) => (a.ref.recording < b.ref.recording ? -1 : 1));
  return { ref, assessments, recordings, unknownKeys, storeTimeMs: Number.NaN };
}

/** The times of the assessments that stand: facts that were deleted from a versioned bucket count no more. */
export function completedAtsOf(attempt: AttemptState): number[] {
  return attempt.assessments.filter((fact) => fact.isCurrent).map((fact) => fact.completedAtMs);
}

export function findRecording(attempt: AttemptState, recording: string): RecordingState | undefined {
  return attempt.recordings.find((state) => state.ref.recording === recording);
}

interface Draft {
  readonly ref: RecordingRef;
  readonly objects: Partial<Record<RecordingObject, ListedObject>>;
  readonly items: (StoredItem & { object: RecordingObject })[];
  readonly uploads: OpenUpload[];
}

function draftOf(byRecording: Map<string, Draft>, parsed: ParsedKey & { type: 'recording' }): Draft {
  const { ref } = parsed;
  const known = byRecording.get(ref.recording);
  if (known) return known;
  const draft: Draft = { ref, objects: {}, items: [], uploads: [] };
  byRecording.set(ref.recording, draft);
  return draft;
}

function addItem(draft: Draft, object: RecordingObject, item: StoredItem): void {
  draft.items.push({ ...item, object });
  if (item.isCurrent) draft.objects[object] = item;
}

export function listItems(store: ObjectStore, prefix: string): Promise<StoredItem[]> {
  return collect(eachItem(store, prefix, false));
}

/** The objects of a plain listing: each is what a reader finds now. */
export function currentItems(objects: readonly ListedObject[]): StoredItem[] {
  return objects.map((object) => ({ ...object, isCurrent: true }));
}

export function listItemVersions(store: ObjectStore, prefix: string): Promise<StoredItem[]> {
  return collect(eachItem(store, prefix, true));
}

/** Everything under a prefix in order of keys, page by page; with `versions` older versions and delete markers too. */
export async function* eachItem(
  store: ObjectStore,
  prefix: string,
  versions: boolean,
): AsyncGenerator<StoredItem, void, undefined> {
  if (versions) return yield* eachVersion(store, prefix);
  for await (const object of listAll(store, prefix)) yield { ...object, isCurrent: true };
}

/**
 * All versions; and what a plain listing shows of which they have no current one. Some stores leave out what is older than
 * the versioning: S3 calls that version `null`.
 */
async function* eachVersion(store: ObjectStore, prefix: string): AsyncGenerator<StoredItem, void, undefined> {
  const plain = listAll(store, prefix);
  let object = (await plain.next()).value;
  let last: string | undefined;
  /** Still there: another may have deleted it, with its versions, since the plain page was listed. */
  async function* unversioned({ key, sizeBytes, lastModifiedMs }: ListedObject) {
    if ((await store.list(key, { limit: 1 })).objects[0]?.key !== key) return;
    yield { key, sizeBytes, lastModifiedMs, versionId: NULL_VERSION, isCurrent: true };
  }
  for await (const version of pagesOfVersions(store, prefix)) {
    for (; object && object.key < version.key; object = (await plain.next()).value) yield* unversioned(object);
    if (object?.key === version.key && version.key !== last) {
      if (!version.isCurrent) yield* unversioned(object);
      object = (await plain.next()).value;
    }
    last = version.key;
    yield version;
  }
  for (; object; object = (await plain.next()).value) yield* unversioned(object);
}

async function* pagesOfVersions(store: ObjectStore, prefix: string): AsyncGenerator<StoredItem, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await store.listVersions(prefix, { cursor });
    for (const { isLatest, isDeleteMarker, ...version } of page.versions) {
      yield { ...version, isCurrent: isLatest && !isDeleteMarker };
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** What deletes a key permanently: itself, or in a versioned bucket each of its versions and delete markers. */
export async function targetsOf(store: ObjectStore, key: string, versioned: boolean): Promise<DeleteTarget[]> {
  if (!versioned) return [{ key }];
  return (await listItemVersions(store, key)).filter((item) => item.key === key);
}
