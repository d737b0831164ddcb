// The gateway of a Ceph cluster of its own, killed with SIGKILL under uploads and sweeps, and brought back.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, test } from '@jest/globals';
import { expectSweepsToSurvive, expectUploadsToSurvive, type KillableStore } from '../faults/killed-store.ts';
import type { TestService } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { openTestStore } from '../storage/stores.ts';

/** Beside the one that the other tests use, which is never killed. */
const PORT = 8520;
const SCRIPT = new URL('../../ci/ceph-rgw', import.meta.url).pathname;
const TIMEOUT_MS = 300_000;

let dir: string;
let service: TestService;
let buckets = 0;

/** Its output is taken up whole, so the daemons that it leaves behind must not hold it open. */
async function cephRgw(...args: string[]): Promise<void> {
  await promisify(execFile)('bash', ['-c', '"$0" "$@" >/dev/null 2>&1', SCRIPT, ...args]);
}

const store: KillableStore = {
  kill: () => cephRgw('kill-gateway', dir),
  start: () => cephRgw('start-gateway', dir),
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'killed-gateway-'));
  await cephRgw('up', dir, String(PORT));
}, TIMEOUT_MS);
afterAll(async () => {
  await cephRgw('down', dir);
  await rm(dir, { recursive: true, force: true });
}, TIMEOUT_MS);

beforeEach(async () => {
  buckets += 1;
  const bucket = `killed-${buckets}`;
  const testStore = await openTestStore({
    started: {
      endpoint: `http://127.0.0.1:${PORT}`,
      region: 'us-east-1',
      bucket,
      keyPrefix: '',
      forcePathStyle: true,
      credentials: { accessKeyId: 'SERVICEKEY', secretAccessKey: 'SERVICESECRET' },
    },
  });
  service = startServiceOn(testStore);
  await testStore.client.send(new CreateBucketCommand({ Bucket: bucket }));
});
afterEach(() => service.close());

test('uploads go on when it is back, and lose nothing', () => expectUploadsToSurvive(service, store), TIMEOUT_MS);

test(
  'sweeps leave nothing due when it is back, and take nothing else',
  () => expectSweepsToSurvive(service, store),
  TIMEOUT_MS,
);
