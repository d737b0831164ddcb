// What an answer leaves out, or what is answered by somebody else, is never taken for "there is nothing".
import { describe, expect, test } from '@jest/globals';
import { listAll, listAllMultipartUploads } from '../../src/objectstore/object-store.ts';
import { bytes, outcomeOf, text } from './object-store-contract.ts';
import { type Answer, type adapterFor, adapterOn, document, keepsTags, type Script } from './scripted-store.ts';

type Adapter = ReturnType<typeof adapterFor>;

/** As the servers of the web write it, and so that XML can be read from it. */
const PAGES = [
  '<!DOCTYPE html>\n<html><head><title>Sorry</title></head><body>Soon back</body></html>',
  '<html><body><h1>404 Not Found</h1><hr></body></html>',
].map((body) => ({ headers: { 'content-type': 'text/html' }, body }));
const [PAGE = { body: '' }] = PAGES;

const TIME = '<LastModified>2026-01-01T00:00:00Z</LastModified>';
const LISTINGS: readonly [name: string, item: string, ask: (adapter: Adapter) => Promise<unknown[] | undefined>][] = [
  [
    'list',
    `<Contents><Key>pre/a</Key><Size>1</Size>${TIME}</Contents>`,
    ({ store }) => Array.fromAsync(listAll(store, '')),
  ],
  [
    'listVersions',
    `<Version><Key>pre/a</Key><Size>1</Size><IsLatest>true</IsLatest>${TIME}</Version>`,
    async ({ store }) => [...(await store.listVersions('')).versions],
  ],
  [
    'listUploads',
    '<Upload><Key>pre/a</Key><UploadId>id</UploadId></Upload>',
    ({ store }) => Array.fromAsync(listAllMultipartUploads(store, '')),
  ],
  [
    'listParts',
    '<Part><PartNumber>1</PartNumber><Size>1</Size><ETag>"e"</ETag></Part>',
    ({ store }) => store.listParts('a', 'id'),
  ],
];
const on = (script: Script) => adapterOn(script, { keyPrefix: 'pre/' });

describe.each(LISTINGS)('%s', (name, item, ask) => {
  test('without IsTruncated is whole', async () => {
    expect(await ask(await on(() => item))).toHaveLength(1);
    expect(await ask(await on(() => '<Name>recordings</Name>'))).toEqual([]);
  });

  const UNREADABLE: [string, Answer][] = [
    ['that goes on and does not say where', `<IsTruncated>true</IsTruncated>${name === 'list' ? '' : item}`],
    ['without a body', { body: '' }],
    ['that is a page', PAGE],
    ['that is another listing', document(`<IsTruncated>false</IsTruncated>${item}`, 'ListAllMyBucketsResult')],
    ...[...item.matchAll(/<(Key|Size|LastModified|IsLatest|UploadId|PartNumber|ETag)>.*?<\/\1>/g)].map(
      ([field]): [string, Answer] => [`without ${field}`, item.replace(field, '')],
    ),
    ...(item.includes('pre/a') ? [['of other keys', item.replace('pre/a', 'other')] as [string, Answer]] : []),
  ];
  test.each(UNREADABLE)('%s is no answer', async (_, answer) => {
    expect(await outcomeOf(ask(await on(() => answer)))).toBe('unavailable');
  });
});

test('a part is listed also where the store gives it the zero time of Go', async () => {
  const content = '<Part><PartNumber>1</PartNumber><Size>1</Size><ETag>"e"</ETag>';
  const { store } = await adapterOn(() => `${content}<LastModified>0001-01-01T00:00:00Z</LastModified></Part>`);
  expect(await store.listParts('a', 'id')).toHaveLength(1);
});

test('a part that is listed twice is the one that came last (SeaweedFS)', async () => {
  const part = (number: number, etag: string, second: number) =>
    `<Part><PartNumber>${number}</PartNumber><Size>1</Size><ETag>${etag}</ETag>` +
    `<LastModified>2026-01-01T00:00:0${second}Z</LastModified></Part>`;
  const { store } = await on(
    () => part(1, 'newer', 5) + part(1, 'older', 1) + part(2, 'first', 3) + part(2, 'second', 3),
  );
  const parts = await store.listParts('a', 'id');
  expect(parts?.map(({ partNumber, etag }) => [partNumber, etag])).toEqual([
    [1, 'newer'],
    [2, 'second'],
  ]);
});

