// Lists many folders with as few requests as their closeness allows: attempts of one exam are neighbours, and often due together.
import pMap from 'p-map';
import { isAscending } from './key-order.ts';
import type { ListedObject, ListOptions, ListPage, ObjectStore } from './object-store.ts';

/** Listings under way at once; each walks its own share of the folders. */
const LANES = 4;
/** A page begins with room for an ordinary lane, and shrinks where it was mostly about others. */
const FIRST_KEYS = 256;
const FEWEST_KEYS = 16;
const MOST_KEYS = 1000;

/** Stores of which a page was seen that was not in the order of its keys. */
const outOfOrder = new WeakSet<ObjectStore>();

/**
 * What lies under each prefix, as one LIST of each would tell, though several share a page where nothing much lies
 * between them. Never more requests than one listing a prefix takes. Prefixes end in `/`, lie under `root`, and none
 * is a beginning of another.
 *
 * The caller lists by exactly its prefix what is left out: those whose listing failed, those of which nothing was seen,
 * because a store with another order has them elsewhere, and all of them once a page was not in the order of its keys.
 */
export async function listTogether(
  store: ObjectStore,
  root: string,
  prefixes: readonly string[],
): Promise<Map<string, ListedObject[]>> {
  if (outOfOrder.has(store)) return new Map();
  const sorted = prefixes.toSorted();
  const share = Math.ceil(sorted.length / LANES);
  const lanes = Array.from({ length: LANES }, (_, lane) => sorted.slice(lane * share, (lane + 1) * share));
  const listed = await pMap(lanes, (lane) => walk(store, root, lane), { concurrency: LANES });
  if (outOfOrder.has(store)) return new Map();
  return new Map(listed.flatMap((found) => [...found].filter(([, objects]) => objects.length > 0)));
}

async function walk(
  store: ObjectStore,
  root: string,
  prefixes: readonly string[],
): Promise<Map<string, ListedObject[]>> {
  const done = new Map<string, ListedObject[]>();
  let collected: ListedObject[] = [];
  let at = 0;
  let startAfter: string | undefined;
  let limit = FIRST_KEYS;
  for (let prefix = prefixes[at]; prefix !== undefined; prefix = prefixes[at]) {
    const page = await listOrNothing(store, root, { startAfter: startAfter ?? prefix, limit });
    if (!page) return done;
    if (!isAscending(page.objects, startAfter ?? prefix)) {
      outOfOrder.add(store);
      return done;
    }
    const before = at;
    const last = page.truncated ? page.objects.at(-1)?.key : undefined;
    let next = 0;
    // A folder is told in full when the page goes on behind it, or is the last.
    for (let folder = prefixes[at]; folder !== undefined; folder = prefixes[at]) {
      while (isBefore(page.objects[next]?.key, folder)) next += 1;
      for (let object = page.objects[next]; object?.key.startsWith(folder); object = page.objects[next]) {
        collected.push(object);
        next += 1;
      }
      if (last !== undefined && (last < folder || last.startsWith(folder))) break;
      done.set(folder, collected);
      collected = [];
      at += 1;
    }
    startAfter = collected.length > 0 ? last : undefined;
    limit = at - before > 1 ? Math.min(limit * 2, MOST_KEYS) : Math.max(FEWEST_KEYS, Math.floor(limit / 2));
  }
  return done;
}

async function listOrNothing(store: ObjectStore, root: string, options: ListOptions): Promise<ListPage | undefined> {
  try {
    return await store.list(root, options);
  } catch {
    return undefined;
  }
}

function isBefore(key: string | undefined, folder: string): boolean {
  return key !== undefined && key < folder;
}
