// Which keyframes of a recording become pictures, and what is left of them at its end.
import { beforeEach, expect, test } from '@jest/globals';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { until } from '../../../test/kit/until.ts';
import type { Bytes } from '../src/bytes.ts';
import { LocalBytes } from '../src/local-bytes.ts';
import { MediaIndex } from '../src/media-index.ts';
import { MAX_OVERVIEW_BYTES, type Overview, readOverview } from '../src/overview.ts';
import { RecordedOverview } from '../src/recorded-overview.ts';
import { type CodecOptions, fakeCodecs, PICTURE_BYTES } from './fake-codecs.ts';
import { pieces } from './recorded.ts';
import { concat, type SyntheticOptions, syntheticWebm } from './synthetic-webm.ts';

const KEY = 'a-recording';

beforeEach(() => {
  const before = Object.fromEntries(
    ['indexedDB', 'IDBKeyRange', ...Object.keys(fakeCodecs(WORKING))].map((name) => [
      name,
      Reflect.get(globalThis, name),
    ]),
  );
  Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange });
  afterThisTest(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(globalThis, name);
      else Reflect.set(globalThis, name, value);
    }
  });
});

const WORKING: CodecOptions = { state: () => 'works', later: (act) => void setImmediate(act) };

function newBrowser(codecs: Partial<CodecOptions> | null = {}) {
  if (codecs) Object.assign(globalThis, fakeCodecs({ ...WORKING, ...codecs }));
  const abort = new AbortController();
  afterThisTest(() => abort.abort());
  return new LocalBytes({ memoryLimitBytes: 0, onWarning() {}, signal: abort.signal });
}

