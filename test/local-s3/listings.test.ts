// Listings of objects: order, prefix, delimiter and pages, against a model that knows no index.
import {
  ListObjectsCommand,
  type ListObjectsCommandOutput,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { listPage } from '../../src/local-s3/listing.ts';
import { compareUtf8, SortedKeys } from '../../src/local-s3/sorted-keys.ts';
import { BUCKET, call, type Store, startStore } from './support.ts';

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

async function fill({ client }: Store, keys: string[]): Promise<void> {
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: Key }));
}

describe('the index', () => {
  test('compares as bytes do', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(byBytes(a, b));
      }),
    );
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
    const delimiters = fc.constantFrom('', '/', '-', '/a', 'a');
    fc.assert(
      fc.property(
        anyKeys,
        keyText,
        delimiters,
        keyText,
        fc.integer({ min: 1, max: 5 }),
        (keys, from, delimiter, start, limit) => {
          const prefix = from.slice(0, 2);
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
        },
      ),
      { numRuns: 500 },
    );
  });

  test('costs what it returns: a level of folders among 100,000 keys', () => {
    const index = new SortedKeys(Array.from({ length: 100_000 }, (_, at) => `${at % 10}/${at}`));
    let reads = 0;
    const counted = Object.assign(Object.create(index), {
      at: (position: number) => {
        reads += 1;
        return index.at(position);
      },
      firstFrom: (key: string) => index.firstFrom(key),
      firstAfter: (key: string) => index.firstAfter(key),
      firstBeyond: (prefix: string) => index.firstBeyond(prefix),
    });
    expect(listPage(counted, { prefix: '', delimiter: '/', after: '', limit: 1000 }).commonPrefixes).toHaveLength(10);
    expect(reads).toBe(11);
  });
});

