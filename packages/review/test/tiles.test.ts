// How large the pictures are: as large as the place allows, and no larger.
import { expect, test } from '@jest/globals';
import { tileWidth } from '../src/tiles.ts';

const PLACE = { gapPx: 10, captionPx: 30 };

test.each([
  [1, 1600, 500, 835],
  [2, 1600, 500, 795],
  [2, 390, 500, 382],
  [3, 1600, 300, 480],
  [4, 1600, 500, 392],
  [1, 390, 800, 390],
])('%d pictures in %d by %d pixels are %d wide', (count, widthPx, heightPx, expected) => {
  expect(tileWidth({ ...PLACE, count, widthPx, heightPx })).toBe(expected);
});

test('they always fit, where there is place at all', () => {
  for (const count of [1, 2, 3, 4, 5, 8, 12]) {
    for (const [widthPx, heightPx] of [
      [390, 400],
      [800, 300],
      [1600, 900],
      [3000, 200],
    ] as const) {
      const width = tileWidth({ ...PLACE, count, widthPx, heightPx });
      const columns = Math.floor((widthPx + PLACE.gapPx) / (width + PLACE.gapPx));
      const rows = Math.ceil(count / columns);
      const height = rows * ((width * 9) / 16 + PLACE.captionPx) + (rows - 1) * PLACE.gapPx;
      expect(width).toBeLessThanOrEqual(widthPx);
      if (width > 0) expect(height).toBeLessThanOrEqual(heightPx + 1);
    }
  }
});

test('in no place they are nothing', () => {
  expect(tileWidth({ ...PLACE, count: 3, widthPx: 300, heightPx: 20 })).toBe(0);
  expect(tileWidth({ ...PLACE, count: 0, widthPx: 300, heightPx: 200 })).toBe(0);
});
