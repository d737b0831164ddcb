// Four hours of an exam in fake time, straight to the store and through the service: every byte, and what it takes of the
// memory of the candidate's computer and of the service.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { CDPSession } from 'puppeteer-core';
import { HEAD_BYTES, SYNTHETIC_HEAD, syntheticWebm } from '../../packages/exam-client/test/synthetic-webm.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { openStage, type Stage } from './live/stage.ts';
import { MIB, openTab, recordingsOf } from './site.ts';

/** 300 kbit/s. */
const FILM = { seconds: Number(process.env.TEST_BROWSER_EXAM_SECONDS ?? 4 * 3600), bytesPerSecond: 37_500 };
const LIMIT_BYTES = 100_000_000;
const SETTLING_TRIES = 60;
const SETTLING_PAUSE_MS = 500;
/** Of the film, between two measurements: 48 in four hours, on a slow machine too. */
const MEASURE_EVERY_SECONDS = 300;
/** A line that keeps up with the exam: at most half an hour of it waits to be sent. */
const AHEAD_BYTES = 64 * MIB;
/** What Cloudflare's proxy allows. */
const PROXY = { bodyBytes: 100_000_000, requestMs: 100_000 };
/** Of all that the browser takes: measurements of the same differ by a tenth. */
const SAME_IN_BROWSER = 1.25;
/** Of the most that the service took: what passed through it and is not collected yet, of half an hour or of four. */
const SAME_IN_SERVICE = 1.5;

const WAYS: readonly (readonly [string, (stage: Stage) => void])[] = [
  ['straight to the store', () => {}],
  [
    'through the service and a proxy with limits, because the store is blocked',
    ({ toStore, toService }) => {
      toStore.cut();
      toService.set(PROXY);
    },
  ],
];

interface Peak {
  readonly browserBytes: number;
  readonly serviceBytes: number;
}
const peaks: Peak[] = [];

interface Measured {
  readonly collector: CDPSession;
  readonly processes: CDPSession;
}

/**
 * What all processes of the browser have for themselves: the page's heap and buffers, and what it gave away. Garbage is
 * collected first, caches are given back, and nothing is made meanwhile: time runs a hundred times faster here than in an
 * exam, and so does what V8 has not collected yet.
 */
async function browserBytes({ collector, processes }: Measured): Promise<number> {
  await collector.send('Memory.simulatePressureNotification', { level: 'critical' });
  await collector.send('HeapProfiler.collectGarbage');
  const { processInfo } = await processes.send('SystemInfo.getProcessInfo');
  const each = await Promise.all(processInfo.map(({ id }) => privateBytes(id)));
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

async function privateBytes(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const sizes = [...rollup.matchAll(/^Private_\w+: +(\d+) kB$/gm)];
  return sizes.reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
}

/** The most that a process had at any time. */
async function peakBytes(pid: number): Promise<number> {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

/** A busy browser lags behind in writing and sending. Only what it still holds when nothing more arrives counts. */
async function settledBytes(measured: Measured, beforeBytes: number): Promise<number> {
  for (let left = SETTLING_TRIES; ; left -= 1) {
    const bytes = await browserBytes(measured);
    if (bytes - beforeBytes < LIMIT_BYTES || left === 0) return bytes;
    await wait(SETTLING_PAUSE_MS);
  }
}

/** The SHA-256 of what follows the head, which the client writes itself, and how long the whole is. */
async function digestOf(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, headBytes: number) {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of pieces) {
    hash.update(piece.subarray(Math.max(0, headBytes - sizeBytes)));
    sizeBytes += piece.length;
  }
  return { sha256: hash.digest('hex'), mediaBytes: sizeBytes - headBytes };
}

async function storedBytes({ site }: Stage, attempt: string): Promise<AsyncIterable<Uint8Array>> {
  const [recording] = await recordingsOf(site, attempt);
  expect(recording).toMatchObject({ state: 'stored', truncated: false });
  const path = `/v1/exams/math/attempts/${attempt}/recordings/${recording?.recordingId}/playback-links`;
  const { url } = await site.service.ask<{ url: string }>('POST', path);
  const { body } = await fetch(url);
  if (!body) throw new Error('nothing is stored');
  return body;
}

test.each(WAYS)(
  'a recording of four hours that goes %s is stored whole, in less than 100 MB of memory',
  async (_, lead) => {
    const stage = await openStage({ MAX_RECORDING_BYTES: String(1024 * MIB) });
    afterThisTest(stage.close);
    const { site, toStore } = stage;
    // With network events enabled the page's process keeps what it sent for DevTools: up to hundreds of megabytes.
    const browser = await site.launch({ networkEnabled: false });
    const tab = await openTab(site, browser);
    const measured = {
      collector: await tab.page.createCDPSession(),
      processes: await browser.target().createCDPSession(),
    };
    lead(stage);
    await tab.start('exam');
    const beforeBytes = await browserBytes(measured);
    await tab.call('recordSynthetic', 'webcam', { ...FILM, aheadBytes: AHEAD_BYTES });
    let mostBytes = 0;
    for (let reached = MEASURE_EVERY_SECONDS; reached <= FILM.seconds; reached += MEASURE_EVERY_SECONDS) {
      await tab.event(({ seconds = 0 }) => seconds >= reached);
      await tab.call('hold');
      mostBytes = Math.max(mostBytes, await settledBytes(measured, beforeBytes));
      expect(mostBytes - beforeBytes).toBeLessThan(LIMIT_BYTES);
      await tab.call('release');
    }
    await tab.call('finish');
    const peak = { browserBytes: mostBytes, serviceBytes: await peakBytes(site.servicePid()) };
    peaks.push(peak);
    process.stderr.write(`${JSON.stringify({ beforeBytes, ...peak, throughService: stage.toService.passed })}\n`);
    toStore.set({});
    const stored = await digestOf(await storedBytes(stage, 'exam'), HEAD_BYTES);
    expect(stored).toEqual(await digestOf(syntheticWebm(FILM), SYNTHETIC_HEAD.length));
    expect(mostBytes).toBeGreaterThan(0);
  },
  1_200_000,
);

test('the way through the service takes as much memory as the way straight to the store', () => {
  const [straight, through] = peaks;
  if (!straight || !through) throw new Error('one of the two ways was not measured');
  expect(through.browserBytes / straight.browserBytes).toBeLessThan(SAME_IN_BROWSER);
  expect(through.serviceBytes / straight.serviceBytes).toBeLessThan(SAME_IN_SERVICE);
});
