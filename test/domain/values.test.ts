import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDuration } from '../../src/domain/durations.ts';
import { ServiceError } from '../../src/domain/errors.ts';
import { createdAtOf, isId, isRecordingId, newRecordingId, newUniqueName, parseId } from '../../src/domain/ids.ts';
import { checkParts, maxPartsFor, sameEtag } from '../../src/domain/parts.ts';
import { fromDay, fromKeyTime, toDay, toIso, toKeyTime } from '../../src/domain/times.ts';

const timesMs = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) });

describe('ids of callers', () => {
  test.each(['a', 'A9_-', 'x'.repeat(64)])('accepts %s', (id) => expect(isId(id)).toBe(true));

  test.each(['', '-a', '_a', '.', '..', 'a/b', 'a%2fb', 'é', 'x'.repeat(65), 'a b', 'a\n', 'a.b'])(
    'refuses %j',
    (id) => {
      expect(isId(id)).toBe(false);
      expect(() => parseId('exam', id)).toThrow(expect.objectContaining({ code: 'invalid-id' }));
    },
  );

  test('tells that an e-mail address is refused because it is one', () => {
    expect(() => parseId('participantId', 'ada@example.org')).toThrow(/e-mail/);
    expect(() => parseId('participantId', 'ada@example.org')).toThrow(ServiceError);
  });

  test('returns a valid id as it is', () => expect(parseId('exam', 'math-101')).toBe('math-101'));
});

describe('recording ids', () => {
  test('law: the creation time can be read back', () => {
    fc.assert(
      fc.property(timesMs, (timeMs) => {
        const id = newRecordingId(timeMs, randomBytes);
        expect(isRecordingId(id)).toBe(true);
        expect(isId(id)).toBe(true);
        expect(createdAtOf(id)).toBe(timeMs);
      }),
    );
  });

  test('law: the order of ids is the order of creation', () => {
    fc.assert(
      fc.property(timesMs, timesMs, (a, b) => {
        fc.pre(a !== b);
        expect(newRecordingId(a, randomBytes) < newRecordingId(b, randomBytes)).toBe(a < b);
      }),
    );
  });

  test('carry all 128 random bits', () => {
    const ones = newRecordingId(0, (length) => new Uint8Array(length).fill(0xff));
    const zeros = newRecordingId(0, (length) => new Uint8Array(length));
    expect(
      BigInt.asUintN(
        200,
        Array.from(ones.slice(10)).reduce((sum, digit) => sum * 32n + BigInt(Number.parseInt(digit, 32)), 0n),
      ),
    ).toBe(2n ** 128n - 1n);
    expect(zeros).toBe('0'.repeat(36));
  });

  test.each([Number.NaN, -1, 1.5, Date.UTC(10000, 0, 1)])('has no id for the time %d', (timeMs) => {
    expect(() => newRecordingId(timeMs, randomBytes)).toThrow(RangeError);
  });

  test.each(['', 'assessed', 'v'.repeat(36), '0'.repeat(35), `${'0'.repeat(35)}W`, `${'0'.repeat(35)}w`])(
    '%j is none',
    (value) => expect(isRecordingId(value)).toBe(false),
  );

  test('unique names have one length and do not repeat', () => {
    const names = Array.from({ length: 1000 }, () => newUniqueName(randomBytes));
    expect(new Set(names).size).toBe(1000);
    expect(new Set(names.map((name) => name.length))).toEqual(new Set([16]));
  });
});

describe('times in keys', () => {
  test('are UTC, to the millisecond', () => {
    expect(toKeyTime(Date.UTC(2026, 10, 23, 2, 3, 17, 4))).toBe('20261123T020317004Z');
    expect(toIso(0)).toBe('1970-01-01T00:00:00.000Z');
  });

  test('law: key order is time order', () => {
    fc.assert(
      fc.property(timesMs, timesMs, (a, b) => {
        expect(toKeyTime(a) < toKeyTime(b)).toBe(a < b);
        expect(toKeyTime(a)).toHaveLength(19);
      }),
    );
  });

  test('law: a time is read back as it was written', () => {
    fc.assert(fc.property(timesMs, (timeMs) => expect(fromKeyTime(toKeyTime(timeMs))).toBe(timeMs)));
  });

  test('clamps what no year from 1970 to 9999 can hold, so that it still sorts first or last', () => {
    expect(toKeyTime(-5)).toBe('19700101T000000000Z');
    expect(toKeyTime(Number.MAX_SAFE_INTEGER)).toBe('99991231T235959999Z');
    expect(toDay(-5)).toBe('1970-01-01');
  });

  test.each([
    '',
    '20261123',
    '20261123T020317Z',
    '20261323T020317004Z',
    '20260230T000000000Z',
    '20261123T250317004Z',
    'x20261123T020317004Z',
  ])('does not read %j', (text) => expect(fromKeyTime(text)).toBeUndefined());

  test('days are read back, and nothing else is', () => {
    expect(fromDay('2026-11-23')).toBe(Date.UTC(2026, 10, 23));
    expect(toDay(Date.UTC(2026, 10, 23, 23, 59))).toBe('2026-11-23');
    for (const text of ['2026-11-31', '2026-1-1', 'today', '2026-13-01', '']) expect(fromDay(text)).toBeUndefined();
  });
});

describe('durations', () => {
  test.each([
    ['5s', 5_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['0s', 0],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '5', 's', '-5s', '1.5h', '5 s', '5w', '5S', '9999999999s', 'Infinity', '1e3s'])('refuses %j', (text) =>
    expect(parseDuration(text)).toBeUndefined(),
  );
});

const part = (partNumber: number, sizeBytes: number) => ({ partNumber, sizeBytes, etag: '"e"' });

describe('parts', () => {
  test.each([
    ['numbered from 1, equal but for the last', [part(1, 10), part(2, 10), part(3, 4)], { ok: true, sizeBytes: 24 }],
    ['one alone', [part(1, 3)], { ok: true, sizeBytes: 3 }],
    ['in any order', [part(2, 3), part(1, 10)], { ok: true, sizeBytes: 13 }],
    ['none at all', [], { ok: false, problem: 'missing', partNumbers: [1] }],
    ['with holes', [part(2, 10), part(5, 1)], { ok: false, problem: 'missing', partNumbers: [1, 3, 4] }],
    [
      'of a wrong size',
      [part(1, 9), part(2, 10), part(3, 11)],
      { ok: false, problem: 'wrong-size', partNumbers: [1, 3] },
    ],
  ])('%s', (_, parts, expected) => expect(checkParts(parts, 10)).toEqual(expected));

  test('law: the parts of any file are whole, and lacking any but the last they are not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 50 }),
        fc.nat(),
        (sizeBytes, partSize, pick) => {
          const count = maxPartsFor(sizeBytes, partSize);
          const parts = Array.from({ length: count }, (_, index) =>
            part(index + 1, Math.min(partSize, sizeBytes - index * partSize)),
          );
          expect(checkParts(parts, partSize)).toEqual({ ok: true, sizeBytes });
          const lost = pick % count;
          if (lost < count - 1)
            expect(checkParts(parts.toSpliced(lost, 1), partSize)).toMatchObject({
              ok: false,
              partNumbers: [lost + 1],
            });
        },
      ),
    );
  });

  test('etags are the same with and without quotes, in either case', () => {
    expect(sameEtag('"AB"', 'ab')).toBe(true);
    expect(sameEtag('"ab"', '"ac"')).toBe(false);
  });
});
