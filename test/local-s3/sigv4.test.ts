// Who is let in: signatures in headers and in presigned URLs.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allOf, BUCKET, ROOT, received, type Signed, type SignOptions, send, sendRaw, startStore } from './support.ts';

const KEYS = ['a b+c%d', 'a:b=c&d', 'ünï/日本語/😀', "it's (a) *star*!", '~tilde-_.', '%41', 'a?b#c', '/leading', 'double//slash', '../../etc/passwd', './a/.', 'trailing/', '\ufeffbom']; // biome-ignore format: one line

describe('a signature in the Authorization header', () => {
  test('is verified for keys with odd characters', async () => {
    const { ask, outcome } = await startStore();
    for (const key of KEYS) {
      expect(await outcome('PUT k', { key, body: key })).toBe('200');
      expect(await ask('GET k', { key })).toMatchObject({ status: 200, body: key });
      const { body } = await ask('GET ', { query: [['prefix', key]] });
      expect([key, allOf(body, 'Key').length]).toEqual([key, 1]);
    }
  });

  test('is verified for any path and query', async () => {
    const { ask } = await startStore();
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.tuple(text, text), { maxLength: 3 }), async (key, query) => {
        // Whatever it asks for, it is not refused for its signature.
        const { status, outcome } = await ask('GET k', { key, query });
        expect([200, 400, 404, 501]).toContain(status);
        expect(outcome).not.toContain('SignatureDoesNotMatch');
      }),
      { numRuns: 60 },
    );
  });

  test('is verified with repeated parameters, empty values, and blanks in headers', async () => {
    const { endpoint, sign, outcome } = await startStore();
    expect(await outcome('GET ?prefix=b&prefix=a&prefix=')).toBe('400 InvalidArgument');
    expect(await outcome('GET ?prefix=&delimiter=')).toBe('200');
    const bare = await send(endpoint, { ...sign('GET ?versioning'), target: `/${BUCKET}?versioning` });
    expect(bare.outcome).toBe('200');
    const headers = { 'x-amz-meta-note': '  two   words ', 'content-type': 'text/plain' };
    expect(await outcome('PUT k', { body: 'x', headers })).toBe('200');
  });

  test("equals Amazon's published example", async () => {
    // "GET Object" in the S3 API reference's signature examples; only a good signature learns that there is no bucket.
    const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
    const { endpoint } = await startStore({
      now: () => Date.parse('2013-05-24T00:00:00Z'),
      credentials: [{ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey }],
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
    const get = async (range: string) => await send(endpoint, { target: '/test.txt', headers: { ...headers, range } });
    expect((await get('bytes=0-9')).outcome).toBe('404 NoSuchBucket');
    expect((await get('bytes=0-8')).outcome).toBe('403 SignatureDoesNotMatch');
  });

  const MINUTES_16 = 16 * 60_000;
  test.each<[string, SignOptions, string]>([
    ['a wrong secret', { credential: { ...ROOT, secretAccessKey: 'x' } }, '403 SignatureDoesNotMatch'],
    ['an unknown key', { credential: { ...ROOT, accessKeyId: 'NOBODY' } }, '403 InvalidAccessKeyId'],
    ['another region', { region: 'eu-west-1' }, '400 AuthorizationHeaderMalformed'],
    ['another service', { service: 'ec2' }, '400 AuthorizationHeaderMalformed'],
    ['a date 16 minutes ago', { at: Date.now() - MINUTES_16 }, '403 RequestTimeTooSkewed'],
    ['a date in 16 minutes', { at: Date.now() + MINUTES_16 }, '403 RequestTimeTooSkewed'],
    ['a session token', { headers: { 'x-amz-security-token': 't' } }, '400 InvalidToken'],
    ['a payload hash that is none', { payloadHash: 'abc', body: 'x' }, '400 InvalidArgument'],
  ])('is refused with %s', async (_case, options, expected) => {
    const { outcome } = await startStore();
    expect(await outcome('PUT k', options)).toBe(expected);
  });

  /** Changes what a signed request says in one of its headers. */
  const header = (name: string, from: RegExp | string, to: string) => ({ headers }: Signed) => {
    expect(headers[name]).toMatch(from);
    return { headers: { ...headers, [name]: headers[name]?.replace(from, to) ?? '' } };
  }; // biome-ignore format: one line
  const claim = (from: RegExp | string, to: string) => header('authorization', from, to);
  test.each<[string, (signed: Signed) => Partial<Signed>, string]>([
    ['another path', () => ({ target: `/${BUCKET}/other` }), '403 SignatureDoesNotMatch'],
    ['another query', () => ({ target: `/${BUCKET}/k?tagging=` }), '403 SignatureDoesNotMatch'],
    ['another method', () => ({ method: 'DELETE' }), '403 SignatureDoesNotMatch'],
    ['a broken escape', () => ({ target: `/${BUCKET}/%zz` }), '400 InvalidURI'],
    ['bytes that are not UTF-8', () => ({ target: `/${BUCKET}/%ff` }), '400 InvalidURI'],
    ['no signature at all', () => ({ headers: { host: 'localhost' } }), '403 AccessDenied'],
    ['basic authentication', claim(/.*/, 'Basic eDp5'), '400 InvalidRequest'],
    ['a field too few', claim(/, Signature.*/, ''), '400 AuthorizationHeaderMalformed'],
    ['a short signature', claim(/.$/, ''), '403 SignatureDoesNotMatch'],
    ['a signature of another letter case', ({ headers }) => ({ headers: { ...headers, authorization: headers.authorization?.replace(/[0-9a-f]+$/, (hex) => hex.toUpperCase()) ?? '' } }), '403 SignatureDoesNotMatch'],
    ['no host among the signed headers', claim('host;', ''), '400 AuthorizationHeaderMalformed'],
    ['unsorted signed headers', claim('host;x-amz-content-sha256', 'x-amz-content-sha256;host'), '400 AuthorizationHeaderMalformed'],
    ['a signed header that is missing', claim('host;', 'host;range;'), '403 SignatureDoesNotMatch'],
    ['an unsigned x-amz-* header', ({ headers }) => ({ headers: { ...headers, 'x-amz-meta-a': '1' } }), '403 AccessDenied'],
    ['a date that is none', header('x-amz-date', /T.*/, 'T996199Z'), '403 AccessDenied'],
  ])('is refused with %s', async (_case, tamper, outcome) => {
    const { endpoint, sign } = await startStore();
    const signed = sign('GET k');
    expect((await send(endpoint, { ...signed, ...tamper(signed) })).outcome).toBe(outcome);
  }); // biome-ignore format: a table

  test.each(['host', 'x-amz-date', 'authorization'])('is refused when %s came twice', async (name) => {
    const { endpoint, sign } = await startStore();
    const signed = sign('GET k');
    const twice = { [name.toUpperCase()]: signed.headers[name] ?? '', connection: 'close' };
    expect(await received(sendRaw(endpoint, signed, twice))).toMatch(/^HTTP\/1.1 400 /);
  });

  test.each(['/', `/${BUCKET}`, '/nothing', `/${BUCKET}/k`])('is needed to learn anything of %s', async (target) => {
    const { endpoint } = await startStore();
    expect((await send(endpoint, { target })).outcome).toBe('403 AccessDenied');
  });
});

