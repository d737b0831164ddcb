// Listings of many prefixes by their common beginnings: each proves as much as a listing of the prefix alone.
import pMap from 'p-map';
import type { ListedObject, ObjectStore } from '../objectstore/object-store.ts';
import { isBusy } from '../objectstore/store-error.ts';
import type { SharedListing } from './listing.ts';

/** Fewer prefixes are listed one by one. */
const FEWEST_PREFIXES = 4;
/** A page that needs more keys for each prefix costs more than it saves. */
const KEYS_FOR_EACH = 25;
const MOST_KEYS = 1000;
/** Stores that have shown objects under a beginning that ends within a name. */
const listWithinNames = new WeakSet<ObjectStore>();
/** How many requests may show nothing: a share of those that listings one by one need. */
const WASTED_SHARE = 1 / 16;

/**
 * Lists many prefixes with as few requests as their closeness allows. One page that is all that the store has under a
 * common beginning shows everything under each of the prefixes; where there is more than a page, the group is divided at the
 * next character. Nothing follows from the order of keys or from a page that is not the whole, so what is not shown is not
 * there. Prefixes end in `/`, and none is a beginning of another.
 *
 * Left out are prefixes that have no close neighbours, those whose listing cannot be read, and all that an empty page would
 * prove before the store has shown that it lists by a beginning that ends within a name: some know folders alone.
 */
export async function listByCommonPrefix(store: ObjectStore, prefixes: readonly string[]): Promise<SharedListing> {
  const objects = new Map<string, readonly ListedObject[]>();
  const failures = new Map<string, unknown>();
  let mayBeWasted = prefixes.length * WASTED_SHARE;

  async function listGroup(group: readonly string[]): Promise<void> {
    if (group.length < FEWEST_PREFIXES || mayBeWasted < 0) return;
    const common = commonBeginning(group[0] ?? '', group.at(-1) ?? '');
    const limit = Math.min(MOST_KEYS, KEYS_FOR_EACH * group.length);
    try {
      const page = await store.list(common, { limit });
      if (!common.endsWith('/')) {
        if (page.objects.length > 0) listWithinNames.add(store);
        if (!listWithinNames.has(store)) return;
      }
      if (!page.truncated) {
        const shown = Map.groupBy(page.objects, ({ key }) => group.find((prefix) => key.startsWith(prefix)));
        for (const prefix of group) objects.set(prefix, shown.get(prefix) ?? []);
        return;
      }
    } catch (error) {
      if (!isBusy(error)) return;
      for (const prefix of group) failures.set(prefix, error);
      return;
    }
    mayBeWasted -= 1;
    await pMap(Map.groupBy(group, (prefix) => prefix[common.length]).values(), listGroup);
  }

  await listGroup([...new Set(prefixes)].toSorted());
  return {
    objectsOf(prefix) {
      if (failures.has(prefix)) throw failures.get(prefix);
      return objects.get(prefix);
    },
  };
}

function commonBeginning(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}
