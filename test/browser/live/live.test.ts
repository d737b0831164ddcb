// The exam client with a real recorder, through everything that happens to candidates: whatever happens, every byte that
// was recorded is stored, decodes to its end, is as long as it says, and can be seeked in the other browser too.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from 'puppeteer-core';
import { BROWSER, OTHER_BROWSER, openTab, type StoredFile, storedFiles, type Tab } from '../site.ts';
import { type Exam, openExam } from './exam.ts';
import { FAULTS, goThrough } from './faults.ts';
import { examineFilm, type Film } from './film.ts';
import { openStage, type Stage } from './stage.ts';
import { mediaOf, missing } from './stored-media.ts';

const CONTAINERS = BROWSER === 'firefox' ? ['video/webm'] : ['video/webm', 'video/mp4'];
/** What is abandoned is completed by a sweep, which runs only where a row asks for it. */
const SETTINGS = { UPLOAD_IDLE_LIMIT: '2s' };
const ALL = { holeBytes: 0, tailBytes: 0 };
const NEAR_SECONDS = 0.5;
/** What a seek may be off by. */
const SEEK_SECONDS = 1;
/** On a busy machine what was recorded is delivered so late. */
const LATE_SECONDS = 5;
/** Between what a test does and what follows from it on a busy machine; a wrong clock is wrong by minutes. */
const CLOCK_MS = 60_000;

let shared: Stage;
let browser: Browser;
let reviewer: Tab;

beforeAll(async () => {
  shared = await openStage(SETTINGS);
  browser = await shared.site.launch();
  reviewer = await openTab(shared.site, await shared.site.launch({}, OTHER_BROWSER));
});
afterAll(() => shared.close());

const ROWS = CONTAINERS.flatMap((container) =>
  Object.entries(FAULTS).map(([name, fault]) => ({ container, name, fault })),
);

describe.each(ROWS)('$container, after $name', (row) => {
  const { container, fault } = row;
  const attempt = `row-${ROWS.indexOf(row)}`;
  const opened = new AsyncDisposableStack();
  let exam: Exam;
  let files: readonly StoredFile[];
  let films: readonly Film[];
  let begunAtMs: number;

  beforeAll(async () => {
    const stage = fault.settings ? await openStage({ ...SETTINGS, ...fault.settings }) : shared;
    opened.defer(stage === shared ? stage.mend : stage.close);
    const context = await browser.createBrowserContext();
    opened.defer(() => context.close());
    exam = await openExam(stage, context, attempt, container);
    begunAtMs = Date.now();
    await goThrough(exam, fault);
    files = await storedFiles(stage.site, attempt);
    // Another recording goes on where each but the last ends.
    const isCut = (index: number) => index < files.length - 1;
    films = await Promise.all(files.map(({ bytes }, index) => examineFilm(bytes, stage.site.folder, isCut(index))));
  });
  afterAll(() => opened.disposeAsync());

  test('all that was recorded is stored, and nothing is left in the browser', async () => {
    expect(files.map(({ recording }) => recording.state)).toEqual(Array(fault.files ?? 1).fill('stored'));
    expect(exam.tab.events.filter(({ name }) => name === 'failed')).toEqual([]);
    const [first, ...others] = missing(
      exam.made().map(mediaOf),
      files.map(({ bytes }) => bytes),
    );
    const leftBytes = exam.leftBytes();
    // Of a page that was left only what the client had kept.
    if (leftBytes !== undefined) expect(files[0]?.bytes.length).toBeGreaterThanOrEqual(leftBytes);
    expect(first).toEqual(leftBytes === undefined ? ALL : { ...ALL, tailBytes: expect.any(Number) });
    expect(others).toEqual(others.map(() => ALL));
    expect((await exam.tab.kept()).bytes).toBe(0);
  });

  test('the timeline is by the clock of the service, and its gaps are those that there were', () => {
    // A recording that the service ended has no timeline.
    const timelines = files.flatMap(({ recording: { timeline } }) => timeline ?? []);
    expect(timelines.length).toBeGreaterThan(0);
    const gaps = timelines.flatMap((timeline) => timeline.gaps.map(({ reason }) => reason));
    expect(gaps.filter((reason) => !fault.gaps?.includes(reason))).toEqual([]);
    const endedAtMs = Date.now();
    for (const { startedAt, endedAt } of timelines) {
      expect(Date.parse(startedAt)).toBeGreaterThan(begunAtMs - CLOCK_MS);
      expect(Date.parse(endedAt)).toBeLessThan(endedAtMs + CLOCK_MS);
    }
  });

  test('it decodes to its end, and is as long as it says', () => {
    expect(films.map(({ errors }) => errors)).toEqual(films.map(() => ''));
    for (const [index, { recording }] of files.entries()) {
      const { mediaSeconds = 0, saysSeconds } = films[index] ?? {};
      expect(mediaSeconds).toBeGreaterThan(1);
      // Nobody was there to write the length of what the service ended.
      if (!recording.timeline) continue;
      expect(Math.abs(Number(saysSeconds) - mediaSeconds)).toBeLessThan(NEAR_SECONDS);
      const timelineMs = Date.parse(recording.timeline.endedAt) - Date.parse(recording.timeline.startedAt);
      expect(Math.abs(timelineMs / 1000 - mediaSeconds)).toBeLessThan(LATE_SECONDS);
    }
  });

  test(`it plays and can be seeked in ${OTHER_BROWSER}`, async () => {
    for (const [index, { recording, url }] of files.entries()) {
      if (!recording.timeline) continue;
      const { duration, sought } = await reviewer.call<{ duration: number; sought: number[] }>('seekAround', url);
      expect(Math.abs(duration - (films[index]?.mediaSeconds ?? 0))).toBeLessThan(NEAR_SECONDS);
      const wanted = [duration / 2, Math.max(0, duration - 1), 0];
      for (const [seek, to] of wanted.entries()) expect(Math.abs((sought[seek] ?? -1) - to)).toBeLessThan(SEEK_SECONDS);
    }
  });
});
