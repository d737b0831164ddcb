// A store that is killed and brought back in the middle of uploads and sweeps, at calls that are counted.
import { expect } from '@jest/globals';
import pMap from 'p-map';
import { seedRecordings } from '../../bench/seed.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { isStoreError } from '../../src/objectstore/store-error.ts';
import { completeRecording } from '../../src/recordings/complete.ts';
import { webm } from '../kit/fixtures.ts';
import { intercepting } from '../kit/interventions.ts';
import { recordingKey } from '../kit/keys.ts';
import { uploadParts } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import type { RealStore } from '../objectstore/stores.ts';

const KILLS = 4;
const CALLS_BETWEEN = 40;
/** Calls that are under way when the store dies; later ones wait until it is dead. */
const UNDER_WAY = 4;
const DUE = 40;

/**
 * Clients and a sweeper repeat what was not answered: all uploads are whole, and what is due is deleted, nothing else.
 * `kill` is kill -9; `start` brings the store back on the same address, with all that was acknowledged.
 */
export async function expectToSurviveKills(
  testStore: RealStore,
  { kill, start }: { kill: () => Promise<void>; start: () => Promise<unknown> },
): Promise<void> {
  let calls = 0;
  let kills = KILLS;
  let killing: Promise<void> | undefined;
  let reviving: Promise<void> | undefined;
  const wrap = (store: ObjectStore) =>
    intercepting(store, async (_call, _args, go) => {
      calls += 1;
      if (kills < KILLS && calls === CALLS_BETWEEN) killing = kill();
      if (calls >= CALLS_BETWEEN + UNDER_WAY) await killing;
      return go();
    });
  async function revive(): Promise<void> {
    await killing;
    if (killing) {
      await start();
      kills += 1;
      killing = undefined;
      calls = 0;
    }
    reviving = undefined;
  }
  async function patiently<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isStoreError(error, 'unavailable')) throw error;
        reviving ??= revive();
        await reviving;
      }
    }
  }

  const service = startServiceOn(testStore, { wrap });
  const createdAtMs = service.clock.now();
  await seedRecordings(service.store, DUE, { createdAtMs, retentionMs: 30 * DAY_MS, name: 'due' });
  service.clock.advance(30 * DAY_MS);
  calls = 0;
  kills = 0;
  const upload = async (attempt: string) => {
    const ref = await patiently(() => service.begin({ attempt }));
    await patiently(() => uploadParts(service.context, ref, [webm]));
    expect(await patiently(() => completeRecording(service.context, ref, {}))).toMatchObject({ state: 'stored' });
    return ref;
  };
  const uploads = pMap('abcdefghij', upload, { concurrency: 3 });
  while (kills < KILLS || (await patiently(() => service.sweep())).failed > 0) await patiently(() => service.sweep());
  const refs = await uploads;
  expect(await service.keys('attempts/acme/due/')).toEqual([]);
  expect(await service.keys('receipts/acme/due/')).toHaveLength(DUE);
  for (const ref of refs) {
    expect(Buffer.from((await service.store.get(recordingKey(ref, 'media'))) ?? []).equals(webm)).toBe(true);
  }
  // What a client began and was not answered about is an upload that nobody completes: it goes at its deadline.
  service.clock.advance(2 * HOUR_MS);
  expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
  service.clock.advance(30 * DAY_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0 });
  expect(await service.keys('attempts/')).toEqual([]);
  expect((await service.store.listMultipartUploads('')).uploads).toEqual([]);
}
