// The whole application on an embedded store whose disk is full: what must be deleted is deleted.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';
import { DAY_MS } from '../../src/model/durations.ts';
import { startApi } from '../http/api.ts';
import { expectProblem } from '../http/expectations.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { MIB } from '../kit/fixtures.ts';
import { expectNothingLeft } from '../kit/nothing-left.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { smallDisk } from '../kit/small-disk.ts';
import { openTestStore } from '../objectstore/stores.ts';

test('an erasure and a sweep work on a full disk, an upload is told to come back, and then finds room', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'full-disk-'));
  const credentials = { accessKeyId: 'SERVICEKEY', secretAccessKey: 'service-secret' };
  const disk = smallDisk(dataDir, 23 * MIB);
  let shiftMs = 0;
  const now = () => Date.now() + shiftMs;
  const server = await startEmbeddedS3({ dataDir, bucket: 'recordings', credentials: [credentials], disk, now });
  afterThisTest(async () => {
    await server.close();
    await rm(dataDir, { recursive: true });
  });
  const started = { endpoint: server.endpoint, region: 'us-east-1', bucket: 'recordings', keyPrefix: '', credentials };
  const testStore = await openTestStore({ started: { ...started, forcePathStyle: true } });
  afterThisTest(() => testStore.close());
  const service = startServiceOn(testStore);
  const api = await startApi({ service });
  const [first, second] = [await api.store(), await api.store()];
  const open = await api.create();
  const part = new Uint8Array(5 * MIB);
  const put = (partNumber: number) => api.raw('PUT', `${open.path}/parts/${partNumber}`, { body: part });
  for (const partNumber of [1, 2, 3]) expect((await put(partNumber)).status).toBe(200);
  const refused = await put(4);
  expectProblem(refused, 503, 'store-unavailable');
  expect(refused.body.detail).toMatch(/full.*deleted/);
  expect(server.isFull()).toBe(true);
  for (let documents = 0; (await disk.freeBytes(dataDir)) > 70_000; documents += 1) {
    await service.store.put(`doctor/${documents}`, new Uint8Array(60_000));
  }

  const as = { scope: 'privacy:manage', sub: 'desk' };
  expect((await api.call('delete', `${first.path}?reason=erasure`, { as })).status).toBe(200);
  await expectNothingLeft(service.store, first.ref);
  service.clock.advance(31 * DAY_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
  for (const { ref } of [second, open]) await expectNothingLeft(service.store, ref);
  shiftMs = 6_000;
  await service.keys();
  expect(server.isFull()).toBe(false);
  expect((await api.create()).recording.state).toBe('uploading');
});
