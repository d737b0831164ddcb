// A whole recording of camera and screen: all bytes, the right duration, seekable, two streams on one clock.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import { offsetSeconds } from '../../src/client/timeline.ts';
import { HEAD_BYTES } from '../../src/client/webm/head.ts';
import { openSite, openTab, type Site, type StoredFile, sha256, startSession, storedFiles, type Tab } from './site.ts';

/** Fewer than 60 leave too small a file for the share that a seek reads. */
const SECONDS = Number(process.env.TEST_BROWSER_SECONDS ?? 60);

/**
 * Chromium reads on, instead of asking for another range, when what it seeks is less than about 1.6 MB ahead: a file has
 * to be a good deal larger for a seek to show.
 */
const QUALITY = { videoBitsPerSecond: 4_000_000 };
const [WIDTH, HEIGHT, FRAMES, BLOCK] = [320, 240, 15, 8];

let site: Site;
let browser: Browser;
let tab: Tab;
let files: StoredFile[];
let recordings: { startedMs: number; seconds: number; sha256: string }[];

beforeAll(async () => {
  site = await openSite();
  browser = await site.launch({ camera: await snow(site) });
  tab = await openTab(site, browser);
  await startSession(site, tab, 'whole');
  await tab.call('recordCamera', QUALITY);
  // Not at the same time, so that there is an offset to be found.
  await wait(1_500);
  await tab.call('recordScreen', QUALITY);
  await wait(SECONDS * 1000);
  await tab.call('finish');
  files = await storedFiles(site, 'whole');
  recordings = await tab.call('recordings');
}, 300_000);
afterAll(() => site.close());

function file(kind: string): StoredFile {
  const found = files.find(({ recording }) => recording.kind === kind);
  if (!found) throw new Error(`no ${kind}`);
  return found;
}

describe(`a recording of camera and screen for ${SECONDS} s`, () => {
  test('is stored with every byte that the browser recorded', async () => {
    expect(files.map(({ recording }) => [recording.kind, recording.state, recording.truncated])).toEqual([
      ['webcam', 'stored', false],
      ['screen', 'stored', false],
    ]);
    const stored = files.map(({ bytes }) => sha256(bytes.subarray(HEAD_BYTES)));
    expect(stored).toEqual(recordings.map(({ sha256 }) => sha256));
  });

  test('leaves nothing of itself in the browser', async () => {
    const kept = await tab.call<{ bytes: number; rows: { state: string }[] }>('kept');
    expect(kept.bytes).toBe(0);
    expect(kept.rows.map(({ state }) => state)).toEqual(['stored', 'stored']);
  });

  test.each([
    ['webcam', 0],
    ['screen', 1],
  ])('the %s lasts as long as it was recorded, and a seek to its middle reads little', async (kind, index) => {
    const { url, bytes } = file(kind);
    const before = site.mediaBytesSent();
    const { duration, landedAt } = await tab.call<{ duration: number; landedAt: number }>(
      'seekTo',
      site.media(url),
      0.5,
    );
    const share = (site.mediaBytesSent() - before) / bytes.length;
    process.stderr.write(
      `${kind}: ${bytes.length} bytes, ${duration} s of ${recordings[index]?.seconds}, landed at ${landedAt}, read ${share}\n`,
    );
    expect(Math.abs(duration - (recordings[index]?.seconds ?? 0))).toBeLessThan(0.5);
    expect(Math.abs(landedAt - duration / 2)).toBeLessThan(1);
    expect(share).toBeLessThan(0.25);
  });

  test('has two timelines on one clock, by which a reviewer plays both in step', async () => {
    const [webcam, screen] = [file('webcam').recording.timeline, file('screen').recording.timeline];
    if (!webcam || !screen) throw new Error('no timeline');
    const offset = offsetSeconds(webcam, screen);
    const [first = 0, second = 0] = recordings.map(({ startedMs }) => startedMs / 1000);
    expect(Math.abs(offset - (second - first))).toBeLessThan(0.5);
    const urls = [site.media(file('webcam').url), site.media(file('screen').url)];
    const apart = await tab.call<number[]>('playInStep', ...urls, offset);
    process.stderr.write(`offset ${offset}, apart ${apart.join(' ')}\n`);
    for (const seconds of apart) expect(Math.abs(seconds)).toBeLessThan(0.25);
  });
});

/** A camera before which snow falls, so that its recording has the size that its bitrate allows. */
async function snow(at: Site): Promise<string> {
  const path = join(await at.folder(), 'snow.y4m');
  const frames = Array.from({ length: FRAMES }, () => {
    const columns = WIDTH / BLOCK;
    const greys = randomBytes((columns * HEIGHT) / BLOCK);
    const frame = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
    for (let y = 0; y < HEIGHT; y += 1) {
      for (let x = 0; x < WIDTH; x += 1) {
        frame[y * WIDTH + x] = greys[Math.floor(y / BLOCK) * columns + Math.floor(x / BLOCK)] ?? 0;
      }
    }
    return Buffer.concat([Buffer.from('FRAME\n'), frame]);
  });
  const head = `YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FRAMES}:1 Ip A1:1 C420mpeg2\n`;
  await writeFile(path, Buffer.concat([Buffer.from(head), ...frames]));
  return path;
}