describe('a listing over HTTP', () => {
  const KEYS = ['a', 'a/', 'a/1', 'a/2', 'a-b', 'b/x/y', 'b/z', 'c d+e%f&<>', 'é', '\uffee', '😀'];

  test('ListObjectsV2 and ListObjects give what the model gives, page by page', async () => {
    const store = await startStore();
    await fill(store, KEYS);
    const cases = fc.tuple(fc.constantFrom('', 'a', 'a/', 'b', 'zz'), fc.constantFrom('', '/', '-'), fc.constantFrom('', 'a', 'a/1', 'a/', 'b/x'), fc.integer({ min: 1, max: 12 })); // biome-ignore format: one line
    await fc.assert(
      fc.asyncProperty(cases, async ([Prefix, Delimiter, start, MaxKeys]) => {
        const expected = modelEntries(KEYS, Prefix, Delimiter, start);
        const base = { Bucket: BUCKET, Prefix, MaxKeys, ...(Delimiter !== '' && { Delimiter }) };
        const second: string[] = [];
        const pages = paginateListObjectsV2({ client: store.client }, { ...base, StartAfter: start });
        for await (const page of pages) {
          const found = [...(page.Contents ?? []).map(({ Key }) => Key), ...(page.CommonPrefixes ?? []).map((entry) => entry.Prefix)]; // biome-ignore format: one line
          expect(page.KeyCount).toBe(found.length);
          second.push(...found.map(String));
        }
        expect(second.sort(byBytes)).toEqual(expected);

        const first: string[] = [];
        for (let Marker: string | undefined = start; Marker !== undefined; ) {
          const page: ListObjectsCommandOutput = await store.client.send(new ListObjectsCommand({ ...base, Marker })); // biome-ignore format: one line
          first.push(...(page.Contents ?? []).map(({ Key }) => String(Key)), ...(page.CommonPrefixes ?? []).map((entry) => String(entry.Prefix))); // biome-ignore format: one line
          expect(page.NextMarker !== undefined).toBe(page.IsTruncated === true && Delimiter !== '');
          Marker = page.IsTruncated === true ? (page.NextMarker ?? page.Contents?.at(-1)?.Key) : undefined;
        }
        expect(first.sort(byBytes)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });

  test('describes each object', async () => {
    const store = await startStore();
    await fill(store, ['k']);
    const page = await store.client.send(new ListObjectsV2Command({ Bucket: BUCKET, FetchOwner: true }));
    expect(page).toMatchObject({ Name: BUCKET, KeyCount: 1, MaxKeys: 1000, IsTruncated: false, Prefix: '' });
    expect(page.Contents).toMatchObject([
      {
        Key: 'k',
        Size: 1,
        ETag: '"8ce4b16b22b58894aa86c421e8759df3"',
        StorageClass: 'STANDARD',
        Owner: { ID: 'local' },
      },
    ]);
    const head = await call({ endpoint: store.endpoint, method: 'HEAD', path: `/${BUCKET}/k` });
    expect(new Date(head.headers['last-modified'] ?? '')).toEqual(page.Contents?.[0]?.LastModified);
  });

  test('of versions goes page by page, and knows folders', async () => {
    const store = await startStore();
    await fill(store, ['a', 'b/x/y', 'b/z']);
    const list = (input: object) => store.client.send(new ListObjectVersionsCommand({ Bucket: BUCKET, ...input }));
    const first = await list({ MaxKeys: 2 });
    expect(first.Versions).toMatchObject([{ Key: 'a', VersionId: 'null', IsLatest: true }, { Key: 'b/x/y' }]);
    const { NextKeyMarker, NextVersionIdMarker } = first;
    const rest = await list({ KeyMarker: NextKeyMarker, VersionIdMarker: NextVersionIdMarker });
    expect(rest).toMatchObject({ IsTruncated: false, Versions: [{ Key: 'b/z' }] });
    expect((await list({ Delimiter: '/', Prefix: 'b' })).CommonPrefixes).toEqual([{ Prefix: 'b/' }]);
  });

  test('encodes keys when asked, also those that XML cannot carry', async () => {
    const store = await startStore();
    const { endpoint } = store;
    await fill(store, ['a\u0000b', 'a\u0001/c', 'a b+c/ü', 'a\rb']);
    const query: [string, string][] = [['encoding-type', 'url'], ['list-type', '2']]; // biome-ignore format: one line
    const { body } = await call({ endpoint, path: `/${BUCKET}`, query });
    const keys = [...body.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key);
    expect(keys).toEqual(['a%00b', 'a%01/c', 'a%0Db', 'a+b%2Bc/%C3%BC']);
    const plain = await call({ endpoint, path: `/${BUCKET}` });
    expect(plain.body).toContain('<Key>a&#xd;b</Key>');
    expect(await call({ endpoint, path: `/${BUCKET}`, query: [['encoding-type', 'zip']] })).toMatchObject({ code: 'InvalidArgument' }); // biome-ignore format: one line
  });

  test('has up to a thousand entries, or none', async () => {
    const store = await startStore();
    await fill(store, ['a', 'b']);
    const list = async (maxKeys: string) => await call({ endpoint: store.endpoint, path: `/${BUCKET}`, query: [['list-type', '2'], ['max-keys', maxKeys]] }); // biome-ignore format: one line
    expect((await list('0')).body).toMatch(/<MaxKeys>0<.*<IsTruncated>false<.*<KeyCount>0</s);
    expect((await list('1')).body).toMatch(/<IsTruncated>true<.*<KeyCount>1</s);
    expect((await list('5000')).body).toContain('<MaxKeys>1000<');
    for (const wrong of ['-1', 'x', '1.5']) expect(await list(wrong)).toMatchObject({ code: 'InvalidArgument' });
  });

  test.each(['', 'made-up', 'YWZ0ZXI', '!!'])('refuses the continuation token %j', async (token) => {
    const { endpoint } = await startStore();
    const query: [string, string][] = [['list-type', '2'], ['continuation-token', token]]; // biome-ignore format: one line
    expect(await call({ endpoint, path: `/${BUCKET}`, query })).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });
});
