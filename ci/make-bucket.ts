// Creates the bucket that S3_BUCKET names, with the policy docs/upload-key-policy.json: for CI and for experiments.
import { readFile } from 'node:fs/promises';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';

const { S3_BUCKET: Bucket = '', S3_ENDPOINT: endpoint = '', S3_REGION: region = '' } = process.env;
const { S3_ACCESS_KEY_ID: accessKeyId = '', S3_SECRET_ACCESS_KEY: secretAccessKey = '' } = process.env;

const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
const policy = await readFile(new URL('../docs/upload-key-policy.json', import.meta.url), 'utf8');
await client.send(new CreateBucketCommand({ Bucket }));
try {
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy: policy.replaceAll('BUCKET', Bucket) }));
} catch (error) {
  console.error(`the bucket was created, but the policy for the upload key was not set: ${String(error)}`);
  process.exitCode = 1;
}
