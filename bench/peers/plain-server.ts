// The peer for the start of an exam: a plain server with the SDK's defaults. It makes as many requests for each creation as
// ours does (STORE_REQUESTS), one after another: it lists, opens an upload, and writes small objects.
import { CreateMultipartUploadCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import express from 'express';

const { PORT, STORE_REQUESTS, S3_BUCKET = '', S3_ENDPOINT = '', S3_REGION = '' } = process.env;
const { S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY = '' } = process.env;
const client = new S3Client({
  endpoint: S3_ENDPOINT,
  region: S3_REGION,
  forcePathStyle: true,
  credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
  // Older gateways refuse the checksums that it would add.
  requestChecksumCalculation: 'WHEN_REQUIRED',
});
const objects = Number(STORE_REQUESTS) - 2;
const app = express();
app.get('/ready', (_req, res) => {
  res.json({});
});
app.post('/recordings/:attempt', (req, res, next) => {
  create(`plain/${req.params.attempt}/`).then((uploadId) => res.status(201).json({ uploadId }), next);
});
app.listen(Number(PORT), '127.0.0.1');

async function create(prefix: string): Promise<string | undefined> {
  const at = { Bucket: S3_BUCKET, Key: `${prefix}media` };
  await client.send(new ListObjectsV2Command({ Bucket: S3_BUCKET, Prefix: prefix }));
  for (let object = 1; object <= objects; object += 1) {
    await client.send(new PutObjectCommand({ ...at, Key: `${prefix}${object}`, Body: '{}' }));
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
  return UploadId;
}
