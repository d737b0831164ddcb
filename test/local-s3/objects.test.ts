// One object: put, get, head, delete, ranges, conditions, tags.
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from '@jest/globals';
import { BUCKET, call, dataFiles, errorName, sdkClient, send, sign, startStore } from './support.ts';

const K = { Bucket: BUCKET, Key: 'k' };
const PATH = `/${BUCKET}/k`;

describe('an object', () => {
  test('comes back with its bytes, headers and metadata', async () => {
    const now = Date.parse('2026-11-05T10:20:30.456Z');
    const { client } = await startStore({ now: () => now });
    const clock = { systemClockOffset: now - Date.now() };
    Object.assign(client.config, clock);
    const put = await client.send(
      new PutObjectCommand({
        ...K,
        Body: 'hello',
        ContentType: 'video/webm',
        CacheControl: 'no-store',
        ContentDisposition: 'attachment; filename="a.webm"',
        ContentLanguage: 'de',
        ContentEncoding: 'gzip',
        Metadata: { colour: 'blue' },
      }),
    );
    expect(put.ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    for (const command of [new GetObjectCommand(K), new HeadObjectCommand(K)]) {
      expect(await client.send(command as GetObjectCommand)).toMatchObject({
        AcceptRanges: 'bytes',
        ETag: put.ETag,
        ContentLength: 5,
        ContentType: 'video/webm',
        CacheControl: 'no-store',
        ContentDisposition: 'attachment; filename="a.webm"',
        ContentLanguage: 'de',
        ContentEncoding: 'gzip',
        Metadata: { colour: 'blue' },
        LastModified: new Date('2026-11-05T10:20:30Z'),
      });
    }
    const read = await client.send(new GetObjectCommand(K));
    expect(await read.Body?.transformToString()).toBe('hello');
  });

  test('is replaced whole, headers and tags included', async () => {
    const { client, dataDir } = await startStore();
    await client.send(new PutObjectCommand({ ...K, Body: 'one', CacheControl: 'no-store', Tagging: 'a=1&b=%20' }));
    expect((await client.send(new HeadObjectCommand(K))).TagCount).toBe(2);
    await client.send(new PutObjectCommand({ ...K, Body: 'two' }));
    const read = await client.send(new GetObjectCommand(K));
    expect(await read.Body?.transformToString()).toBe('two');
    expect(read.CacheControl).toBeUndefined();
    expect(read.TagCount).toBeUndefined();
    expect(read.ContentType).toBe('application/octet-stream');
    expect(await dataFiles(dataDir)).toHaveLength(1);
  });

  test('is gone after its deletion, bytes and all, and deleting it again is fine', async () => {
    const { client, endpoint, dataDir } = await startStore();
    await client.send(new PutObjectCommand({ ...K, Body: 'hello' }));
    await client.send(new DeleteObjectCommand(K));
    expect(await dataFiles(dataDir)).toEqual([]);
    expect(await errorName(client.send(new GetObjectCommand(K)))).toBe('NoSuchKey');
    expect(await errorName(client.send(new HeadObjectCommand(K)))).toBe('NotFound');
    expect(await call({ endpoint, method: 'DELETE', path: PATH })).toMatchObject({ status: 204 });
    expect(await call({ endpoint, method: 'DELETE', path: PATH, query: [['versionId', 'null']] })).toMatchObject({ status: 204 }); // biome-ignore format: one line
    expect(await call({ endpoint, method: 'DELETE', path: PATH, query: [['versionId', 'abc']] })).toMatchObject({ code: 'NoSuchVersion' }); // biome-ignore format: one line
  });

  test.each<[string, number, string, string | undefined]>([
    ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
    ['bytes=2-5', 206, '2345', 'bytes 2-5/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=-0', 416, '', 'bytes */10'],
    ['bytes=5-2', 200, '0123456789', undefined],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['bytes=-', 200, '0123456789', undefined],
    ['lines=0-1', 200, '0123456789', undefined],
    ['nonsense', 200, '0123456789', undefined],
  ])('answers the range %j with %d', async (range, status, body, contentRange) => {
    const { endpoint } = await startStore();
    await call({ endpoint, method: 'PUT', path: PATH, body: '0123456789' });
    const answer = await call({ endpoint, path: PATH, headers: { range } });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-range']).toBe(contentRange);
    if (status === 416) expect(answer.code).toBe('InvalidRange');
    else expect(answer.body).toBe(body);
    const head = await call({ endpoint, method: 'HEAD', path: PATH, headers: { range } });
    expect(head).toMatchObject({ status, body: '' });
    if (status !== 416) expect(head.headers['content-length']).toBe(String(body.length));
  });

  test('of no bytes has no range, and takes no data file', async () => {
    const { endpoint, dataDir } = await startStore();
    await call({ endpoint, method: 'PUT', path: PATH });
    for (const range of ['bytes=0-', 'bytes=-1']) {
      expect(await call({ endpoint, path: PATH, headers: { range } })).toMatchObject({ code: 'InvalidRange' });
    }
    expect(await dataFiles(dataDir)).toEqual([]);
  });

  test('ignores a range of another version', async () => {
    const { endpoint } = await startStore();
    const { headers } = await call({ endpoint, method: 'PUT', path: PATH, body: '0123456789' });
    const get = async (ifRange: string) => (await call({ endpoint, path: PATH, headers: { range: 'bytes=0-1', 'if-range': ifRange } })).status; // biome-ignore format: one line
    expect(await get(headers.etag ?? '')).toBe(206);
    expect(await get('"other"')).toBe(200);
    expect(await get(new Date(0).toUTCString())).toBe(200);
  });

  test('is read only on the conditions given', async () => {
    const { endpoint } = await startStore();
    const { headers } = await call({ endpoint, method: 'PUT', path: PATH, body: 'hello' });
    const etag = headers.etag ?? '';
    const modified = (await call({ endpoint, method: 'HEAD', path: PATH })).headers['last-modified'] ?? '';
    const earlier = new Date(0).toUTCString();
    const get = async (conditions: Record<string, string>) =>
      (await call({ endpoint, path: PATH, headers: conditions })).status;
    expect(await get({ 'if-none-match': etag })).toBe(304);
    expect(await get({ 'if-none-match': `"other", W/${etag}` })).toBe(304);
    expect(await get({ 'if-none-match': '*' })).toBe(304);
    expect(await get({ 'if-none-match': '"other"' })).toBe(200);
    expect(await get({ 'if-none-match': '"other"', 'if-modified-since': modified })).toBe(200);
    expect(await get({ 'if-match': etag })).toBe(200);
    expect(await get({ 'if-match': '"other"' })).toBe(412);
    expect(await get({ 'if-match': etag, 'if-unmodified-since': earlier })).toBe(200);
    expect(await get({ 'if-unmodified-since': earlier })).toBe(412);
    expect(await get({ 'if-modified-since': modified })).toBe(304);
    expect(await get({ 'if-modified-since': earlier })).toBe(200);
    expect(await get({ 'if-modified-since': 'some day' })).toBe(200);
  });

  test('is written only on the conditions given', async () => {
    const { endpoint, dataDir } = await startStore();
    const put = async (body: string, headers: Record<string, string>) =>
      await call({ endpoint, method: 'PUT', path: PATH, body, headers });
    expect(await put('1', { 'if-match': '"x"' })).toMatchObject({ code: 'NoSuchKey' });
    const both = await Promise.all([put('1', { 'if-none-match': '*' }), put('2', { 'if-none-match': '*' })]);
    expect(both.map((answer) => answer.code).toSorted((a) => (a === undefined ? 1 : -1))).toEqual([
      'PreconditionFailed',
      undefined,
    ]);
    expect(await dataFiles(dataDir)).toHaveLength(1);
    expect(await put('3', { 'if-match': '"x"' })).toMatchObject({ status: 412 });
    const { etag = '' } = (await call({ endpoint, path: PATH })).headers;
    expect(await put('3', { 'if-match': etag })).toMatchObject({ status: 200 });
    expect(await put('4', { 'if-none-match': '"x"' })).toMatchObject({ status: 501 });
  });

  test('is sent with the headers that the reader asks for', async () => {
    const { endpoint } = await startStore();
    await call({ endpoint, method: 'PUT', path: PATH, body: 'hello' });
    const query: [string, string][] = [
      ['response-content-type', 'video/mp4'],
      ['response-cache-control', 'private'],
      ['response-content-disposition', 'inline; filename="a b.mp4"'],
    ];
    const { headers } = await call({ endpoint, path: PATH, query, expires: 60 });
    expect(headers).toMatchObject({
      'content-type': 'video/mp4',
      'cache-control': 'private',
      'content-disposition': 'inline; filename="a b.mp4"',
    });
    const split = await call({ endpoint, path: PATH, query: [['response-content-type', 'a\r\nset-cookie: b']] });
    expect(split).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });

  test('has a key of up to 1024 bytes', async () => {
    const { endpoint } = await startStore();
    const key = 'ü'.repeat(512);
    expect(await call({ endpoint, method: 'PUT', path: `/${BUCKET}/${key}`, body: 'x' })).toMatchObject({
      status: 200,
    });
    expect(await call({ endpoint, path: `/${BUCKET}/${key}` })).toMatchObject({ body: 'x' });
    expect(await call({ endpoint, method: 'PUT', path: `/${BUCKET}/${key}a`, body: 'x' })).toMatchObject({ code: 'KeyTooLongError' }); // biome-ignore format: one line
  });

  test.each<[string, Record<string, string>, number]>([
    ['x-amz-copy-source', { 'x-amz-copy-source': `/${BUCKET}/other` }, 501],
    ['a public ACL', { 'x-amz-acl': 'public-read' }, 501],
    ['a private ACL', { 'x-amz-acl': 'private' }, 200],
    ['a grant', { 'x-amz-grant-read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' }, 501],
    ['encryption', { 'x-amz-server-side-encryption': 'AES256' }, 501],
    ['a lock', { 'x-amz-object-lock-mode': 'GOVERNANCE' }, 501],
    ['another storage class', { 'x-amz-storage-class': 'GLACIER' }, 501],
    ['the storage class there is', { 'x-amz-storage-class': 'STANDARD' }, 200],
    ['too much metadata', { 'x-amz-meta-a': 'x'.repeat(2048) }, 400],
  ])('is put with %s: %#', async (_case, headers, status) => {
    const { endpoint } = await startStore();
    expect((await call({ endpoint, method: 'PUT', path: PATH, body: 'x', headers })).status).toBe(status);
    expect((await call({ endpoint, path: PATH })).status).toBe(status === 200 ? 200 : 404);
  });
});

describe('tags', () => {
  const tag = (key: string, value = '') => ({ Key: key, Value: value });

  test('are put, read, and deleted, and leave the object as it is', async () => {
    const { client } = await startStore();
    await client.send(new PutObjectCommand({ ...K, Body: 'hello' }));
    const TagSet = [tag('expires', '2026-12-05T00:00:00Z'), tag('a b', 'ü+-=._:/@')];
    await client.send(new PutObjectTaggingCommand({ ...K, Tagging: { TagSet } }));
    expect((await client.send(new GetObjectTaggingCommand(K))).TagSet).toEqual(TagSet);
    const read = await client.send(new GetObjectCommand(K));
    expect(await read.Body?.transformToString()).toBe('hello');
    expect(read.TagCount).toBe(2);
    await client.send(new DeleteObjectTaggingCommand(K));
    expect((await client.send(new GetObjectTaggingCommand(K))).TagSet).toEqual([]);
    const missing = new DeleteObjectTaggingCommand({ ...K, Key: 'missing' });
    expect(await errorName(client.send(missing))).toBe('NoSuchKey');
  });

  test.each<[string, { Key: string; Value: string }[], string]>([
    ['eleven of them', Array.from({ length: 11 }, (_, index) => tag(`k${index}`)), 'BadRequest'],
    ['the same key twice', [tag('a', '1'), tag('a', '2')], 'InvalidTag'],
    ['a key of 129 characters', [tag('k'.repeat(129))], 'InvalidTag'],
    ['a value of 257 characters', [tag('a', 'v'.repeat(257))], 'InvalidTag'],
    ['no key', [tag('')], 'InvalidTag'],
    ['a character that is not allowed', [tag('a', '<b>')], 'InvalidTag'],
    ['a reserved prefix', [tag('aws:a')], 'InvalidTag'],
  ])('are refused with %s', async (_case, TagSet, code) => {
    const { client } = await startStore();
    await client.send(new PutObjectCommand({ ...K, Body: 'hello' }));
    expect(await errorName(client.send(new PutObjectTaggingCommand({ ...K, Tagging: { TagSet } })))).toBe(code);
    expect((await client.send(new GetObjectTaggingCommand(K))).TagSet).toEqual([]);
  });

  test('are accepted up to their limits', async () => {
    const { client } = await startStore();
    await client.send(new PutObjectCommand({ ...K, Body: 'hello' }));
    const TagSet = Array.from({ length: 10 }, (_, index) => tag(String(index).repeat(128), 'v'.repeat(256)));
    await client.send(new PutObjectTaggingCommand({ ...K, Tagging: { TagSet } }));
    expect((await client.send(new GetObjectTaggingCommand(K))).TagSet).toEqual(TagSet);
  });

  test.each(['', '<Tagging>', '<Other/>', '<Tagging></Tagging>', '<Tagging><TagSet><Tag/></TagSet></Tagging>', '<!DOCTYPE x [<!ENTITY a "b">]><Tagging><TagSet/></Tagging>'])('are refused as %j', async (body) => {
    const { endpoint } = await startStore();
    await call({ endpoint, method: 'PUT', path: PATH, body: 'x' });
    const answer = await call({ endpoint, method: 'PUT', path: PATH, query: [['tagging', '']], body });
    expect(answer).toMatchObject({ status: 400, code: 'MalformedXML' });
  }); // biome-ignore format: a table
});

describe('deleting many objects', () => {
  const deletion = (keys: string[], Quiet = false) =>
    new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: keys.map((Key) => ({ Key })), Quiet } });

  test('refuses a thousand and one, none, and what it cannot read', async () => {
    const { client, endpoint } = await startStore();
    const keys = Array.from({ length: 1001 }, (_, index) => `k${index}`);
    expect(await errorName(client.send(deletion(keys)))).toBe('MalformedXML');
    for (const body of ['<Delete/>', '<Delete><Object/></Delete>', '<Delete><Object><Key>a</Key></Object>']) {
      const answer = await call({ endpoint, method: 'POST', path: `/${BUCKET}`, query: [['delete', '']], body });
      expect(answer).toMatchObject({ status: 400, code: 'MalformedXML' });
    }
  });

  test('is silent about what went well, and tells what did not', async () => {
    const { client } = await startStore();
    await client.send(new PutObjectCommand({ ...K, Body: 'x' }));
    const answer = await client.send(deletion(['k', 'x'.repeat(1025)], true));
    expect(answer.Deleted).toBeUndefined();
    expect(answer.Errors).toMatchObject([{ Key: 'x'.repeat(1025), Code: 'KeyTooLongError' }]);
    const version = { Objects: [{ Key: 'a', VersionId: 'null' }, { Key: 'b', VersionId: 'v1' }] }; // biome-ignore format: one line
    const versions = await client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete: version }));
    expect(versions.Deleted).toEqual([{ Key: 'a', VersionId: 'null' }]);
    expect(versions.Errors).toMatchObject([{ Key: 'b', Code: 'NoSuchVersion' }]);
  });

  test('checks the digests sent along', async () => {
    const { endpoint } = await startStore();
    await call({ endpoint, method: 'PUT', path: PATH, body: 'x' });
    const body = '<Delete><Object><Key>k</Key></Object></Delete>';
    for (const headers of [{ 'content-md5': 'XUFAKrxLKna5cZ2REBfFkg==' }, { 'x-amz-checksum-crc32': 'AAAAAA==' }]) {
      const signed = sign({ endpoint, method: 'POST', path: `/${BUCKET}`, query: [['delete', '']], body, headers: { ...headers } }); // biome-ignore format: one line
      expect(await send(endpoint, signed)).toMatchObject({ code: 'BadDigest' });
    }
    expect(await call({ endpoint, path: PATH })).toMatchObject({ status: 200 });
    const checked = sdkClient(endpoint, { requestChecksumCalculation: 'WHEN_SUPPORTED' });
    await checked.send(deletion(['k']));
    expect(await call({ endpoint, path: PATH })).toMatchObject({ code: 'NoSuchKey' });
  });
});
