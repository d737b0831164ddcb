// Who is let in: signatures in headers and in presigned URLs.
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BUCKET, ROOT, type Signed, type SignOptions, startStore, UPLOADER } from './support.ts';

type Tamper = (signed: Signed) => Partial<Signed>;

const claim =
  (from: RegExp | string, to: string): Tamper =>
  ({ headers: { authorization = '', ...headers } }) => {
    expect(authorization).toMatch(from);
    return { headers: { ...headers, authorization: authorization.replace(from, to) } };
  };
const target =
  (from: RegExp | string, to: string): Tamper =>
  (signed) => {
    expect(signed.target).toMatch(from);
    return { target: signed.target.replace(from, to) };
  };
const asIs: Tamper = () => ({});

test('a signature is verified for any path and query, for names alone, and with blanks in headers', async () => {
  const { ask, send, sign, outcome } = await startStore();
  const named = await sign('GET ?versioning');
  expect((await send({ ...named, target: `/${BUCKET}?versioning` })).outcome).toBe('200');
  expect(await outcome('PUT k', { headers: { 'content-disposition': '  two   words ' } })).toBe('200');
  const word = fc.string({ unit: 'grapheme', maxLength: 12 });
  const values = fc.array(word, { minLength: 1, maxLength: 2 });
  // The signer of the SDK makes no query with that name.
  const names = word.filter((name) => name !== '__proto__');
  await fc.assert(
    fc.asyncProperty(word, fc.dictionary(names, values, { maxKeys: 3 }), async (key, query) => {
      // The request itself may fail, but not for its signature.
      const { status, outcome } = await ask('GET k', { key, query });
      expect([200, 400, 404, 501]).toContain(status);
      expect(outcome).not.toContain('SignatureDoesNotMatch');
    }),
    { numRuns: 60 },
  );
});

const MINUTES_16 = 16 * 60_000;
const NOW = Date.UTC(2026, 10, 5);
const PRESIGNED: SignOptions = { expires: 60 };
const MISMATCH = '403 SignatureDoesNotMatch';
const MALFORMED = '400 AuthorizationHeaderMalformed';
const BAD_QUERY = '400 AuthorizationQueryParametersError';

test.each<[string, Tamper, string, SignOptions?]>([
  ['with a wrong secret', asIs, MISMATCH, { credentials: { ...ROOT, secretAccessKey: 'x' } }],
  ['with an unknown key', asIs, '403 InvalidAccessKeyId', { credentials: { ...ROOT, accessKeyId: 'NOBODY' } }],
  ['of another region', claim('us-east-1', 'eu-west-1'), MALFORMED],
  ['of another service', claim('/s3/', '/ec2/'), MALFORMED],
  ['made 16 minutes ago', asIs, '403 RequestTimeTooSkewed', { at: NOW - MINUTES_16 }],
  ['made in 16 minutes', asIs, '403 RequestTimeTooSkewed', { at: NOW + MINUTES_16 }],
  ['with a session token', asIs, '400 InvalidToken', { headers: { 'x-amz-security-token': 't' } }],
  ['with a payload hash that is none', asIs, '400 InvalidArgument', { headers: { 'x-amz-content-sha256': 'abc' } }],
  ['for another path', target('k?', 'other?'), MISMATCH],
  ['for another query', target(/$/, 'tagging='), MISMATCH],
  ['for another method', () => ({ method: 'DELETE' }), MISMATCH],
  ['for an absolute URI', () => ({ target: 'http://elsewhere/' }), '400 InvalidURI'],
  ['with a broken escape', target('k?', '%zz'), '400 InvalidURI'],
  ['with bytes that are not UTF-8', target('k?', '%ff'), '400 InvalidURI'],
  ['without a signature', () => ({ headers: { host: 'localhost' } }), '403 AccessDenied'],
  ['with basic authentication', claim(/.*/, 'Basic eDp5'), '400 InvalidRequest'],
  ['with a field too few', claim(/, Signature.*/, ''), MALFORMED],
  ['with a short signature', claim(/.$/, ''), MISMATCH],
  ['with no host among the signed headers', claim('host;', ''), MALFORMED],
  ['with unsorted signed headers', claim('host;x-amz-content-sha256', 'x-amz-content-sha256;host'), MALFORMED],
  ['with a signed header that is missing', claim('host;', 'host;range;'), MISMATCH],
  ['with a date that is none', target(/(Date=\d+T)\d+/, '$1996199'), '403 AccessDenied', PRESIGNED],
  ['by a URL with one more parameter', target(/$/, '&versionId=null'), MISMATCH, PRESIGNED],
  ['by a URL with two signatures', target(/$/, '&X-Amz-Signature=00'), BAD_QUERY, PRESIGNED],
  ['by a URL with another algorithm', target('HMAC', 'ECDSA'), BAD_QUERY, PRESIGNED],
  ['by a URL without a signature', target(/&X-Amz-Signature.*/, ''), BAD_QUERY, PRESIGNED],
  ['by a URL of another day', target(/X-Amz-Date=\d{8}/, 'X-Amz-Date=20200101'), BAD_QUERY, PRESIGNED],
  ['by a URL and a header', () => ({ headers: { authorization: 'AWS4' } }), '400 InvalidArgument', PRESIGNED],
  ...['0', '604801', '1e3', ''].map((seconds): [string, Tamper, string, SignOptions] => {
    return [`by a URL for "${seconds}" seconds`, target('Expires=60', `Expires=${seconds}`), BAD_QUERY, PRESIGNED];
  }),
])('a request %s is refused', async (_case, tamper, outcome, options = {}) => {
  const { send, sign } = await startStore({ now: () => NOW });
  const signed = await sign('PUT k', { at: NOW, ...options });
  expect((await send({ ...signed, ...tamper(signed) })).outcome).toBe(outcome);
});

