// Trials of what the service needs of the store: on throw-away keys, by the service's own code.
import { targetsOf } from '../bucket/listing.ts';
import { HOUR_MS, SECOND_MS } from '../model/durations.ts';
import { MIN_PART_SIZE_BYTES } from '../model/parts.ts';
import { clocksDiffer, toKeyTime } from '../model/times.ts';
import { CAPABILITIES, type CapabilityId, isDispensable } from '../objectstore/needs.ts';
import {
  deleteOrThrow,
  endUpload,
  type ListedVersion,
  listAll,
  listAllMultipartUploads,
  type ObjectStore,
  refusalOf,
} from '../objectstore/object-store.ts';
import { isStoreError, isThrottling } from '../objectstore/store-error.ts';
import { type CheckResult, failed, info, lacking, ok, refusal, resultOf, type Verdict, warning } from './check.ts';
import { type DoctorCheck, type TrialContext, type TrialDependencies, trying } from './context.ts';
import { Scratch } from './scratch.ts';

export type Trial = DoctorCheck<TrialContext>;

const BYTES = Buffer.from('a throw-away object of the doctor');

/** The store does not do what is needed. `fault`: the operation, and in brackets what is wrong. */
class Fault extends Error {
  override readonly name = 'Fault';
}

function must(holds: boolean, operation: string, what: string): asserts holds {
  if (!holds) throw new Fault(`${operation} (${what})`);
}

/** `problem` introduces a fault in the report. */
function trial(id: CapabilityId, problem: string, run: (context: TrialContext) => Promise<Verdict>): Trial {
  return trying(id, async (context) => {
    try {
      return await run(context);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return lacking(error.message, `${problem}: ${error.message}.`, CAPABILITIES[id]);
    }
  });
}

async function removeKey(store: ObjectStore, key: string): Promise<void> {
  await deleteOrThrow(store, await targetsOf(store, key, await store.isVersioned()));
}

// The clock

const NOTABLE_SKEW_MS = 30 * SECOND_MS;

/** Deadlines are checked against the store's clock: it has to send its time, close to this machine's. */
export const clock = trying('clock', async ({ store, now }: Pick<TrialContext, 'store' | 'now'>) => {
  const askedMs = now();
  const { storeTimeMs } = await store.list('', { limit: 1 });
  /** How far this machine's clock is ahead; NaN when the store sends no time. */
  const aheadMs = (askedMs + now()) / 2 - storeTimeMs;
  if (Number.isNaN(aheadMs)) {
    return lacking('Date (none is sent)', 'The store sends no Date: deadlines cannot be checked.', CAPABILITIES.clock);
  }
  const seconds = Math.round(Math.abs(aheadMs) / SECOND_MS);
  const side = aheadMs < 0 ? 'behind' : 'ahead of';
  const reason = seconds <= 1 ? 'It agrees with the store.' : `This machine is ${seconds} s ${side} the store.`;
  const remedy = 'Set both clocks by NTP.';
  // `unproven`, because a clock may be corrected soon: the self-test repeats unproven trials within seconds.
  if (clocksDiffer(aheadMs, 0)) {
    return { ...failed(`${reason} The sweeper refuses to run.`, remedy), outcome: 'unproven' };
  }
  return Math.abs(aheadMs) > NOTABLE_SKEW_MS ? warning(reason, remedy) : ok(reason);
});

// Objects: read as they were written, deleted by the purge's own path, tagged without harm

const RANGE = { offset: 8, length: 5 };
const TAGS = { 'delete-by': '2026-01-01T00:00:00Z' };

const readWrite = trial('read-write', 'The store does not return what was written', async ({ store, scratch }) => {
  const { offset, length } = RANGE;
  const key = scratch.key('written');
  await store.put(key, BYTES);
  const range = await store.getRange(key, offset, length);
  const part = Buffer.concat(await Array.fromAsync(range ?? []));
  must(await scratch.holds(key, BYTES), 'GetObject', 'not what was written');
  must(part.equals(BYTES.subarray(offset, offset + length)), 'GetObject', 'not the range that was requested');
  must(!(await store.get(scratch.key('never-written'))), 'GetObject', 'what was never written');
  return ok('An object was read as it was written, whole and in part.');
});

