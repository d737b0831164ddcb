// The embedded store in a process of its own, so that it is reached as every other store is.
import { startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';

const { PORT, DATA_DIR = '', S3_BUCKET = '', S3_REGION = '' } = process.env;
const { S3_ACCESS_KEY_ID = '', S3_SECRET_ACCESS_KEY = '' } = process.env;
const { S3_UPLOAD_ACCESS_KEY_ID = '', S3_UPLOAD_SECRET_ACCESS_KEY = '' } = process.env;

const store = await startEmbeddedS3({
  dataDir: DATA_DIR,
  bucket: S3_BUCKET,
  region: S3_REGION,
  port: Number(PORT),
  credentials: [
    { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
    { accessKeyId: S3_UPLOAD_ACCESS_KEY_ID, secretAccessKey: S3_UPLOAD_SECRET_ACCESS_KEY, uploadOnly: true },
  ],
});
process.once('SIGTERM', () => void store.close());
