// A full disk: uploads are refused and can be sent again, deletions go on, and so does a start.
import { readdir } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { smallDisk } from '../../../test/kit/small-disk.ts';
import { until } from '../../../test/kit/until.ts';
import { allOf, FIVE_MIB, startStore, temporaryFolder, UNSIGNED } from './support.ts';

const MIB = 1024 * 1024;
const FULL = '507 InsufficientStorage';
const CORS =
  '<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>' +
  '</CORSConfiguration>';
const PART = Buffer.alloc(FIVE_MIB, 'p');

async function startOnSmallDisk(dataDir?: string) {
  const folder = dataDir ?? (await temporaryFolder());
  let shiftMs = 0;
  const disk = smallDisk(folder, 23 * MIB);
  const store = await startStore({ dataDir: folder, disk, now: () => Date.now() + shiftMs });
  return {
    ...store,
    freeBytes: () => disk.freeBytes(folder),
    /** Until the next look at the disk. */
    later: () => {
      shiftMs += 6_000;
    },
  };
}

/** Three parts are on the disk, and no fourth. */
async function fill(store: Awaited<ReturnType<typeof startOnSmallDisk>>): Promise<string> {
  const id = await store.begin('media');
  const outcomes: string[] = [];
  for (let part = 1; part <= 4; part += 1) {
    outcomes.push(
      await store.outcome(`PUT media?uploadId=${id}&partNumber=${part}`, { body: PART, headers: UNSIGNED }),
    );
  }
  expect(outcomes).toEqual(['200', '200', '200', FULL]);
  return id;
}

test('uploads are refused, documents and deletions are not, and what was deleted makes room for uploads again', async () => {
  const store = await startOnSmallDisk();
  const { outcome, server, inside, files } = store;
  expect(server.isFull()).toBe(false);
  const id = await fill(store);
  expect(server.isFull()).toBe(true);
  // Small documents take what is left, and then the reserve.
  for (let written = 0; (await readdir(inside())).includes('reserve'); written += 1) {
    expect(await outcome(`PUT documents/${written}`, { body: Buffer.alloc(60 * 1024) })).toBe('200');
  }
  for (let written = 0; written < 20; written += 1) {
    expect(await outcome(`PUT deletions/${written}`, { body: 'why' })).toBe('200');
  }
  const before = await files();
  const large = { body: Buffer.alloc(100 * 1024) };
  for (const [line, given] of [
    ['POST other?uploads', {}],
    [`PUT media?uploadId=${id}&partNumber=4`, { body: 'x' }],
    ['PUT large', large],
    ['PUT documents/0?tagging', { body: '<Tagging><TagSet/></Tagging>' }],
    ['PUT ?cors', { body: CORS }],
  ] as const) {
    expect({ line, outcome: await outcome(line, given) }).toEqual({ line, outcome: FULL });
  }
  expect(await files()).toEqual(before);
  expect((await store.ask('GET documents/0')).body).toHaveLength(60 * 1024);

  expect(await outcome(`DELETE media?uploadId=${id}`)).toBe('204');
  store.later();
  expect(await outcome('PUT large', large)).toBe('200');
  expect(server.isFull()).toBe(false);
  expect(await readdir(inside())).toContain('reserve');
  const next = await store.begin('next');
  expect(await outcome(`PUT next?uploadId=${next}&partNumber=1`, { body: PART, headers: UNSIGNED })).toBe('200');
});

test('it starts, lists, deletes and says that it is full; the reserve is not given up by that alone', async () => {
  const first = await startOnSmallDisk();
  const id = await fill(first);
  await first.server.close();
  const again = await startOnSmallDisk(first.dataDir);
  expect(again.server.isFull()).toBe(true);
  expect(await readdir(again.inside())).toContain('reserve');
  expect(allOf((await again.ask(`GET media?uploadId=${id}`)).body, 'PartNumber')).toEqual(['1', '2', '3']);
  expect(await again.outcome('PUT deleting', { body: 'why' })).toBe('200');
  expect(await again.outcome(`DELETE media?uploadId=${id}`)).toBe('204');
  again.later();
  await again.outcome('GET ?list-type=2');
  expect(again.server.isFull()).toBe(false);
});

test('where even the reserve is used up documents are refused, whole, and deletions make room', async () => {
  const store = await startOnSmallDisk();
  const { outcome, files } = store;
  await fill(store);
  let written = 0;
  while ((await outcome(`PUT d/${written}`, { body: Buffer.alloc(60 * 1024) })) === '200') written += 1;
  const before = await files();
  expect(await outcome('PUT d/0', { body: Buffer.alloc(60 * 1024, 'n') })).toBe(FULL);
  expect((await store.ask('GET d/0')).body).toBe('\0'.repeat(60 * 1024));
  expect(await files()).toEqual(before);
  expect(await outcome('DELETE d/1')).toBe('204');
  expect(await outcome('PUT d/0', { body: Buffer.alloc(60 * 1024, 'n') })).toBe('200');
});

test('a part that is arriving is ended when the reserve is given up, which it must not take', async () => {
  const store = await startOnSmallDisk();
  const { begin, sign, sendHead, outcome, inside } = store;
  const id = await begin('media');
  for (const part of [1, 2]) {
    await outcome(`PUT media?uploadId=${id}&partNumber=${part}`, { body: PART, headers: UNSIGNED });
  }
  const line = `PUT media?uploadId=${id}&partNumber=3`;
  const socket = sendHead(await sign(line, { headers: UNSIGNED }), { 'content-length': String(8 * MIB) });
  socket.write(PART);
  await until(async () => (await store.freeBytes()) < 5.2 * MIB);
  for (let written = 0; (await readdir(inside())).includes('reserve'); written += 1) {
    await outcome(`PUT documents/${written}`, { body: Buffer.alloc(60 * 1024) });
  }
  const before = await store.freeBytes();
  socket.end(Buffer.alloc(3 * MIB));
  expect(await text(socket)).toMatch(/^HTTP\/1.1 507 /);
  await until(async () => (await store.freeBytes()) > before + 4 * MIB);
});

test('the lock of the folder writes no journal, for which a full disk has no room', async () => {
  const { dataDir } = await startStore();
  expect((await readdir(dataDir)).toSorted()).toEqual(['lock.sqlite', 'recordings']);
});