describe('a presigned request', () => {
  test('is accepted within its time', async () => {
    const at = Date.now();
    let now = at;
    const { outcome } = await startStore({ now: () => now });
    const put = () => outcome('PUT k', { key: 'a b/ü', at, expires: 60, body: 'x' });
    expect(await put()).toBe('200');
    now = at + 62_000;
    expect(await put()).toBe('403 AccessDenied');
    now = at - 18 * 60_000;
    expect(await put()).toBe('403 RequestTimeTooSkewed');
  });

  test.each([0, 604_801, -1, '1e3', '', 'abc'])('is refused with a lifetime of %j', async (expires) => {
    const { outcome } = await startStore();
    expect(await outcome('GET k', { expires })).toBe('400 AuthorizationQueryParametersError');
  });

  test.each([1, 604_800])('is accepted with a lifetime of %j', async (expires) => {
    const at = Date.now();
    const { outcome } = await startStore({ now: () => at });
    expect(await outcome('GET k', { at, expires })).toBe('404 NoSuchKey');
  });

  test.each([
    ['x-amz-copy-source', `/${BUCKET}/secret`],
    ['x-amz-acl', 'public-read'],
    ['x-amz-meta-a', '1'],
    ['x-amz-tagging', 'a=b'],
    ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
    ['x-amz-something-new', '1'],
  ])('with an unsigned %s header is refused', async (name, value) => {
    const { endpoint, sign, outcome } = await startStore();
    const signed = sign('PUT k', { expires: 60, body: 'x' });
    const answer = await send(endpoint, { ...signed, headers: { ...signed.headers, [name]: value } });
    expect(answer.outcome).toBe('403 AccessDenied');
    expect(await outcome('GET k')).toBe('404 NoSuchKey');
  });

  test('takes signed x-amz-* parameters for headers', async () => {
    const { ask, outcome } = await startStore();
    const put = (parameter: string) => outcome(`PUT k?${parameter}`, { expires: 60, body: 'x' });
    expect(await put('x-amz-meta-colour=blue')).toBe('200');
    expect((await ask('HEAD k')).headers['x-amz-meta-colour']).toBe('blue');
    expect(await put('x-amz-copy-source=/a/b')).toBe('501 NotImplemented');
    expect(await put('x-amz-acl=public-read')).toBe('501 NotImplemented');
    expect(await outcome('PUT k', { query: [['x-amz-checksum-crc32', 'AAAAAA==']], expires: 60, body: 'x' })).toBe('400 BadDigest'); // biome-ignore format: one line
  });

  test.each<[string, RegExp, string, string]>([
    ['one more parameter', /$/, '&versionId=null', '403 SignatureDoesNotMatch'],
    ['two signatures', /$/, '&X-Amz-Signature=00', '400 AuthorizationQueryParametersError'],
    ['two dates', /$/, '&X-Amz-Date=20200101T000000Z', '400 AuthorizationQueryParametersError'],
    ['another algorithm', /HMAC/, 'ECDSA', '400 AuthorizationQueryParametersError'],
    ['no signature', /&X-Amz-Signature.*/, '', '400 AuthorizationQueryParametersError'],
    ['another day', /X-Amz-Date=\d{8}/, 'X-Amz-Date=20200101', '400 AuthorizationQueryParametersError'],
  ])('with %s is refused', async (_case, from, to, outcome) => {
    const { endpoint, sign } = await startStore();
    const { target } = sign('GET k', { expires: 60 });
    expect(target).toMatch(from);
    expect((await send(endpoint, { target: target.replace(from, to) })).outcome).toBe(outcome);
  });

  test('is refused when it also has an Authorization header', async () => {
    const { endpoint, sign } = await startStore();
    const { target } = sign('GET k', { expires: 60 });
    const answer = await send(endpoint, { target, headers: { authorization: 'AWS4-HMAC-SHA256 x' } });
    expect(answer.outcome).toBe('400 InvalidArgument');
  });
});
