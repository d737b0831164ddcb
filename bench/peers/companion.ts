// The peer for part URLs: Uppy Companion with nothing but its S3 endpoints, set up as its documentation has it.
import { tmpdir } from 'node:os';
import * as companion from '@uppy/companion';
import express from 'express';

const { PORT, S3_BUCKET, S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = process.env;
const app = express();
app.use(express.json());
app.get('/ready', (_req, res) => {
  res.json({});
});
const { app: uploads } = companion.app({
  server: { host: `127.0.0.1:${PORT}`, protocol: 'http' },
  filePath: tmpdir(),
  secret: 'a secret of at least thirty-two bytes, for this bench',
  corsOrigins: true,
  uploadUrls: [],
  // What it measures of itself is left on, as ours is.
  s3: {
    key: S3_ACCESS_KEY_ID,
    secret: S3_SECRET_ACCESS_KEY,
    bucket: S3_BUCKET,
    region: S3_REGION,
    endpoint: S3_ENDPOINT,
    forcePathStyle: true,
  },
});
app.use(uploads);
app.listen(Number(PORT), '127.0.0.1');