/** Written twice, so that a bucket that keeps versions has an older one, whatever its setting says. */
const deletion = trial('delete', 'What was deleted still exists', async ({ store, scratch }) => {
  const key = scratch.key('deleted');
  for (const _ of [1, 2]) await store.put(key, BYTES);
  const versioned = await store.isVersioned();
  const [failure] = await store.delete(await targetsOf(store, key, versioned));
  if (failure) return refusal(refusalOf(failure), CAPABILITIES.delete);
  must(!(await store.get(key)), 'DeleteObject', 'what was deleted can be read');
  must((await store.list(key)).objects.length === 0, 'ListObjectsV2', 'what was deleted is listed');
  const areVersionsLeft = (await versionsOf(store, key, versioned)).length > 0;
  must(!(areVersionsLeft && versioned), 'DeleteObject', 'a version stays');
  must(!areVersionsLeft, 'GetBucketVersioning', 'versions are kept and not reported');
  return ok(`An object that was written twice is deleted${versioned ? ', with every version' : ''}.`);
});

/** A store that says that the bucket keeps no versions may not know the operation. */
async function versionsOf(store: ObjectStore, key: string, versioned: boolean): Promise<readonly ListedVersion[]> {
  try {
    return (await store.listVersions(key)).versions;
  } catch (error) {
    if (versioned || !isStoreError(error) || error.code === 'unavailable') throw error;
    return [];
  }
}

/** Some stores take a PutObjectTagging for a PutObject: the recording would be overwritten by its tags. */
const tagging: Trial = trying('object-tagging', async ({ store, scratch }) => {
  const key = scratch.key('tagged');
  await store.put(key, BYTES);
  const isTagged = await store.tag(key, TAGS);
  const { without } = CAPABILITIES['object-tagging'];
  if (!(await scratch.holds(key, BYTES))) {
    const reason = 'A tag overwrote its object: the store takes PutObjectTagging for PutObject.';
    const harm = { ...CAPABILITIES['object-tagging'], without: 'a tag would destroy the recording' };
    return { ...lacking('PutObjectTagging (it overwrites the object)', reason, harm), value: 'harmful' };
  }
  const tags = await store.tags(key);
  return isTagged && tags?.['delete-by'] === TAGS['delete-by']
    ? ok('Tags are kept as they are set, and the object stays as it is.', 'yes')
    : info(`The store keeps no tags: ${without}.`, null, 'no');
});

// Listings: whole, at once, and in the one order that the deletion queue needs

const WRITES = 5;
/** Neighbours: in the order of bytes `x-1/` and `x.b/` come before `x/`, in the order of folders after it. */
const FOLDERS = ['x/', 'x-1/', 'x.b/'];
const NUMBERS = [1, 2, 3, 4, 5];
const MIDDLE = 2;
const UNTRUSTED = 'A listing cannot be trusted';

const atOnce = trial('listings', UNTRUSTED, async ({ store, scratch }) => {
  for (let writes = 0; writes < WRITES; writes += 1) {
    const key = scratch.key('listed');
    await store.put(key, BYTES);
    const { objects, storeTimeMs } = await store.list(key);
    const [written] = objects;
    must(written?.key === key, 'ListObjectsV2', 'it did not show a write');
    // The age of an object shows whether its request may still be running.
    const isDated = !clocksDiffer(written.lastModifiedMs, storeTimeMs);
    must(isDated, 'ListObjectsV2', 'its times are not those of the store');
    await deleteOrThrow(store, [{ key }]);
    must((await keysOf(store, key)).length === 0, 'ListObjectsV2', 'it still showed a deleted key');
  }
  return ok(`${WRITES} writes and ${WRITES} deletes were seen at once.`);
});

const inPages = trial('listing-pages', UNTRUSTED, async ({ store, scratch }) => {
  const folder = `${scratch.key('pages')}/`;
  const keys = NUMBERS.map((number) => `${folder}${number}`);
  await write(store, keys);
  for (const limit of [1, 2]) {
    const isWhole = areSame(await pageThrough(store, folder, limit), keys);
    must(isWhole, 'ListObjectsV2', `pages of ${limit} did not show each key once`);
  }
  // The key after which a page begins may have been deleted since; and no key has the name of its folder.
  const [deleted = '', ...later] = keys.slice(MIDDLE);
  await removeKey(store, deleted);
  const after = (startAfter: string) => keysOf(store, folder, startAfter);
  const continues = areSame(await after(deleted), later) && areSame(await after(folder), keys.toSpliced(MIDDLE, 1));
  must(continues, 'ListObjectsV2', 'it did not continue after a key that is not there');
  return ok('Pages of one key and of two showed each key once.');
});

