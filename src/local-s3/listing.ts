// Pages through the keys the way every S3 listing does: prefix, delimiter, a place to start after, a limit.
import { compareUtf8, type SortedKeys } from './sorted-keys.ts';

export interface ListingQuery {
  prefix: string;
  /** '' when there is none. */
  delimiter: string;
  /** Only entries (keys or common prefixes) after this one; '' for the start. */
  after: string;
  limit: number;
}

export interface ListingPage {
  keys: string[];
  commonPrefixes: string[];
  truncated: boolean;
  /** The last entry of the page, which is where the next one starts after. */
  last: string | undefined;
}

/** The part of `key` up to and with the first delimiter after the prefix, or undefined when it has none. */
export function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}

/**
 * One page, in byte order. Entries are keys and common prefixes, and an entry is listed when it sorts after `after`:
 * a place inside a common prefix thus skips that prefix, as Ceph does. Its cost is that of the entries returned,
 * not of the keys below a common prefix.
 */
export function listPage(keys: SortedKeys, { prefix, delimiter, after, limit }: ListingQuery): ListingPage {
  const page: ListingPage = { keys: [], commonPrefixes: [], truncated: false, last: undefined };
  if (limit === 0) return page;
  let index = Math.max(keys.firstFrom(prefix), after === '' ? 0 : keys.firstAfter(after));
  while (true) {
    const key = keys.at(index);
    if (key === undefined || !key.startsWith(prefix)) return page;
    const common = commonPrefixOf(key, prefix, delimiter);
    const entry = common ?? key;
    if (after !== '' && compareUtf8(entry, after) <= 0) {
      index = keys.firstBeyond(entry);
      continue;
    }
    if (page.keys.length + page.commonPrefixes.length === limit) return { ...page, truncated: true };
    page.last = entry;
    if (common === undefined) {
      page.keys.push(key);
      index += 1;
    } else {
      page.commonPrefixes.push(common);
      index = keys.firstBeyond(common);
    }
  }
}
