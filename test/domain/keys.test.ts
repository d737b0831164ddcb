// Ids, times, and the keys that are made of them.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createdAtOf, isId, isRecordingId, newRecordingId, type RecordingRef } from '../../src/domain/ids.ts';
import * as keys from '../../src/domain/keys.ts';
import { fromDay, fromKeyTime, toDay, toKeyTime } from '../../src/domain/times.ts';

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const idCharacters = 'ABCXYZabcxyz0189_-'.split('');
const ids = fc
  .tuple(fc.constantFrom(...idCharacters.slice(0, -2)), fc.array(fc.constantFrom(...idCharacters), { maxLength: 63 }))
  .map(([first, rest]) => first + rest.join(''));
const timesMs = fc.integer({ min: 0, max: LAST_MS });
const refs: fc.Arbitrary<RecordingRef> = fc
  .record({ tenant: ids, exam: ids, attempt: ids, createdAtMs: timesMs })
  .map(({ createdAtMs, ...ref }) => ({ ...ref, recording: newRecordingId(createdAtMs, randomBytes) }));
const ref = { tenant: 't', exam: 'e', attempt: 'a', recording: newRecordingId(0, randomBytes) };

/** Every key and every prefix that belongs to a recording, but the indexes that sort by time. */
function placesOf(place: RecordingRef): string[] {
  return [
    keys.examPrefix(place.tenant, place.exam),
    keys.attemptPrefix(place),
    keys.recordingPrefix(place),
    keys.assessedKey(place, 5),
    keys.participantPrefix(place.tenant, 'p'),
    keys.receiptKey(place),
    keys.auditPrefix(5, place),
  ];
}

describe('ids', () => {
  // What callers may not send is in test/http/refusals.test.ts.
  test('of callers are a letter or digit, and up to 63 more of letters, digits, "-" and "_"', () => {
    fc.assert(fc.property(ids, (id) => expect(isId(id)).toBe(true)));
    for (const id of ['-a', 'a\n', 'a b', `a${'x'.repeat(64)}`]) expect(isId(id)).toBe(false);
  });

  test('law: of recordings they sort by creation, tell its time, and are ids', () => {
    fc.assert(
      fc.property(timesMs, timesMs, (aMs, bMs) => {
        const [a, b] = [newRecordingId(aMs, randomBytes), newRecordingId(bMs, randomBytes)];
        if (aMs !== bMs) expect(a < b).toBe(aMs < bMs);
        expect([createdAtOf(a), isRecordingId(a), isId(a)]).toEqual([aMs, true, true]);
      }),
    );
  });

  test('of recordings carry all 128 random bits', () => {
    const idOf = (byte: number) => newRecordingId(0, (length) => new Uint8Array(length).fill(byte));
    expect(idOf(0)).toBe('0'.repeat(36));
    // 128 bits are 25 digits of five and one of three.
    expect(idOf(0xff)).toBe(`${'0'.repeat(10)}7${'v'.repeat(25)}`);
  });

  test('of recordings are made of no time that is none, and read from nothing else', () => {
    for (const timeMs of [Number.NaN, -1, 1.5, LAST_MS + 1])
      expect(() => newRecordingId(timeMs, randomBytes)).toThrow(RangeError);
    for (const value of ['v'.repeat(36), '0'.repeat(35), `${'0'.repeat(35)}w`])
      expect(isRecordingId(value)).toBe(false);
  });
});

