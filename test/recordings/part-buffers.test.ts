// Parts that pass through the service: how much memory they take, and that their bytes are those of the stream.
import { describe, expect, it } from '@jest/globals';
import { PartBuffers, partsOf } from '../../src/recordings/part-buffers.ts';

const PART_BYTES = 1000;

async function* streamOf(sizeBytes: number, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => index % 251);
  for (let at = 0; at < sizeBytes; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  const nothing = {};
  const turn = new Promise((resolve) => {
    setImmediate(resolve, nothing);
  });
  return (await Promise.race([promise, turn])) !== nothing;
}

describe('buffers', () => {
  it('are handed out up to their number; who waits is served in order', async () => {
    const buffers = new PartBuffers(2);
    const [first] = await Promise.all([buffers.take(PART_BYTES), buffers.take(PART_BYTES)]);
    const [third, fourth] = [buffers.take(PART_BYTES), buffers.take(PART_BYTES)];
    expect(await settled(third)).toBe(false);
    buffers.give(first);
    expect(await third).toBe(first);
    expect(await settled(fourth)).toBe(false);
    buffers.give(first);
    expect(await fourth).toBe(first);
  });

  it('are used again while some are in use, unless another size is asked for, and let go at rest', async () => {
    const buffers = new PartBuffers(2);
    const [kept, given] = await Promise.all([buffers.take(PART_BYTES), buffers.take(PART_BYTES)]);
    buffers.give(given);
    expect(await buffers.take(PART_BYTES)).toBe(given);
    buffers.give(given);
    const larger = await buffers.take(2 * PART_BYTES);
    expect(larger).toHaveLength(2 * PART_BYTES);
    buffers.give(larger);
    buffers.give(kept);
    expect([kept, given]).not.toContain(await buffers.take(PART_BYTES));
  });
});

describe('the parts of a stream', () => {
  it.each([
    [0, []],
    [PART_BYTES, [PART_BYTES]],
    [PART_BYTES + 1, [PART_BYTES, 1]],
    [3 * PART_BYTES, [PART_BYTES, PART_BYTES, PART_BYTES]],
  ])('of %i bytes have its bytes in its order', async (sizeBytes, lengths) => {
    for (const chunkBytes of [7, PART_BYTES, 5 * PART_BYTES]) {
      const taken: number[] = [];
      const bytes: number[] = [];
      const buffers = new PartBuffers(1);
      for await (const part of partsOf(streamOf(sizeBytes, chunkBytes), PART_BYTES, buffers)) {
        taken.push(part.bytes.length);
        bytes.push(...part.bytes);
        part.release();
      }
      expect(taken).toEqual(lengths);
      expect(bytes).toEqual(
        [...(await Array.fromAsync(streamOf(sizeBytes, sizeBytes || 1)))].flatMap((all) => [...all]),
      );
    }
  });

  it('wait for a buffer, and read no further meanwhile', async () => {
    let read = 0;
    async function* counted() {
      for await (const chunk of streamOf(3 * PART_BYTES, 100)) {
        read += chunk.length;
        yield chunk;
      }
    }
    const parts = partsOf(counted(), PART_BYTES, new PartBuffers(1));
    const first = (await parts.next()).value;
    const second = parts.next();
    expect(await settled(second)).toBe(false);
    expect(read).toBe(PART_BYTES + 100);
    first?.release();
    expect((await second).value?.bytes).toHaveLength(PART_BYTES);
  });

  it('give way to others when they come too slowly, and to nobody when nobody waits', async () => {
    let nowMs = 0;
    const buffers = new PartBuffers(1, () => nowMs);
    async function* slow() {
      for await (const chunk of streamOf(PART_BYTES, 100)) {
        yield chunk;
        nowMs += 1000;
      }
    }
    expect((await partsOf(slow(), PART_BYTES, buffers).next()).value?.bytes).toHaveLength(PART_BYTES);
    const patient = new PartBuffers(1, () => nowMs);
    const given = await patient.take(PART_BYTES);
    const parts = partsOf(slow(), PART_BYTES, patient).next();
    expect(await settled(parts)).toBe(false);
    patient.give(given);
    const waiting = patient.take(PART_BYTES);
    await expect(parts).rejects.toMatchObject({ code: 'uploads-busy' });
    expect(await settled(waiting)).toBe(true);
  });

  it('may take their time up to 16 KiB a second, though others wait', async () => {
    let nowMs = 0;
    const buffers = new PartBuffers(1, () => nowMs);
    async function* steady() {
      for await (const chunk of streamOf(32 * 1024, 1024)) {
        yield chunk;
        nowMs += 62;
      }
    }
    const given = await buffers.take(PART_BYTES);
    const part = partsOf(steady(), 32 * 1024, buffers).next();
    expect(await settled(part)).toBe(false);
    const waiting = buffers.take(PART_BYTES);
    buffers.give(given);
    (await part).value?.release();
    await waiting;
    expect(nowMs).toBe(31 * 62);
  });

  it('give their memory back when the stream fails, or nobody wants more', async () => {
    const buffers = new PartBuffers(1);
    async function* failing() {
      yield new Uint8Array(10);
      throw new Error('the client went away');
    }
    await expect(partsOf(failing(), PART_BYTES, buffers).next()).rejects.toThrow('went away');
    for await (const part of partsOf(streamOf(3 * PART_BYTES, 64), PART_BYTES, buffers)) {
      part.release();
      break;
    }
    expect(await settled(buffers.take(PART_BYTES))).toBe(true);
  });
});
