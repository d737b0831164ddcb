// A service, a store beside it, and the lines by which a candidate's browser reaches both.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';
import { freePort } from '../../../demo/free-port.ts';
import { openSite } from '../site.ts';
import { startLine } from './line.ts';

export type Stage = Awaited<ReturnType<typeof openStage>>;

export async function openStage(settings: Record<string, string> = {}) {
  await using opened = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), 'test-live-store-'));
  opened.defer(() => rm(dataDir, { recursive: true, maxRetries: 5 }));
  const secrets = { S3_SECRET_ACCESS_KEY: secret(), S3_UPLOAD_SECRET_ACCESS_KEY: secret() };
  const options = {
    dataDir,
    bucket: 'recordings',
    port: await freePort(),
    credentials: [
      { accessKeyId: 'service', secretAccessKey: secrets.S3_SECRET_ACCESS_KEY },
      { accessKeyId: 'upload', secretAccessKey: secrets.S3_UPLOAD_SECRET_ACCESS_KEY, uploadOnly: true },
    ],
    allowedOrigins: ['http://localhost:*'],
  };
  let store = await startEmbeddedS3(options);
  opened.defer(() => store.close());
  const toStore = await startLine(store.endpoint);
  opened.defer(() => toStore.close());
  const site = await openSite({
    S3_ENDPOINT: store.endpoint,
    S3_PUBLIC_ENDPOINT: toStore.url,
    S3_REGION: 'us-east-1',
    S3_BUCKET: options.bucket,
    S3_ACCESS_KEY_ID: 'service',
    S3_UPLOAD_ACCESS_KEY_ID: 'upload',
    ...secrets,
    ...settings,
  });
  opened.defer(() => site.close());
  const toService = await startLine(site.service.url);
  opened.defer(() => toService.close());

  async function restartStore(): Promise<void> {
    await store.close();
    store = await startEmbeddedS3(options);
  }

  /** Both lines are as they were. */
  function mend(): void {
    toStore.set({});
    toService.set({});
  }

  const toClose = opened.move();
  return {
    site: { ...site, address: toService.url },
    toService,
    toStore,
    mend,
    restartStore,
    close: () => toClose.disposeAsync(),
  };
}

const secret = () => randomBytes(24).toString('hex');
