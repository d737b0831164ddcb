// Who is let in: signatures in headers and in presigned URLs.
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BUCKET, call, ROOT, type Signed, type SignOptions, send, sendRaw, sign, startStore } from './support.ts';

const KEYS = [
  'a b+c%d',
  'a:b=c&d',
  'ünï/日本語/😀',
  "it's (a) *star*!",
  '~tilde-_.',
  '%41',
  'a?b#c',
  '/leading',
  'double//slash',
  '../../etc/passwd',
  './a/.',
  'trailing/',
  '\ufeffbom',
];

/** Changes the signature's claim about itself in a signed request. */
function withAuthorization(signed: Signed, change: (text: string) => string): Signed {
  return { ...signed, headers: { ...signed.headers, authorization: change(signed.headers.authorization ?? '') } };
}

describe('a signature in the Authorization header', () => {
  test('is verified for keys with odd characters', async () => {
    const { endpoint } = await startStore();
    for (const key of KEYS) {
      const path = `/${BUCKET}/${key}`;
      expect(await call({ endpoint, method: 'PUT', path, body: key })).toMatchObject({ status: 200 });
      expect(await call({ endpoint, path })).toMatchObject({ status: 200, body: key });
      const listing = await call({ endpoint, path: `/${BUCKET}`, query: [['prefix', key]] });
      expect([key, listing.body.match(/<Key>/g)]).toEqual([key, ['<Key>']]);
    }
  });

  test('is verified for any path, query and header', async () => {
    const { endpoint } = await startStore();
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.tuple(text, text), { maxLength: 3 }), async (key, query) => {
        // Whatever it asks for, it is not refused for its signature.
        const answer = await call({ endpoint, path: `/${BUCKET}/${key}`, query });
        expect([200, 400, 404, 501]).toContain(answer.status);
        expect(answer.code).not.toBe('SignatureDoesNotMatch');
      }),
      { numRuns: 60 },
    );
  });

  test('is verified with repeated parameters and empty values', async () => {
    const { endpoint } = await startStore();
    const path = `/${BUCKET}`;
    const repeated = await call({ endpoint, path, query: [['prefix', 'b'], ['prefix', 'a'], ['prefix', '']] }); // biome-ignore format: one line
    expect(repeated).toMatchObject({ status: 400, code: 'InvalidArgument' });
    expect(await call({ endpoint, path, query: [['prefix', ''], ['delimiter', '']] })).toMatchObject({ status: 200 }); // biome-ignore format: one line
    const bare = sign({ endpoint, path, query: [['versioning', '']] });
    expect(await send(endpoint, { ...bare, target: `/${BUCKET}?versioning` })).toMatchObject({ status: 200 });
  });

  test("equals Amazon's published example", async () => {
    // "GET Object" in the S3 API reference's signature examples; only a good signature learns that there is no bucket.
    const { endpoint } = await startStore({
      now: () => Date.parse('2013-05-24T00:00:00Z'),
      credentials: [
        { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
      ],
    });
    const headers = {
      host: 'examplebucket.s3.amazonaws.com',
      range: 'bytes=0-9',
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-amz-date': '20130524T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
        'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,' +
        'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    };
    expect(await send(endpoint, { target: '/test.txt', headers })).toMatchObject({ code: 'NoSuchBucket' });
    const other = { ...headers, range: 'bytes=0-8' };
    expect(await send(endpoint, { target: '/test.txt', headers: other })).toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
  });

  test.each<[string, Partial<SignOptions>, string]>([
    ['a wrong secret', { credential: { ...ROOT, secretAccessKey: 'x' } }, 'SignatureDoesNotMatch'],
    ['an unknown key', { credential: { ...ROOT, accessKeyId: 'NOBODY' } }, 'InvalidAccessKeyId'],
    ['another region', { region: 'eu-west-1' }, 'AuthorizationHeaderMalformed'],
    ['another service', { service: 'ec2' }, 'AuthorizationHeaderMalformed'],
    ['a date 16 minutes ago', { at: Date.now() - 16 * 60_000 }, 'RequestTimeTooSkewed'],
    ['a date in 16 minutes', { at: Date.now() + 16 * 60_000 }, 'RequestTimeTooSkewed'],
    ['a session token', { headers: { 'x-amz-security-token': 't' } }, 'InvalidToken'],
    ['a payload hash that is none', { method: 'PUT', payloadHash: 'abc', body: 'x' }, 'InvalidArgument'],
  ])('is refused with %s', async (_case, options, code) => {
    const { endpoint } = await startStore();
    expect(await call({ endpoint, path: `/${BUCKET}/k`, ...options })).toMatchObject({ code });
  });

  test.each<[string, (signed: Signed) => Partial<Signed>, string]>([
    ['another path', () => ({ target: `/${BUCKET}/other` }), 'SignatureDoesNotMatch'],
    ['another query', () => ({ target: `/${BUCKET}/k?tagging=` }), 'SignatureDoesNotMatch'],
    ['another method', () => ({ method: 'DELETE' }), 'SignatureDoesNotMatch'],
    ['a broken escape', () => ({ target: `/${BUCKET}/%zz` }), 'InvalidURI'],
    ['bytes that are not UTF-8', () => ({ target: `/${BUCKET}/%ff` }), 'InvalidURI'],
    ['no signature at all', () => ({ headers: { host: 'localhost' } }), 'AccessDenied'],
    ['basic authentication', (signed) => withAuthorization(signed, () => 'Basic eDp5'), 'InvalidRequest'],
    ['a field too few', (signed) => withAuthorization(signed, (text) => text.replace(/, Signature.*/, '')), 'AuthorizationHeaderMalformed'],
    ['a short signature', (signed) => withAuthorization(signed, (text) => text.slice(0, -1)), 'SignatureDoesNotMatch'],
    ['a signature of another letter case', (signed) => withAuthorization(signed, (text) => text.replace(/[0-9a-f]+$/, (hex) => hex.toUpperCase())), 'SignatureDoesNotMatch'],
    ['no host among the signed headers', (signed) => withAuthorization(signed, (text) => text.replace('host;', '')), 'AuthorizationHeaderMalformed'],
    ['unsorted signed headers', (signed) => withAuthorization(signed, (text) => text.replace('host;x-amz-content-sha256', 'x-amz-content-sha256;host')), 'AuthorizationHeaderMalformed'],
    ['a signed header that is missing', (signed) => withAuthorization(signed, (text) => text.replace('host;', 'host;range;')), 'SignatureDoesNotMatch'],
    ['an unsigned x-amz-* header', (signed) => ({ headers: { ...signed.headers, 'x-amz-meta-a': '1' } }), 'AccessDenied'],
    ['a date that is none', (signed) => ({ headers: { ...signed.headers, 'x-amz-date': `${signed.headers['x-amz-date']?.slice(0, 8)}T996199Z` } }), 'AccessDenied'],
  ])('is refused with %s', async (_case, tamper, code) => {
    const { endpoint } = await startStore();
    const signed = sign({ endpoint, path: `/${BUCKET}/k` });
    expect(await send(endpoint, { ...signed, ...tamper(signed) })).toMatchObject({ code });
  }); // biome-ignore format: a table

  test('is refused when Host or x-amz-date came twice', async () => {
    const { endpoint } = await startStore();
    const { target, headers } = sign({ endpoint, path: `/${BUCKET}/k` });
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    for (const name of ['host', 'x-amz-date', 'authorization']) {
      const twice = lines.flatMap((line) => (line.startsWith(`${name}:`) ? [line, line] : [line]));
      const answer = await sendRaw(
        endpoint,
        [`GET ${target} HTTP/1.1`, ...twice, 'connection: close', '', ''].join('\r\n'),
      );
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
    }
  });

  test('collapses blanks in signed headers', async () => {
    const { endpoint } = await startStore();
    const path = `/${BUCKET}/k`;
    const headers = { 'x-amz-meta-note': '  two   words ', 'content-type': 'text/plain' };
    expect(await call({ endpoint, method: 'PUT', path, body: 'x', headers })).toMatchObject({ status: 200 });
  });

  test('tells an anonymous caller nothing', async () => {
    const { endpoint } = await startStore();
    for (const target of ['/', `/${BUCKET}`, '/nothing', `/${BUCKET}/k`]) {
      const answer = await send(endpoint, { target });
      expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
    }
  });
});

