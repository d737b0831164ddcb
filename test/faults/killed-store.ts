// The story of a store that is killed and brought back in the middle of uploads and sweeps, for every store that can be.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import pMap from 'p-map';
import { seedRecordings } from '../../bench/seed.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { isStoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { type TestService, uploadParts } from '../kit/service.ts';
import { patiently } from './patience.ts';

export interface KillableStore {
  /** kill -9. */
  kill(): Promise<void>;
  /** On the same address, with all that was acknowledged. */
  start(): Promise<void>;
}

const KILLS = 5;
const UPLOADS = 30;
const DUE = 200;
/** The store is away for seconds, and a client asks again for minutes. */
const TRIES = 600;

/** Each upload is repeated by its client until it is answered: all are whole at the end, and nothing is left beside them. */
export async function expectUploadsToSurvive(service: TestService, store: KillableStore): Promise<void> {
  let uploading = UPLOADS;
  const attempts = Array.from({ length: UPLOADS }, (_, index) => `upload-${index}`);
  const uploads = pMap(
    attempts,
    async (attempt) => {
      const ref = await patiently(() => service.begin({ attempt }), TRIES);
      await patiently(() => uploadParts(service.context, ref, [webm]), TRIES);
      const recording = await patiently(() => completeRecording(service.context, ref, {}), TRIES);
      expect(recording).toMatchObject({ state: 'stored', sizeBytes: webm.length });
      uploading -= 1;
      return ref;
    },
    { concurrency: 4 },
  );
  let killed = 0;
  for (; killed < KILLS && uploading > 0; killed += 1) {
    await killSoon(store);
    await store.start();
  }
  const refs = await uploads;
  expect(killed).toBeGreaterThan(1);
  for (const ref of refs) {
    const media = await service.store.get(recordingKey(ref, 'media'));
    expect(Buffer.from(media ?? []).equals(webm)).toBe(true);
  }
  // Wrong only what a begun recording may be, whose client was not answered: its stray upload goes at its deadline.
  service.clock.advance(2 * HOUR_MS);
  const { findings } = await service.verify();
  const ours = findings.filter(({ key }) => refs.some((ref) => key.startsWith(recordingPrefix(ref))));
  expect(ours).toEqual([]);
  service.clock.advance(30 * DAY_MS);
  await service.sweep();
  expect(await service.keys('attempts/')).toEqual([]);
}

/** One more sweep than those that were cut off: nothing due is left, nothing else is gone, one receipt each. */
export async function expectSweepsToSurvive(service: TestService, store: KillableStore): Promise<void> {
  const receiptsBefore = (await service.keys('receipts/')).length;
  const seed = { createdAtMs: service.clock.now(), retentionMs: 30 * DAY_MS };
  await seedRecordings(service.store, DUE, { ...seed, name: 'due' });
  service.clock.advance(30 * DAY_MS);
  const live = await pMap(['l1', 'l2', 'l3'], (attempt) => service.record({ exam: 'live', attempt }));
  let cut = 0;
  for (let round = 0; round < KILLS; round += 1) {
    const sweeping = service.sweep().then(
      ({ failed }) => failed > 0,
      (error: unknown) => isStoreError(error, 'unavailable'),
    );
    await killSoon(store);
    if (await sweeping) cut += 1;
    await store.start();
  }
  expect(cut).toBeGreaterThan(0);
  expect(await service.sweep()).toMatchObject({ failed: 0 });
  expect(await service.keys('attempts/acme/due/')).toEqual([]);
  expect((await service.keys('receipts/')).length - receiptsBefore).toBe(DUE);
  for (const ref of live) {
    const media = await service.store.get(recordingKey(ref, 'media'));
    expect(Buffer.from(media ?? []).equals(webm)).toBe(true);
  }
  service.clock.advance(2 * HOUR_MS);
  expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
  expect(await service.verify()).toMatchObject({ wrong: 0, findings: [] });
}

/** Soon enough to meet what is under way, and at another moment each time. */
async function killSoon(store: KillableStore): Promise<void> {
  await sleep(20 + Math.random() * 300);
  await store.kill();
}
