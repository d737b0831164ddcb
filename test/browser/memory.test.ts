// Four hours of an exam in fake time: what the client takes of the computer's memory.
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { CDPSession } from 'puppeteer-core';
import { HEAD_BYTES } from '../../packages/exam-client/test/synthetic-webm.ts';
import { MIB, openSite, openTab, recordingsOf, type Site, type Tab } from './site.ts';

/** 300 kbit/s. */
const FILM = { seconds: Number(process.env.TEST_BROWSER_EXAM_SECONDS ?? 4 * 3600), bytesPerSecond: 37_500 };
const LIMIT_BYTES = 100_000_000;
const SETTLING_TRIES = 60;
const SETTLING_PAUSE_MS = 500;
/** Of the film, between two measurements: 48 in four hours, on a slow machine too. */
const MEASURE_EVERY_SECONDS = 300;
/** A line that keeps up with the exam: at most half an hour of it waits to be sent. */
const AHEAD_BYTES = 64 * MIB;

let site: Site;
let tab: Tab;
let collector: CDPSession;
let processes: CDPSession;
beforeAll(async () => {
  site = await openSite({ MAX_RECORDING_BYTES: String(1024 * MIB) });
  // With network events enabled the page's process keeps what it sent for DevTools: up to hundreds of megabytes.
  const browser = await site.launch({ networkEnabled: false });
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
  const each = processInfo.map(({ id }) => readFile(`/proc/${id}/smaps_rollup`, 'utf8').catch(() => ''));
  const sizes = [...(await Promise.all(each)).join('').matchAll(/^Private_\w+: +(\d+) kB$/gm)];
  return sizes.reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
}

/** A busy browser lags behind in writing and sending. Only what it still holds when nothing more arrives counts. */
async function settledBytes(before: number): Promise<number> {
  for (let left = SETTLING_TRIES; ; left -= 1) {
    const bytes = (await browserBytes()) - before;
    if (bytes < LIMIT_BYTES || left === 0) return bytes;
    await wait(SETTLING_PAUSE_MS);
  }
}

test('a recording of four hours is stored whole, in less than 100 MB of memory', async () => {
  await tab.start('exam');
  const before = await browserBytes();
  await tab.call('recordSynthetic', 'webcam', { ...FILM, aheadBytes: AHEAD_BYTES });
  let peakBytes = 0;
  for (let measured = MEASURE_EVERY_SECONDS; measured <= FILM.seconds; measured += MEASURE_EVERY_SECONDS) {
    await tab.event(({ seconds = 0 }) => seconds >= measured);
    await tab.call('hold');
    peakBytes = Math.max(peakBytes, await settledBytes(before));
    expect(peakBytes).toBeLessThan(LIMIT_BYTES);
    await tab.call('release');
  }
  await tab.call('finish');
  const [recording] = await recordingsOf(site, 'exam');
  process.stderr.write(`${recording?.sizeBytes} bytes stored, ${peakBytes} bytes of memory at the most\n`);
  expect(recording?.state).toBe('stored');
  expect(recording?.sizeBytes).toBeGreaterThan(HEAD_BYTES + FILM.seconds * FILM.bytesPerSecond);
  expect(peakBytes).toBeGreaterThan(0);
}, 1_200_000);