test.each(['host', 'x-amz-date', 'authorization'])('a request with two headers %s is refused', async (name) => {
  const { sendHead, sign } = await startStore();
  const signed = await sign('GET k');
  const twice = { [name.toUpperCase()]: signed.headers[name] ?? '', connection: 'close' };
  expect(await text(sendHead(signed, twice))).toMatch(/^HTTP\/1.1 400 .*InvalidRequest/s);
});

test('without a signature every path is answered alike', async () => {
  const { send } = await startStore();
  const places = ['/', `/${BUCKET}`, '/nothing'];
  for (const target of places) expect((await send({ target })).outcome).toBe('403 AccessDenied');
});

test('a presigned request is accepted within its time, of a second to a week', async () => {
  const at = Date.now();
  let now = at;
  const { outcome } = await startStore({ now: () => now });
  const put = (expires: number) => outcome('PUT k', { key: 'a b/ü', at, expires, body: 'x' });
  for (const expires of [1, 604_800]) expect(await put(expires)).toBe('200');
  now = at + 62_000;
  expect(await put(60)).toBe('403 AccessDenied');
  now = at - 18 * 60_000;
  expect(await put(60)).toBe('403 RequestTimeTooSkewed');
});

test.each([
  ['x-amz-copy-source', `/${BUCKET}/secret`, '501 NotImplemented'],
  ['x-amz-acl', 'public-read', '501 NotImplemented'],
  ['x-amz-checksum-crc32', 'AAAAAA==', '400 BadDigest'],
  ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD', '200'],
])('%s counts in the query of a URL as in a header, and is refused unsigned', async (name, value, outcome) => {
  const { ask, send, sign } = await startStore();
  const added = { [name]: value };
  expect((await ask('PUT k', { ...PRESIGNED, headers: added, body: 'x' })).outcome).toBe(outcome);
  for (const options of [{}, PRESIGNED]) {
    const { headers, ...signed } = await sign('PUT k', { ...options, body: 'y' });
    if (name in headers) continue;
    expect((await send({ ...signed, headers: { ...headers, ...added } })).outcome).toBe('403 AccessDenied');
  }
  expect((await ask('GET k')).body).not.toBe('y');
});

test('an upload-only credential may put parts and do nothing else', async () => {
  const { begin, outcome } = await startStore();
  const upload = `uploadId=${await begin('k')}`;
  const part = `PUT k?partNumber=1&${upload}`;
  const others =
    `PUT k,GET k,HEAD k,DELETE k,GET /,GET ?list-type=2,GET ?versions,GET /other,POST k?uploads,POST k?${upload},` +
    `DELETE k?${upload},GET k?${upload},PUT k?tagging,POST ?delete,PUT ?cors,${part}&made-up`;
  for (const way of [{ credentials: UPLOADER }, { credentials: UPLOADER, expires: 60 }]) {
    expect(await outcome(part, { ...way, body: 'x' })).toBe('200');
    for (const line of others.split(',')) {
      expect([line, await outcome(line, way)]).toEqual([line, expect.stringMatching(/^403/)]);
    }
    expect(await outcome(part, { ...way, headers: { 'x-amz-copy-source': `/${BUCKET}/secret` } })).toMatch(/^403/);
  }
});
