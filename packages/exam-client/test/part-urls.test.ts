// Part URLs: asked for many at a time, used while they are valid, and kept nowhere but in memory.
import { beforeEach, expect, test } from '@jest/globals';
import { HOUR_MS, SECOND_MS } from '../../../src/model/durations.ts';
import { newAttempt } from '../../../test/http/api.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { webm } from '../../../test/kit/fixtures.ts';
import { until } from '../../../test/kit/until.ts';
import type { RecordedFile } from '../src/file.ts';
import type { LocalBytes, RecordingRow } from '../src/local-bytes.ts';
import { Waits } from '../src/retry.ts';
import { Service } from '../src/service.ts';
import { Upload } from '../src/upload.ts';
import { type Line, openLine } from './line.ts';
import { newRow } from './new-row.ts';

const PART = webm.length + 1_000;
/** 5 MiB at 300 kbit/s. */
const PART_MS = 140 * SECOND_MS;
const MAX_PARTS = 200;

let line: Line;
beforeEach(async () => {
  line = await openLine({
    uploads: { partSizeBytes: PART, maxRecordingBytes: MAX_PARTS * PART },
    memory: { minPartSizeBytes: PART },
  });
  const { clock } = line.api.service;
  const { fetch, performance } = globalThis;
  afterThisTest(() => Object.assign(globalThis, { performance }));
  Object.assign(globalThis, {
    performance: { timeOrigin: 0, now: () => clock.now() },
    // The page learns the service's time from it.
    fetch: async (...request: Parameters<typeof fetch>) => {
      const { body, status, headers } = await fetch(...request);
      const dated = { ...Object.fromEntries(headers), date: new Date(clock.now()).toUTCString() };
      return new Response(body, { status, headers: dated });
    },
  });
});

/** A recording whose bytes are there when the test says so. `row`: of an earlier visit. */
async function openRecording(row?: RecordingRow) {
  const { api } = line;
  const kept: string[] = [];
  const local = { put: async (written: RecordingRow) => kept.push(JSON.stringify(written)) } as unknown as LocalBytes;
  const bytes = async (from: number, to: number) => {
    const part = new Uint8Array(to - from);
    if (from === 0) part.set(webm.subarray(0, to));
    return part;
  };
  const file = { hasFrames: true, bytes, drop: async () => {} } as unknown as RecordedFile;
  const abort = new AbortController();
  afterThisTest(() => abort.abort());
  const own = row ?? newRow({ service: api.url, attempt: newAttempt() });
  const waits: string[] = [];
  const upload = new Upload({
    row: own,
    file,
    local,
    service: new Service({ ...own, getToken: async () => (await api.authorization()).replace('Bearer ', '') }),
    signal: abort.signal,
    waits: new Waits(() => waits.push('changed')),
    onProgress() {},
    overview: async () => undefined,
  });
  const asked: number[][] = [];
  line.refuse = (request, body) => {
    if (request.startsWith('POST') && request.endsWith('/parts')) {
      const { parts } = JSON.parse(body) as { parts: { partNumber: number }[] };
      asked.push(parts.map(({ partNumber }) => partNumber));
    }
    return undefined;
  };
  let totalBytes = 0;
  const stored = upload.run();
  stored.catch(() => {});
  return {
    row: own,
    /** What was written to the browser's disk. */
    kept,
    asked,
    waits,
    stored,
    /** So many parts, each in as much time as it takes, and as soon as the one before is stored. */
    async record(parts: number, eachMs = PART_MS) {
      for (let count = 0; count < parts; count += 1) {
        api.service.clock.advance(eachMs);
        totalBytes += PART;
        upload.grow(totalBytes);
        await until(() => upload.storedBytes >= totalBytes - (totalBytes % PART));
      }
    },
    grow(moreBytes: number) {
      totalBytes += moreBytes;
      upload.grow(totalBytes);
    },
    end: (head?: Uint8Array<ArrayBuffer>) =>
      upload.end({
        timeline: () => ({ startedAt: '2026-03-02T09:00:00Z', endedAt: '2026-03-02T09:00:00Z', gaps: [] }),
        head,
      }),
  };
}

/** Of a presigned URL, such as 20260302T090000Z. */
function signedAtMs(url: string): number {
  const date = new URL(url).searchParams.get('X-Amz-Date') ?? '';
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)/, '$1-$2-$3:$4:'));
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, place) => from + place);

test('an exam of four hours asks for its URLs five times, and for those of the end together', async () => {
  const recording = await openRecording();
  recording.grow(1);
  await recording.record(102);
  recording.grow(1);
  recording.end(new Uint8Array(webm.subarray(0, 1_000)));
  expect(await recording.stored).toBeGreaterThan(102 * PART);
  // Part 1 has the URL that came with the creation, and in an hour 26 parts follow.
  expect(recording.asked.map(([first]) => first)).toEqual([2, 28, 54, 80, 103]);
  expect(recording.asked.at(-1)).toEqual([103, 1]);
  expect(recording.waits).toEqual([]);
});

test('a backlog asks for all of its URLs at once', async () => {
  const recording = await openRecording();
  recording.grow(10 * PART + 1);
  recording.end();
  await recording.stored;
  expect(recording.asked).toEqual([numbers(2, 11)]);
});

test('a leftover of hundreds of parts asks for a hundred at a time', async () => {
  const { row, ...first } = await openRecording();
  await first.record(1);
  const later = await openRecording(row);
  later.grow(150 * PART);
  later.end();
  await later.stored;
  expect(later.asked.map(({ length }) => length)).toEqual([100, 50]);
});

test('a URL that has expired, or is about to, is not used', async () => {
  const recording = await openRecording();
  await recording.record(3);
  line.api.service.clock.advance(HOUR_MS - 90 * SECOND_MS);
  await recording.record(1, 45 * SECOND_MS);
  expect(recording.asked.slice(-2).map(([first]) => first)).toEqual([2, 4]);
  recording.end();
  await recording.stored;
  expect(recording.waits).toEqual([]);
});

test('older URLs that the store refuses are replaced, and parts still go to the store', async () => {
  const recording = await openRecording();
  await recording.record(3);
  const since = line.api.service.clock.now();
  line.refusePut = (url) => (signedAtMs(url) <= since ? 403 : undefined);
  await recording.record(3);
  recording.end();
  await recording.stored;
  expect(line.partsThroughService).toBe(0);
});

test('parts that a recording may not have are not asked for again and again', async () => {
  const recording = await openRecording();
  recording.grow(1);
  await recording.record(MAX_PARTS - 1, SECOND_MS);
  recording.end();
  await recording.stored;
  // Of the third, what may not be is left out.
  expect(recording.asked.map((asked) => [asked[0], asked.at(-1)])).toEqual([
    [2, 101],
    [102, 201],
    [102, MAX_PARTS],
    [MAX_PARTS, 1],
  ]);
});

test('no URL is kept by the browser', async () => {
  const recording = await openRecording();
  await recording.record(2);
  recording.end();
  await recording.stored;
  expect(recording.kept.length).toBeGreaterThan(0);
  expect(recording.kept.join()).not.toMatch(/X-Amz|store\.test/);
});
