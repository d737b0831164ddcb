// The signatures of URLs, beside those that the SDK's own signer makes.
import { S3Client } from '@aws-sdk/client-s3';
import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { describe, expect, test } from '@jest/globals';
import { HttpRequest } from '@smithy/protocol-http';
import fc from 'fast-check';
import { createQuerySigner, escapeUri } from '../../src/storage/s3/query-signature.ts';

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
const word = fc.string({ unit: fc.constantFrom(...'abcXYZ09-/+='.split('')), minLength: 1, maxLength: 40 });
const credentials = fc.record(
  { accessKeyId: word, secretAccessKey: word, sessionToken: word },
  { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
);
const requests = fc.record({
  method: fc.constantFrom('PUT', 'GET'),
  segments: fc.array(text, { minLength: 1, maxLength: 5 }),
  query: fc.dictionary(fc.constantFrom('partNumber', 'uploadId', 'x-id', 'response-content-type'), text),
  sizeBytes: fc.option(fc.integer({ min: 1, max: 5_000_000_000 }), { nil: undefined }),
  atMs: fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }).map((date) => date.getTime()),
  seconds: fc.integer({ min: 1, max: 604_800 }),
});

const { sha256 } = new S3Client({ region: 'local' }).config;

describe('a signed query', () => {
  test('has the parameters and the signature of the SDK', async () => {
    await fc.assert(
      fc.asyncProperty(
        requests,
        credentials,
        fc.constantFrom('us-east-1', 'local'),
        async (request, secret, region) => {
          const { method, segments, query, sizeBytes, atMs, seconds } = request;
          const path = `/${segments.map(escapeUri).join('/')}`;
          const headers = {
            host: 'store.example:9000',
            ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
          };
          const sdk = new S3RequestPresigner({ region, credentials: secret, sha256 });
          const theirs = await sdk.presign(
            new HttpRequest({
              method,
              hostname: 'store.example',
              port: 9000,
              path,
              query: { ...query },
              headers: { ...headers },
            }),
            { expiresIn: seconds, signingDate: new Date(atMs), signableHeaders: new Set(Object.keys(headers)) },
          );
          const ours = createQuerySigner(region)({ method, path, query, headers }, secret, { fromMs: atMs, seconds });
          expect(Object.fromEntries(new URLSearchParams(ours))).toEqual(theirs.query);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('follows the day and the credentials', () => {
    const sign = createQuerySigner('local');
    const request = { method: 'GET', path: '/a', query: {}, headers: { host: 'h' } };
    const secrets = ['one', 'two'].map((secretAccessKey) => ({ accessKeyId: 'id', secretAccessKey }));
    const days = [0, 86_400_000, 0];
    const both = (signer: () => typeof sign) =>
      days.flatMap((fromMs) => secrets.map((secret) => signer()(request, secret, { fromMs, seconds: 60 })));
    // One that signed something else before makes what a new one makes.
    expect(both(() => sign)).toEqual(both(() => createQuerySigner('local')));
    expect(new Set(both(() => sign)).size).toBe(4);
  });
});
