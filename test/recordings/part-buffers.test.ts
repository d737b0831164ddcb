// The memory of parts that pass through the service. That their bytes are those of the file, that whoever waits
// reads no further meanwhile, and that an upload which ends gives its memory back, is in test/http/content.test.ts.
import { expect, test } from '@jest/globals';
import { PartBuffers } from '../../src/recordings/part-buffers.ts';

const PART_BYTES = 32 * 1024;

test('buffers are used again while some are in use, unless another size is asked for, and let go at rest', async () => {
  const buffers = new PartBuffers(2);
  const [kept, given] = await Promise.all([buffers.take(PART_BYTES), buffers.take(PART_BYTES)]);
  const next = buffers.take(PART_BYTES);
  expect(buffers.waiting).toBe(1);
  buffers.give(given);
  expect(await next).toBe(given);
  buffers.give(given);
  const larger = await buffers.take(2 * PART_BYTES);
  expect(larger).toHaveLength(2 * PART_BYTES);
  buffers.give(larger);
  buffers.give(kept);
  expect([kept, given]).not.toContain(await buffers.take(PART_BYTES));
});

test('whoever waits first is served first', async () => {
  const buffers = new PartBuffers(1);
  const given = await buffers.take(PART_BYTES);
  const served: string[] = [];
  const waiting = ['first', 'second'].map(async (name) => {
    const buffer = await buffers.take(PART_BYTES);
    served.push(name);
    buffers.give(buffer);
  });
  buffers.give(given);
  await Promise.all(waiting);
  expect(served).toEqual(['first', 'second']);
});

test('parts that come more slowly than 16 KiB a second give way to others, if others wait', async () => {
  let nowMs = 0;
  const buffers = new PartBuffers(1, () => nowMs);
  const given = await buffers.take(PART_BYTES);
  const isInTime = () => buffers.requireProgress(0, PART_BYTES);
  nowMs = 2001;
  isInTime();
  const waiting = buffers.take(PART_BYTES);
  expect(isInTime).toThrow(expect.objectContaining({ code: 'uploads-busy' }));
  nowMs = 2000;
  isInTime();
  buffers.give(given);
  await waiting;
});
