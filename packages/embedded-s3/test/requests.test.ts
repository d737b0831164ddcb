// What is asked and what is answered: bodies, listings, objects, tags, uploads, the bucket, and all that is refused.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { until } from '../../../test/kit/until.ts';
import { allOf, BUCKET, FIVE_MIB, ROOT, type SignOptions, startStore, UNSIGNED } from './support.ts';

const DIGITS = '0123456789';
const DIGITS_MD5 = '781e5e245d69b566979b86e28d23f2c7';
const ORIGIN = 'https://exam.example';

/** A store with one object, `k`. */
async function startWithObject() {
  const store = await startStore();
  expect(await store.outcome('PUT k', { body: DIGITS })).toBe('200');
  return store;
}

const digest = (algorithm: string, body: string) => createHash(algorithm).update(body).digest('base64');
const tagging = (...pairs: [string, string][]) => {
  const tags = pairs.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`);
  return { body: `<Tagging><TagSet>${tags.join('')}</TagSet></Tagging>` };
};
const deletion = (...keys: string[]) =>
  `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`;
const corsFor = (origin: string, method: string, more = '') =>
  `<CORSConfiguration><CORSRule><AllowedOrigin>${origin}</AllowedOrigin><AllowedMethod>${method}</AllowedMethod>${more}</CORSRule></CORSConfiguration>`;
const header = (name: string, value: string): SignOptions => ({ headers: { [name]: value } });

describe('a request that is refused leaves all as it was:', () => {
  const unknown =
    'GET /,GET ?location,PUT ,DELETE ,PUT ?versioning,GET ?made-up,DELETE ?cors,GET ?list-type=2&delimiter=/,' +
    'GET ?uploads&delimiter=/,GET ?encoding-type=url,PUT k?acl,PUT k?made-up,DELETE k?tagging,GET k?partNumber=1,GET k?versionId=null,POST k,PATCH k';
  const tag = 'PUT k?tagging';
  const list = 'GET ?list-type=2&';
  const thousandAndOne = Array.from({ length: 1001 }, (_, at) => `k${at || ''}`);

  test.each<[string, string, SignOptions?]>([
    ...unknown.split(',').map((line): [string, string] => ['501 NotImplemented', line]),
    ['501 NotImplemented', 'PUT new?partNumber=1&uploadId=x', header('x-amz-copy-source', `/${BUCKET}/k`)],
    ['501 NotImplemented', 'POST new?uploads', header('x-amz-tagging', 'a=b')],
    ['501 NotImplemented', 'PUT k', header('x-amz-meta-a', '1')],
    ['501 NotImplemented', 'PUT k', header('x-amz-checksum-crc32c', 'AAAAAA==')],
    ['501 NotImplemented', 'PUT k', header('x-amz-checksum-sha256', digest('sha256', ''))],
    ['501 NotImplemented', 'GET k', header('x-amz-checksum-crc32', 'AAAAAA==')],
    ['501 NotImplemented', 'PUT k', { body: 'hello', ...header('content-encoding', 'aws-chunked') }],
    ['501 NotImplemented', 'PUT k', header('if-match', '"x"')],
    ['501 NotImplemented', 'PUT k', header('if-none-match', '"x"')],
    ['501 NotImplemented', 'GET k', header('if-none-match', '*')],
    ['501 NotImplemented', 'GET k', header('if-modified-since', 'Thu, 05 Nov 2026 10:20:30 GMT')],
    ['501 NotImplemented', 'GET k', header('if-unmodified-since', 'Thu, 05 Nov 2026 10:20:30 GMT')],
    ['501 NotImplemented', 'POST new?uploadId=x', header('if-none-match', '*')],
    ['501 NotImplemented', 'DELETE k', header('x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD')],
    ['501 NotImplemented', 'POST ?delete', { body: '<Delete><Object><Key>k</Key><ETag>x</ETag></Object></Delete>' }],
    ['501 NotImplemented', 'PUT new', header('x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD')],
    ['404 NoSuchBucket', 'GET /other/key'],
    ['400 MalformedXML', 'PUT ?lifecycle', { body: '<LifecycleConfiguration/>' }],
    ['400 MalformedXML', 'PUT ?cors', { body: '<CORSConfiguration/>' }],
    ['400 MalformedXML', 'PUT ?cors', { body: '<CORSConfiguration><CORSRule/></CORSConfiguration>' }],
    ['400 MalformedXML', 'PUT ?cors', { body: corsFor('*', 'GET', '<ExposeHeader>a&#13;&#10;b</ExposeHeader>') }],
    ['400 InvalidRequest', 'PUT ?cors', { body: corsFor('*', 'PATCH') }],
    ['400 InvalidRequest', 'PUT ?cors', { body: corsFor('*.*', 'GET') }],
    ['400 InvalidArgument', `${list}max-keys=-1`],
    ['400 InvalidArgument', list, { query: { prefix: ['a', 'b'] } }],
    ['400 InvalidArgument', `${list}continuation-token=made-up`],
    ['400 InvalidArgument', 'GET k', { query: { 'response-content-type': 'a\r\nset-cookie: b' } }],
    ['416 InvalidRange', 'GET k', header('range', 'bytes=10-')],
    ['404 NoSuchVersion', 'DELETE k?versionId=abc'],
    ['400 KeyTooLongError', 'PUT new', { key: `${'ü'.repeat(512)}a` }],
    ['400 BadDigest', 'PUT k', { body: 'hello', ...header('content-md5', digest('md5', 'other')) }],
    ['400 BadDigest', 'PUT k', { body: 'hello', ...header('x-amz-checksum-crc32', 'AAAAAA==') }],
    ['400 InvalidDigest', 'PUT k', { body: 'hello', ...header('content-md5', 'abc') }],
    ['400 XAmzContentSHA256Mismatch', 'PUT k', { body: 'hello', ...header('x-amz-content-sha256', '0'.repeat(64)) }],
    ['411 MissingContentLength', 'PUT k', header('transfer-encoding', 'chunked')],
    ['400 MaxMessageLengthExceeded', tag, { body: Buffer.alloc(8 * 1024 ** 2 + 1, ' ') }],
    ['400 BadRequest', tag, tagging(...Array.from({ length: 11 }, (_, at): [string, string] => [`${at}`, '']))],
    ['400 InvalidTag', tag, tagging(['a', '1'], ['a', '2'])],
    ['400 InvalidTag', tag, tagging(['k'.repeat(129), ''])],
    ['400 InvalidTag', tag, tagging(['k', 'v'.repeat(257)])],
    ['400 InvalidTag', tag, tagging(['k', '&lt;b&gt;'])],
    ['400 InvalidTag', tag, tagging(['aws:k', ''])],
    ['400 MalformedXML', tag, { body: '<Tagging>' }],
    ['400 MalformedXML', tag, { body: '<Tagging/>' }],
    ['400 MalformedXML', tag, { body: '<Other/>' }],
    ['400 MalformedXML', tag, { body: '<Tagging><TagSet><Tag/></TagSet></Tagging>' }],
    ['400 MalformedXML', tag, { body: '<!DOCTYPE x [<!ENTITY a "b">]><Tagging><TagSet/></Tagging>' }],
    ['400 MalformedXML', 'POST ?delete', { body: deletion(...thousandAndOne) }],
    ['400 MalformedXML', 'POST ?delete', { body: deletion() }],
    ['400 MalformedXML', 'POST ?delete', { body: '<Delete><Object/></Delete>' }],
  ])('%s: %s (%#)', async (outcome, line, options = {}) => {
    const { ask, files } = await startWithObject();
    const answer = await ask(line, options);
    expect(answer.outcome).toBe(outcome);
    expect(answer.body).toMatch(/^<\?xml.*<Code>.*<Message>.*<Resource>.*<RequestId>/s);
    expect((await ask('GET k')).body).toBe(DIGITS);
    expect(allOf((await ask('GET k?tagging')).body, 'Key')).toEqual([]);
    expect(allOf((await ask('GET ?list-type=2')).body, 'Key')).toEqual(['k']);
    expect((await ask('GET ?uploads')).body).not.toContain('<Upload>');
    expect(await files()).toHaveLength(1);
  });
});

describe('a body', () => {
  test('with its checksum is stored', async () => {
    const { outcome } = await startStore();
    const headers = { 'x-amz-checksum-crc32': 'NhCmhg==' };
    expect(await outcome('PUT k', { body: 'hello', headers })).toBe('200');
    // SDKs ask for checksums by default; none is sent back.
    expect(await outcome('GET k', header('x-amz-checksum-mode', 'ENABLED'))).toBe('200');
    expect(await outcome('POST k?uploads', header('x-amz-checksum-algorithm', 'CRC32'))).toBe('200');
  });

  test('cut off by the client leaves nothing', async () => {
    const { sign, sendHead, files, outcome } = await startStore();
    const head = await sign('PUT k', { headers: UNSIGNED });
    const socket = sendHead(head, { 'content-length': '1000000' });
    socket.write('x'.repeat(100_000));
    await until(async () => (await files()).length === 1);
    socket.destroy();
    await until(async () => (await files()).length === 0);
    expect(await outcome('GET k')).toBe('404 NoSuchKey');
  });

  test('is asked for with 100 Continue only when it is wanted', async () => {
    const { sign, sendHead } = await startStore();
    async function ask(secretAccessKey: string, length: number) {
      const head = await sign('PUT k', { headers: UNSIGNED, credentials: { ...ROOT, secretAccessKey } });
      return sendHead(head, { expect: '100-continue', 'content-length': `${length}`, connection: 'close' });
    }
    const wanted = await ask(ROOT.secretAccessKey, 5);
    const [first] = await once(wanted, 'data');
    expect(String(first)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    wanted.write('hello');
    expect(await text(wanted)).toMatch(/^HTTP\/1.1 200 /);
    expect(await text(await ask('wrong', 5))).toMatch(/^HTTP\/1.1 403 /);
    const tooLarge = await ask(ROOT.secretAccessKey, 5 * 1024 ** 3 + 1);
    expect(await text(tooLarge)).toMatch(/^HTTP\/1.1 400 .*EntityTooLarge/s);
  });

  test('refused before it is read leaves the connection open for the next request', async () => {
    const { sign, open } = await startStore();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    afterThisTest(() => agent.destroy());
    const answers = [];
    for (const headers of [{ 'content-md5': 'abc' }, {}]) {
      const signed = await sign('PUT k', { body: Buffer.alloc(FIVE_MIB, 1), headers });
      const response = await open(signed, agent);
      answers.push({ status: response.statusCode, port: response.socket.localPort });
      await text(response);
    }
    const port = answers[0]?.port;
    expect(answers).toEqual([400, 200].map((status) => ({ status, port })));
  });

  test('refused is not read on for long: the client sees why, and the connection ends', async () => {
    const { sign, sendHead } = await startStore();
    const wrong = { ...ROOT, secretAccessKey: 'wrong' };
    const head = await sign('PUT k', { headers: UNSIGNED, credentials: wrong });
    const floods = sendHead(head, { 'content-length': '100000000' });
    const drips = sendHead(head, { 'content-length': '1000' });
    let sent = 0;
    const flood = () => {
      for (sent += 65536; floods.write(Buffer.alloc(65536)); ) sent += 65536;
    };
    for (const socket of [floods, drips]) socket.on('error', () => {});
    floods.on('drain', flood);
    flood();
    const [first] = await once(floods, 'data');
    expect(String(first)).toMatch(/^HTTP\/1.1 403 .*^connection: close/ims);
    const ended = [floods, drips].map((socket) => once(socket, 'close'));
    const dripping = setInterval(() => drips.write('x'), 500);
    drips.resume();
    floods.resume();
    await Promise.all(ended.map((closed) => closed.catch(() => {})));
    clearInterval(dripping);
    // Beside the eight MiB that are read the sockets of the machine hold some.
    expect(sent).toBeLessThan(50_000_000);
  });
});

test('a listing continues from its token or its marker, and has the ETag of each object', async () => {
  const { ask } = await startStore();
  for (const key of ['a', 'b/1', 'b/2', 'c&d', 'é']) await ask('PUT k', { key, body: DIGITS });
  const { body: page } = await ask('GET ?list-type=2&max-keys=3&start-after=a');
  const [token = ''] = allOf(page, 'NextContinuationToken');
  const { body: last } = await ask('GET ?list-type=2', { query: { 'continuation-token': token } });
  expect([page, last].map((body) => allOf(body, 'Key'))).toEqual([['b/1', 'b/2', 'c&amp;d'], ['é']]);
  expect([allOf(last, 'IsTruncated'), allOf(last, 'ETag')]).toEqual([['false'], [`&quot;${DIGITS_MD5}&quot;`]]);
  expect(allOf((await ask('GET ?max-keys=2&marker=b/1&delimiter=')).body, 'Key')).toEqual(['b/2', 'c&amp;d']);
});

describe('an object', () => {
  test('has its headers, and is replaced and deleted with its bytes', async () => {
    const at = Date.parse('2026-11-05T10:20:30.456Z');
    const { ask, outcome, files } = await startStore({ now: () => at });
    const headers = { 'content-type': 'video/webm', 'cache-control': 'no-store', 'content-disposition': 'inline' };
    const etag = `"${DIGITS_MD5}"`;
    expect(await ask('PUT k', { at, body: DIGITS, headers })).toMatchObject({ outcome: '200', headers: { etag } });
    const more = { 'accept-ranges': 'bytes', 'content-length': '10', 'last-modified': 'Thu, 05 Nov 2026 10:20:30 GMT' };
    const expected = { ...headers, ...more, etag };
    expect(await ask('GET k', { at })).toMatchObject({ body: DIGITS, headers: expected });
    expect(await ask('HEAD k', { at })).toMatchObject({ body: '', headers: expected });
    expect(await outcome('PUT k', { at, body: 'two' })).toBe('200');
    const second = await ask('GET k', { at });
    expect(second).toMatchObject({ body: 'two', headers: { 'content-type': 'binary/octet-stream' } });
    expect(second.headers['cache-control']).toBeUndefined();
    expect(await files()).toHaveLength(1);
    for (const line of ['DELETE k', 'DELETE k?versionId=null']) expect(await outcome(line, { at })).toBe('204');
    expect(await files()).toEqual([]);
    expect([await outcome('GET k', { at }), await outcome('HEAD k', { at })]).toEqual(['404 NoSuchKey', '404']);
  });

  test.each<[string, number, string, string | undefined, Record<string, string>?]>([
    ['bytes=-99', 206, DIGITS, 'bytes 0-9/10'],
    ['bytes=5-2', 200, DIGITS, undefined],
    ['bytes=0-1,3-4', 200, DIGITS, undefined],
    ['bytes=0-1', 206, '01', 'bytes 0-1/10', { 'if-range': `"${DIGITS_MD5}"` }],
    ['bytes=0-1', 200, DIGITS, undefined, { 'if-range': '"other"' }],
  ])('answers the range %j with %d', async (range, status, body, contentRange, more = {}) => {
    const { ask } = await startWithObject();
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(`${method} k`, { headers: { range, ...more } });
      expect(answer).toMatchObject({ status, body: method === 'GET' ? body : '' });
      expect(answer.headers['content-range']).toBe(contentRange);
      expect(answer.headers['content-length']).toBe(String(body.length));
    }
  });

  test('is written by only one of two requests with If-None-Match: *', async () => {
    const { outcome, files } = await startStore();
    const put = () => outcome('PUT k', { body: DIGITS, headers: { 'if-none-match': '*' } });
    expect((await Promise.all([put(), put()])).toSorted()).toEqual(['200', '412 PreconditionFailed']);
    expect(await files()).toHaveLength(1);
  });

  test('is deleted in a batch; Quiet leaves out what was deleted, not what failed', async () => {
    const { ask } = await startWithObject();
    const objects = '<Object><Key>k</Key></Object><Object><Key>b</Key><VersionId>v1</VersionId></Object>';
    const quiet = await ask('POST ?delete', { body: `<Delete><Quiet>true</Quiet>${objects}</Delete>` });
    expect((await ask('GET k')).status).toBe(404);
    expect(quiet.body).toMatch(/<DeleteResult[^>]*><Error><Key>b<.*<VersionId>v1<.*<Code>NoSuchVersion<.*<.Error><.D/);
    const { body } = await ask('POST ?delete', { body: deletion('k', '', 'x'.repeat(1025)) });
    expect(allOf(body, 'Code')).toEqual(['UserKeyMustBeSpecified', 'KeyTooLongError']);
    expect(body).toContain('<Deleted><Key>k</Key></Deleted>');
  });
});

describe('a multipart upload', () => {
  const FULL = 'a'.repeat(FIVE_MIB);
  const md5 = (data: string | Buffer) => createHash('md5').update(data).digest();

  /** A store with an upload of `k`. */
  async function startUpload(headers = {}) {
    const store = await startStore();
    const id = await store.begin('k', headers);
    /** Uploads a part and returns its element in a completion. */
    async function part(number: number, body: string): Promise<string> {
      const { outcome, headers } = await store.ask(`PUT k?partNumber=${number}&uploadId=${id}`, { body });
      expect(outcome).toBe('200');
      return `<Part><PartNumber>${number}</PartNumber><ETag>${headers.etag}</ETag></Part>`;
    }
    const complete = (...parts: string[]) =>
      store.ask(`POST k?uploadId=${id}`, {
        body: `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
      });
    return { ...store, id, part, complete };
  }

  test('becomes one object of the parts that are named, without a copy, and keeps no bytes of others', async () => {
    const headers = { 'content-type': 'video/webm' };
    const { ask, files, part, complete } = await startUpload(headers);
    await part(2, 'replaced');
    const named = [await part(2, FULL), await part(7, 'the end')];
    const before = await files();
    expect(before).toHaveLength(2);
    await part(3, 'not named');
    const etag = `${md5(Buffer.concat([md5(FULL), md5('the end')])).toString('hex')}-2`;
    const { body } = await complete(...named);
    expect(body).toMatch(new RegExp(`<Bucket>${BUCKET}</Bucket><Key>k</Key>.*${etag}`));
    expect((await files()).sort()).toEqual(before.sort());
    const whole = await ask('GET k');
    expect(whole.body === `${FULL}the end`).toBe(true);
    expect(whole.headers).toMatchObject({ ...headers, etag: `"${etag}"` });
    const range = async (bytes: string) => (await ask('GET k', header('range', `bytes=${bytes}`))).body;
    expect(await range(`${FIVE_MIB - 3}-${FIVE_MIB + 2}`)).toBe('aaathe');
    expect(await range(`${FIVE_MIB}-`)).toBe('the end');
  });

  test('lists its parts page by page', async () => {
    const { ask, id, part } = await startUpload();
    for (const number of [10, 2, 1, 9]) await part(number, `part ${number}`);
    async function list(query: string) {
      const { body } = await ask(`GET k?uploadId=${id}&${query}`);
      return ['PartNumber', 'NextPartNumberMarker', 'IsTruncated'].map((name) => allOf(body, name).join());
    }
    expect(await list('max-parts=3')).toEqual(['1,2,9', '9', 'true']);
    expect(await list('max-parts=3&part-number-marker=9')).toEqual(['10', '', 'false']);
  });

  test('takes parts 1 to 10,000, is not completed with parts that are wrong, and can be afterwards', async () => {
    const { outcome, id, part, complete } = await startUpload();
    for (const number of ['0', '10001', '-1', 'x', '']) {
      expect(await outcome(`PUT k?partNumber=${number}&uploadId=${id}`)).toBe('400 InvalidArgument');
    }
    const [last, one, two] = [await part(10_000, 'last'), await part(1, 'small'), await part(2, 'also small')];
    for (const [wrong, ...parts] of [
      ['400 InvalidPartOrder', last, one],
      ['400 InvalidPartOrder', one, one],
      ['400 EntityTooSmall', one, two],
      ['400 InvalidPart', two.replace('>2<', '>1<')],
      ['400 MalformedXML'],
      ['400 MalformedXML', '<Part><PartNumber>1</PartNumber></Part>'],
    ]) {
      expect((await complete(...parts)).outcome).toBe(wrong);
    }
    expect(await outcome('GET k')).toBe('404 NoSuchKey');
    expect((await complete(one)).outcome).toBe('200');
  });

  test('that is aborted while a part comes in keeps nothing of it', async () => {
    const { sign, sendHead, id, outcome, files } = await startUpload();
    const head = await sign(`PUT k?partNumber=1&uploadId=${id}`, { headers: UNSIGNED });
    const socket = sendHead(head, { 'content-length': '10', connection: 'close' });
    socket.write('12345');
    await until(async () => (await files()).length === 1);
    expect(await outcome(`DELETE k?uploadId=${id}`)).toBe('204');
    socket.write('67890');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 404 .*NoSuchUpload/s);
    expect(await files()).toEqual([]);
  });
});

