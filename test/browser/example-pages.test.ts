// The sample pages of the documentation, as they stand in their files: they record, are stored, withdraw, and play back.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ProctoringRecordings } from '@proctoring-recordings/sdk';
import { build } from 'esbuild';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import type { Recording } from '../../src/model/recording.ts';
import { blocksOf, paste, ROOT } from '../docs/blocks.ts';
import { CREATE_BODY, SCOPES } from '../http/calls.ts';
import { until } from '../kit/until.ts';
import { type Installation, install } from '../runtime/process.ts';
import { expectAccessible } from './accessibility.ts';
import { BROWSER, launchOptions } from './site.ts';

const EXAMPLES = join(ROOT, 'docs/examples/browser');

/** `react-dom/client` mounts the component as an application would, twice as its development build does. */
const REACT_APP = `
  import { StrictMode } from 'react';
  import { createRoot } from 'react-dom/client';
  import { ExamRecording } from './exam-recording.tsx';
  const attempt = await (await fetch('attempt')).json();
  const getToken = async () => (await fetch('recording-token')).text();
  createRoot(document.getElementById('recording')).render(
    <StrictMode><ExamRecording {...attempt} getToken={getToken} /></StrictMode>,
  );`;
const REACT_PAGE = `<!doctype html><html lang="en"><title>Exam</title><meta name="viewport" content="width=device-width" />
  <main><h1>Exam</h1><div id="recording"></div></main><script type="module" src="app.js"></script></html>`;

let installation: Installation;
let browser: Browser;
let origin: string;
let page: Page;
/** Which attempt the back end of the exam platform says that it is. */
let attempt = '';
const close: (() => unknown)[] = [];

async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, loader: 'tsx', resolveDir: EXAMPLES },
    bundle: true,
    format: 'esm',
    write: false,
    conditions: ['source'],
    jsx: 'automatic',
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}

