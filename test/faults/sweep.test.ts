// Every fault of the way to the store, at every request of a sweep: what it leaves goes in the next, and nothing else does.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedRecordings } from '../../bench/seed.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { recordingKey } from '../../src/domain/keys.ts';
import { SweepRefused } from '../../src/retention/sweep.ts';
import { readReceipt } from '../../src/storage/receipts.ts';
import { isStoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { type TestService, uploadParts } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { openTestStore } from '../storage/stores.ts';
import { type Fault, type FaultProxy, type ProxiedRequest, startFaultProxy } from './proxy.ts';
import { requestsToSpoil } from './stride.ts';

const IDLE_TIMEOUT_MS = 1500;
const DUE = 3;

let proxy: FaultProxy;
let service: TestService;
const live: RecordingRef[] = [];

beforeAll(async () => {
  service = startServiceOn(
    await openTestStore({
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      async through(endpoint) {
        proxy = await startFaultProxy(endpoint);
        return proxy.endpoint;
      },
    }),
  );
  live.push(await service.record({ exam: 'live' }));
});
afterAll(async () => {
  await service.close();
  await proxy.close();
});

/** Some recordings that are due, and one upload that its client has left. */
async function prepare(): Promise<{ due: RecordingRef[]; abandoned: RecordingRef }> {
  const name = `due-${randomBytes(6).toString('hex')}`;
  const createdAtMs = service.clock.now() - 29.5 * DAY_MS;
  const due = await seedRecordings(service.store, DUE, { createdAtMs, retentionMs: 30 * DAY_MS, name });
  const abandoned = await service.begin({ exam: 'live', attempt: name });
  await uploadParts(service.context, abandoned, [webm]);
  service.clock.advance(3 * HOUR_MS);
  return { due, abandoned };
}

/** Sweeps a store that spoils what `isSpoilt` names, then a quiet one. Resolves with how much was spoilt. */
async function sweepSpoilt(fault: Fault, isSpoilt: (request: ProxiedRequest) => boolean): Promise<number> {
  const { due, abandoned } = await prepare();
  proxy.follow((request) => (isSpoilt(request) ? fault : undefined));
  const clean = await service.sweep().then(
    ({ failed }) => failed === 0,
    (error: unknown) => {
      if (!isStoreError(error, 'unavailable') && !(error instanceof SweepRefused)) throw error;
      return false;
    },
  );
  const { spoilt } = proxy;
  proxy.follow(undefined);
  const again = await service.sweep();
  expect(again.failed).toBe(0);
  // What was said to be done was done.
  if (clean) expect(again).toMatchObject({ due: 0, salvaged: 0 });
  for (const ref of due) expect(await readReceipt(service.store, ref)).toMatchObject({ reason: 'retention' });
  expect(await service.keys(`attempts/acme/${due[0]?.exam}/`)).toEqual([]);
  expect(await service.keys(`receipts/acme/${due[0]?.exam}/`)).toHaveLength(DUE);
  live.push(abandoned);
  return spoilt;
}

async function expectLiveUntouched(): Promise<void> {
  for (const ref of live) {
    const media = await service.store.get(recordingKey(ref, 'media'));
    expect(Buffer.from(media ?? []).equals(webm)).toBe(true);
  }
  // Tags are derived (ADR 1): those that a fault kept a salvage from writing are all that there is to mend; but for a
  // second upload, where the store was slow to open the first one and was asked again.
  const { findings } = await service.verify({ fix: true });
  expect(findings.filter(({ kind }) => kind !== 'wrong-tags' && kind !== 'stray-upload')).toEqual([]);
  expect(await service.verify()).toMatchObject({ wrong: 0, findings: [] });
}

test.each<[string, Fault]>([
  ['is refused with 503', { kind: 'refused', code: 'ServiceUnavailable' }],
  ['is reset', { kind: 'reset' }],
  ['loses its reply', { kind: 'reply-lost' }],
  ['has its reply cut off', { kind: 'reply-truncated' }],
  ['has half a reply that looks whole', { kind: 'reply-shortened' }],
  ['has an empty reply', { kind: 'reply-emptied' }],
])('a request that %s', async (_, fault) => {
  let swept = 0;
  for (const n of requestsToSpoil(0)) {
    const spoilt = await sweepSpoilt(fault, ({ index }) => index === n).catch((error: unknown) => {
      throw new Error(`with its request ${n} spoilt`, { cause: error });
    });
    swept = n;
    if (spoilt === 0) break;
  }
  expect(swept).toBeGreaterThan(15);
  await expectLiveUntouched();
});

test('a store that stalls in the middle', async () => {
  expect(await sweepSpoilt({ kind: 'stalled' }, ({ index }) => index === 5)).toBe(1);
  await expectLiveUntouched();
});

test('batches of which each key is refused', async () => {
  for (const n of [1, 2, 3, 4]) {
    let batches = 0;
    const isNthBatch = ({ operation }: ProxiedRequest) => {
      if (operation !== 'DeleteObjects') return false;
      batches += 1;
      return batches === n;
    };
    expect(await sweepSpoilt({ kind: 'keys-refused' }, isNthBatch)).toBe(1);
  }
  await expectLiveUntouched();
});

test.each([10, -10])('a Date that is wrong by %i minutes: nothing is swept', async (minutes) => {
  const { due } = await prepare();
  const before = await service.keys();
  proxy.follow(() => ({ kind: 'clock', offsetMs: minutes * MINUTE_MS }));
  await expect(service.sweep()).rejects.toMatchObject({ name: 'SweepRefused', code: 'clock-skew' });
  proxy.follow(undefined);
  expect(await service.keys()).toEqual(before);
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: due.length } });
});