describe('a presigned request', () => {
  test('of the SDK is accepted, within its time', async () => {
    let now = Date.now();
    const { client, endpoint } = await startStore({ now: () => now });
    const url = await getSignedUrl(client, new PutObjectCommand({ Bucket: BUCKET, Key: 'a b/ü' }), { expiresIn: 60 });
    const target = url.slice(endpoint.length);
    expect(await send(endpoint, { method: 'PUT', target, body: 'hello' })).toMatchObject({ status: 200 });
    now += 62_000;
    expect(await send(endpoint, { method: 'PUT', target, body: 'late' })).toMatchObject({
      status: 403,
      code: 'AccessDenied',
    });
    now -= 20 * 60_000;
    expect(await send(endpoint, { method: 'PUT', target, body: 'early' })).toMatchObject({
      code: 'RequestTimeTooSkewed',
    });
  });

  test.each([0, 604_801, -1, '1e3', '', 'abc'])('is refused with a lifetime of %j', async (expires) => {
    const { endpoint } = await startStore();
    const answer = await call({ endpoint, path: `/${BUCKET}/k`, expires });
    expect(answer).toMatchObject({ status: 400, code: 'AuthorizationQueryParametersError' });
  });

  test.each([1, 604_800])('is accepted with a lifetime of %j', async (expires) => {
    const at = Date.now();
    const { endpoint } = await startStore({ now: () => at });
    expect(await call({ endpoint, path: `/${BUCKET}/k`, at, expires })).toMatchObject({ code: 'NoSuchKey' });
  });

  test.each([
    ['x-amz-copy-source', `/${BUCKET}/secret`],
    ['x-amz-acl', 'public-read'],
    ['x-amz-meta-a', '1'],
    ['x-amz-tagging', 'a=b'],
    ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
    ['x-amz-something-new', '1'],
  ])('with an unsigned %s header is refused', async (name, value) => {
    const { endpoint } = await startStore();
    const url = sign({ endpoint, method: 'PUT', path: `/${BUCKET}/k`, expires: 60 });
    const headers = { host: url.headers.host ?? '', [name]: value };
    const answer = await send(endpoint, { method: 'PUT', target: url.target, headers, body: 'x' });
    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(await call({ endpoint, path: `/${BUCKET}/k` })).toMatchObject({ code: 'NoSuchKey' });
  });

  test('takes signed x-amz-* parameters for headers', async () => {
    const { endpoint } = await startStore();
    const path = `/${BUCKET}/k`;
    const put = (query: [string, string][]) => call({ endpoint, method: 'PUT', path, query, expires: 60, body: 'x' });
    expect(await put([['x-amz-meta-colour', 'blue']])).toMatchObject({ status: 200 });
    expect((await call({ endpoint, method: 'HEAD', path })).headers['x-amz-meta-colour']).toBe('blue');
    expect(await put([['x-amz-copy-source', '/a/b']])).toMatchObject({ status: 501 });
    expect(await put([['x-amz-acl', 'public-read']])).toMatchObject({ status: 501 });
    expect(await put([['x-amz-checksum-crc32', 'AAAAAA==']])).toMatchObject({ code: 'BadDigest' });
  });

  test.each<[string, (target: string) => string, string]>([
    ['one more parameter', (target) => `${target}&versionId=null`, 'SignatureDoesNotMatch'],
    ['two signatures', (target) => `${target}&X-Amz-Signature=00`, 'AuthorizationQueryParametersError'],
    ['two dates', (target) => `${target}&X-Amz-Date=20200101T000000Z`, 'AuthorizationQueryParametersError'],
    ['another algorithm', (target) => target.replace('HMAC', 'ECDSA'), 'AuthorizationQueryParametersError'],
    ['no signature', (target) => target.replace(/&X-Amz-Signature.*/, ''), 'AuthorizationQueryParametersError'],
    [
      'another day',
      (target) => target.replace(/X-Amz-Date=\d{8}/, 'X-Amz-Date=20200101'),
      'AuthorizationQueryParametersError',
    ],
  ])('with %s is refused', async (_case, tamper, code) => {
    const { endpoint } = await startStore();
    const { target } = sign({ endpoint, path: `/${BUCKET}/k`, expires: 60 });
    expect(await send(endpoint, { target: tamper(target) })).toMatchObject({ code });
  });

  test('is refused when it also has an Authorization header', async () => {
    const { endpoint } = await startStore();
    const { target } = sign({ endpoint, path: `/${BUCKET}/k`, expires: 60 });
    const answer = await send(endpoint, { target, headers: { authorization: 'AWS4-HMAC-SHA256 x' } });
    expect(answer).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });
});
