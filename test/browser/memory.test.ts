// Four hours of an exam in fake time: what the client takes of the computer's memory.

import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, CDPSession } from 'puppeteer-core';
import { HEAD_BYTES } from '../../src/client/webm/head.ts';
import { openSite, openTab, recordingsOf, type Site, startSession, type Tab } from './site.ts';

const MIB = 1024 * 1024;
/** 300 kbit/s. */
const FILM = { seconds: Number(process.env.TEST_BROWSER_EXAM_SECONDS ?? 4 * 3600), bytesPerSecond: 37_500 };
const LIMIT_BYTES = 100_000_000;
const SETTLING_TRIES = 60;
const SETTLING_PAUSE_MS = 500;
/** Of the film, between two measurements: 48 in four hours, on a slow machine too. */
const MEASURE_EVERY_SECONDS = 300;
/** A line that keeps up with the exam: half an hour of it waits at the most. */
const AHEAD_BYTES = 64 * MIB;

let site: Site;
let browser: Browser;
let tab: Tab;
let collector: CDPSession;
let processes: CDPSession;
beforeAll(async () => {
  site = await openSite({ MAX_RECORDING_BYTES: String(1024 * MIB) });
  browser = await site.launch({ networkEnabled: false });
  tab = await openTab(site, browser);
  collector = await tab.page.createCDPSession();
  processes = await browser.target().createCDPSession();
});
afterAll(() => site.close());

/**
 * What all processes of the browser have for themselves: the page's heap and buffers, and what it gave away. Garbage is
 * collected first, caches are given back, and nothing is made meanwhile: time runs a hundred times faster here than in an
 * exam, and so does what V8 has not collected yet.
 */
async function browserBytes(): Promise<number> {
  await collector.send('Memory.simulatePressureNotification', { level: 'critical' });
  await collector.send('HeapProfiler.collectGarbage');
  const { processInfo } = await processes.send('SystemInfo.getProcessInfo');
  const each = await Promise.all(processInfo.map(({ id }) => privateBytes(id)));
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * On a busy machine the browser writes and sends behind: what it has not got rid of while nothing more comes is what counts.
 */
async function settledBytes(before: number): Promise<number> {
  for (let left = SETTLING_TRIES; ; left -= 1) {
    const bytes = (await browserBytes()) - before;
    if (bytes < LIMIT_BYTES || left === 0) return bytes;
    await wait(SETTLING_PAUSE_MS);
  }
}

async function privateBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const kib = [...text.matchAll(/^Private_\w+: +(\d+) kB$/gm)].reduce((sum, [, size]) => sum + Number(size), 0);
  return kib * 1024;
}

test('a recording of four hours is stored whole, in less than 100 MB of memory', async () => {
  await startSession(site, tab, 'exam');
  const before = await browserBytes();
  await tab.call('recordSynthetic', 'webcam', { ...FILM, aheadBytes: AHEAD_BYTES });
  let peakBytes = 0;
  for (let seconds = MEASURE_EVERY_SECONDS; seconds <= FILM.seconds; seconds += MEASURE_EVERY_SECONDS) {
    await tab.event((event) => event.name === 'handed' && Number(event.seconds) >= seconds);
    await tab.call('hold');
    const bytes = await settledBytes(before);
    expect(bytes).toBeLessThan(LIMIT_BYTES);
    peakBytes = Math.max(peakBytes, bytes);
    await tab.call('release');
  }
  await tab.call('finish');
  const [recording] = await recordingsOf(site, 'exam');
  process.stderr.write(`${recording?.sizeBytes} bytes stored, ${peakBytes} bytes of memory at the most\n`);
  expect(recording?.state).toBe('stored');
  expect(recording?.sizeBytes).toBeGreaterThan(HEAD_BYTES + FILM.seconds * FILM.bytesPerSecond);
  expect(peakBytes).toBeGreaterThan(0);
}, 1_200_000);