/** Pushes the file, and gives the decoder time after each piece. */
async function recorded(local: LocalBytes, film: SyntheticOptions | readonly Bytes[], isLive = true) {
  const overview = new RecordedOverview({ key: KEY, local, isLive });
  const index = new MediaIndex(undefined, overview);
  for (const bytes of Array.isArray(film) ? film : syntheticWebm(film as SyntheticOptions)) {
    index.push(bytes);
    // Decoder, encoder and disk have answered.
    for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return { overview, index };
}

const NOTHING = { bytes: 0, ms: 0 };
const readFrom = async (
  { overview, index }: Awaited<ReturnType<typeof recorded>>,
  skipped = NOTHING,
): Promise<Overview> => readOverview((await overview.write(index, skipped)) ?? new Uint8Array());
const secondsOf = ({ pictures }: Overview) => pictures?.items.map(({ atSeconds }) => atSeconds);

const FILM = { seconds: 61, bytesPerSecond: 2_000 };

test('there is a picture of a keyframe every ten seconds, with its time and its bytes', async () => {
  const overview = await readFrom(await recorded(newBrowser(), FILM));
  expect(secondsOf(overview)).toEqual([0, 10, 20, 30, 40, 50, 60]);
  expect(overview.pictures).toMatchObject({ type: 'image/webp', width: 96, height: 72 });
  const file = Buffer.from(concat([...syntheticWebm(FILM)]));
  const at = (overview.pictures?.items ?? []).map(({ bytes }) => file.indexOf(bytes));
  expect(at).toEqual(at.toSorted((a, b) => a - b));
  expect(at.every((place) => place > 0)).toBe(true);
  expect(overview.activity).toHaveLength(61);
});

test.each([
  ['many cuts', Array.from({ length: 4_000 }, (_, at) => at * 31)],
  ['none', []],
])('the bytes of a keyframe are whole however the file is cut: %s', async (_, cuts) => {
  const film = { seconds: 1, bytesPerSecond: 100_000 };
  const file = concat([...syntheticWebm(film)]);
  const { pictures } = await readFrom(await recorded(newBrowser({ pictureBytes: 9_000 }), pieces(file, cuts)));
  const [first] = pictures?.items ?? [];
  expect(first?.bytes.subarray(0, PICTURE_BYTES).some((byte) => byte !== 0)).toBe(true);
  expect(Buffer.from(file).includes(Buffer.from(first?.bytes.subarray(0, PICTURE_BYTES) ?? []))).toBe(true);
});

test('where keyframes are rarer, each of them has a picture', async () => {
  expect(secondsOf(await readFrom(await recorded(newBrowser(), { ...FILM, keyframeEverySeconds: 13 })))).toEqual([
    0, 13, 26, 39, 52,
  ]);
});

test.each([
  [{ width: 1280, height: 720 }, [96, 54]],
  [{ width: 720, height: 1280 }, [54, 96]],
  [{ width: 1000, height: 663 }, [96, 64]],
  [{ width: 40, height: 30 }, [40, 30]],
  [{ width: 3000, height: 2 }, [96, 2]],
])('pictures of %j keep their shape, and their sides are even', async (size, sides) => {
  const { pictures } = await readFrom(await recorded(newBrowser({ size }), { ...FILM, seconds: 2 }));
  expect([pictures?.width, pictures?.height]).toEqual(sides);
});

test('a browser that writes no WebP writes JPEG', async () => {
  const { pictures } = await readFrom(await recorded(newBrowser({ writes: ['image/jpeg'] }), FILM));
  expect([pictures?.type, pictures?.items.length]).toEqual(['image/jpeg', 7]);
});

test.each([
  ['coarser as long as they are larger than wanted', 2_000, [0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1]],
  ['finer as long as they are smaller', 500, [0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]],
  ['the same when they are as wanted', 1_200, [0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]],
])('pictures become %s', async (_, pictureBytes, wanted) => {
  const asked: number[] = [];
  await recorded(newBrowser({ pictureBytes, onEncode: (quality) => asked.push(quality) }), FILM);
  expect(asked.map((quality) => Number(quality.toFixed(2)))).toEqual(wanted);
});

test.each<[string, Partial<CodecOptions> | null]>([
  ['has no decoder', null],
  ['cannot decode', { state: () => 'fails' }],
  ['writes neither WebP nor JPEG', { writes: [] }],
])('a browser that %s sends the activity alone', async (_, codecs) => {
  const overview = await readFrom(await recorded(newBrowser(codecs), FILM));
  expect(overview.pictures).toBeNull();
  expect(overview.activity).toHaveLength(61);
});

test('a decoder that fails three times in a row is not asked again; one that fails now and then is', async () => {
  let asked = 0;
  await recorded(newBrowser({ state: () => (asked++ < 0 ? 'works' : 'fails') }), FILM);
  expect(asked).toBe(3);
  asked = 0;
  const seconds = secondsOf(
    await readFrom(await recorded(newBrowser({ state: () => (asked++ % 2 ? 'works' : 'fails') }), FILM)),
  );
  expect(seconds).toEqual([5, 15, 25, 35, 45, 55]);
});

test('while one is in work, no other is begun; a decoder that does not answer is given up, and after three times for good', async () => {
  const { setTimeout } = globalThis;
  const giveUp: (() => void)[] = [];
  Object.assign(globalThis, {
    setTimeout: (act: () => void, ms: number) => (ms === 5_000 ? giveUp.push(act) : setTimeout(act, ms)),
  });
  afterThisTest(() => Object.assign(globalThis, { setTimeout }));
  let asked = 0;
  const state = () => {
    asked += 1;
    return 'hangs' as const;
  };
  const { index, overview } = await recorded(newBrowser({ state }), FILM);
  expect(asked).toBe(1);
  const rest = [...syntheticWebm({ ...FILM, seconds: 200 })].slice(FILM.seconds);
  for (const each of [2, 3, 3]) {
    for (const act of giveUp.splice(0)) act();
    await new Promise((resolve) => setImmediate(resolve));
    for (const bytes of rest.splice(0, 40)) index.push(bytes);
    expect(asked).toBe(each);
  }
  expect(readOverview((await overview.write(index, NOTHING)) ?? new Uint8Array()).pictures).toBeNull();
});

test('of more than fits into 2 MiB every second picture is left out, on the disk too', async () => {
  const local = newBrowser({ pictureBytes: 40_000 });
  const film = { seconds: 900, bytesPerSecond: 400, framesPerSecond: 1 };
  const made = await recorded(local, film);
  const bytes = await made.overview.write(made.index, NOTHING);
  expect(bytes?.length).toBeLessThanOrEqual(MAX_OVERVIEW_BYTES);
  const seconds = secondsOf(readOverview(bytes ?? new Uint8Array())) ?? [];
  expect(seconds.length).toBeGreaterThan(20);
  expect(new Set(seconds.slice(1).map((at, place) => at - (seconds[place] ?? 0)))).toEqual(new Set([20]));
  expect((await local.pictures(KEY)).map(({ atMs }) => atMs / 1000)).toEqual(seconds);
});

test('a later visit has the pictures of the earlier one, as far as there are media', async () => {
  const local = newBrowser();
  await recorded(local, FILM);
  const later = await recorded(local, { ...FILM, seconds: 35 }, false);
  expect(secondsOf(await readFrom(later))).toEqual([0, 10, 20, 30]);
});

test('a file that continues another has its own times, and nothing of what came before', async () => {
  const made = await recorded(newBrowser(), FILM);
  const overview = await readFrom(made, { bytes: 100_000, ms: 25_000 });
  expect(secondsOf(overview)).toEqual([5, 15, 25, 35]);
  expect(overview.activity).toHaveLength(36);
});

test('what is erased is erased with its pictures, and none comes after it', async () => {
  const local = newBrowser();
  const { overview, index } = await recorded(local, FILM);
  expect((await local.pictures(KEY)).length).toBe(7);
  overview.stop();
  await local.dropAll(KEY);
  for (const bytes of syntheticWebm({ ...FILM, seconds: 200 })) index.push(bytes);
  await until(async () => (await local.pictures(KEY)).length === 0);
});

test('a disk that takes no pictures warns nobody, and the overview has them', async () => {
  const warned: string[] = [];
  Object.assign(globalThis, fakeCodecs(WORKING), {
    indexedDB: {
      open: () => {
        throw new Error('refused');
      },
    },
  });
  const abort = new AbortController();
  const local = new LocalBytes({ memoryLimitBytes: 0, onWarning: (code) => warned.push(code), signal: abort.signal });
  await local.rows();
  const before = [...warned];
  const overview = await readFrom(await recorded(local, FILM));
  abort.abort();
  expect(secondsOf(overview)).toHaveLength(7);
  expect(warned).toEqual(before);
});
