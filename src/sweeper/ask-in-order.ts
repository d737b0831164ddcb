// Asks of many recordings whether anything is left of them, in the order of their keys: a page answers for all that it spans.
import { ATTEMPTS_PREFIX } from '../bucket/layout.ts';
import type { ListPage, ObjectStore } from '../objectstore/object-store.ts';

/**
 * A question to be asked of recordings' prefixes in ascending order. Costs at most a LIST for each, and at most one for
 * every 1000 keys of `attempts/`; holds one page. The answer may be as old as that page: before something is reported, it
 * is looked for once more. @throws StoreError
 */
export function askInOrder(store: ObjectStore): (prefix: string) => Promise<boolean> {
  let page: Pick<ListPage, 'objects' | 'truncated'> = { objects: [], truncated: true };
  let place = 0;
  return async (prefix) => {
    const key = () => page.objects[place]?.key;
    for (let at = key(); at !== undefined && at < prefix; at = key()) place += 1;
    if (key() === undefined && page.truncated) {
      page = await store.list(ATTEMPTS_PREFIX, { startAfter: prefix });
      place = 0;
    }
    return key()?.startsWith(prefix) ?? false;
  };
}
