import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ServiceError } from '../../src/domain/errors.ts';
import { createdAtOf, isId, isRecordingId, newRecordingId, newUniqueName, parseId } from '../../src/domain/ids.ts';

const timesMs = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });

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