test('the bucket has a name that S3 allows', async () => {
  for (const bucket of ['../x', 'A', 'a', 'a..b', 'x/y', '']) {
    await expect(startStore({ bucket })).rejects.toThrow('Not a bucket name');
  }
});

describe('cross-origin requests', () => {
  const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'X-One, x-two' };
  const target = `/${BUCKET}/k`;
  const vary = expect.stringContaining('Origin');

  test('are allowed from the origins given, with their headers on every answer', async () => {
    const { send, ask } = await startStore({ allowedOrigins: [ORIGIN] });
    const headers = { origin: ORIGIN };
    const evil = { origin: 'https://evil.example' };
    const allowed = { 'access-control-allow-origin': ORIGIN, 'access-control-expose-headers': 'ETag', vary };
    const preflight = { method: 'OPTIONS', target, headers: { ...headers, ...asked } };
    expect(await send(preflight)).toMatchObject({
      outcome: '200',
      headers: {
        ...allowed,
        'access-control-allow-methods': 'GET, PUT, HEAD',
        'access-control-allow-headers': 'x-one, x-two',
        'access-control-max-age': '3600',
      },
    });
    const refused = [
      await send({ ...preflight, headers: { ...asked, ...evil } }),
      await send({ ...preflight, headers: { ...headers, 'access-control-request-method': 'DELETE' } }),
      await send({ ...preflight, target: '/other/k' }),
      await (await startStore()).send(preflight),
      await send({ ...preflight, headers }),
      await send({ ...preflight, headers: asked }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403, 400, 400]);
    const answers = [
      await ask('PUT k', { body: 'x', expires: 60, headers }),
      await ask('GET missing', { headers }),
      await send({ target, headers }),
    ];
    expect(answers.map(({ outcome }) => outcome)).toEqual(['200', '404 NoSuchKey', '403 AccessDenied']);
    for (const answer of answers) expect(answer.headers).toMatchObject(allowed);
    const other = await ask('GET k', { headers: evil });
    expect(other.headers).toMatchObject({ vary });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('follow the rules of PutBucketCors too, which add to the given origins and stay over a restart, as lifecycle rules do', async () => {
    const first = await startStore();
    const more =
      '<AllowedHeader>x-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>x-amz-request-id</ExposeHeader>' +
      '<MaxAgeSeconds>5</MaxAgeSeconds></CORSRule><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>';
    const cors = corsFor('https://*.school.example', 'PUT', more);
    const lifecycle = '<LifecycleConfiguration><Rule><ID>r</ID></Rule></LifecycleConfiguration>';
    expect(await first.outcome('PUT ?cors', { body: cors })).toBe('200');
    expect(await first.outcome('PUT ?lifecycle', { body: lifecycle })).toBe('200');
    await first.server.close();
    const { ask, send } = await startStore({ dataDir: first.dataDir, allowedOrigins: [ORIGIN] });
    expect([(await ask('GET ?cors')).body, (await ask('GET ?lifecycle')).body]).toEqual([cors, lifecycle]);

    const preflight = (origin: string, more = {}) =>
      send({ method: 'OPTIONS', target, headers: { origin, ...asked, ...more } });
    expect((await preflight('https://a.school.example')).headers).toMatchObject({
      'access-control-allow-origin': 'https://a.school.example',
      'access-control-max-age': '5',
      'access-control-expose-headers': 'ETag, x-amz-request-id',
    });
    const secret = { 'access-control-request-headers': 'authorization' };
    expect((await preflight('https://a.school.example', secret)).status).toBe(403);
    const other = 'https://other.example';
    expect((await preflight(other)).status).toBe(403);
    const get = { 'access-control-request-method': 'GET', 'access-control-request-headers': '' };
    expect((await preflight(other, get)).headers['access-control-allow-origin']).toBe('*');
    for (const headers of [(await preflight(ORIGIN)).headers, (await preflight(ORIGIN, get)).headers]) {
      expect(headers).toMatchObject({
        'access-control-allow-origin': ORIGIN,
        'access-control-allow-methods': 'GET, PUT, HEAD',
        'access-control-expose-headers': 'ETag',
      });
    }
  });
});