describe('a listing over pages', () => {
  const upload = (key: string, id: string) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`;
  const nextFrom = (key: string, id: string) => `<NextKeyMarker>${key}</NextKeyMarker>${id}`;
  const ID = '<NextUploadIdMarker>1</NextUploadIdMarker>';
  const MORE = '<IsTruncated>true</IsTruncated>';
  const markersOf = ({ query }: { query: URLSearchParams }) => [query.get('key-marker'), query.get('upload-id-marker')];

  test('of a store that refuses its own upload-id-marker goes on by the key, and names nothing twice', async () => {
    const { store, requests } = await adapterOn(({ query }) => {
      if (query.has('upload-id-marker')) return '400 InvalidArgument';
      return query.has('key-marker')
        ? upload('a', '1') + upload('b', '2')
        : MORE + upload('a', '1') + nextFrom('a', ID);
    });
    const uploads = await Array.fromAsync(listAllMultipartUploads(store, ''));
    expect(uploads.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(requests.map(markersOf)).toEqual([
      [null, null],
      ['a', '1'],
      ['a', null],
    ]);
  });

  test('of a store that gives no upload-id-marker goes on by the key; a refusal of that is an error', async () => {
    const answers = [MORE + upload('a', '1') + nextFrom('a', ''), upload('b', '2'), MORE + nextFrom('a', ''), '400 No'];
    const { store, requests } = await adapterOn((_, index) => answers[index] ?? '');
    expect(await Array.fromAsync(listAllMultipartUploads(store, ''))).toHaveLength(2);
    expect(requests.map(markersOf)).toEqual([
      [null, null],
      ['a', null],
    ]);
    expect(await outcomeOf(Array.fromAsync(listAllMultipartUploads(store, '')))).toBe('unexpected');
  });

  test.each([
    ['uploads', MORE + nextFrom('a', ID), ({ store }: Adapter) => Array.fromAsync(listAllMultipartUploads(store, ''))],
    [
      'parts',
      `${MORE}<NextPartNumberMarker>7</NextPartNumberMarker>`,
      ({ store }: Adapter) => store.listParts('a', 'id'),
    ],
    [
      'objects',
      `${MORE}<Contents><Key>a</Key><Size>1</Size>${TIME}</Contents>`,
      ({ store }: Adapter) => Array.fromAsync(listAll(store, '')),
    ],
  ])('of %s that comes back to the same page ends in an error', async (_, page, ask) => {
    const adapter = await adapterOn(() => page);
    expect(await outcomeOf(ask(adapter))).toBe('unavailable');
    expect(adapter.requests).toHaveLength(2);
  });

  test('of versions names none twice, and is not begun behind a key of which it may have left some', async () => {
    const version = (id: number) =>
      `<Version><Key>a</Key><VersionId>${id}</VersionId><Size>1</Size><IsLatest>false</IsLatest>${TIME}</Version>`;
    const marker = '<NextVersionIdMarker>2</NextVersionIdMarker>';
    const answers = [MORE + version(1) + version(2) + nextFrom('a', marker), version(2) + version(3)];
    const { store } = await adapterOn((_, index) => answers[index] ?? MORE + version(1) + nextFrom('a', ''));
    const first = await store.listVersions('');
    const second = await store.listVersions('', { cursor: first.cursor });
    expect([...first.versions, ...second.versions].map(({ versionId }) => versionId)).toEqual(['1', '2', '3']);
    expect(await outcomeOf(store.listVersions(''))).toBe('unavailable');
  });
});

describe('a 404 that is not in the words of the store', () => {
  const BARE: Answer[] = [
    ...PAGES.map((page) => ({ ...page, status: 404 })),
    { status: 404, body: '404 page not found\n' },
    '404',
  ];
  const LISTED = `<Contents><Key>a</Key><Size>1</Size>${TIME}</Contents><Upload><Key>a</Key><UploadId>id</UploadId></Upload>`;
  const calls = ({ store }: Adapter) =>
    Promise.all(
      [
        store.get('a'),
        store.getStart('a', 4),
        store.getRange('a', 4, 4),
        store.listParts('a', 'id'),
        store.completeMultipartUpload('a', 'id', []),
        store.abortMultipartUpload('a', 'id'),
        store.uploadPart('a', 'id', 1, bytes('x')),
      ].map(outcomeOf),
    );

  test.each(BARE)('counts only if a listing says so too: %j', async (answer) => {
    let listed = LISTED;
    let isShown = false;
    const adapter = await adapterOn(({ method, query }) => {
      const prefix = query.get('prefix') ?? '';
      if (method === 'POST' && query.has('uploads'))
        return document('<UploadId>trial</UploadId>', 'InitiateMultipartUploadResult');
      if (method === 'DELETE' && query.get('uploadId') === 'trial') return { status: 204 };
      if (isShown && prefix.startsWith('doctor/'))
        return `<Upload><Key>${prefix}</Key><UploadId>trial</UploadId></Upload>`;
      return query.has('list-type') || query.has('uploads') ? listed : answer;
    });
    expect(await calls(adapter)).toEqual(Array.from({ length: 7 }, () => 'unavailable'));
    listed = '';
    // A listing that shows no upload of one's own either proves nothing.
    expect((await calls(adapter)).slice(3)).toEqual(Array.from({ length: 4 }, () => 'unavailable'));
    isShown = true;
    expect(await calls(adapter)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      false,
      undefined,
      'no-such-upload',
    ]);
    expect(await outcomeOf(adapter.store.delete([{ key: 'a' }]))).toBe('unavailable');
    expect(await outcomeOf(adapter.inspection.objectLock())).toBe('unavailable');
  });
});

test('a page with a 200 is no success of any call', async () => {
  const { store } = await adapterOn(() => PAGE);
  const calls = [store.put('a', bytes('x')), store.get('a'), store.delete([{ key: 'a' }]), store.isVersioned()];
  const uploads = [store.completeMultipartUpload('a', 'id', []), store.abortMultipartUpload('a', 'id')];
  const outcomes = await Promise.all([...calls, ...uploads].map(outcomeOf));
  expect(new Set(outcomes)).toEqual(new Set(['unavailable']));
});

test('a range is read only from where it was asked for, and whole', async () => {
  const ranges = ['bytes 4-7/8', 'bytes 0-3/8', undefined, 'bytes 4-9/10'];
  for (const [index, range] of ranges.entries()) {
    const headers = range === undefined ? {} : { 'content-range': range };
    const { store } = await adapterOn(() => ({ status: range ? 206 : 200, headers, body: '4567' }));
    const read = async () => Buffer.concat(await Array.fromAsync((await store.getRange('a', 4, 4)) ?? [])).toString();
    expect([range, await outcomeOf(read())]).toEqual([range, index === 0 ? '4567' : 'unavailable']);
  }
  const whole = await adapterOn(() => ({ body: 'the whole object, or a page of somebody' }));
  expect(await outcomeOf(whole.store.getStart('a', 4))).toBe('unavailable');
  const empty = await adapterOn(() => ({ headers: { etag: '"e"', 'content-length': '0' }, body: '' }));
  expect(text(await empty.store.getStart('a', 4))).toBe('');
});

test('a part whose ETag the store does not tell has the one of the listing', async () => {
  const part = '<Part><PartNumber>2</PartNumber><Size>1</Size><ETag>"two"</ETag></Part>';
  const { store } = await adapterOn(({ method }) => (method === 'GET' ? part : ''));
  expect(await store.uploadPart('a', 'id', 2, bytes('x'))).toBe('"two"');
  expect(await outcomeOf(store.uploadPart('a', 'id', 3, bytes('x')))).toBe('unavailable');
});

test.each<[string, Answer, Answer, unknown]>([
  ['refused, where versions are listed', '403 AccessDenied', '', true],
  ['a bad request, where versions are listed', '400 InvalidArgument', '', true],
  ['unknown, where versions are listed', '501 NotImplemented', '', true],
  ['unknown like versions', '501 NotImplemented', '501 NotImplemented', false],
  ['refused like versions', '403 AccessDenied', '403 AccessDenied', 'access-denied'],
  ['unknown, and versions are refused', '501 NotImplemented', '403 AccessDenied', 'not-implemented'],
  [
    'refused, where the question for versions is not understood',
    '403 No',
    document('', 'ListBucketResult'),
    'access-denied',
  ],
  ['not answered', '503 SlowDown', '', 'unavailable'],
  ['answered by nothing, where versions are listed', { body: '' }, '', true],
  ['answered by nothing', { body: '' }, { body: '' }, 'unavailable'],
  ['a word that is not of S3, where versions are listed', '<Status>ENABLED</Status>', '', true],
  ['a word that is not of S3', '<Status>Disabled</Status>', '501 NotImplemented', false],
])('whether the bucket has versions: %s', async (_, versioning, versions, expected) => {
  const { store } = await adapterOn(({ query }) => (query.has('versioning') ? versioning : versions));
  expect(await outcomeOf(store.isVersioned())).toBe(expected);
});

describe('tagging', () => {
  const isTagging = ({ query }: { query: URLSearchParams }) => query.has('tagging');

  test('is tried out once, on a key that is deleted again, however many ask', async () => {
    const { store, requests, notices } = await adapterOn(keepsTags(''));
    const both = [store.tag('a', { b: 'c' }), store.tag('b', { b: 'c' })];
    expect(await Promise.all(both)).toEqual([true, true]);
    expect(await store.tags('a')).toEqual({ b: 'c' });
    const tried = requests.filter(({ path, method }) => method === 'PUT' && path.includes('/doctor/'));
    expect(tried.map(isTagging)).toEqual([false, true]);
    const deleted = requests.find(({ query }) => query.has('delete'))?.body;
    expect(deleted).toContain(tried[0]?.path.replace('/recordings/', ''));
    expect(notices).toEqual([]);
  });

  const good = keepsTags('');
  const objects = new Map<string, string>();
  /** As rclone and gofakes3: tags are an object, under the same key. */
  const replacing: Script = ({ method, path, query, body }) => {
    if (query.has('versioning')) return '';
    if (method === 'PUT') objects.set(path, body);
    return { body: objects.get(path) ?? '' };
  };
  test.each<[string, Script]>([
    ['writes the tags into the object', replacing],
    ...[400, 403, 405, 501].map((status): [string, Script] => [
      `answers ${status}`,
      (request, index) => (isTagging(request) ? `${status} Whatever` : good(request, index)),
    ]),
    ['forgets the tags', (request, i) => (isTagging(request) ? '<TagSet></TagSet>' : good(request, i))],
  ])('of a store that %s touches no object, harms nothing, and is reported once', async (_, script) => {
    const { store, requests, notices } = await adapterOn(script);
    for (let twice = 0; twice < 2; twice += 1) expect(await store.tag('a', { b: 'c' })).toBe(false);
    expect(await store.tags('a')).toBeUndefined();
    expect(requests.filter(({ path }) => path.endsWith('/a'))).toEqual([]);
    expect(requests.at(-1)?.query.has('delete')).toBe(true);
    expect(notices).toEqual(['store-has-no-tagging']);
  });

  test('of a store in trouble is tried out again, and put off a call that meets another', async () => {
    let trouble = '503 SlowDown';
    const { store, requests, notices, attempts } = await adapterOn((request, index) =>
      trouble && isTagging(request) ? trouble : good(request, index),
    );
    expect(await store.tag('a', { b: 'c' })).toBe(false);
    expect(await outcomeOf(store.tags('a'))).toBe('unavailable');
    trouble = '';
    expect(await store.tag('a', { b: 'c' })).toBe(true);
    const tried = requests.filter(({ path, method }) => method === 'PUT' && path.includes('/doctor/'));
    expect(new Set(tried.map(({ path }) => path)).size).toBe(1);
    expect(requests.filter(({ query }) => query.has('delete'))).toHaveLength(3);
    let conflicts = 0;
    const busy = await adapterOn((request, index) => {
      if (request.method === 'PUT' && isTagging(request) && conflicts++ === 0) return '409 OperationAborted';
      return good(request, index);
    });
    expect(await busy.store.tag('a', { b: 'c' })).toBe(true);
    expect([...notices, ...busy.notices]).toEqual([]);
    expect(attempts).toContain('PutObjectTagging SlowDown');
  });
});
