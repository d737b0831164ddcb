// Listings of objects: order, prefix, delimiter and pages, against a model that knows no index.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { listPage } from '../../src/local-s3/listing.ts';
import { compareUtf8, SortedKeys } from '../../src/local-s3/sorted-keys.ts';
import { allOf, type Store, startStore } from './support.ts';

/** Few characters, so that prefixes are shared, and those that UTF-16 and UTF-8 sort differently. */
const keyText = fc.string({ unit: fc.constantFrom('a', 'b', '/', '-', '\uffee', '😀', 'é', '0'), maxLength: 8 });
const anyKeys = fc.uniqueArray(
  keyText.filter((key) => key !== ''),
  { maxLength: 40 },
);

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What a listing is, said plainly. */
function modelEntries(keys: string[], prefix: string, delimiter: string, after: string): string[] {
  const entries = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      return at === -1 ? key : key.slice(0, at + delimiter.length);
    });
  return [...new Set(entries)].filter((entry) => after === '' || byBytes(entry, after) > 0).sort(byBytes);
}

describe('the index', () => {
  test('compares as bytes do', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(fc.property(text, text, (a, b) => expect(Math.sign(compareUtf8(a, b))).toBe(byBytes(a, b))));
  });

  test('stays sorted through additions and deletions', () => {
    const change = fc.tuple(fc.boolean(), keyText);
    fc.assert(
      fc.property(anyKeys, fc.array(change, { maxLength: 60 }), (initial, changes) => {
        const index = new SortedKeys(initial);
        const model = new Set(initial);
        for (const [adds, key] of changes) {
          index[adds ? 'add' : 'delete'](key);
          model[adds ? 'add' : 'delete'](key);
        }
        const listed = Array.from({ length: index.size }, (_, position) => index.at(position));
        expect(listed).toEqual([...model].sort(byBytes));
      }),
    );
  });

  test('pages to the same entries as the model, whatever the page size', () => {
    const options = fc.record({
      prefix: keyText.map((key) => key.slice(0, 2)),
      delimiter: fc.constantFrom('', '/', '-', '/a', 'a'),
      start: keyText,
      limit: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(anyKeys, options, (keys, { prefix, delimiter, start, limit }) => {
        const index = new SortedKeys(keys);
        const entries: string[] = [];
        for (let after = start, more = true; more; ) {
          const page = listPage(index, { prefix, delimiter, after, limit });
          const found = [...page.keys, ...page.commonPrefixes].sort(byBytes);
          expect(found.length).toBeLessThanOrEqual(limit);
          expect(page.last).toBe(found.at(-1));
          entries.push(...found);
          more = page.truncated;
          after = page.last ?? after;
        }
        expect(entries).toEqual(modelEntries(keys, prefix, delimiter, start));
      }),
      { numRuns: 500 },
    );
  });

  test('costs what it returns: a level of folders among 100,000 keys', () => {
    let reads = 0;
    class CountedKeys extends SortedKeys {
      override at(position: number): string | undefined {
        reads += 1;
        return super.at(position);
      }
    }
    const index = new CountedKeys(Array.from({ length: 100_000 }, (_, at) => `${at % 10}/${at}`));
    reads = 0;
    expect(listPage(index, { prefix: '', delimiter: '/', after: '', limit: 1000 }).commonPrefixes).toHaveLength(10);
    expect(reads).toBe(11);
  });
});

