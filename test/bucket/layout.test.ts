// Ids, times, and the keys that are made of them.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseEventName } from '../../src/bucket/audit-trail.ts';
import {
  keyOf,
  MAX_KEY_BYTES,
  parseKey,
  prefixOf,
  RECORDING_OBJECTS,
  type RecordingObject,
} from '../../src/bucket/layout.ts';
import { createdAtOf, isId, isRecordingId, newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { fromDay, fromKeyTime, toDay, toKeyTime } from '../../src/model/times.ts';
import * as keys from '../kit/keys.ts';

const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const ids = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
const timesMs = fc.integer({ min: 0, max: LAST_MS });
const recordings = timesMs.map((createdAtMs) => newRecordingId(createdAtMs, randomBytes));
const noises = fc.record({ noise: fc.string({ maxLength: 3 }), at: fc.nat(200) });
const refs = fc.record({ tenant: ids, exam: ids, attempt: ids, recording: recordings });

test('law: ids of recordings sort by creation, hold its time, are ids, and carry all 128 random bits', () => {
  fc.assert(
    fc.property(timesMs, timesMs, (aMs, bMs) => {
      const [a, b] = [newRecordingId(aMs, randomBytes), newRecordingId(bMs, randomBytes)];
      if (aMs !== bMs) expect(a < b).toBe(aMs < bMs);
      expect([createdAtOf(a), isRecordingId(a), isId(a)]).toEqual([aMs, true, true]);
    }),
  );
  const idOf = (byte: number) => newRecordingId(0, (length) => new Uint8Array(length).fill(byte));
  expect(idOf(0)).toBe('0'.repeat(36));
  // 128 bits are 25 digits of five and one of three.
  expect(idOf(0xff)).toBe(`${'0'.repeat(10)}7${'v'.repeat(25)}`);
  for (const timeMs of [Number.NaN, -1, 1.5, LAST_MS + 1])
    expect(() => newRecordingId(timeMs, randomBytes)).toThrow(RangeError);
  for (const value of ['v'.repeat(36), '0'.repeat(35), `${'0'.repeat(35)}w`]) expect(isRecordingId(value)).toBe(false);
});

test('law: times in keys are UTC, to the millisecond, sort by time, even when clamped, and are read back, and nothing else is', () => {
  expect(toKeyTime(Date.UTC(2026, 10, 23, 2, 3, 17, 4))).toBe('20261123T020317004Z');
  fc.assert(
    fc.property(timesMs, timesMs, (a, b) => {
      expect(toKeyTime(a) < toKeyTime(b)).toBe(a < b);
      expect(fromKeyTime(toKeyTime(a))).toBe(a);
      expect(fromDay(toDay(a))).toBe(a - (a % 86_400_000));
    }),
  );
  // What no year from 1970 to 9999 holds sorts first or last.
  expect(toKeyTime(-5)).toBe(toKeyTime(0));
  expect(toKeyTime(Number.MAX_SAFE_INTEGER)).toBe(toKeyTime(LAST_MS));
  expect(toDay(-5)).toBe('1970-01-01');
  const times = ['', '20261123T020317Z', '20261323T020317004Z', '20260230T000000000Z', 'x20261123T020317004Z'];
  for (const text of times) expect(fromKeyTime(text)).toBeUndefined();
  for (const text of ['2026-11-31', '2026-1-1', '2026-13-01', '']) expect(fromDay(text)).toBeUndefined();
});

describe('keys', () => {
  test('law: of different tenants never share a prefix', () => {
    // Every key and every prefix that belongs to a recording, but the indexes that sort by time.
    const placesOf = (place: RecordingRef) => [
      prefixOf('recording', { tenant: place.tenant, exam: place.exam }),
      keys.attemptPrefix(place),
      keys.recordingPrefix(place),
      keys.assessedKey(place, 5),
      keys.participantPrefix(place.tenant, 'p'),
      keys.receiptKey(place),
      keys.auditPrefix(5, place),
      prefixOf('log-head', { tenant: place.tenant }),
      prefixOf('log-queue', { tenant: place.tenant }),
    ];
    fc.assert(
      fc.property(refs, refs, (a, b) => {
        fc.pre(a.tenant !== b.tenant);
        for (const mine of placesOf(a)) for (const theirs of placesOf(b)) expect(theirs.startsWith(mine)).toBe(false);
      }),
    );
  });

  test('law: of the queue sort by their time, whatever follows', () => {
    fc.assert(
      fc.property(refs, refs, timesMs, timesMs, (a, b, aMs, bMs) => {
        fc.pre(aMs !== bMs);
        expect(keys.dueAttemptKey(aMs, a, 'z') < keys.dueAttemptKey(bMs, b, 'a')).toBe(aMs < bMs);
        expect(keys.dueReceiptsKey(aMs, 'z') < keys.dueAttemptKey(bMs, b, 'a')).toBe(aMs < bMs);
      }),
    );
  });

  test('law: are read back as what they were made of, and as nothing else, so no two keys mean one thing', () => {
    expect(parseKey('readme.txt')).toBeUndefined();
    fc.assert(
      fc.property(refs, timesMs, ids, noises, (place, timeMs, participant, { noise, at }) => {
        const { recording: _, ...attempt } = place;
        const { tenant } = place;
        const [unique, digest] = ['u1', '0123456789abcdef'];
        const named = { dayMs: fromDay(toDay(timeMs)), name: `${toKeyTime(timeMs)}-link-issued-u1.json` };
        const made: [string, object][] = [
          [keys.assessedKey(place, timeMs), { type: 'assessed', ref: attempt, completedAtMs: timeMs }],
          [keys.participantKey(participant, place), { type: 'participant', participant, ref: place }],
          [keys.dueAttemptKey(timeMs, place, unique), { type: 'due-attempt', timeMs, ref: attempt, unique }],
          [keys.dueReceiptsKey(timeMs, unique), { type: 'due-receipts', timeMs, unique }],
          [keys.outboxKey(place.tenant, timeMs, unique), { type: 'outbox', tenant: place.tenant, timeMs, unique }],
          [keys.receiptKey(place), { type: 'receipt', ref: place }],
          [keyOf('audit', { ...place, timeMs, unique: named.name }), { type: 'audit', ref: place, ...named }],
          [keyOf('log-head', { tenant, size: at }), { type: 'log-head', tenant, size: at }],
          [keyOf('log-tile', { tenant, level: 1, index: at }), { type: 'log-tile', tenant, level: 1, index: at }],
          [keyOf('log-entries', { tenant, index: at }), { type: 'log-entries', tenant, index: at }],
          [keyOf('log-queue', { tenant, unique }), { type: 'log-queue', tenant, unique }],
        ];
        for (const object of Object.keys(RECORDING_OBJECTS) as RecordingObject[])
          made.push([keys.recordingKey(place, object), { type: 'recording', ref: place, object }]);
        for (const stage of ['begun', 'done'] as const)
          made.push([
            keyOf('due-orders', { timeMs: 0, digest, stage }),
            { type: 'due-orders', timeMs: 0, digest, stage },
          ]);
        expect(made.map(([key]) => parseKey(key))).toEqual(made.map(([, parsed]) => parsed));

        // With a segment more, less, or that cannot be there.
        const wrong = made.flatMap(([key]) => {
          const segments = key.split('/');
          const others = segments.flatMap((_segment, index) => {
            // The last segment of these is whatever the writer called it.
            const isFree = /^(due|audit|log-queue)$/.test(segments[0] ?? '') && index === segments.length - 1;
            return (isFree ? [''] : ['', '-', '-.json']).map((other) => segments.with(index, other).join('/'));
          });
          return [`${key}/x`, segments.slice(0, -1).join('/'), ...others];
        });
        expect(wrong.filter((key) => parseKey(key))).toEqual([]);
        const key = keys.dueAttemptKey(timeMs, place, unique);
        const changed = key.slice(0, at) + noise + key.slice(at);
        const read = parseKey(changed);
        if (read?.type === 'due-attempt') expect(keys.dueAttemptKey(read.timeMs, read.ref, read.unique)).toBe(changed);
      }),
    );
  });

  test.each([
    '',
    'link-issued.json',
    '20260101T000000000Z-',
    '20260101T000000000Z-danced-u.json',
    'x-link-issued-u.json',
  ])('of the audit trail with the name %j tell of no event', (name) => expect(parseEventName(name)).toBeUndefined());

  // What callers may not send is in test/http/refusals.test.ts.
  test.each(['../x', 'a/b', '', '-a', 'a\n', 'a b', 'a'.repeat(65)])('are not made with the id %j', (id) => {
    const ref = { tenant: 't', exam: 'e', attempt: 'a', recording: newRecordingId(0, randomBytes) };
    expect(() => keys.attemptPrefix({ ...ref, exam: id })).toThrow(TypeError);
    expect(() => keys.recordingPrefix({ ...ref, recording: id })).toThrow(TypeError);
    expect(() => keys.participantKey(id, ref)).toThrow(TypeError);
    if (id === '') expect(() => keyOf('recording', ref)).toThrow(TypeError);
  });

  test('are no longer than is counted on, whatever the ids', () => {
    const id = 'x'.repeat(64);
    const recording = newRecordingId(0, randomBytes);
    const name = `20261123T020317123Z-foreign-attempt-refused-${'0'.repeat(16)}.json`;
    const parts = {
      tenant: id,
      exam: id,
      attempt: id,
      participant: id,
      recording,
      timeMs: 0,
      unique: name,
      digest: '0'.repeat(16),
    };
    for (const type of [
      'recording',
      'assessed',
      'participant',
      'due-attempt',
      'due-receipts',
      'due-orders',
      'receipt',
      'audit',
      'outbox',
    ] as const) {
      expect(keyOf(type, { ...parts, object: 'manifest', stage: 'begun' }).length).toBeLessThanOrEqual(MAX_KEY_BYTES);
    }
    expect(MAX_KEY_BYTES).toBeLessThan(512);
  });
});
