// The embedded store in a process of its own, which tells how many bytes were read.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedS3Options } from '@proctoring-recordings/embedded-s3';

const PROCESS = new URL('store-process.ts', import.meta.url).pathname;

export async function startStore() {
  const dataDir = await mkdtemp(join(tmpdir(), 'test-review-store-'));
  const secrets = { S3_SECRET_ACCESS_KEY: secret(), S3_UPLOAD_SECRET_ACCESS_KEY: secret() };
  const options: EmbeddedS3Options = {
    dataDir,
    bucket: 'recordings',
    credentials: [
      { accessKeyId: 'service', secretAccessKey: secrets.S3_SECRET_ACCESS_KEY },
      { accessKeyId: 'upload', secretAccessKey: secrets.S3_UPLOAD_SECRET_ACCESS_KEY, uploadOnly: true },
    ],
    allowedOrigins: ['http://localhost:*'],
  };
  const child = fork(PROCESS, [JSON.stringify(options)], { execArgv: ['--conditions=source'] });
  const exited = once(child, 'exit');
  const [{ endpoint }] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => Promise.reject(new Error(`the store ended with ${code}`))),
  ])) as [{ endpoint: string }];

  return {
    /** With which the service uses it. */
    settings: {
      S3_ENDPOINT: endpoint,
      S3_REGION: 'us-east-1',
      S3_BUCKET: options.bucket,
      S3_ACCESS_KEY_ID: 'service',
      S3_UPLOAD_ACCESS_KEY_ID: 'upload',
      ...secrets,
    },
    /** What all its clients had read at that moment of the last minute, in milliseconds since the epoch. */
    async readBytes(atMs: number): Promise<number> {
      const answer = once(child, 'message');
      child.send({ atMs });
      return ((await answer) as [{ readBytes: number }])[0].readBytes;
    },
    async close(): Promise<void> {
      child.kill();
      await exited;
      await rm(dataDir, { recursive: true, maxRetries: 5 });
    },
  };
}

const secret = () => randomBytes(24).toString('hex');
