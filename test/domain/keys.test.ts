import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { newRecordingId, newUniqueName, type RecordingRef } from '../../src/domain/ids.ts';
import * as keys from '../../src/domain/keys.ts';

const idCharacters = 'ABCXYZabcxyz0189_-'.split('');
const ids = fc
  .tuple(fc.constantFrom(...idCharacters.slice(0, -2)), fc.array(fc.constantFrom(...idCharacters), { maxLength: 63 }))
  .map(([first, rest]) => first + rest.join(''));
const timesMs = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
const refs: fc.Arbitrary<RecordingRef> = fc
  .record({ tenant: ids, exam: ids, attempt: ids, createdAtMs: timesMs })
  .map(({ createdAtMs, ...ref }) => ({ ...ref, recording: newRecordingId(createdAtMs, randomBytes) }));
const unique = () => newUniqueName(randomBytes);

/** Every key and every prefix that belongs to a recording, but the indexes that sort by time. */
function placesOf(ref: RecordingRef): string[] {
  return [
    keys.examPrefix(ref.tenant, ref.exam),
    keys.attemptPrefix(ref),
    keys.recordingPrefix(ref),
    keys.assessedKey(ref, 5),
    keys.participantPrefix(ref.tenant, 'p'),
    keys.receiptKey(ref),
    keys.auditPrefix(5, ref),
  ];
}

describe('keys', () => {
  test('law: keys of different tenants never share a prefix', () => {
    fc.assert(
      fc.property(refs, refs, (a, b) => {
        fc.pre(a.tenant !== b.tenant);
        for (const mine of placesOf(a)) for (const theirs of placesOf(b)) expect(theirs.startsWith(mine)).toBe(false);
      }),
    );
  });

  test('law: a due key sorts by its time, whatever follows', () => {
    fc.assert(
      fc.property(refs, refs, timesMs, timesMs, (a, b, aMs, bMs) => {
        fc.pre(aMs !== bMs);
        expect(keys.dueAttemptKey(aMs, a, unique()) < keys.dueAttemptKey(bMs, b, unique())).toBe(aMs < bMs);
        expect(keys.dueReceiptsKey(aMs, unique()) < keys.dueAttemptKey(bMs, b, unique())).toBe(aMs < bMs);
      }),
    );
  });

  test('law: every key is read back as what it was made of', () => {
    fc.assert(
      fc.property(refs, timesMs, ids, (ref, timeMs, participant) => {
        const { recording: _, ...attempt } = ref;
        const name = unique();
        const digest = '0123456789abcdef';
        const made: [string, unknown][] = [
          [keys.assessedKey(ref, timeMs), { type: 'assessed', ref: attempt, completedAtMs: timeMs }],
          [keys.participantKey(participant, ref), { type: 'participant', participant, ref }],
          [keys.dueAttemptKey(timeMs, ref, name), { type: 'due-attempt', timeMs, ref: attempt, unique: name }],
          [keys.dueReceiptsKey(timeMs, name), { type: 'due-receipts', timeMs, unique: name }],
          [keys.outboxKey(ref.tenant, timeMs, name), { type: 'outbox', tenant: ref.tenant, timeMs, unique: name }],
          [keys.receiptKey(ref), { type: 'receipt', ref }],
        ];
        for (const object of Object.keys(keys.RECORDING_OBJECTS) as keys.RecordingObject[])
          made.push([keys.recordingKey(ref, object), { type: 'recording', ref, object }]);
        for (const stage of ['begun', 'done'] as const)
          made.push([keys.dueOrdersKey(digest, stage), { type: 'due-orders', timeMs: 0, digest, stage }]);
        for (const [key, parsed] of made) expect(keys.parseKey(key)).toEqual(parsed);
        expect(keys.outboxKey(ref.tenant, timeMs, name) < keys.outboxEnd(ref.tenant)).toBe(true);
        expect(keys.parseKey(keys.auditKey(timeMs, ref, 'link-issued', name))).toMatchObject({ type: 'audit', ref });
      }),
    );
  });

  test('law: what is read is written the same again, so no two keys mean one thing', () => {
    fc.assert(
      fc.property(refs, timesMs, fc.string({ maxLength: 3 }), fc.nat(200), (ref, timeMs, noise, at) => {
        const key = keys.dueAttemptKey(timeMs, ref, 'u');
        const changed = key.slice(0, at) + noise + key.slice(at);
        const parsed = keys.parseKey(changed);
        if (parsed?.type === 'due-attempt')
          expect(keys.dueAttemptKey(parsed.timeMs, parsed.ref, parsed.unique)).toBe(changed);
      }),
    );
  });

  const ref = { tenant: 't', exam: 'e', attempt: 'a', recording: newRecordingId(0, randomBytes) };

  test.each(['../x', 'a/b', '', 'é'])('throws rather than make a key with the id %j', (id) => {
    expect(() => keys.attemptPrefix({ ...ref, exam: id })).toThrow(TypeError);
    expect(() => keys.recordingPrefix({ ...ref, recording: id })).toThrow(TypeError);
    expect(() => keys.participantKey(id, ref)).toThrow(TypeError);
  });

  test.each([
    '',
    'readme.txt',
    'attempts/t/e/a',
    'attempts/t/e/a/assessed/yesterday',
    'attempts/t/e/a%2f/assessed/19700101T000000000Z',
    `attempts/t/e/a/${ref.recording}/other`,
    `attempts/t/e/a/${ref.recording}/media/x`,
    'attempts/t/e/a/not-a-recording/media',
    'attempts/-t/e/a/assessed/19700101T000000000Z',
    `participants/t/p/e/a/${ref.recording}/x`,
    `participants/t/-p/e/a/${ref.recording}`,
    'due/19700101T000000000Z',
    'due/19700101T000000000Z/attempt/t/e/a',
    'due/19700101T000000000Z/attempt/t/e/a/',
    'due/19700101T000000000Z/attempt/t/-e/a/u',
    'due/19700101T000000000Z/receipts/a/b',
    'due/19700101T000000000Z/other/u',
    'due/soon/receipts/u',
    `receipts/t/e/a/${ref.recording}`,
    'receipts/t/e/a/nothing.json',
    `receipts/t/e/a/b/${ref.recording}.json`,
    `audit/someday/t/e/a/${ref.recording}/x.json`,
    `audit/1970-01-01/t/e/a/${ref.recording}`,
    `audit/1970-01-01/t/e/a/${ref.recording}/x/y`,
    `audit/1970-01-01/t/e/-/${ref.recording}/x`,
  ])('does not know %j', (key) => expect(keys.parseKey(key)).toBeUndefined());
});
