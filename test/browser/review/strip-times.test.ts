// The times of a strip's pictures: each shows the moment of the recording at which the overview puts it.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BROWSER, setUp } from '../site.ts';
import { type Film, makeFilm } from './film.ts';
import { wallMs } from './media-time.ts';
import type { PictureTime } from './sample.ts';

const FILM_SECONDS = process.env.TEST_ALL === 'yes' ? 3 * 3_600 : 180;
const LIVE_SECONDS = 25;
const PICTURE_EVERY_SECONDS = 10;
const NEAR_MS = 500;
const LIMIT_MS = 2 * 3_600_000;

const on = setUp();
let film: Film;
let filmUrl: string;
const server = createServer((_, response) => {
  response.setHeader('Access-Control-Allow-Origin', '*');
  createReadStream(film.path).pipe(response);
});

beforeAll(async () => {
  film = await makeFilm({ stream: 0, seconds: FILM_SECONDS, beginsAtMs: 0, driftPpm: 80, hasSound: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  filmUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, LIMIT_MS);
afterAll(() => server.close().closeAllConnections());

/** Of the overview that the client has sent. */
async function clocks(): Promise<PictureTime[]> {
  const [sent = ''] = await on.tab.call<string[]>('overviews');
  return on.tab.call<PictureTime[]>('clocksIn', sent);
}

const apartMs = ({ shown }: PictureTime, rightMs: number) => (shown ? Math.abs(shown.ms - rightMs) : Infinity);

function say(what: string, figures: object): void {
  process.stderr.write(`${BROWSER}, times of ${what}: ${JSON.stringify(figures)}\n`);
}

test(
  'in a film of hours, 99 % of the pictures show a moment within half a second of their time',
  async () => {
    await on.tab.start('film');
    await on.tab.call('watchOverviews');
    await on.tab.call('recordFilm', 'webcam', filmUrl);
    await on.tab.call('finish');
    const times = await clocks();
    const apart = times.map((time) => apartMs(time, wallMs(film, time.atSeconds))).sort((a, b) => a - b);
    const p99 = apart[Math.ceil(0.99 * apart.length) - 1];
    const holes = times.slice(1).map(({ atSeconds }, place) => atSeconds - (times[place]?.atSeconds ?? 0));
    say(`a film of ${FILM_SECONDS} s`, { pictures: times.length, p99, worst: apart.at(-1), hole: Math.max(...holes) });
    expect(p99).toBeLessThan(NEAR_MS);
    expect(times.length).toBeGreaterThan((0.9 * FILM_SECONDS) / PICTURE_EVERY_SECONDS);
  },
  LIMIT_MS,
);

test.each([
  ['opaque', false],
  ['transparent', true],
])(`in ${LIVE_SECONDS} s of a recorder of an %s camera too`, async (camera, isTransparent) => {
  await on.tab.start(camera);
  await on.tab.call('watchOverviews');
  await on.tab.call('recordClock', isTransparent);
  await on.tab.call('recorded', LIVE_SECONDS);
  await on.tab.call('finish');
  const times = await clocks();
  // The recorder begins some time after the clock.
  const beganMs = times[0]?.shown?.ms ?? Number.NaN;
  const apart = times.map((time) => apartMs(time, beganMs + 1000 * (time.atSeconds - (times[0]?.atSeconds ?? 0))));
  say(`a recorder of an ${camera} camera`, { beganMs, firstAtSeconds: times[0]?.atSeconds, apart });
  expect(times.length).toBeGreaterThanOrEqual(2);
  expect(Math.max(...apart)).toBeLessThan(NEAR_MS);
});
