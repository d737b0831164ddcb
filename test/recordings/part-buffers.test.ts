// The memory of parts that pass through the service. That their bytes are those of the file, that who waits is served in
// order and reads no further meanwhile, and that an upload which ends gives its memory back, is in test/http/content.test.ts.
import { expect, test } from '@jest/globals';
import { PartBuffers, partsOf } from '../../src/recordings/part-buffers.ts';

const PART_BYTES = 32 * 1024;

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const nothing = {};
  const turn = new Promise((resolve) => {
    setImmediate(resolve, nothing);
  });
  return (await Promise.race([promise, turn])) !== nothing;
}

test('buffers are used again while some are in use, unless another size is asked for, and let go at rest', async () => {
  const buffers = new PartBuffers(2);
  const [kept, given] = await Promise.all([buffers.take(PART_BYTES), buffers.take(PART_BYTES)]);
  const next = buffers.take(PART_BYTES);
  expect(await settled(next)).toBe(false);
  buffers.give(given);
  expect(await next).toBe(given);
  buffers.give(given);
  const larger = await buffers.take(2 * PART_BYTES);
  expect(larger).toHaveLength(2 * PART_BYTES);
  buffers.give(larger);
  buffers.give(kept);
  expect([kept, given]).not.toContain(await buffers.take(PART_BYTES));
});

test('parts that come more slowly than 16 KiB a second give way to others, and to nobody when nobody waits', async () => {
  let nowMs = 0;
  const now = () => nowMs;
  async function* streamAt(msForOneKiB: number) {
    for (let sent = 0; sent < PART_BYTES; sent += 1024) {
      yield new Uint8Array(1024);
      nowMs += msForOneKiB;
    }
  }
  /** A part of which the first bytes are in hand when another begins to wait. */
  async function begunBeforeAnother(msForOneKiB: number) {
    const buffers = new PartBuffers(1, now);
    const given = await buffers.take(PART_BYTES);
    const part = partsOf(streamAt(msForOneKiB), PART_BYTES, buffers).next();
    expect(await settled(part)).toBe(false);
    const waiting = buffers.take(PART_BYTES);
    buffers.give(given);
    return { part, waiting };
  }
  const alone = partsOf(streamAt(1000), PART_BYTES, new PartBuffers(1, now));
  expect((await alone.next()).value?.bytes).toHaveLength(PART_BYTES);
  const steady = await begunBeforeAnother(62);
  (await steady.part).value?.release();
  await steady.waiting;
  const slow = await begunBeforeAnother(70);
  await expect(slow.part).rejects.toMatchObject({ code: 'uploads-busy' });
  expect(await settled(slow.waiting)).toBe(true);
});
