// Who is let in: signatures in headers and in presigned URLs.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  BUCKET,
  ROOT,
  received,
  type Signed,
  type SignOptions,
  send,
  sendRaw,
  startStore,
  UPLOADER,
} from './support.ts';

type Tamper = (signed: Signed) => Partial<Signed>;

/** Changes what a signed request says in one of its headers. */
const header =
  (name: string, from: RegExp | string, to: string): Tamper =>
  ({ headers }) => {
    expect(headers[name]).toMatch(from);
    return { headers: { ...headers, [name]: headers[name]?.replace(from, to) ?? '' } };
  };
const claim = (from: RegExp | string, to: string) => header('authorization', from, to);

describe('a signature in the Authorization header', () => {
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

  const MINUTES_16 = 16 * 60_000;
  const MISMATCH = '403 SignatureDoesNotMatch';
  const MALFORMED = '400 AuthorizationHeaderMalformed';
  const upperCase: Tamper = ({ headers: { authorization = '', ...headers } }) => ({
    headers: { ...headers, authorization: authorization.replace(/[0-9a-f]+$/, (hex) => hex.toUpperCase()) },
  });
  const asIs: Tamper = () => ({});
  test.each<[string, Tamper, string, SignOptions?]>([
    ['a wrong secret', asIs, MISMATCH, { credential: { ...ROOT, secretAccessKey: 'x' } }],
    ['an unknown key', asIs, '403 InvalidAccessKeyId', { credential: { ...ROOT, accessKeyId: 'NOBODY' } }],
    ['another region', asIs, MALFORMED, { region: 'eu-west-1' }],
    ['another service', asIs, MALFORMED, { service: 'ec2' }],
    ['a date 16 minutes ago', asIs, '403 RequestTimeTooSkewed', { at: Date.now() - MINUTES_16 }],
    ['a date in 16 minutes', asIs, '403 RequestTimeTooSkewed', { at: Date.now() + MINUTES_16 }],
    ['a session token', asIs, '400 InvalidToken', { headers: { 'x-amz-security-token': 't' } }],
    ['a payload hash that is none', asIs, '400 InvalidArgument', { payloadHash: 'abc' }],
    ['another path', () => ({ target: `/${BUCKET}/other` }), MISMATCH],
    ['another query', () => ({ target: `/${BUCKET}/k?tagging=` }), MISMATCH],
    ['another method', () => ({ method: 'DELETE' }), MISMATCH],
    ['a broken escape', () => ({ target: `/${BUCKET}/%zz` }), '400 InvalidURI'],
    ['bytes that are not UTF-8', () => ({ target: `/${BUCKET}/%ff` }), '400 InvalidURI'],
    ['no signature at all', () => ({ headers: { host: 'localhost' } }), '403 AccessDenied'],
    ['basic authentication', claim(/.*/, 'Basic eDp5'), '400 InvalidRequest'],
    ['a field too few', claim(/, Signature.*/, ''), MALFORMED],
    ['a short signature', claim(/.$/, ''), MISMATCH],
    ['a signature of another letter case', upperCase, MISMATCH],
    ['no host among the signed headers', claim('host;', ''), MALFORMED],
    ['unsorted signed headers', claim('host;x-amz-content-sha256', 'x-amz-content-sha256;host'), MALFORMED],
    ['a signed header that is missing', claim('host;', 'host;range;'), MISMATCH],
    ['a date that is none', header('x-amz-date', /T.*/, 'T996199Z'), '403 AccessDenied'],
  ])('is refused with %s', async (_case, tamper, outcome, options = {}) => {
    const { endpoint, sign } = await startStore();
    const signed = sign('PUT k', options);
    expect((await send(endpoint, { ...signed, ...tamper(signed) })).outcome).toBe(outcome);
  });

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
  const BAD_QUERY = '400 AuthorizationQueryParametersError';

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

  test('has a lifetime of a second to a week', async () => {
    const at = Date.now();
    const { outcome } = await startStore({ now: () => at });
    for (const expires of [1, 604_800]) expect(await outcome('GET k', { at, expires })).toBe('404 NoSuchKey');
    for (const expires of [0, 604_801, -1, '1e3', '', 'abc']) {
      expect([expires, await outcome('GET k', { at, expires })]).toEqual([expires, BAD_QUERY]);
    }
  });

  test('takes signed x-amz-* parameters for headers, and no unsigned header at all', async () => {
    const { endpoint, ask, outcome, sign } = await startStore();
    const put = (parameter: string) => outcome(`PUT k?${parameter}`, { expires: 60, body: 'x' });
    expect(await put('x-amz-meta-colour=blue')).toBe('200');
    expect((await ask('HEAD k')).headers['x-amz-meta-colour']).toBe('blue');
    for (const parameter of ['x-amz-copy-source=/a/b', 'x-amz-acl=public-read', 'x-amz-meta-colour=red&x-amz-new=1']) {
      expect([parameter, await put(parameter)]).toEqual([parameter, '501 NotImplemented']);
    }
    const query: [string, string][] = [['x-amz-checksum-crc32', 'AAAAAA==']];
    expect(await outcome('PUT k', { query, expires: 60, body: 'x' })).toBe('400 BadDigest');
    const unsigned = {
      'x-amz-copy-source': `/${BUCKET}/secret`,
      'x-amz-meta-colour': 'red',
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'x-amz-something-new': '1',
    };
    for (const method of ['Authorization', 'URL']) {
      const signed = sign('PUT k', { ...(method === 'URL' && { expires: 60 }), body: 'x' });
      for (const [name, value] of Object.entries(unsigned).filter(([added]) => !(added in signed.headers))) {
        const answer = await send(endpoint, { ...signed, headers: { ...signed.headers, [name]: value } });
        expect([method, name, answer.outcome]).toEqual([method, name, '403 AccessDenied']);
      }
    }
    expect((await ask('HEAD k')).headers['x-amz-meta-colour']).toBe('blue');
  });

  test.each<[string, RegExp, string, string, Record<string, string>?]>([
    ['one more parameter', /$/, '&versionId=null', '403 SignatureDoesNotMatch'],
    ['two signatures', /$/, '&X-Amz-Signature=00', BAD_QUERY],
    ['two dates', /$/, '&X-Amz-Date=20200101T000000Z', BAD_QUERY],
    ['another algorithm', /HMAC/, 'ECDSA', BAD_QUERY],
    ['no signature', /&X-Amz-Signature.*/, '', BAD_QUERY],
    ['another day', /X-Amz-Date=\d{8}/, 'X-Amz-Date=20200101', BAD_QUERY],
    ['an Authorization header', /$/, '', '400 InvalidArgument', { authorization: 'AWS4-HMAC-SHA256 x' }],
  ])('with %s is refused', async (_case, from, to, outcome, headers = {}) => {
    const { endpoint, sign } = await startStore();
    const { target } = sign('GET k', { expires: 60 });
    expect(target).toMatch(from);
    expect((await send(endpoint, { target: target.replace(from, to), headers })).outcome).toBe(outcome);
  });
});

test('an upload-only credential may put parts and do nothing else', async () => {
  const { begin, outcome } = await startStore();
  const upload = `uploadId=${await begin('k')}`;
  const part = `PUT k?partNumber=1&${upload}`;
  const others = `PUT k, GET k, HEAD k, DELETE k, GET /, GET , GET /other, POST k?uploads, POST k?${upload}, DELETE k?${upload}`;
  for (const way of [{ credential: UPLOADER }, { credential: UPLOADER, expires: 60 }]) {
    expect(await outcome(part, { ...way, body: 'x' })).toBe('200');
    for (const line of [...others.split(', '), `GET k?${upload}`, 'PUT k?tagging', `${part}&made-up`]) {
      expect([line, await outcome(line, way)]).toEqual([line, expect.stringMatching(/^403/)]);
    }
    expect(await outcome(part, { ...way, headers: { 'x-amz-copy-source': `/${BUCKET}/secret` } })).toMatch(/^403/);
  }
});
