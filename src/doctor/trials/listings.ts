// Listings: whole, at once, and in the one order that the deletion queue needs.

import { targetsOf } from '../../bucket/listing.ts';
import { HOUR_MS } from '../../model/durations.ts';
import { clocksDiffer, toKeyTime } from '../../model/times.ts';
import { CAPABILITIES, type CapabilityId } from '../../objectstore/needs.ts';
import { listAll, type ObjectStore } from '../../objectstore/object-store.ts';
import { info, lacking, ok } from '../check.ts';
import { BYTES, trial } from './trial.ts';

const ROUNDS = 5;
/** Neighbours: in the order of bytes `x-1/` and `x.b/` come before `x/`, in the order of folders after it. */
const FOLDERS = ['x/', 'x-1/', 'x.b/'];
const NUMBERS = [1, 2, 3, 4, 5];
const MIDDLE = 2;

const lists = (id: CapabilityId, what: string) =>
  lacking(`ListObjectsV2 (${what})`, `A listing is not to be trusted: ${what}.`, CAPABILITIES[id]);

const atOnce = trial('listings', async ({ store, workspace }) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const key = workspace.key('listed');
    await store.put(key, BYTES);
    const { objects, storeTimeMs } = await store.list(key);
    const [written] = objects;
    if (written?.key !== key) return lists('listings', 'it did not show a write');
    // Requests that may still run are told by the age of what they wrote.
    if (clocksDiffer(written.lastModifiedMs, storeTimeMs))
      return lists('listings', 'its times are not those of the store');
    await store.delete([{ key }]);
    if ((await keysOf(store, key)).length > 0) return lists('listings', 'it still showed a deleted key');
  }
  return ok(`${ROUNDS} writes and ${ROUNDS} deletes were seen at once.`);
});

const inPages = trial('listing-pages', async ({ store, workspace }) => {
  const folder = `${workspace.key('pages')}/`;
  const keys = NUMBERS.map((number) => `${folder}${number}`);
  await write(store, keys);
  for (const limit of [1, 2]) {
    if (!areSame(await walk(store, folder, limit), keys)) {
      return lists('listing-pages', `pages of ${limit} did not show each key once`);
    }
  }
  // What a page goes on after may have been deleted since; and no key has the name of its folder.
  const [deleted = '', ...later] = keys.slice(MIDDLE);
  await store.delete(await targetsOf(store, deleted, await store.isVersioned()));
  const after = (startAfter: string) => keysOf(store, folder, startAfter);
  if (!areSame(await after(deleted), later) || !areSame(await after(folder), keys.toSpliced(MIDDLE, 1))) {
    return lists('listing-pages', 'it did not go on after a key that is not there');
  }
  return ok('Pages of one key and of two showed each key once.');
});

const byFolder = trial('listing-folders', async ({ store, workspace }) => {
  const root = `${workspace.key('folders')}/`;
  const keys = await writeFolders(store, root);
  for (const folder of FOLDERS) {
    const own = keys.filter((key) => key.startsWith(root + folder));
    if (!areSame(await keysOf(store, root + folder), own)) {
      return lists('listing-folders', `${folder} was not listed alone and whole`);
    }
  }
  const all = await walk(store, root, 2);
  if (!areSame(all, keys)) return lists('listing-folders', 'pages of 2 over folders did not show each key once');
  const runs = all.map(folderOf).filter((folder, index, folders) => folder !== folders[index - 1]);
  return runs.length === FOLDERS.length
    ? ok(`Neighbours (${FOLDERS.join(', ')}) were listed alone and whole.`)
    : lists('listing-folders', "a folder's keys were not together");
});

/** As `due/` is read: until the first deadline that is later. */
const byTime = trial('listing-times', async ({ store, workspace, now }) => {
  const folder = `${workspace.key('times')}/`;
  const keys = NUMBERS.map((number) => `${folder}${toKeyTime(now() + number * HOUR_MS)}/attempt/${9 - number}`);
  await write(store, keys.toReversed());
  return (await walk(store, folder, 2)).join() === keys.join()
    ? ok('Names that begin with a time came in order of time.')
    : lists('listing-times', 'names that begin with a time did not come in order of time');
});

/** Over folders: some stores list in the order of a tree. */
export const byteOrder = trial('listing-order', async ({ store, workspace }) => {
  const root = `${workspace.key('order')}/`;
  const keys = await writeFolders(store, root);
  return (await keysOf(store, root)).join() === keys.toSorted().join()
    ? ok('Keys came in the order of their bytes, over folders too.', 'yes')
    : info(`Keys do not come in the order of their bytes: ${CAPABILITIES['listing-order'].without}.`, null, 'no');
});

export const LISTING_TRIALS = [atOnce, inPages, byFolder, byTime];

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}

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

/** Every key of a listing, page by page, as `listAll` goes. It ends also where a store leads in a circle. */
async function walk(store: ObjectStore, prefix: string, limit: number): Promise<string[]> {
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

/** Whatever the order. */
function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.toSorted().join() === others.toSorted().join();
}
