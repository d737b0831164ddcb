import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkParts, maxPartsFor, sameEtag } from '../../src/domain/parts.ts';

const part = (partNumber: number, sizeBytes: number) => ({ partNumber, sizeBytes, etag: '"e"' });

describe('parts', () => {
  test('are whole when numbered from 1, equal but for the last', () => {
    expect(checkParts([part(1, 10), part(2, 10), part(3, 4)], 10)).toEqual({ ok: true, sizeBytes: 24 });
    expect(checkParts([part(1, 3)], 10)).toEqual({ ok: true, sizeBytes: 3 });
    expect(checkParts([part(2, 3), part(1, 10)], 10)).toEqual({ ok: true, sizeBytes: 13 });
  });

  test('none at all: the first is missing', () => {
    expect(checkParts([], 10)).toEqual({ ok: false, problem: 'missing', partNumbers: [1] });
  });

  test('names every hole', () => {
    expect(checkParts([part(2, 10), part(5, 1)], 10)).toEqual({
      ok: false,
      problem: 'missing',
      partNumbers: [1, 3, 4],
    });
  });

  test('names every part of a wrong size', () => {
    expect(checkParts([part(1, 9), part(2, 10), part(3, 11)], 10)).toEqual({
      ok: false,
      problem: 'wrong-size',
      partNumbers: [1, 3],
    });
  });

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
