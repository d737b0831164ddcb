// Figure 11: signing a part URL by query-signature.ts, beside the SDK's library in the two ways in which it can be called.
import { S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { HttpRequest } from '@smithy/protocol-http';
import { createS3Client } from '../../src/objectstore/s3/client.ts';
import { createS3Presigner } from '../../src/objectstore/s3/presigner.ts';
import { byTurns, medianOf, ratioOf } from '../turns.ts';
import { atLeast, type Figure } from './figure.ts';

const SETTINGS = {
  endpoint: 'http://store.example:9000',
  region: 'us-east-1',
  bucket: 'recordings',
  keyPrefix: '',
  forcePathStyle: true,
  credentials: { accessKeyId: 'BENCHKEY', secretAccessKey: 'bench-secret' },
};
const KEY = 'attempts/acme/math/a1/0196f3b2c4d5e6f708192a3b/media';
const UPLOAD_ID = '2~Vn5Zc1rJ0Qm8Wk3Tq7Yb4Xs6Pd9Lf2';
const PART_BYTES = 5 * 1024 * 1024;
const EXPIRES_IN_SECONDS = 600;

/** Below this ratio the library has to sign part URLs too (ADR 4). */
const WORTHWHILE = 5;

const LIBRARY = { presigner: 'S3RequestPresigner', getSignedUrl: 'getSignedUrl' } as const;

export const signing: Figure = {
  number: 11,
  title: 'Signing a part URL',
  stores: ['embedded'],
  async measure({ short, say }) {
    const [rounds, signatures] = short ? [1, 2000] : [5, 20_000];
    say(`${rounds} rounds of ${signatures} signatures each, by turns`);
    const own = createS3Client(SETTINGS);
    const presigner = createS3Presigner({ client: own, settings: SETTINGS, now: Date.now });
    const client = new S3Client({ ...SETTINGS, requestChecksumCalculation: 'WHEN_REQUIRED' });
    const library = new S3RequestPresigner({ ...SETTINGS, sha256: client.config.sha256 });
    const contestants = {
      ours: () =>
        perSecond(signatures, (partNumber) =>
          presigner.presignPart(KEY, { uploadId: UPLOAD_ID, partNumber, sizeBytes: PART_BYTES }, EXPIRES_IN_SECONDS),
        ),
      presigner: () =>
        perSecond(signatures, (partNumber) =>
          library.presign(requestOf(partNumber), { expiresIn: EXPIRES_IN_SECONDS }),
        ),
      getSignedUrl: () =>
        perSecond(signatures, (partNumber) => {
          const part = { UploadId: UPLOAD_ID, PartNumber: partNumber, ContentLength: PART_BYTES };
          const command = new UploadPartCommand({ Bucket: SETTINGS.bucket, Key: KEY, ...part });
          const signableHeaders = new Set(['host', 'content-length']);
          return getSignedUrl(client, command, { expiresIn: EXPIRES_IN_SECONDS, signableHeaders });
        }),
    };
    await byTurns(1, contestants);
    const measured = await byTurns(rounds, contestants);
    own.destroy();
    client.destroy();
    return {
      measurements: (['presigner', 'getSignedUrl'] as const).map((peer) => {
        const ratio = ratioOf(measured, 'ours', peer);
        return {
          what: 'part URLs signed on one core',
          unit: '/s',
          ours: medianOf(measured, 'ours'),
          peer: { name: LIBRARY[peer], value: medianOf(measured, peer) },
          ratio,
          goal: atLeast(ratio, WORTHWHILE),
        };
      }),
      notes: [
        'In this measurement, S3RequestPresigner receives a finished request and does not build the text of the URL. getSignedUrl ' +
          'builds both. The service signs playback links with getSignedUrl, one at a time (ADR 4).',
      ],
    };
  },
};

/** What the SDK makes of an UploadPartCommand before it is signed. */
function requestOf(partNumber: number): HttpRequest {
  return new HttpRequest({
    method: 'PUT',
    protocol: 'http:',
    hostname: 'store.example',
    port: 9000,
    path: `/${SETTINGS.bucket}/${KEY}`,
    query: { partNumber: String(partNumber), uploadId: UPLOAD_ID, 'x-id': 'UploadPart' },
    headers: { host: 'store.example:9000', 'content-length': String(PART_BYTES) },
  });
}

async function perSecond(count: number, sign: (partNumber: number) => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  for (let partNumber = 1; partNumber <= count; partNumber += 1) await sign(partNumber);
  return (count * 1000) / (performance.now() - startedAtMs);
}
