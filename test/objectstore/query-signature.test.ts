// The signatures of URLs, beside those that the SDK's own signer makes.
import { S3Client } from '@aws-sdk/client-s3';
import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { expect, test } from '@jest/globals';
import { HttpRequest } from '@smithy/protocol-http';
import fc from 'fast-check';
import { createQuerySigner, escapeUri } from '../../src/objectstore/s3/query-signature.ts';

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
const word = fc.string({ unit: fc.constantFrom(...'abcXYZ09-/+='.split('')), minLength: 1, maxLength: 40 });
const signings = fc.record({
  region: fc.constantFrom('us-east-1' as const, 'local' as const),
  credentials: fc.record(
    { accessKeyId: word, secretAccessKey: fc.oneof(word, fc.constant('often')), sessionToken: word },
    { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
  ),
  method: fc.constantFrom('PUT', 'GET'),
  segments: fc.array(text, { minLength: 1, maxLength: 5 }),
  query: fc.dictionary(fc.constantFrom('partNumber', 'uploadId', 'x-id', 'response-content-type'), text),
  length: fc.option(fc.integer({ min: 1, max: 5_000_000_000 }), { nil: undefined }),
  at: fc.oneof(
    fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
    fc.constant(new Date('2026-11-23')),
  ),
  seconds: fc.integer({ min: 1, max: 604_800 }),
});
/** Each keeps the key of the day: it signs again by the same key, by another one, and on another day. */
const signers = { 'us-east-1': createQuerySigner('us-east-1'), local: createQuerySigner('local') };
const { sha256 } = new S3Client({ region: 'local' }).config;

test('a signed query has the parameters and the signature of the SDK', async () => {
  await fc.assert(
    fc.asyncProperty(signings, async ({ region, credentials, method, segments, query, length, at, seconds }) => {
      const path = `/${segments.map(escapeUri).join('/')}`;
      const ofLength = length === undefined ? {} : { 'content-length': String(length) };
      const headers = { host: 'store.example:9000', ...ofLength };
      const request = { method, hostname: 'store.example', port: 9000, path, query: { ...query } };
      const theirs = await new S3RequestPresigner({ region, credentials, sha256 }).presign(
        new HttpRequest({ ...request, headers: { ...headers } }),
        { expiresIn: seconds, signingDate: at, signableHeaders: new Set(Object.keys(headers)) },
      );
      const ours = signers[region]({ method, path, query, headers }, credentials, at.getTime(), seconds);
      expect(Object.fromEntries(new URLSearchParams(ours))).toEqual(theirs.query);
    }),
    { numRuns: 500 },
  );
});