const byFolder = trial('listing-folders', UNTRUSTED, async ({ store, scratch }) => {
  const root = `${scratch.key('folders')}/`;
  const keys = await writeFolders(store, root);
  for (const folder of FOLDERS) {
    const own = keys.filter((key) => key.startsWith(root + folder));
    const isAlone = areSame(await keysOf(store, root + folder), own);
    must(isAlone, 'ListObjectsV2', `${folder} was not listed alone and whole`);
  }
  const all = await pageThrough(store, root, 2);
  must(areSame(all, keys), 'ListObjectsV2', 'pages of 2 over folders did not show each key once');
  const folderOf = (key: string) => key.slice(0, key.lastIndexOf('/'));
  const runs = all.map(folderOf).filter((folder, index, folders) => folder !== folders[index - 1]);
  must(runs.length === FOLDERS.length, 'ListObjectsV2', "a folder's keys were not together");
  return ok(`Neighbours (${FOLDERS.join(', ')}) were listed alone and whole.`);
});

/** The deletion queue is read in this order, up to the first later deadline. */
const byTime = trial('listing-times', UNTRUSTED, async ({ store, scratch, now }) => {
  const folder = `${scratch.key('times')}/`;
  const keys = NUMBERS.map((number) => `${folder}${toKeyTime(now() + number * HOUR_MS)}/attempt/${9 - number}`);
  await write(store, keys.toReversed());
  const isOrdered = (await pageThrough(store, folder, 2)).join() === keys.join();
  must(isOrdered, 'ListObjectsV2', 'names that begin with a time did not come in order of time');
  return ok('Names that begin with a time came in order of time.');
});

/** Across folders: some stores list in the order of a tree. */
const byteOrder: Trial = trying('listing-order', async ({ store, scratch }) => {
  const root = `${scratch.key('order')}/`;
  const keys = await writeFolders(store, root);
  return (await keysOf(store, root)).join() === keys.toSorted().join()
    ? ok('Keys came in the order of their bytes, over folders too.', 'yes')
    : info(`Keys do not come in the order of their bytes: ${CAPABILITIES['listing-order'].without}.`, null, 'no');
});

const LISTING_TRIALS = [atOnce, inPages, byFolder, byTime];

async function write(store: ObjectStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) await store.put(key, BYTES);
}

async function writeFolders(store: ObjectStore, root: string): Promise<string[]> {
  const keys = FOLDERS.flatMap((folder) => [1, 2].map((number) => `${root}${folder}${number}`));
  await write(store, keys);
  return keys;
}

async function keysOf(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  return (await Array.fromAsync(listAll(store, prefix, startAfter))).map(({ key }) => key);
}

/** Every key of a listing as `listAll` reads it. The number of pages is limited: a store may repeat them forever. */
async function pageThrough(store: ObjectStore, prefix: string, limit: number): Promise<string[]> {
  const keys: string[] = [];
  let startAfter: string | undefined;
  for (let pages = 0; pages < 4 * NUMBERS.length; pages += 1) {
    const page = await store.list(prefix, { startAfter, limit });
    keys.push(...page.objects.map(({ key }) => key));
    startAfter = page.objects.at(-1)?.key;
    if (!page.truncated || startAfter === undefined) break;
  }
  return keys;
}

/** Whether two lists have the same keys, in any order. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.toSorted().join() === others.toSorted().join();
}

// Uploads: parts become one object, an aborted upload leaves nothing, and a folder lists its open uploads

const SIZES = [MIN_PART_SIZE_BYTES, 64];

const parts = trial('parts', 'An upload is not whole', async ({ store, scratch }) => {
  const key = scratch.key('parts');
  const uploadId = await scratch.openUpload(key);
  await scratch.uploadParts(key, uploadId, SIZES);
  const listed = (await store.listParts(key, uploadId)) ?? [];
  const found = listed.map(({ partNumber, sizeBytes }) => `${partNumber}:${sizeBytes}`).join();
  must(
    found === SIZES.map((size, index) => `${index + 1}:${size}`).join(),
    'ListParts',
    'not the parts that were sent',
  );
  // With the store's own ETags, as a recording is completed.
  const isCompleted = await store.completeMultipartUpload(key, uploadId, listed);
  must(isCompleted, 'CompleteMultipartUpload', 'it knows no such upload');
  const [object] = (await store.list(key)).objects;
  const isWhole = object?.sizeBytes === SIZES.reduce((sum, size) => sum + size);
  must(isWhole, 'CompleteMultipartUpload', 'not the size of its parts');
  // As a purge deletes a recording that was stored.
  await endUpload(store, key, uploadId);
  await removeKey(store, key);
  must((await store.list(key)).objects.length === 0, 'DeleteObject', 'what was made of parts stays');
  return ok('5 MiB and a rest became one object, and it was deleted.');
});

/** What is sent of a part before its upload is ended. */
const UNDER_WAY_BYTES = 3_000_000;