/** The page's own server. */
async function startPlatform(): Promise<string> {
  const site = await mkdtemp(join(tmpdir(), 'test-examples-'));
  close.push(() => rm(site, { recursive: true }));
  await paste(await blocksOf('docs/html-page.md', 'sh run'), { ...process.env, SITE: site });
  const app = await bundle(REACT_APP);
  const bound = () => ({ exam: 'math', attempt, participant: 'p1' });
  const files: Record<string, () => Promise<readonly [string, string]>> = {
    '/exam.html': async () => ['text/html', await readFile(join(EXAMPLES, 'exam.html'), 'utf8')],
    '/review.html': async () => ['text/html', await readFile(join(EXAMPLES, 'review.html'), 'utf8')],
    '/react.html': async () => ['text/html', REACT_PAGE],
    '/app.js': async () => ['text/javascript', app],
    '/exam-client.js': async () => ['text/javascript', await readFile(join(site, 'exam-client.js'), 'utf8')],
    '/recording-token': async () => ['text/plain', await installation.token('recordings:upload', bound())],
    '/review-token': async () => ['text/plain', await installation.token('recordings:review')],
    '/attempt': async () => {
      const ids = { exam: 'math', attempt, participantId: 'p1', policyVersion: '3' };
      return ['application/json', JSON.stringify({ service: installation.url, ...ids })];
    },
  };
  const server = createServer(async ({ url = '' }, response) => {
    const [type, body] = (await files[url]?.()) ?? [];
    if (type === undefined) return void response.writeHead(404).end();
    response.setHeader('Content-Type', type).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  close.push(() => server.close().closeAllConnections());
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  origin = await startPlatform();
  // A link is renewed a minute before it expires, so one second after it was made.
  installation = await install({ CORS_ORIGINS: origin, PLAYBACK_URL_TTL: '61s' });
  close.push(() => installation.remove());
  await installation.start();
  browser = await puppeteer.launch(launchOptions(BROWSER));
  close.push(() => browser.close());
});
afterAll(async () => {
  for (const each of close.reverse()) await each();
});
beforeEach(openTab);

/** With a storage of its own. */
async function openTab(): Promise<void> {
  page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(0);
  page.on('pageerror', (error) => process.stderr.write(`${String(error)}\n`));
}
afterEach(() => page.browserContext().close());

const recordingsOf = async () =>
  (await installation.ask<{ items: Recording[] }>('GET', `/v1/exams/math/attempts/${attempt}/recordings`)).items;

const click = (text: string) => page.locator(`::-p-text(${text})`).click();
const shows = (text: string) => page.locator(`::-p-text(${text})`).wait();
const playbackLinks = async (recordingId: string) => {
  const path = `/v1/exams/math/attempts/${attempt}/recordings/${recordingId}/access-log`;
  const { items } = await installation.ask<{ items: { event: string; reason?: string }[] }>('GET', path);
  return items.filter(({ event }) => event === 'link-issued');
};

const PAGES = [
  ['the plain HTML page', 'exam.html'],
  ['the React component', 'react.html'],
] as const;

async function beginAt(name: string, of: string): Promise<void> {
  attempt = `${of}-${name.replace('.', '-')}`;
  await page.goto(`${origin}/${name}`);
  await shows('Agree and start recording');
  await expectAccessible(page, page.url());
  await click('Agree and start recording');
  await shows('You are being recorded');
}

test.each(PAGES)('%s records camera and screen, and all of it is stored', async (_, name) => {
  await beginAt(name, 'whole');
  await page.waitForFunction('/[0-9.]+ MB/.test(document.body.textContent)');
  await expectAccessible(page, page.url());
  await click('Finish the exam');
  await shows('Everything is stored');
  const recordings = await recordingsOf();
  expect(recordings.map(({ kind, state }) => `${kind} ${state}`).sort()).toEqual(['screen stored', 'webcam stored']);
  expect(recordings[0]).toMatchObject({ participantId: 'p1', consent: { policyVersion: '3' }, truncated: false });
});

test.each(PAGES)('%s stops and deletes what was recorded when consent is withdrawn', async (_, name) => {
  page.on('dialog', (dialog) => void dialog.accept());
  await beginAt(name, 'withdrawn');
  await until(async () => (await recordingsOf()).length === 2);
  await click('Stop recording and delete it');
  await shows('Your recordings are deleted');
  expect(await recordingsOf()).toEqual([]);
});

test.each(PAGES)('%s records nothing of a candidate who declines, or whose screen is not shared', async (_, name) => {
  attempt = `none-${name.replace('.', '-')}`;
  await page.goto(`${origin}/${name}`);
  await shows('Agree and start recording');
  await page.evaluate(`navigator.mediaDevices.getDisplayMedia = () => Promise.reject(new Error('not shared'))`);
  await page.evaluate(`new Promise((resolve) => {
    const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) => (window.camera = getUserMedia(wanted));
    resolve();
  })`);
  await click('Agree and start recording');
  await page.waitForFunction(`document.querySelector('[role=status]').textContent !== ''`);
  const states = `window.camera.then((stream) => stream.getTracks().map(({ readyState }) => readyState))`;
  expect(await page.evaluate(states)).toEqual(['ended', 'ended']);
  await click('Take the exam without recording');
  await shows('Nothing is recorded');
  expect(await recordingsOf()).toEqual([]);
});

describe("the reviewer's page", () => {
  let film: Blob;
  let timeline: Recording['timeline'] & object;
  beforeAll(async () => {
    await openTab();
    await beginAt('exam.html', 'reviewed');
    await page.waitForFunction('Number.parseFloat(document.getElementById("progress").textContent) >= 0.3');
    await click('Finish the exam');
    await shows('Everything is stored');
    await page.browserContext().close();
    const [recording] = (await recordingsOf()).filter(({ kind }) => kind === 'webcam');
    if (!recording?.timeline) throw new Error('the exam was not recorded');
    timeline = recording.timeline;
    const path = `/v1/exams/math/attempts/${attempt}/recordings/${recording.recordingId}/playback-links`;
    film = await (await fetch((await installation.ask<{ url: string }>('POST', path)).url)).blob();
  });

  /** The film again, as if it had begun so many seconds later. */
  async function store(kind: 'webcam' | 'screen', laterSeconds: number, gaps = timeline.gaps): Promise<string> {
    const sdk = new ProctoringRecordings({
      baseUrl: installation.url,
      token: () => installation.token(SCOPES.join(' ')),
    });
    const at = { exam: 'math', attempt };
    const { recording } = await sdk.create(at, { ...CREATE_BODY, participantId: 'p1', kind });
    const place = { ...at, recording: recording.recordingId };
    await sdk.putPart(place, 1, film);
    const startedAt = later(timeline.startedAt, laterSeconds);
    await sdk.complete(place, {
      timeline: { startedAt, endedAt: later(timeline.endedAt, laterSeconds), gaps: [...gaps] },
    });
    return recording.recordingId;
  }

  async function open(): Promise<void> {
    await page.goto(`${origin}/review.html`);
    await shows('Watch before');
    await expectAccessible(page, page.url());
  }

  test('plays camera and screen in step, with links that it renews before they expire', async () => {
    attempt = 'in-step';
    const webcam = await store('webcam', 0);
    await store('screen', 0.5);
    await open();
    expect(await playbackLinks(webcam)).toEqual([]);
    await page.select('#reason', 'appeal');
    await click('Watch the recordings');
    await page.waitForFunction('document.querySelectorAll("video").length === 2');
    await expectAccessible(page, page.url());
    expect(await playbackLinks(webcam)).toMatchObject([{ reason: 'appeal' }]);
    const first = await page.evaluate('document.querySelector("video").src');
    await page.evaluate('document.querySelector("video").loop = true');
    await page.evaluate('void document.querySelector("video").play()');
    await page.waitForFunction(`document.querySelector('video').src !== ${JSON.stringify(first)}`);
    expect((await playbackLinks(webcam)).length).toBeGreaterThan(1);
    await page.waitForFunction(`(() => {
      const [camera, screen] = document.querySelectorAll('video');
      return !camera.paused && camera.currentTime > 1 && Math.abs(camera.currentTime - screen.currentTime - 0.5) < 0.2;
    })()`);
  });

  test('lists the gaps, goes to where one begins, and names what lies between two recordings', async () => {
    attempt = 'with-gaps';
    await store('webcam', 0, [
      { from: later(timeline.startedAt, 0.5), to: later(timeline.startedAt, 3.5), reason: 'muted' },
    ]);
    await store('screen', 0, [
      { from: later(timeline.startedAt, 1.5), to: later(timeline.startedAt, 3.5), reason: 'stalled' },
    ]);
    await store('webcam', 600);
    const restricted = await store('webcam', 900);
    const path = `/v1/exams/math/attempts/${attempt}/recordings/${restricted}/restriction`;
    await installation.ask('PUT', path, { reason: 'case 1' });
    await open();
    await click('Watch the recordings');
    await shows('recording-restricted');
    await shows('muted, 3 s');
    await click('muted, 3 s');
    await page.waitForFunction('Math.abs(document.querySelector("video").currentTime - 0.5) < 0.1');
    await click('stalled, 2 s');
    await page.waitForFunction(
      `[...document.querySelectorAll('video')].slice(0, 2).every((video) => Math.abs(video.currentTime - 1.5) < 0.1)`,
    );
    await shows('not recorded, ');
    await expectAccessible(page, page.url());
  });
});

const later = (time: string, seconds: number) => new Date(Date.parse(time) + seconds * 1000).toISOString();
