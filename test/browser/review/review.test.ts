// The review in a real browser: recordings that begin apart and drift are played in step, over links that are renewed unseen,
// and the first picture after a seek comes soon and costs little.
import { describe, expect, test } from '@jest/globals';
import { until } from '../../kit/until.ts';
import { BROWSER } from '../site.ts';
import { movesOf, spreadOf, stepOf } from './figures.ts';
import type { Film, FilmOptions } from './film.ts';
import { ATTEMPT_AT_MS, hasPictureAt } from './media-time.ts';
import type { Sample } from './sample.ts';
import { setUp, type Tab } from './stage.ts';

const IS_LONG = process.env.TEST_ALL === 'yes';
const LONG = {
  filmSeconds: 3_600,
  normalSeconds: 600,
  /** The rest of the hour. */
  fastSeconds: 740,
  seeks: 50,
  linkSeconds: 30,
  renewals: 100,
  longFilmSeconds: 3 * 3_600,
  firstPictures: 20,
};
const SHORT: typeof LONG = {
  filmSeconds: 180,
  normalSeconds: 20,
  fastSeconds: 20,
  seeks: 5,
  linkSeconds: 10,
  renewals: 9,
  longFilmSeconds: 180,
  firstPictures: 5,
};
const LENGTHS = IS_LONG ? LONG : SHORT;
const AFTER_SEEK_MS = 3_000;
const FAST = 4;
const LIMIT_MS = 2 * 3_600_000;
/** From there on all three have pictures, and for as long as the end is further away than this. */
const ALL_BEGUN_MS = 30_000;
const SAMPLES_AT_ONCE_MS = 5_000;

const APART_MS = 80;
const APART_FAST_MS = 200;
const UNSEEN_MS = 250;
const FIRST_PICTURE_MS = 1_000;
const FIRST_PICTURE_BYTES = 3_000_000;

/** One with a clock that is fast, one that is slow and jumps, and one with a pause that is not in its file. */
function threeFilms(seconds: number): readonly FilmOptions[] {
  return [
    { stream: 0, seconds, beginsAtMs: 0, driftPpm: 80, hasSound: true },
    { stream: 1, seconds, beginsAtMs: 7_310, driftPpm: -80, step: { atSeconds: seconds / 2, ms: 300 } },
    { stream: 2, seconds, beginsAtMs: 21_740, pause: { atSeconds: seconds / 5, ms: 8_000 } },
  ];
}

/** Moments at which all films have pictures, each further from the one before than a picture from a seek may be. */
function* moments(films: readonly Film[], count: number): Generator<number> {
  const lastMs = 1_000 * Math.min(...films.map(({ seconds }) => seconds)) - ALL_BEGUN_MS;
  let beforeMs = 0;
  // The same ones each time: spread evenly by the golden ratio, in an order that looks random.
  for (let index = 1, found = 0; found < count; index += 1) {
    const atMs = ALL_BEGUN_MS + ((index * 0.618_034) % 1) * (lastMs - ALL_BEGUN_MS);
    const isFar = Math.abs(atMs - beforeMs) > 2 * AFTER_SEEK_MS;
    if (!isFar || !films.every((film) => hasPictureAt(film, atMs, 2 * AFTER_SEEK_MS))) continue;
    beforeMs = atMs;
    found += 1;
    yield atMs;
  }
}

const streamsOf = (films: readonly Film[]) => films.map(({ stream }) => stream);
const seekTo = (tab: Tab, films: readonly Film[], atMs: number) =>
  tab.seek(ATTEMPT_AT_MS + atMs, ATTEMPT_AT_MS, streamsOf(films));

function say(what: string, figures: object): void {
  process.stderr.write(`${BROWSER}, ${what}: ${JSON.stringify(figures, (_, value) => rounded(value))}\n`);
}

const rounded = (value: unknown) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value);

describe('three recordings that begin apart and drift', () => {
  const on = setUp({ three: threeFilms(LENGTHS.filmSeconds) });

  /** What was measured in most of the samples counts. */
  function judge(what: string, samples: readonly Sample[], speed: number, apartMs: number): void {
    const step = stepOf(samples, on.films('three'), speed);
    say(what, step);
    expect(step.compared).toBeGreaterThan(step.samples / 2);
    expect(step.apart.p99).toBeLessThanOrEqual(apartMs);
  }

  test.each([
    ['at normal speed', 1, LENGTHS.normalSeconds, APART_MS],
    ['at four times', FAST, LENGTHS.fastSeconds, APART_FAST_MS],
  ])(
    'are in step %s',
    async (how, speed, seconds, apartMs) => {
      const tab = await on.open('three');
      await seekTo(tab, on.films('three'), ALL_BEGUN_MS);
      await tab.play(speed);
      await until(async () => (await tab.sample()).positionMs > ATTEMPT_AT_MS + ALL_BEGUN_MS + 1_000);
      const samples = await tab.sampleFor(seconds * 1_000);
      say(how, movesOf(samples, on.films('three'), speed));
      judge(how, samples, speed, apartMs);
    },
    LIMIT_MS,
  );

  test.each([
    ['at normal speed', 1, APART_MS],
    ['at four times', FAST, APART_FAST_MS],
  ])(
    'are in step after each of many seeks, %s',
    async (how, speed, apartMs) => {
      const tab = await on.open('three');
      const films = on.films('three');
      await seekTo(tab, films, ALL_BEGUN_MS);
      await tab.play(speed);
      const samples: Sample[] = [];
      for (const atMs of moments(films, LENGTHS.seeks)) {
        await seekTo(tab, films, atMs);
        samples.push(...(await tab.sampleFor(AFTER_SEEK_MS)));
      }
      judge(`after seeks, ${how}`, samples, speed, apartMs);
    },
    LIMIT_MS,
  );
});