/**
 * As a purge ends one: ListParts has to say that there is no such upload. Then another while a part is sent, as an exam client
 * may do at the deadline: some stores keep the part, and nothing would delete it.
 */
const abort = trial('abort', 'An upload does not end', async ({ store, scratch }) => {
  const key = scratch.key('given-up');
  const uploadId = await scratch.openUpload(key);
  await store.uploadPart(key, uploadId, 1, BYTES);
  // A purge lists the other uploads of its key, and continues without where the store does not list any.
  await isListed(store, key, uploadId).catch((error: unknown) => {
    if (!isDispensable(error)) throw error;
  });
  await endUpload(store, key, uploadId);
  const late = await scratch.openUpload(key);
  await sendWhile(store, key, late, () => endUpload(store, key, late));
  const isOver = (await store.listParts(key, late)) === undefined;
  must(isOver, 'AbortMultipartUpload', 'a part that was under way stays behind');
  return ok('Two uploads were ended, one of them while a part was sent, and ListParts no longer finds them.');
});

/** Sends a part, and does `meanwhile` before its last bytes. The store may then refuse the part, or close the connection. */
async function sendWhile(
  store: ObjectStore,
  key: string,
  uploadId: string,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  let done: Promise<unknown> | undefined;
  async function* body() {
    yield new Uint8Array(UNDER_WAY_BYTES);
    done = meanwhile();
    // Its failure is thrown below. Here it would look like a failure of the part.
    await Promise.allSettled([done]);
    yield BYTES;
  }
  const sent = store.streamPart(key, uploadId, 1, body(), UNDER_WAY_BYTES + BYTES.length);
  await sent.catch((error: unknown) => {
    const isClosed = isStoreError(error) && error.code === 'unavailable' && !isThrottling(error.storeCode);
    const isRefused = isStoreError(error) && error.code === 'no-such-upload';
    if (!done || !(isRefused || isClosed)) throw error;
  });
  await done;
}

/** By folder, as the sweep lists them; MinIO lists an upload by its exact key only. */
const uploadListing: Trial = trying('upload-listing', async ({ store, scratch }) => {
  const folder = `${scratch.key('folder')}/`;
  const key = `${folder}a/media`;
  const uploadId = await scratch.openUpload(key);
  if (await isListed(store, folder, uploadId)) return ok('A folder lists its open uploads.', 'yes');
  const value = (await isListed(store, key, uploadId)) ? 'no (by exact key only)' : 'no';
  const { without } = CAPABILITIES['upload-listing'];
  return info(`A folder does not list its open uploads: ${without}.`, null, value);
});

async function isListed(store: ObjectStore, prefix: string, uploadId: string): Promise<boolean> {
  for await (const upload of listAllMultipartUploads(store, prefix)) if (upload.uploadId === uploadId) return true;
  return false;
}

/**
 * A store is unfit when one of these fails: all needed capabilities, and tagging, which may overwrite objects. Deletion
 * comes early, because the later trials write.
 */
export const NEEDED_TRIALS: readonly Trial[] = [clock, readWrite, deletion, abort, ...LISTING_TRIALS, parts, tagging];

/** Optional capabilities; only the doctor tries them. */
export const OPTIONAL_TRIALS: readonly Trial[] = [uploadListing, byteOrder];

/** For `serve`, before it is ready. Stops at the first failure, because a further trial could leave keys. Never throws. */
export async function runTrials({ store, now, randomBytes, signal }: TrialDependencies): Promise<CheckResult[]> {
  const scratch = new Scratch(store, randomBytes);
  const results: CheckResult[] = [];
  for (const trial of NEEDED_TRIALS) {
    if (signal?.aborted || results.at(-1)?.status === 'failed') break;
    results.push(await resultOf(trial, () => trial.run({ store, scratch, now })));
  }
  return [...results, ...(await scratch.cleanUp('trials-clean-up'))];
}
