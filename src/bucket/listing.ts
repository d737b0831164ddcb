// Listings of the bucket: what is stored under a prefix, one prefix or many at a time, with or without older versions.
import pMap, { pMapIterable } from 'p-map';
import {
  type DeleteTarget,
  type ListedObject,
  listAll,
  nextKey,
  type ObjectStore,
  STORE_CONCURRENCY,
} from '../objectstore/object-store.ts';
import { isBusy } from '../objectstore/store-error.ts';

/** The version id that S3 gives to an object that was written before its bucket kept versions. */
const NULL_VERSION = 'null';

/** An object, or one of its versions in a versioned bucket. */
export interface StoredItem extends ListedObject {
  readonly versionId?: string | undefined;
  /** An older version or a delete marker: the store keeps it, and no reader sees it. */
  readonly isNoncurrent?: boolean;
}

/** Everything under a prefix in order of keys, page by page; with `versions` older versions and delete markers too. */
export function eachItem(store: ObjectStore, prefix: string, versions: boolean): AsyncGenerator<StoredItem, void> {
  return versions ? eachVersion(store, prefix) : listAll(store, prefix);
}

/**
 * All versions, and each object of a plain listing that has no current version among them: some stores leave out what is
 * older than the versioning.
 */
async function* eachVersion(store: ObjectStore, prefix: string): AsyncGenerator<StoredItem, void> {
  const plain = listAll(store, prefix);
  let object = (await plain.next()).value;
  let last: string | undefined;
  /** Looked up once more: another may have deleted it, with its versions, since the plain page was listed. */
  async function* unversioned(item: ListedObject) {
    if (await hasObject(store, item.key)) yield { ...item, versionId: NULL_VERSION };
  }
  for await (const version of pagesOfVersions(store, prefix)) {
    for (; object && object.key < version.key; object = (await plain.next()).value) yield* unversioned(object);
    if (object?.key === version.key && version.key !== last) {
      if (version.isNoncurrent) yield* unversioned(object);
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
      yield { ...version, isNoncurrent: !isLatest || isDeleteMarker };
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** Whether a listing shows exactly this key. */
export async function hasObject(store: ObjectStore, key: string): Promise<boolean> {
  return (await store.list(key, { limit: 1 })).objects[0]?.key === key;
}

/** Whether a listing shows anything under this prefix. */
export async function hasObjects(store: ObjectStore, prefix: string): Promise<boolean> {
  return (await store.list(prefix, { limit: 1 })).objects.length > 0;
}

/**
 * Acts on each item, many at once and in any order: no item waits for a slow one before it, and no results are collected, so
 * memory stays bounded whatever is listed. Rejects with the first error, and begins nothing after it.
 */
export async function actOnEach<T>(
  items: Iterable<T> | AsyncIterable<T>,
  act: (item: T) => unknown,
  { concurrency = STORE_CONCURRENCY }: { concurrency?: number } = {},
): Promise<void> {
  for await (const _ of pMapIterable(items, act, { concurrency, preserveOrder: false }));
}

/** Groups of at most `size`, in order: long listings are processed in groups, so that memory stays bounded. */
export async function* inBatches<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[], void, undefined> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Whether each key comes after the one before it, and the first after `startAfter`: the order that S3 promises. */
export function isAscending(objects: readonly ListedObject[], startAfter = ''): boolean {
  let last = startAfter;
  for (const { key } of objects) {
    if (key <= last) return false;
    last = key;
  }
  return true;
}

/** Listings in flight at once; each walks its own share of the prefixes. */
const LANES = 4;
/** A page begins with room for an ordinary lane, and shrinks where it was mostly about other prefixes. */
const FIRST_KEYS = 256;
const FEWEST_KEYS = 16;
const MOST_KEYS = 1000;

/** Stores that returned a page that was not in the order of its keys. */
const outOfOrder = new WeakSet<ObjectStore>();

/** What shared listings showed of each prefix. */
export interface SharedListing {
  /**
   * The objects under a prefix; undefined where they must be listed by exactly the prefix.
   * @throws StoreError where the store is down or throttles: 200 requests more would not help it
   */
  objectsOf(prefix: string): readonly ListedObject[] | undefined;
}

/**
 * Lists many prefixes with as few requests as their closeness allows: attempts of one exam are neighbours, and often due
 * together. Never more requests than one listing per prefix. Prefixes end in `/`, are under `root`, and none is a
 * beginning of another.
 *
 * Left out are prefixes whose listing cannot be read, those of which nothing was seen, because a store with another
 * order has them elsewhere, and all of them once a page was not in the order of its keys.
 */
export async function listTogether(
  store: ObjectStore,
  root: string,
  prefixes: readonly string[],
): Promise<SharedListing> {
  const objects = new Map<string, ListedObject[]>();
  const failures = new Map<string, unknown>();
  const sorted = outOfOrder.has(store) ? [] : prefixes.toSorted();
  const share = Math.max(1, Math.ceil(sorted.length / LANES));
  const lanes = Array.from({ length: LANES }, (_, lane) => sorted.slice(lane * share, (lane + 1) * share));
  await pMap(lanes, async (lane) => {
    try {
      await walk(store, root, lane, objects);
    } catch (error) {
      if (!isBusy(error)) return;
      for (const prefix of lane) if (!objects.has(prefix)) failures.set(prefix, error);
    }
  });
  return {
    objectsOf(prefix) {
      if (failures.has(prefix)) throw failures.get(prefix);
      const listed = outOfOrder.has(store) ? undefined : objects.get(prefix);
      return listed?.length === 0 ? undefined : listed;
    },
  };
}

async function walk(
  store: ObjectStore,
  root: string,
  prefixes: readonly string[],
  listed: Map<string, ListedObject[]>,
): Promise<void> {
  let collected: ListedObject[] = [];
  let current = 0;
  let startAfter: string | undefined;
  let limit = FIRST_KEYS;
  for (let prefix = prefixes[current]; prefix !== undefined; prefix = prefixes[current]) {
    const page = await store.list(root, { startAfter: startAfter ?? prefix, limit });
    if (!isAscending(page.objects, startAfter ?? prefix)) {
      outOfOrder.add(store);
      return;
    }
    const before = current;
    const last = nextKey(page);
    let next = 0;
    // A prefix is complete once the page extends past it, or there are no more pages.
    for (let folder = prefixes[current]; folder !== undefined; folder = prefixes[current]) {
      while (isBefore(page.objects[next]?.key, folder)) next += 1;
      for (let object = page.objects[next]; object?.key.startsWith(folder); object = page.objects[next]) {
        collected.push(object);
        next += 1;
      }
      if (last !== undefined && (last < folder || last.startsWith(folder))) break;
      listed.set(folder, collected);
      collected = [];
      current += 1;
    }
    startAfter = collected.length > 0 ? last : undefined;
    limit = current - before > 1 ? Math.min(limit * 2, MOST_KEYS) : Math.max(FEWEST_KEYS, Math.floor(limit / 2));
  }
}

function isBefore(key: string | undefined, folder: string): boolean {
  return key !== undefined && key < folder;
}

/** What deletes a key permanently: itself, or in a versioned bucket each of its versions and delete markers. */
export async function targetsOf(store: ObjectStore, key: string, versioned: boolean): Promise<DeleteTarget[]> {
  if (!versioned) return [{ key }];
  const items = await Array.fromAsync(eachItem(store, key, true));
  return items.filter((item) => item.key === key);
}