describe('links that live for seconds', () => {
  const on = setUp(
    { three: threeFilms(LENGTHS.filmSeconds) },
    { settings: { PLAYBACK_URL_TTL: `${LENGTHS.linkSeconds}s` } },
  );

  test(
    'are renewed without a pause or a jump, each renewal in the audit trail',
    async () => {
      const tab = await on.open('three');
      const films = on.films('three');
      await seekTo(tab, films, (LENGTHS.filmSeconds * 1_000) / 4);
      await tab.play(1);
      await tab.sampleFor(SAMPLES_AT_ONCE_MS);
      const before = tab.links();
      const samples: Sample[] = [];
      const isOver = () =>
        tab.links() - before >= LENGTHS.renewals || (samples.at(-1)?.positionMs ?? 0) > endMs(films) - ALL_BEGUN_MS;
      while (!isOver()) samples.push(...(await tab.sampleFor(SAMPLES_AT_ONCE_MS)));
      const renewals = tab.links() - before;
      const figures = { ...stepOf(samples, films, 1), ...movesOf(samples, films, 1) };
      await tab.pause();
      // What was requested before the pause has been answered.
      await tab.sampleFor(SAMPLES_AT_ONCE_MS);
      const audited = await on.auditedLinks('three');
      say('renewals', { renewals, audited, ...figures });
      expect(renewals).toBeGreaterThanOrEqual(LENGTHS.renewals);
      expect(audited.reduce((sum, links) => sum + links, 0)).toBe(tab.links());
      expect(figures.compared).toBeGreaterThan(figures.samples / 2);
      expect(figures.longestPauseMs).toBeLessThanOrEqual(UNSEEN_MS);
      expect(figures.largestStepBackMs).toBeLessThanOrEqual(UNSEEN_MS);
      expect(figures.largestStepAheadMs).toBeLessThanOrEqual(UNSEEN_MS);
    },
    LIMIT_MS,
  );

  const endMs = (films: readonly Film[]) => ATTEMPT_AT_MS + 1_000 * Math.min(...films.map(({ seconds }) => seconds));
});

/**
 * Without a line a browser reads on at the speed of memory, Chromium up to 6 MiB of each recording, before it shows what it
 * has. Over a line it is seen how much a picture needs.
 */
const LINES = [
  ['straight from the store', undefined, FIRST_PICTURE_MS, Number.POSITIVE_INFINITY],
  ['over a line of 20 Mbit/s', 2_500_000, Number.POSITIVE_INFINITY, FIRST_PICTURE_BYTES],
] as const;

describe.each(LINES)('the first picture after a seek, %s', (line, bytesPerSecond, limitMs, limitBytes) => {
  const three = threeFilms(LENGTHS.longFilmSeconds);
  const on = setUp({ one: three.slice(0, 1), three }, bytesPerSecond === undefined ? {} : { bytesPerSecond });

  test.each(['one', 'three'])(
    'of %s comes soon, and costs little',
    async (attempt) => {
      const tab = await on.open(attempt);
      const films = on.films(attempt);
      await seekTo(tab, films, ALL_BEGUN_MS);
      const tookMs: number[] = [];
      const costBytes: number[] = [];
      for (const atMs of moments(films, LENGTHS.firstPictures)) {
        const { fromMs, pictureMs } = await seekTo(tab, films, atMs);
        tookMs.push(pictureMs - fromMs);
        costBytes.push((await on.readBytes(pictureMs)) - (await on.readBytes(fromMs)));
        // What the browser reads ahead for this one is not counted for the next.
        await tab.sampleFor(AFTER_SEEK_MS);
      }
      say(`first picture of ${attempt}, ${line}`, {
        tookMs: spreadOf(tookMs),
        costBytes: spreadOf(costBytes),
        all: { tookMs, costBytes },
      });
      expect(Math.max(...tookMs)).toBeLessThan(limitMs);
      expect(Math.max(...costBytes)).toBeLessThan(limitBytes);
    },
    LIMIT_MS,
  );
});
