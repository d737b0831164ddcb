// A whole recording of camera and screen: all bytes, the right duration, seekable, two streams on one clock.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openSite, openTab, type Site, type StoredFile, sha256OfMedia, storedFiles, type Tab } from './site.ts';

/** Below 60 the file is too small to tell which share of it a seek reads. */
const SECONDS = Number(process.env.TEST_BROWSER_SECONDS ?? 60);

/**
 * Chromium reads on, instead of asking for another range, when what it seeks is less than about 1.6 MB ahead: a file has
 * to be a good deal larger for a seek to show.
 */
const QUALITY = { videoBitsPerSecond: 4_000_000 };
/** Between the beginnings of camera and screen. */
const OFFSET_SECONDS = 1.5;

let site: Site;
let tab: Tab;
let files: StoredFile[];
let recordings: { startedMs: number; seconds: number; sha256: number[] }[];

beforeAll(async () => {
  site = await openSite();
  const args = [`--use-file-for-fake-video-capture=${await snow(site.folder)}`];
  tab = await openTab(site, await site.launch({ args }));
  await tab.start('whole');
  await tab.call('recordCamera', QUALITY);
  await tab.call('recorded', OFFSET_SECONDS);
  await tab.call('recordScreen', QUALITY);
  await tab.call('recorded', OFFSET_SECONDS + SECONDS);
  await tab.call('finish');
  files = await storedFiles(site, 'whole');
  recordings = await tab.call('recordings');
});
afterAll(() => site.close());

test('camera and screen are stored with every byte that was recorded, and nothing is left in the browser', async () => {
  const stored = { state: 'stored', truncated: false };
  expect(files.map(({ recording }) => recording)).toMatchObject([
    { kind: 'webcam', ...stored },
    { kind: 'screen', ...stored },
  ]);
  expect(files.map(sha256OfMedia)).toEqual(recordings.map(({ sha256 }) => sha256));
  expect(await tab.kept()).toMatchObject({ bytes: 0, rows: [{ state: 'stored' }, { state: 'stored' }] });
});

test('each lasts as long as it was recorded, and a seek to its middle reads little', async () => {
  const network = await tab.page.createCDPSession();
  await network.send('Network.enable');
  // A plain line: the bytes received are then close to those requested.
  const line = { offline: false, latency: 0, downloadThroughput: 1_000_000, uploadThroughput: -1 };
  await network.send('Network.emulateNetworkConditions', line);
  let receivedBytes = 0;
  network.on('Network.dataReceived', ({ dataLength }) => (receivedBytes += dataLength));
  for (const [index, { recording, url, bytes }] of files.entries()) {
    const before = receivedBytes;
    const video = await tab.call<{ duration: number; landedAt: number }>('seekToMiddle', url);
    const share = (receivedBytes - before) / bytes.length;
    const { seconds = 0 } = recordings[index] ?? {};
    process.stderr.write(`${recording.kind}: ${JSON.stringify({ size: bytes.length, seconds, ...video, share })}\n`);
    expect(Math.abs(video.duration - seconds)).toBeLessThan(0.5);
    expect(Math.abs(video.landedAt - video.duration / 2)).toBeLessThan(1);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(0.25);
  }
});

test('their timelines are on one clock, by which a reviewer plays both in step', async () => {
  const [webcam, screen] = files.map(({ recording }) => recording.timeline);
  if (!webcam || !screen) throw new Error('no timeline');
  const offset = (Date.parse(screen.startedAt) - Date.parse(webcam.startedAt)) / 1000;
  const [first = 0, second = 0] = recordings.map(({ startedMs }) => startedMs / 1000);
  expect(Math.abs(offset - (second - first))).toBeLessThan(0.5);
  const apart = await tab.call<number[]>('playInStep', ...files.map(({ url }) => url), offset);
  process.stderr.write(`offset ${offset}, apart ${apart.join(' ')}\n`);
  expect(apart).toHaveLength(2);
  for (const seconds of apart) expect(Math.abs(seconds)).toBeLessThan(0.25);
});

/** A camera film full of noise, so that its recording reaches the size that its bitrate allows. */
async function snow(folder: string): Promise<string> {
  const [width, height, frames] = [320, 240, 15];
  const path = join(folder, 'snow.y4m');
  const grey = Buffer.alloc((width * height) / 2, 128);
  const pieces = Array.from({ length: frames }, () => [Buffer.from('FRAME\n'), randomBytes(width * height), grey]);
  const head = Buffer.from(`YUV4MPEG2 W${width} H${height} F${frames}:1 Ip A1:1 C420mpeg2\n`);
  await writeFile(path, Buffer.concat([head, ...pieces.flat()]));
  return path;
}
