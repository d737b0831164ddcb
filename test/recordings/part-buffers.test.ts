// Parts that pass through the service: how much memory they take, and that their bytes are those of the stream.
import { describe, expect, test } from '@jest/globals';
import { PartBuffers, partsOf } from '../../src/recordings/part-buffers.ts';

const PART_BYTES = 1000;

function bytesOf(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => index % 251);
}

/** `beforeNext` is called whenever more is wanted. */
async function* streamOf(sizeBytes: number, chunkBytes: number, beforeNext = () => {}) {
  for (let at = 0; at < sizeBytes; at += chunkBytes) {
    yield bytesOf(sizeBytes).subarray(at, at + chunkBytes);
    beforeNext();
  }
}

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

describe('the parts of a stream', () => {
  test.each([
    [0, []],
    [PART_BYTES, [PART_BYTES]],
    [PART_BYTES + 1, [PART_BYTES, 1]],
    [3 * PART_BYTES, [PART_BYTES, PART_BYTES, PART_BYTES]],
  ])('of %i bytes have its bytes in its order', async (sizeBytes, lengths) => {
    for (const chunkBytes of [7, PART_BYTES, 5 * PART_BYTES]) {
      const parts: Buffer[] = [];
      for await (const part of partsOf(streamOf(sizeBytes, chunkBytes), PART_BYTES, new PartBuffers(1))) {
        parts.push(Buffer.from(part.bytes));
        part.release();
      }
      expect(parts.map(({ length }) => length)).toEqual(lengths);
      expect(Buffer.concat(parts).equals(bytesOf(sizeBytes))).toBe(true);
    }
  });

  test('give way to others when they come more slowly than 16 KiB a second, and to nobody when nobody waits', async () => {
    let nowMs = 0;
    const partBytes = 32 * 1024;
    const streamAt = (msForOneKiB: number) =>
      streamOf(partBytes, 1024, () => {
        nowMs += msForOneKiB;
      });
    /** A part of which the first bytes are in hand when another begins to wait. */
    async function filledBeforeAnother(msForOneKiB: number) {
      const buffers = new PartBuffers(1, () => nowMs);
      const given = await buffers.take(partBytes);
      const part = partsOf(streamAt(msForOneKiB), partBytes, buffers).next();
      expect(await settled(part)).toBe(false);
      const waiting = buffers.take(partBytes);
      buffers.give(given);
      return { part, waiting };
    }
    const alone = partsOf(streamAt(1000), partBytes, new PartBuffers(1, () => nowMs));
    expect((await alone.next()).value?.bytes).toHaveLength(partBytes);

    const steady = await filledBeforeAnother(62);
    (await steady.part).value?.release();
    await steady.waiting;
    const slow = await filledBeforeAnother(70);
    await expect(slow.part).rejects.toMatchObject({ code: 'uploads-busy' });
    expect(await settled(slow.waiting)).toBe(true);
  });

  test('give their memory back when the stream fails, or nobody wants more', async () => {
    const buffers = new PartBuffers(1);
    const failing = streamOf(PART_BYTES, 10, () => {
      throw new Error('the client went away');
    });
    await expect(partsOf(failing, PART_BYTES, buffers).next()).rejects.toThrow('went away');
    for await (const part of partsOf(streamOf(3 * PART_BYTES, 64), PART_BYTES, buffers)) {
      part.release();
      break;
    }
    expect(await settled(buffers.take(PART_BYTES))).toBe(true);
  });
});
