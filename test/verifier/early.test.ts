// Whoever can write to the bucket can have a recording deleted before its time: `verify` tells, also when it is done.
import { beforeEach, expect, test } from '@jest/globals';
import { toBody } from '../../src/bucket/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { toIso } from '../../src/model/times.ts';
import { abortRecording } from '../../src/recordings/delete.ts';
import { webm } from '../kit/fixtures.ts';
import { assessedKey, dueAttemptKey, receiptKey, recordingKey } from '../kit/keys.ts';
import { CALLER, uploadParts } from '../kit/service.ts';
import { type RetentionService, startRetention } from '../sweeper/support.ts';

let service: RetentionService;
let ref: RecordingRef;

beforeEach(async () => {
  service = startRetention();
  // Of a time at which the trail had every event.
  const first = await service.record({ attempt: 'first' });
  await service.assess(first);
  service.clock.advance(2 * HOUR_MS);
  await service.erase(await service.record({ attempt: 'second' }));
  const begun = await service.begin({ attempt: 'third' });
  await uploadParts(service.context, begun, [webm]);
  await abortRecording(service.context, CALLER, begun);
  service.clock.advance(2 * DAY_MS);
  ref = await service.record();
  service.clock.advance(3 * DAY_MS);
});

const intent = (change: object) =>
  service.put(
    recordingKey(ref, 'deleting'),
    toBody({ version: 1, requestedAt: toIso(service.clock.now()), ...change }),
  );

test.each([
  ['an intent of the sweeper', 'deleted-early', () => intent({ reason: 'retention', actor: 'sweeper' })],
  [
    'an intent with a deadline of its own',
    'deleted-early',
    () => intent({ reason: 'retention', actor: 'sweeper', deadline: toIso(service.clock.now() + 123) }),
  ],
  ['an intent to give its upload up', 'deletion-unproven', () => intent({ reason: 'aborted', actor: 'service' })],
  ['an assessment', 'assessment-unproven', () => assess(service.clock.now() - 30 * DAY_MS + 2 * HOUR_MS + 123)],
])('by %s that nobody reported', async (_, kind, forge) => {
  await forge();
  await service.put(dueAttemptKey(service.clock.now(), ref, 'now'));
  for (let sweeps = 0; sweeps < 3; sweeps += 1) await service.after(2 * HOUR_MS).sweep();
  expect(await service.objectsOf(ref)).toEqual([]);
  const { findings } = await service.verify();
  expect(findings.map(({ kind: found, key }) => [found, key])).toEqual([[kind, receiptKey(ref)]]);
});

function assess(completedAtMs: number) {
  return service.put(assessedKey(ref, completedAtMs));
}

test('deletions by an order that was lifted since are counted, and nothing is wrong', async () => {
  service = startRetention({ policy: { byTenantMs: new Map([['acme', 5 * DAY_MS]]) } });
  await service.record();
  await service.after(5 * DAY_MS).sweep();
  const { policy } = startRetention().sweepContext;
  Object.assign(service.sweepContext, { policy });
  await service.after(2 * HOUR_MS).sweep();
  expect(await service.verify()).toMatchObject({ wrong: 0, notChecked: [{ what: 'shorter-retention', count: 1 }] });
});
