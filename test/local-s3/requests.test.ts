// What is asked and what is answered: objects, tags, uploads, the bucket, and all that is refused because it is not known.
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { allOf, BUCKET, FIVE_MIB, received, type SignOptions, type Store, send, sendRaw, startStore, UNSIGNED, UPLOADER, until } from './support.ts'; // biome-ignore format: one line

const DIGITS = '0123456789';
const ORIGIN = 'https://exam.example';

/** A store with one object, `k`. */
async function startWithObject(): Promise<Store> {
  const store = await startStore();
  expect(await store.outcome('PUT k', { body: DIGITS })).toBe('200');
  return store;
}

const tags = (...pairs: [string, string][]) =>
  `<Tagging><TagSet>${pairs.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`).join('')}</TagSet></Tagging>`;
const manyTags = (count: number, keyLength = 1, valueLength = 0) =>
  tags(...Array.from(DIGITS.repeat(2).slice(0, count), (digit, at): [string, string] => [(at > 9 ? 'x' : digit).repeat(keyLength), 'v'.repeat(valueLength)])); // biome-ignore format: one line
const deletion = (...keys: string[]) =>
  `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`;
const cors = (rule: string) => `<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`;
const token = (text: string): SignOptions => ({ query: [['continuation-token', text]] });

describe('a request that is refused leaves all as it was', () => {
  const unknown = [
    'DELETE ', 'PUT ', 'PUT ?versioning', 'PUT ?policy', 'GET ?notification', 'GET ?made-up', 'PUT k?acl', 'PUT k?retention',
    'PUT k?made-up', 'GET k?attributes', 'GET k?partNumber=1', 'DELETE k?made-up', 'POST k?restore', 'POST k', 'PATCH k',
  ].map((line): [string, string] => ['501 NotImplemented', line]); // biome-ignore format: a table

  test.each<[string, string, SignOptions?]>([
    ...unknown,
    // Buckets.
    ['404 NoSuchBucket', 'PUT /new-bucket'],
    ['404 NoSuchBucket', 'GET /other/key'],
    ['404', 'HEAD /other'],
    ['404 NoSuchBucketPolicy', 'GET ?policy'],
    ['404 NoSuchBucketPolicy', 'GET ?policyStatus'],
    ['404 NoSuchPublicAccessBlockConfiguration', 'GET ?publicAccessBlock'],
    ['404 ObjectLockConfigurationNotFoundError', 'GET ?object-lock'],
    ['404 ServerSideEncryptionConfigurationNotFoundError', 'GET ?encryption'],
    ['404 NoSuchLifecycleConfiguration', 'GET ?lifecycle'],
    ['404 NoSuchCORSConfiguration', 'GET ?cors'],
    ['400 MalformedXML', 'PUT ?cors', { body: '' }],
    ['400 MalformedXML', 'PUT ?cors', { body: '<CORSConfiguration/>' }],
    ['400 MalformedXML', 'PUT ?cors', { body: cors('<AllowedMethod>GET</AllowedMethod>') }],
    ['400 InvalidRequest', 'PUT ?cors', { body: cors('<AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod>') }],
    ['400 InvalidRequest', 'PUT ?cors', { body: cors('<AllowedOrigin>*.*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>') }],
    ['400 MalformedXML', 'PUT ?cors', { body: cors('<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><ExposeHeader>a&#13;&#10;b</ExposeHeader>') }],
    // Listings.
    ['400 InvalidArgument', 'GET ?encoding-type=zip'],
    ['400 InvalidArgument', 'GET ?list-type=2&max-keys=-1'],
    ['400 InvalidArgument', 'GET ?list-type=2&max-keys=x'],
    ['400 InvalidArgument', 'GET ?list-type=2&max-keys=1.5'],
    ['400 InvalidArgument', 'GET ?list-type=2', token('')],
    ['400 InvalidArgument', 'GET ?list-type=2', token('made-up')],
    ['400 InvalidArgument', 'GET ?list-type=2', token('YWZ0ZXI')],
    ['400 InvalidArgument', 'GET ?list-type=2', token('!!')],
    // Objects.
    ['416 InvalidRange', 'GET k', { headers: { range: 'bytes=10-' } }],
    ['416 InvalidRange', 'GET k', { headers: { range: 'bytes=-0' } }],
    ['416', 'HEAD k', { headers: { range: 'bytes=10-' } }],
    ['400 InvalidArgument', 'GET k', { query: [['response-content-type', 'a\r\nset-cookie: b']] }],
    ['404 NoSuchVersion', 'DELETE k?versionId=abc'],
    ['400 KeyTooLongError', 'PUT new', { key: `${'ü'.repeat(512)}a` }],
    ['501 NotImplemented', 'PUT new', { headers: { 'x-amz-copy-source': `/${BUCKET}/k` } }],
    ['501 NotImplemented', 'PUT new', { headers: { 'x-amz-acl': 'public-read' } }],
    ['501 NotImplemented', 'PUT new', { headers: { 'x-amz-grant-read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' } }],
    ['501 NotImplemented', 'PUT new', { headers: { 'x-amz-server-side-encryption': 'AES256' } }],
    ['501 NotImplemented', 'PUT new', { headers: { 'x-amz-object-lock-mode': 'GOVERNANCE' } }],
    ['501 NotImplemented', 'PUT new', { headers: { 'x-amz-storage-class': 'GLACIER' } }],
    ['400 MetadataTooLarge', 'PUT new', { headers: { 'x-amz-meta-a': 'x'.repeat(2048) } }],
    ['404 NoSuchKey', 'PUT new', { headers: { 'if-match': '"x"' } }],
    ['412 PreconditionFailed', 'PUT k', { headers: { 'if-match': '"x"' } }],
    ['412 PreconditionFailed', 'PUT k', { headers: { 'if-none-match': '*' } }],
    ['501 NotImplemented', 'PUT k', { headers: { 'if-none-match': '"x"' } }],
    // Tags.
    ['404 NoSuchKey', 'DELETE missing?tagging'],
    ['400 BadRequest', 'PUT k?tagging', { body: manyTags(11) }],
    ['400 InvalidTag', 'PUT k?tagging', { body: tags(['a', '1'], ['a', '2']) }],
    ['400 InvalidTag', 'PUT k?tagging', { body: manyTags(1, 129) }],
    ['400 InvalidTag', 'PUT k?tagging', { body: manyTags(1, 1, 257) }],
    ['400 InvalidTag', 'PUT k?tagging', { body: tags(['', '']) }],
    ['400 InvalidTag', 'PUT k?tagging', { body: tags(['a', '&lt;b&gt;']) }],
    ['400 InvalidTag', 'PUT k?tagging', { body: tags(['aws:a', '']) }],
    ['400 MalformedXML', 'PUT k?tagging', { body: '' }],
    ['400 MalformedXML', 'PUT k?tagging', { body: '<Tagging>' }],
    ['400 MalformedXML', 'PUT k?tagging', { body: '<Other/>' }],
    ['400 MalformedXML', 'PUT k?tagging', { body: '<Tagging></Tagging>' }],
    ['400 MalformedXML', 'PUT k?tagging', { body: '<Tagging><TagSet><Tag/></TagSet></Tagging>' }],
    ['400 MalformedXML', 'PUT k?tagging', { body: '<!DOCTYPE x [<!ENTITY a "b">]><Tagging><TagSet/></Tagging>' }],
    // Deletions of many objects.
    ['400 MalformedXML', 'POST ?delete', { body: deletion('k', ...Array.from({ length: 1000 }, (_, at) => `k${at}`)) }],
    ['400 MalformedXML', 'POST ?delete', { body: deletion() }],
    ['400 MalformedXML', 'POST ?delete', { body: '<Delete/>' }],
    ['400 MalformedXML', 'POST ?delete', { body: '<Delete><Object/></Delete>' }],
    ['400 MalformedXML', 'POST ?delete', { body: '<Delete><Object><Key>k</Key></Object>' }],
    ['400 BadDigest', 'POST ?delete', { body: deletion('k'), headers: { 'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==' } }],
    ['400 BadDigest', 'POST ?delete', { body: deletion('k'), headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } }],
    // Uploads.
    ['501 NotImplemented', 'POST new?uploads', { headers: { 'x-amz-acl': 'public-read' } }],
  ])('%s: %s (%#)', async (outcome, line, options = {}) => {
    const store = await startWithObject();
    const answer = await store.ask(line, options);
    expect(answer.outcome).toBe(outcome);
    if (!line.startsWith('HEAD')) expect(answer.body).toMatch(/^<\?xml.*<Error><Code>.*<Message>.*<Resource>.*<RequestId>/s);
    expect((await store.ask('GET k')).body).toBe(DIGITS);
    expect(allOf((await store.ask('GET k?tagging')).body, 'Key')).toEqual([]);
    expect(allOf((await store.ask('GET ')).body, 'Key')).toEqual(['k']);
    expect((await store.ask('GET ?uploads')).body).not.toContain('<Upload>');
    expect(await store.files()).toHaveLength(1);
  }); // biome-ignore format: a table
});

describe('an object', () => {
  test('has its headers, metadata and tags, is replaced whole, and is deleted with its bytes', async () => {
    const at = Date.parse('2026-11-05T10:20:30.456Z');
    const { ask, outcome, files } = await startStore({ now: () => at });
    const headers = {
      'content-type': 'video/webm',
      'cache-control': 'no-store',
      'content-disposition': 'attachment; filename="a.webm"',
      'content-language': 'de',
      'content-encoding': 'gzip',
      'x-amz-meta-colour': 'blue',
    };
    const etag = '"5d41402abc4b2a76b9719d911017c592"';
    const put = await ask('PUT k', { at, body: 'hello', headers: { ...headers, 'x-amz-tagging': 'a=1&b=%20' } });
    expect(put).toMatchObject({ outcome: '200', headers: { etag } });
    const more = { 'accept-ranges': 'bytes', 'content-length': '5', 'last-modified': 'Thu, 05 Nov 2026 10:20:30 GMT' };
    const expected = { ...headers, ...more, etag, 'x-amz-tagging-count': '2' };
    expect(await ask('GET k', { at })).toMatchObject({ body: 'hello', headers: expected });
    expect(await ask('HEAD k', { at })).toMatchObject({ body: '', headers: expected });

    expect(await outcome('PUT k', { at, body: 'two' })).toBe('200');
    const second = await ask('GET k', { at });
    expect(second).toMatchObject({ body: 'two', headers: { 'content-type': 'binary/octet-stream' } });
    for (const gone of ['cache-control', 'x-amz-meta-colour', 'x-amz-tagging-count']) {
      expect(second.headers[gone]).toBeUndefined();
    }
    expect(await files()).toHaveLength(1);

    expect(await outcome('DELETE k', { at })).toBe('204');
    expect(await files()).toEqual([]);
    expect([await outcome('GET k', { at }), await outcome('HEAD k', { at })]).toEqual(['404 NoSuchKey', '404']);
    expect(await outcome('DELETE k', { at })).toBe('204');
    expect(await outcome('DELETE k?versionId=null', { at })).toBe('204');
  });

  test.each<[string, number, string, string | undefined]>([
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=-99', 206, DIGITS, 'bytes 0-9/10'],
    ['bytes=5-2', 200, DIGITS, undefined],
    ['bytes=0-1,3-4', 200, DIGITS, undefined],
    ['bytes=-', 200, DIGITS, undefined],
    ['lines=0-1', 200, DIGITS, undefined],
    ['nonsense', 200, DIGITS, undefined],
  ])('answers the range %j with %d', async (range, status, body, contentRange) => {
    const { ask } = await startWithObject();
    const get = await ask('GET k', { headers: { range } });
    expect(get).toMatchObject({ status, body });
    const head = await ask('HEAD k', { headers: { range } });
    expect(head).toMatchObject({ status, body: '' });
    for (const { headers } of [get, head]) {
      expect([headers['content-range'], headers['content-length']]).toEqual([contentRange, String(body.length)]);
    }
  });

  test('of no bytes has no range, and takes no data file', async () => {
    const { ask, outcome, files } = await startStore();
    await ask('PUT k');
    for (const range of ['bytes=0-', 'bytes=-1']) {
      expect(await outcome('GET k', { headers: { range } })).toBe('416 InvalidRange');
    }
    expect(await files()).toEqual([]);
  });

  const MODIFIED = 'Thu, 05 Nov 2026 10:20:30 GMT';
  const EARLIER = 'Thu, 05 Nov 2026 10:20:29 GMT';
  const ETAG = '"781e5e245d69b566979b86e28d23f2c7"';
  const part = { range: 'bytes=0-1' };
  test.each<[Record<string, string>, number]>([
    [{ 'if-none-match': ETAG }, 304],
    [{ 'if-none-match': `"other", W/${ETAG}` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-none-match': '"other"', 'if-modified-since': MODIFIED }, 200],
    [{ 'if-match': ETAG }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': ETAG, 'if-unmodified-since': EARLIER }, 200],
    [{ 'if-unmodified-since': EARLIER }, 412],
    [{ 'if-modified-since': MODIFIED }, 304],
    [{ 'if-modified-since': EARLIER }, 200],
    [{ 'if-modified-since': 'some day' }, 200],
    [{ ...part, 'if-range': ETAG }, 206],
    [{ ...part, 'if-range': '"other"' }, 200],
    [{ ...part, 'if-range': EARLIER }, 200],
  ])('is read on the conditions %j: %d', async (headers, status) => {
    const at = Date.parse(MODIFIED) + 456;
    const { ask } = await startStore({ now: () => at });
    expect((await ask('PUT k', { at, body: DIGITS })).headers.etag).toBe(ETAG);
    expect((await ask('GET k', { at, headers })).status).toBe(status);
  });

  test('is written only on the conditions given', async () => {
    const { outcome, files } = await startStore();
    const headers = { 'if-none-match': '*' };
    const both = await Promise.all([DIGITS, DIGITS].map((body) => outcome('PUT k', { body, headers })));
    expect(both.toSorted()).toEqual(['200', '412 PreconditionFailed']);
    expect(await files()).toHaveLength(1);
    expect(await outcome('PUT k', { body: '3', headers: { 'if-match': ETAG } })).toBe('200');
  });

  test('is sent with the headers that the reader asks for', async () => {
    const { ask } = await startWithObject();
    const headers = {
      'content-type': 'video/mp4',
      'cache-control': 'private',
      'content-disposition': 'inline; filename="a b.mp4"',
    };
    const query = Object.entries(headers).map(([name, value]): [string, string] => [`response-${name}`, value]);
    expect(await ask('GET k', { query, expires: 60 })).toMatchObject({ outcome: '200', headers });
  });

  test('may have a key of 1024 bytes, a private ACL, and the storage class there is', async () => {
    const { ask, outcome } = await startStore();
    const key = 'ü'.repeat(512);
    for (const headers of [{ 'x-amz-acl': 'private' }, { 'x-amz-storage-class': 'STANDARD' }]) {
      expect(await outcome('PUT k', { key, headers, body: 'x' })).toBe('200');
      expect((await ask('GET k', { key })).body).toBe('x');
    }
  });

  test('has tags up to their limits, which can be deleted and leave it as it is', async () => {
    const { ask, outcome } = await startWithObject();
    for (const body of [manyTags(10, 128, 256), tags(['a b', 'ü+-=._:/@'])]) {
      expect(await outcome('PUT k?tagging', { body })).toBe('200');
      expect((await ask('GET k?tagging')).body).toContain(body.replace('<Tagging>', ''));
    }
    expect(await ask('GET k')).toMatchObject({ body: DIGITS, headers: { 'x-amz-tagging-count': '1' } });
    expect(await outcome('DELETE k?tagging')).toBe('204');
    expect(allOf((await ask('GET k?tagging')).body, 'Key')).toEqual([]);
  });

  test('is deleted among many, in silence if wanted, but not about what failed', async () => {
    const { ask } = await startWithObject();
    const long = 'x'.repeat(1025);
    const { body } = await ask('POST ?delete', { body: deletion('k', long).replace('<Delete>', '<Delete><Quiet>true</Quiet>') }); // biome-ignore format: one line
    expect([allOf(body, 'Key'), allOf(body, 'Code')]).toEqual([[long], ['KeyTooLongError']]);
    expect(body).not.toContain('<Deleted>');
    const versions = deletion('a', 'b').replace(/<.Key>/, '$&<VersionId>null</VersionId>');
    const second = await ask('POST ?delete', { body: versions.replace('b</Key>', '$&<VersionId>v1</VersionId>') });
    expect(second.body).toMatch(/<Deleted><Key>a<\/Key><VersionId>null<.*<Error><Key>b<\/Key>.*<Code>NoSuchVersion</s);
  });
});

describe('a multipart upload', () => {
  const FULL = 'a'.repeat(FIVE_MIB);
  const md5 = (data: string | Buffer) => createHash('md5').update(data).digest();

  /** Uploads a part of `k` and returns its element in a completion. */
  async function part({ ask }: Store, id: string, number: number, body: string): Promise<string> {
    const { outcome, headers } = await ask(`PUT k?partNumber=${number}&uploadId=${id}`, {
      body,
      payloadHash: UNSIGNED,
    });
    expect(outcome).toBe('200');
    return `<Part><PartNumber>${number}</PartNumber><ETag>${headers.etag}</ETag></Part>`;
  }

  function complete({ ask }: Store, id: string, parts: string[], headers = {}) {
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    return ask(`POST k?uploadId=${id}`, { body, headers });
  }

  test('becomes one object of its parts, without a copy', async () => {
    const store = await startStore();
    const headers = { 'content-type': 'video/webm', 'x-amz-meta-a': 'b' };
    const id = await store.begin('k', { ...headers, 'x-amz-tagging': 'c=d' });
    const parts = [await part(store, id, 2, FULL), await part(store, id, 7, 'the end')];
    const files = await store.files();
    const etag = `${md5(Buffer.concat([md5(FULL), md5('the end')])).toString('hex')}-2`;
    expect((await complete(store, id, parts)).body).toMatch(new RegExp(`<Bucket>${BUCKET}</Bucket><Key>k</Key>.*${etag}`));
    expect(await store.files()).toEqual(files);
    const whole = await store.ask('GET k');
    expect(whole.body === `${FULL}the end`).toBe(true);
    expect(whole.headers).toMatchObject({ ...headers, etag: `"${etag}"`, 'x-amz-tagging-count': '1' });
    const range = async (text: string) => (await store.ask('GET k', { headers: { range: `bytes=${text}` } })).body;
    expect(await range(`${FIVE_MIB - 3}-${FIVE_MIB + 2}`)).toBe('aaathe');
    expect(await range(`${FIVE_MIB}-`)).toBe('the end');
    expect(await range('0-1')).toBe('aa');
  }); // biome-ignore format: long lines

  test('keeps no bytes of a part that was replaced, or that its completion does not name', async () => {
    const store = await startStore();
    const id = await store.begin('k');
    await part(store, id, 1, 'not this');
    await part(store, id, 2, 'nor this');
    const named = await part(store, id, 2, 'this');
    expect(await store.files()).toHaveLength(2);
    await complete(store, id, [named]);
    expect((await store.ask('GET k')).body).toBe('this');
    expect(await store.files()).toHaveLength(1);
  });

  test('lists its parts page by page', async () => {
    const store = await startStore();
    const id = await store.begin('k');
    for (const number of [10, 2, 1, 9]) await part(store, id, number, `part ${number}`);
    const list = async (query: string) => {
      const { body } = await store.ask(`GET k?uploadId=${id}&${query}`);
      return ['PartNumber', 'NextPartNumberMarker', 'IsTruncated'].map((name) => allOf(body, name).join());
    };
    expect(await list('max-parts=3')).toEqual(['1,2,9', '9', 'true']);
    expect(await list('max-parts=3&part-number-marker=9')).toEqual(['10', '', 'false']);
    expect(await list('max-parts=0')).toEqual(['', '', 'false']);
  });

  test('is not completed with parts that are wrong or over another object, and can be afterwards', async () => {
    const store = await startStore();
    const id = await store.begin('k');
    const one = await part(store, id, 1, 'small');
    const two = await part(store, id, 2, 'also small');
    const refused: [string, string[]][] = [
      ['400 InvalidPartOrder', [two, one]],
      ['400 InvalidPartOrder', [one, one]],
      ['400 EntityTooSmall', [one, two]],
      ['400 InvalidPart', [two.replace('>2<', '>1<')]],
      ['400 InvalidPart', [one.replace('>1<', '>4<')]],
      ['400 MalformedXML', []],
      ['400 MalformedXML', ['<Part><PartNumber>1</PartNumber></Part>']],
    ];
    for (const [outcome, parts] of refused) expect((await complete(store, id, parts)).outcome).toBe(outcome);
    for (const body of ['', '<CompleteMultipartUpload/>']) {
      expect(await store.outcome(`POST k?uploadId=${id}`, { body })).toBe('400 MalformedXML');
    }
    expect(await store.outcome('GET k')).toBe('404 NoSuchKey');
    await store.ask('PUT k', { body: 'first' });
    const conditional = await complete(store, id, [one], { 'if-none-match': '*' });
    expect(conditional.outcome).toBe('412 PreconditionFailed');
    expect((await complete(store, id, [one])).outcome).toBe('200');
  });

  test('takes parts 1 to 10,000, no copy for one, and none without a length', async () => {
    const store = await startStore();
    const { endpoint, outcome, sign } = store;
    const id = await store.begin('k');
    for (const number of ['0', '10001', '-1', 'x', '']) {
      expect(await outcome(`PUT k?partNumber=${number}&uploadId=${id}`, { body: 'x' })).toBe('400 InvalidArgument');
    }
    const line = `PUT k?partNumber=10000&uploadId=${id}`;
    expect(await outcome(line, { headers: { 'x-amz-copy-source': '/a/b' } })).toBe('501 NotImplemented');
    const signed = sign(line, { payloadHash: UNSIGNED, body: 'x' });
    const chunked = { ...signed.headers, 'transfer-encoding': 'chunked' };
    expect((await send(endpoint, { ...signed, headers: chunked })).outcome).toBe('411 MissingContentLength');
    expect(await outcome(line, { body: 'x' })).toBe('200');
  });

  test('that is aborted while a part comes in keeps nothing of it', async () => {
    const { endpoint, sign, begin, outcome, files } = await startStore();
    const id = await begin('k');
    const signed = sign(`PUT k?partNumber=1&uploadId=${id}`, { payloadHash: UNSIGNED });
    const socket = sendRaw(endpoint, signed, { 'content-length': '10', connection: 'close' });
    socket.write('12345');
    await until(async () => (await files()).length === 1);
    expect(await outcome(`DELETE k?uploadId=${id}`)).toBe('204');
    socket.write('67890');
    expect(await received(socket)).toMatch(/^HTTP\/1.1 404 .*NoSuchUpload/s);
    expect(await files()).toEqual([]);
  });

  test('is listed by prefix, delimiter and markers', async () => {
    const store = await startStore();
    for (const key of ['a', 'b/1', 'b/2', 'b/2/x', 'c']) await store.begin(key);
    const listings: [string, string[]][] = [
      ['prefix=b/', ['b/1', 'b/2', 'b/2/x']],
      ['delimiter=/', ['a', 'c', 'b/']],
      ['prefix=b/&delimiter=/', ['b/1', 'b/2', 'b/2/']],
      ['key-marker=b/1', ['b/2', 'b/2/x', 'c']],
      ['key-marker=b/&delimiter=/', ['c']],
      ['delimiter=/&max-uploads=2', ['a', 'b/']],
      ['prefix=nothing', []],
    ];
    for (const [query, expected] of listings) {
      const { body } = await store.ask(`GET ?uploads&${query}`);
      const folders = allOf(body.replace(/^.*?(?=<CommonPrefixes>|$)/s, ''), 'Prefix');
      expect([query, ...allOf(body, 'Key'), ...folders]).toEqual([query, ...expected]);
    }
  });
});

describe('the bucket', () => {
  test.each<[string, RegExp]>([
    ['GET /', /<Name>recordings</],
    ['GET ?location', /<LocationConstraint[^>]*\/>|><\/LocationConstraint>/],
    ['GET ?versioning', /^(?!.*<Status>).*<VersioningConfiguration/s],
    ['GET ?acl', /<Permission>FULL_CONTROL</],
  ])('is described: %s', async (line, body) => {
    const { ask } = await startStore();
    expect(await ask(line)).toMatchObject({ outcome: '200', body: expect.stringMatching(body) });
    expect(await ask('HEAD ')).toMatchObject({ outcome: '200', headers: { 'x-amz-bucket-region': 'us-east-1' } });
  });

  test('is reached by its host name too', async () => {
    const { ask, outcome, endpoint } = await startStore();
    const headers = { host: `${BUCKET}.localhost:${new URL(endpoint).port}` };
    expect(await outcome('PUT /a/b', { body: 'x', headers })).toBe('200');
    expect((await ask('GET a/b')).body).toBe('x');
    expect(allOf((await ask('GET /', { headers })).body, 'Key')).toEqual(['a/b']);
  });

  test('keeps its lifecycle rules, also over a restart', async () => {
    const store = await startStore();
    const rule = '<ID>r</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>'; // biome-ignore format: one line
    const body = `<LifecycleConfiguration><Rule>${rule}</Rule></LifecycleConfiguration>`;
    expect(await store.outcome('PUT ?lifecycle', { body })).toBe('200');
    await store.server.close();
    const { ask, outcome } = await startStore({ dataDir: store.dataDir });
    const kept = await ask('GET ?lifecycle');
    expect(['ID', 'Status', 'Prefix', 'DaysAfterInitiation'].map((name) => allOf(kept.body, name))).toEqual([['r'], ['Enabled'], [''], ['7']]); // biome-ignore format: one line
    expect(await outcome('DELETE ?lifecycle')).toBe('204');
    expect(await outcome('GET ?lifecycle')).toBe('404 NoSuchLifecycleConfiguration');
  });

  test('has a name that S3 allows', async () => {
    for (const bucket of ['../x', 'A', 'a', 'a..b', 'x/y', '']) {
      await expect(startStore({ bucket })).rejects.toThrow('Not a bucket name');
    }
  });

  test('is, to an upload-only credential, a place to put parts and nothing else', async () => {
    const { begin, outcome } = await startStore();
    const id = await begin('k');
    const part = `PUT k?partNumber=1&uploadId=${id}`;
    for (const way of [{ credential: UPLOADER }, { credential: UPLOADER, expires: 60 }]) {
      expect(await outcome(part, { ...way, body: 'x' })).toBe('200');
      const others = ['PUT k', 'GET k', 'HEAD k', 'DELETE k', 'GET /', 'GET ', 'GET /other', 'POST k?uploads', `POST k?uploadId=${id}`, `DELETE k?uploadId=${id}`, `GET k?uploadId=${id}`, 'PUT k?tagging', `${part}&made-up`]; // biome-ignore format: one line
      for (const line of others)
        expect([line, await outcome(line, way)]).toEqual([line, expect.stringMatching(/^403/)]);
      expect(await outcome(part, { ...way, headers: { 'x-amz-copy-source': `/${BUCKET}/secret` } })).toMatch(/^403/);
    }
  });
});

describe('cross-origin requests', () => {
  const ask = { origin: ORIGIN, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'X-One, x-two' }; // biome-ignore format: one line
  const preflight = ({ endpoint }: Store, headers: Record<string, string> = ask, target = `/${BUCKET}/k`) =>
    send(endpoint, { method: 'OPTIONS', target, headers });

  test('are allowed from the origins given', async () => {
    const store = await startStore({ allowedOrigins: [ORIGIN] });
    const allowed = await preflight(store);
    expect(allowed).toMatchObject({
      outcome: '200',
      headers: {
        'access-control-allow-origin': ORIGIN,
        'access-control-allow-methods': 'GET, PUT, HEAD',
        'access-control-allow-headers': 'x-one, x-two',
        'access-control-expose-headers': 'ETag',
        'access-control-max-age': '3600',
        vary: expect.stringContaining('Origin'),
      },
    });
    expect((await preflight(store, { ...ask, origin: 'https://evil.example' })).status).toBe(403);
    expect((await preflight(store, { ...ask, 'access-control-request-method': 'DELETE' })).status).toBe(403);
    expect((await preflight(store, ask, '/other/k')).status).toBe(403);
    expect((await preflight(store, { origin: ORIGIN })).status).toBe(400);
    expect((await preflight(store, {})).status).toBe(400);
    expect((await preflight(await startStore())).outcome).toBe('403 AccessForbidden');
  });

  test('get their headers on every answer, errors included', async () => {
    const store = await startStore({ allowedOrigins: [ORIGIN] });
    const headers = { origin: ORIGIN };
    const answers = [
      await store.ask('PUT k', { body: 'x', expires: 60, headers }),
      await store.ask('GET missing', { headers }),
      await send(store.endpoint, { target: `/${BUCKET}/k`, headers }),
    ];
    expect(answers.map(({ outcome }) => outcome)).toEqual(['200', '404 NoSuchKey', '403 AccessDenied']);
    const vary = expect.stringContaining('Origin');
    const allowed = { 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': 'ETag', vary };
    for (const answer of answers) expect(answer.headers).toMatchObject(allowed);
    const other = await store.ask('GET k', { headers: { origin: 'https://evil.example' } });
    expect(other.headers).toMatchObject({ vary });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('follow the rules of PutBucketCors in place of the origins given', async () => {
    const store = await startStore({ allowedOrigins: [ORIGIN] });
    const school =
      '<AllowedOrigin>https://*.school.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-*</AllowedHeader>' +
      '<ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-request-id</ExposeHeader><MaxAgeSeconds>5</MaxAgeSeconds>';
    const anyone = '<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>';
    const body = cors(`${school}</CORSRule><CORSRule>${anyone}`);
    expect(await store.outcome('PUT ?cors', { body })).toBe('200');
    const kept = (await store.ask('GET ?cors')).body;
    const elements = ['AllowedOrigin', 'AllowedMethod', 'AllowedHeader', 'ExposeHeader', 'MaxAgeSeconds'];
    expect(elements.map((name) => allOf(kept, name))).toEqual(elements.map((name) => allOf(body, name)));
    const pupil = { ...ask, origin: 'https://a.school.example' };
    expect((await preflight(store, pupil)).headers).toMatchObject({
      'access-control-allow-origin': pupil.origin,
      'access-control-max-age': '5',
      'access-control-expose-headers': 'ETag, x-amz-request-id',
    });
    expect((await preflight(store, { ...pupil, 'access-control-request-headers': 'authorization' })).status).toBe(403);
    expect((await preflight(store)).status).toBe(403);
    const get = { origin: ORIGIN, 'access-control-request-method': 'GET' };
    expect((await preflight(store, get)).headers['access-control-allow-origin']).toBe('*');
    expect(await store.outcome('DELETE ?cors')).toBe('204');
    expect((await preflight(store)).status).toBe(200);
  });
});
