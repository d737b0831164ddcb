// The memory of parts that pass through the service. That their bytes are those of the file, that whoever waits
// reads no further meanwhile, and that an upload which ends gives its memory back, is in test/http/content.test.ts.
import { expect, test } from '@jest/globals';
import { PartBuffers } from '../../src/recordings/part-buffers.ts';

const PART_BYTES = 32 * 1024;
const ANNA = { tenant: 'acme', caller: 'anna' };
const BEN = { tenant: 'acme', caller: 'ben' };
const OTHER = { tenant: 'other', caller: 'olga' };

test('buffers are used again while some are in use, unless another size is asked for, and let go at rest', async () => {
  const buffers = new PartBuffers(2);
  const [kept, given] = await Promise.all([buffers.take(PART_BYTES, ANNA), buffers.take(PART_BYTES, ANNA)]);
  const next = buffers.take(PART_BYTES, ANNA);
  expect(buffers.waiting).toBe(1);
  buffers.give(given, ANNA);
  expect(await next).toBe(given);
  buffers.give(given, ANNA);
  const larger = await buffers.take(2 * PART_BYTES, ANNA);
  expect(larger).toHaveLength(2 * PART_BYTES);
  buffers.give(larger, ANNA);
  buffers.give(kept, ANNA);
  expect([kept, given]).not.toContain(await buffers.take(PART_BYTES, ANNA));
});

test('whoever waits first is served first', async () => {
  const buffers = new PartBuffers(1);
  const given = await buffers.take(PART_BYTES, ANNA);
  const served: string[] = [];
  const waiting = ['first', 'second'].map(async (name) => {
    const buffer = await buffers.take(PART_BYTES, ANNA);
    served.push(name);
    buffers.give(buffer, ANNA);
  });
  buffers.give(given, ANNA);
  await Promise.all(waiting);
  expect(served).toEqual(['first', 'second']);
});

test('a caller has half of them and a tenant three quarters; who is at a limit waits, and others pass', async () => {
  const buffers = new PartBuffers(8);
  const taken = await Promise.all([ANNA, ANNA, ANNA, ANNA].map((holder) => buffers.take(PART_BYTES, holder)));
  const third = buffers.take(PART_BYTES, ANNA);
  expect(buffers.waiting).toBe(1);
  // It is her own four that she waits for, so nobody has to be quick for her.
  for (const holder of [ANNA, OTHER]) expect(buffers.keepsOthersWaiting(holder)).toBe(false);
  taken.push(...(await Promise.all([buffers.take(PART_BYTES, BEN), buffers.take(PART_BYTES, BEN)])));
  const fourth = buffers.take(PART_BYTES, { tenant: 'acme', caller: 'dan' });
  await buffers.take(PART_BYTES, OTHER);
  expect(buffers).toMatchObject({ taken: 7, waiting: 2 });
  for (const holder of [ANNA, BEN]) expect(buffers.keepsOthersWaiting(holder)).toBe(true);
  expect(buffers.keepsOthersWaiting(OTHER)).toBe(false);
  buffers.give(taken[4] as Buffer, BEN);
  await fourth;
  buffers.give(taken[5] as Buffer, BEN);
  expect(buffers.waiting).toBe(1);
  buffers.give(taken[0] as Buffer, ANNA);
  await third;
  expect(buffers).toMatchObject({ taken: 6, waiting: 0 });
});