describe('times in keys', () => {
  test('law: are UTC, to the millisecond, sort as they come, and are read back', () => {
    expect(toKeyTime(Date.UTC(2026, 10, 23, 2, 3, 17, 4))).toBe('20261123T020317004Z');
    fc.assert(
      fc.property(timesMs, timesMs, (a, b) => {
        expect(toKeyTime(a) < toKeyTime(b)).toBe(a < b);
        expect(fromKeyTime(toKeyTime(a))).toBe(a);
        expect(fromDay(toDay(a))).toBe(a - (a % 86_400_000));
      }),
    );
  });

  test('clamp what no year from 1970 to 9999 can hold, so that it still sorts first or last', () => {
    expect(toKeyTime(-5)).toBe(toKeyTime(0));
    expect(toKeyTime(Number.MAX_SAFE_INTEGER)).toBe(toKeyTime(LAST_MS));
    expect(toDay(-5)).toBe('1970-01-01');
  });

  test('are not read from what they could not have made', () => {
    const times = ['', '20261123T020317Z', '20261323T020317004Z', '20260230T000000000Z', 'x20261123T020317004Z'];
    for (const text of times) expect(fromKeyTime(text)).toBeUndefined();
    for (const text of ['2026-11-31', '2026-1-1', '2026-13-01', '']) expect(fromDay(text)).toBeUndefined();
  });
});

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
        expect(keys.dueAttemptKey(aMs, a, 'z') < keys.dueAttemptKey(bMs, b, 'a')).toBe(aMs < bMs);
        expect(keys.dueReceiptsKey(aMs, 'z') < keys.dueAttemptKey(bMs, b, 'a')).toBe(aMs < bMs);
      }),
    );
  });

  test('law: every key is read back as what it was made of', () => {
    fc.assert(
      fc.property(refs, timesMs, ids, (place, timeMs, participant) => {
        const { recording: _, ...attempt } = place;
        const unique = 'u1';
        const digest = '0123456789abcdef';
        const made: [string, unknown][] = [
          [keys.assessedKey(place, timeMs), { type: 'assessed', ref: attempt, completedAtMs: timeMs }],
          [keys.participantKey(participant, place), { type: 'participant', participant, ref: place }],
          [keys.dueAttemptKey(timeMs, place, unique), { type: 'due-attempt', timeMs, ref: attempt, unique }],
          [keys.dueReceiptsKey(timeMs, unique), { type: 'due-receipts', timeMs, unique }],
          [keys.outboxKey(place.tenant, timeMs, unique), { type: 'outbox', tenant: place.tenant, timeMs, unique }],
          [keys.receiptKey(place), { type: 'receipt', ref: place }],
        ];
        for (const object of Object.keys(keys.RECORDING_OBJECTS) as keys.RecordingObject[])
          made.push([keys.recordingKey(place, object), { type: 'recording', ref: place, object }]);
        for (const stage of ['begun', 'done'] as const)
          made.push([keys.dueOrdersKey(digest, stage), { type: 'due-orders', timeMs: 0, digest, stage }]);
        for (const [key, parsed] of made) expect(keys.parseKey(key)).toEqual(parsed);
        expect(keys.outboxKey(place.tenant, timeMs, unique) < keys.outboxEnd(place.tenant)).toBe(true);
        const audit = keys.parseKey(keys.auditKey(timeMs, place, 'link-issued', unique));
        expect(audit).toMatchObject({ type: 'audit', ref: place });
      }),
    );
  });

  test('law: what is read is written the same again, so no two keys mean one thing', () => {
    fc.assert(
      fc.property(refs, timesMs, fc.string({ maxLength: 3 }), fc.nat(200), (place, timeMs, noise, at) => {
        const key = keys.dueAttemptKey(timeMs, place, 'u');
        const changed = key.slice(0, at) + noise + key.slice(at);
        const parsed = keys.parseKey(changed);
        if (parsed?.type === 'due-attempt')
          expect(keys.dueAttemptKey(parsed.timeMs, parsed.ref, parsed.unique)).toBe(changed);
      }),
    );
  });

  test.each(['../x', 'a/b', ''])('are not made with the id %j', (id) => {
    expect(() => keys.attemptPrefix({ ...ref, exam: id })).toThrow(TypeError);
    expect(() => keys.recordingPrefix({ ...ref, recording: id })).toThrow(TypeError);
    expect(() => keys.participantKey(id, ref)).toThrow(TypeError);
  });

  test.each([
    'readme.txt',
    'attempts/t/e/a',
    'attempts/t/e/a/assessed/yesterday',
    'attempts/-t/e/a/assessed/19700101T000000000Z',
    `attempts/t/e/a/${ref.recording}/media/x`,
    'attempts/t/e/a/not-a-recording/media',
    `participants/t/p/e/a/${ref.recording}/x`,
    `participants/t/-p/e/a/${ref.recording}`,
    'due/soon/receipts/u',
    'due/19700101T000000000Z/attempt/t/e/a/',
    'due/19700101T000000000Z/attempt/t/-e/a/u',
    'due/19700101T000000000Z/receipts/a/b',
    'due/19700101T000000000Z/other/u',
    `receipts/t/e/a/${ref.recording}`,
    'receipts/t/e/a/nothing.json',
    `audit/someday/t/e/a/${ref.recording}/x.json`,
    `audit/1970-01-01/t/e/a/${ref.recording}`,
    `audit/1970-01-01/t/e/-/${ref.recording}/x`,
  ])('are not read from %j', (key) => expect(keys.parseKey(key)).toBeUndefined());
});
