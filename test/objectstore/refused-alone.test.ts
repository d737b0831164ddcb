// What a store refuses for a reason of its own, such as one key or one operation, must not stop the rest.
import { expect, test } from '@jest/globals';
import { SECOND_MS } from '../../src/model/durations.ts';
import { Gate } from '../../src/objectstore/gate.ts';
import { withinTime } from '../../src/objectstore/request-deadline.ts';
import { onBehalfOf, type Urgency } from '../../src/objectstore/work.ts';
import { createRecording } from '../../src/recordings/create.ts';
import { intercepting } from '../kit/interventions.ts';
import { startTestService } from '../kit/service.ts';
import { BEGINNING } from '../simulation/plan.ts';
import { newRandom } from '../simulation/random.ts';
import { startLimitedStore, tokenBucket } from './limited-store.ts';
import { startVirtualTimers } from './virtual-gate.ts';

const LATENCY_MS = 20;

function start() {
  const random = newRandom(1);
  const clock = startVirtualTimers(() => random.between(0, 999) / 1000);
  return { clock, gate: new Gate(undefined, clock.timers), random };
}

test.each<[string, { callers: number; urgency: Urgency; hintMs?: number; refusedOf10?: number }]>([
  ['one caller', { callers: 1, urgency: 'read' }],
  ['a hundred callers', { callers: 100, urgency: 'read' }],
  ['one caller that is told to wait for a minute', { callers: 1, urgency: 'read', hintMs: 60 * SECOND_MS }],
  ['uploads', { callers: 8, urgency: 'upload' }],
  ['background work', { callers: 3, urgency: 'background' }],
  ['background work, nine times of ten', { callers: 32, urgency: 'background', refusedOf10: 9 }],
])('uploads go on while a store refuses %s', async (_, { callers, urgency, hintMs, refusedOf10 = 10 }) => {
  const { clock, gate, random } = start();
  const options = { latencyMs: LATENCY_MS, clock: clock.timers };
  const refusing = startLimitedStore(() => random.between(1, 10) > refusedOf10, {
    ...options,
    ...(hintMs && { hintMs }),
  });
  const healthy = startLimitedStore(() => true, options);
  const insist = async () => {
    for (;;) {
      await onBehalfOf({ urgency, tenant: 'unlucky' }, () => refusing.request(gate)).catch(() => undefined);
      await new Promise<void>((resolve) => void clock.timers.after(SECOND_MS, resolve));
    }
  };
  for (let caller = 0; caller < callers; caller += 1) void insist();
  const waitedMs: number[] = [];
  let failed = 0;
  for (let count = 0; count < 600; count += 1) {
    const beganMs = clock.now();
    onBehalfOf({ urgency: 'upload', tenant: `t${count % 3}` }, () => healthy.request(gate)).then(
      () => waitedMs.push(clock.now() - beganMs),
      () => {
        failed += 1;
      },
    );
    await clock.advance(100);
  }
  await clock.advance(60 * SECOND_MS);
  expect([failed, waitedMs.length]).toEqual([0, 600]);
  expect(Math.max(...waitedMs)).toBeLessThan(SECOND_MS);
});

test('a store that refuses everything is given up by all, also by those that it was never asked for', async () => {
  const { clock, gate } = start();
  const store = startLimitedStore(() => false, { latencyMs: LATENCY_MS, clock: clock.timers });
  let failed = 0;
  for (let call = 0; call < 1000; call += 1) {
    void onBehalfOf({ urgency: 'upload', tenant: `t${call % 3}` }, () => store.request(gate)).catch(() => {
      failed += 1;
    });
  }
  await clock.advance(60 * SECOND_MS);
  expect(failed).toBe(1000);
  expect(store.counted.refused).toBeLessThan(200);
});

test('creations that take longer together than one of them may take all succeed', async () => {
  const { clock, gate } = start();
  const limited = startLimitedStore(tokenBucket(60), { latencyMs: 30, clock: clock.timers });
  const wrap: NonNullable<Parameters<typeof startTestService>[0]>['wrap'] = (store) =>
    intercepting(store, async (call, _, go) => {
      if (call !== 'isVersioned') await limited.request(gate);
      return go();
    });
  const service = startTestService({ wrap });
  const beganMs = service.clock.now();
  const now = () => Math.floor(beganMs + clock.now());
  const outcomes: string[] = [];
  const CANDIDATES = 1500;
  for (let index = 0; index < CANDIDATES; index += 1) {
    const tenant = `t${index % 10}`;
    const caller = { tenant, actor: 'candidate', requestId: 'r' };
    const input = { ...BEGINNING, participantId: `p${index}`, parts: 0, idempotencyKey: 'k' };
    const attempt = { tenant, exam: 'e', attempt: `a${index}` };
    const create = () => createRecording({ ...service.context, now }, caller, attempt, input);
    onBehalfOf({ urgency: 'upload', tenant }, () => withinTime(3000 * SECOND_MS, now, create)).then(
      () => outcomes.push('created'),
      (error: { code: string }) => outcomes.push(error.code),
    );
  }
  for (let seconds = 0; seconds < 240 && outcomes.length < CANDIDATES; seconds += 10) {
    await clock.advance(10 * SECOND_MS);
    service.clock.advance(10 * SECOND_MS);
  }
  expect(new Set(outcomes)).toEqual(new Set(['created']));
  expect(outcomes).toHaveLength(CANDIDATES);
  expect(clock.now()).toBeGreaterThan(120 * SECOND_MS);
});