describe('a listing over HTTP', () => {
  const KEYS = ['a', 'a/', 'a/1', 'a/2', 'a-b', 'b/x/y', 'b/z', 'c d+e%f&<>', 'é', '\uffee', '😀'];

  async function storeOf(keys: string[]): Promise<Store> {
    const store = await startStore();
    for (const key of keys) expect(await store.outcome('PUT k', { key, body: key })).toBe('200');
    return store;
  }

  const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
  const entriesOf = (body: string) => [
    ...allOf(body, 'Key'),
    ...allOf(body.replace(/^.*?(?=<CommonPrefixes>|$)/s, ''), 'Prefix'),
  ];

  test.each([
    ['ListObjectsV2', 'list-type=2&', 'start-after', 'continuation-token', 'NextContinuationToken'],
    ['ListObjects', '', 'marker', 'marker', 'NextMarker'],
    ['ListObjectVersions', 'versions&', 'key-marker', 'key-marker', 'NextKeyMarker'],
  ])('%s gives what the model gives, page by page', async (operation, query, start, cursor, next) => {
    const { ask } = await storeOf(KEYS);
    const cases = fc.tuple(fc.constantFrom('', 'a', 'a/', 'b', 'zz'), fc.constantFrom('', '/', '-'), fc.constantFrom('', 'a', 'a/1', 'a/', 'b/x'), fc.integer({ min: 1, max: 12 })); // biome-ignore format: one line
    await fc.assert(
      fc.asyncProperty(cases, async ([prefix, delimiter, after, size]) => {
        const listed: string[] = [];
        for (let [name, value]: [string, string | undefined] = [start, after]; value !== undefined; name = cursor) {
          const { body } = await ask(`GET ?${query}encoding-type=url&max-keys=${size}`, { query: [['prefix', prefix], ['delimiter', delimiter], [name, value]] }); // biome-ignore format: one line
          const found = entriesOf(body).map(decode);
          expect(found.length).toBeLessThanOrEqual(size);
          if (operation === 'ListObjectsV2') expect(allOf(body, 'KeyCount')).toEqual([String(found.length)]);
          listed.push(...found);
          const truncated = body.includes('<IsTruncated>true<');
          // S3 gives NextMarker only with a delimiter; without one the last key is the marker.
          const [given] = allOf(body, next);
          const hasNext = truncated && (operation !== 'ListObjects' || delimiter !== '');
          expect(given !== undefined).toBe(hasNext);
          value = truncated ? decode(given ?? allOf(body, 'Key').at(-1) ?? '') : undefined;
        }
        expect(listed.sort(byBytes)).toEqual(modelEntries(KEYS, prefix, delimiter, after));
      }),
      { numRuns: 40 },
    );
  });

  test('describes each object', async () => {
    const { ask } = await storeOf(['k']);
    const { body } = await ask('GET ?list-type=2&fetch-owner=true');
    const elements = { Name: 'recordings', Prefix: '', KeyCount: '1', MaxKeys: '1000', IsTruncated: 'false', Key: 'k', Size: '1', ETag: '&quot;8ce4b16b22b58894aa86c421e8759df3&quot;', StorageClass: 'STANDARD', ID: 'local' }; // biome-ignore format: one line
    for (const [name, text] of Object.entries(elements)) expect([name, ...allOf(body, name)]).toEqual([name, text]);
    const { headers } = await ask('HEAD k');
    expect(allOf(body, 'LastModified')).toEqual([new Date(headers['last-modified'] ?? '').toISOString()]);
    const versions = (await ask('GET ?versions')).body;
    expect([...allOf(versions, 'VersionId'), ...allOf(versions, 'IsLatest')]).toEqual(['null', 'true']);
  });

  test('encodes keys when asked, also those that XML cannot carry', async () => {
    const { ask } = await storeOf(['a\u0000b', 'a\u0001/c', 'a b+c/ü', 'a\rb']);
    const { body } = await ask('GET ?encoding-type=url&list-type=2');
    expect(allOf(body, 'Key')).toEqual(['a%00b', 'a%01/c', 'a%0Db', 'a+b%2Bc/%C3%BC']);
    expect((await ask('GET ')).body).toContain('<Key>a&#xd;b</Key>');
  });

  test.each([
    ['0', ['0', 'false', '0']],
    ['1', ['1', 'true', '1']],
    ['5000', ['1000', 'false', '2']],
  ])('of %s entries at most', async (maxKeys, expected) => {
    const { ask } = await storeOf(['a', 'b']);
    const { body } = await ask(`GET ?list-type=2&max-keys=${maxKeys}`);
    expect(['MaxKeys', 'IsTruncated', 'KeyCount'].flatMap((name) => allOf(body, name))).toEqual(expected);
  });
});
