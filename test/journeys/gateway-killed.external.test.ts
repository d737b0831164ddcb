// The gateway of a Ceph cluster of its own, killed with SIGKILL under uploads and sweeps, and brought back.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { test } from '@jest/globals';
import { temporaryFolder } from '../../packages/embedded-s3/test/support.ts';
import { expectToSurviveKills } from '../faults/killed-store.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { openTestStore } from '../objectstore/stores.ts';

/** Beside the one that the other tests use, which is never killed. */
const PORT = 8520;
const SCRIPT = new URL('../../ci/ceph-rgw', import.meta.url).pathname;

/** Its output is taken up whole, so the daemons that it leaves behind must not hold it open. */
async function cephRgw(...args: string[]): Promise<void> {
  await promisify(execFile)('bash', ['-c', '"$0" "$@" >/dev/null 2>&1', SCRIPT, ...args]);
}

test('a gateway is killed under uploads and sweeps, and nothing is lost', async () => {
  const dir = await temporaryFolder();
  afterThisTest(() => cephRgw('down', dir));
  const credentials = { accessKeyId: 'SERVICEKEY', secretAccessKey: 'SERVICESECRET' };
  const place = { endpoint: `http://127.0.0.1:${PORT}`, region: 'us-east-1', bucket: 'killed', keyPrefix: '' };
  const testStore = await openTestStore({ started: { ...place, forcePathStyle: true, credentials } });
  afterThisTest(() => testStore.close());
  await cephRgw('up', dir, String(PORT));
  await testStore.client.send(new CreateBucketCommand({ Bucket: place.bucket }));
  const [kill, start] = [() => cephRgw('kill-gateway', dir), () => cephRgw('start-gateway', dir)];
  await expectToSurviveKills(testStore, { kill, start });
});
