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

/** Where the sample with a layout of its own puts the pictures. */
const OWN_PAGE = `<!doctype html><html lang="en"><title>Review</title><meta name="viewport" content="width=device-width" />
  <main><h1>Review</h1><div id="review"></div></main><script type="module" src="own.js"></script></html>`;

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

/** A sample of a reviewer's page with the service and the attempt of this test in it. */
function filled(sample: string): string {
  const [service, exam, id] = ['https://recordings.example', 'math-101', 'attempt-1'];
  return sample.replace(service, installation.url).replace(exam, 'math').replace(id, attempt);
}

/** The page's own server. */
async function startPlatform(): Promise<string> {
  const site = await mkdtemp(join(tmpdir(), 'test-examples-'));
  close.push(() => rm(site, { recursive: true }));
  const builds = await Promise.all(['docs/html-page.md', 'docs/reviewer-page.md'].map((of) => blocksOf(of, 'sh run')));
  await paste(builds.flat(), { ...process.env, SITE: site });
  const [app, own] = await Promise.all([REACT_APP, ...(await blocksOf('docs/reviewer-page.md', 'ts'))].map(bundle));
  const bound = () => ({ exam: 'math', attempt, participant: 'p1' });
  const files: Record<string, () => Promise<readonly [string, string]>> = {
    '/exam.html': async () => ['text/html', await readFile(join(EXAMPLES, 'exam.html'), 'utf8')],
    '/review.html': async () => ['text/html', filled(await readFile(join(EXAMPLES, 'review.html'), 'utf8'))],
    '/react.html': async () => ['text/html', REACT_PAGE],
    '/app.js': async () => ['text/javascript', app ?? ''],
    '/own.html': async () => ['text/html', OWN_PAGE],
    '/own.js': async () => ['text/javascript', filled(own ?? '')],
    '/review.js': async () => ['text/javascript', await readFile(join(site, 'review.js'), 'utf8')],
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
  installation = await install({ CORS_ORIGINS: origin });
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

  const REVIEW = "document.querySelector('proctoring-review').review";
  const POSITION_MS = `(${REVIEW}.positionMs - ${REVIEW}.line.fromMs)`;
  const inPlayer = (selector: string) => page.locator(`proctoring-review >>> ${selector}`);

  const ROOT_OF_PLAYER = "document.querySelector('proctoring-review').shadowRoot";
  /** The text as displayed: hidden elements have none. */
  const says = (selector: string, text: string) =>
    page.waitForFunction(`${ROOT_OF_PLAYER}.querySelector('${selector}')?.innerText.includes(${JSON.stringify(text)})`);
  const clickMark = (text: string) =>
    page.evaluate(`[...${ROOT_OF_PLAYER}.querySelectorAll('[part=mark]')]
      .find(({ textContent }) => textContent.startsWith(${JSON.stringify(text)})).click()`);

  async function open(reason: string): Promise<void> {
    await page.goto(`${origin}/review.html`);
    await inPlayer('[name=reason]').wait();
    await expectAccessible(page, page.url());
    await inPlayer('[name=reason]').fill(reason);
    await inPlayer('[type=submit]').click();
    await says('[part=notes]', 'Watch before');
  }

  test('asks for the reason, and plays camera and screen in step', async () => {
    attempt = 'in-step';
    const webcam = await store('webcam', 0);
    await store('screen', 0.5);
    await page.goto(`${origin}/review.html`);
    await inPlayer('[name=reason]').wait();
    expect(await playbackLinks(webcam)).toEqual([]);
    await open('appeal');
    await inPlayer('[part~=play-button]').click();
    await page.waitForFunction(`${POSITION_MS} > 1000`);
    await page.waitForFunction(`(() => {
      const [camera, screen] = ${REVIEW}.lanes.map(({ video }) => video);
      return !camera.paused && !screen.paused && Math.abs(camera.currentTime - screen.currentTime - 0.5) < 0.1;
    })()`);
    await expectAccessible(page, page.url());
    expect(await playbackLinks(webcam)).toMatchObject([{ reason: 'appeal' }]);
  });

  test('lists the gaps, goes to where one begins, and names what lies between two recordings', async () => {
    attempt = 'with-gaps';
    // None was recorded after it was stored.
    const gap = (from: number, to: number, reason: string) => [
      { from: later(timeline.startedAt, from - 900), to: later(timeline.startedAt, to - 900), reason },
    ];
    await store('webcam', -900, gap(0.5, 3.5, 'muted'));
    await store('screen', -900, gap(1.5, 3.5, 'stalled'));
    await store('webcam', -300);
    const restricted = await store('webcam', 0);
    const path = `/v1/exams/math/attempts/${attempt}/recordings/${restricted}/restriction`;
    await installation.ask('PUT', path, { reason: 'case 1' });
    await open('assessment');
    await clickMark('Screen, 0:01: 2 seconds without recording');
    await page.waitForFunction(`Math.abs(${POSITION_MS} - 1500) < 1`);
    await says('[data-kind=screen] [part=veil]', 'the browser stood still');
    await clickMark('Camera, 0:00: 3 seconds without recording');
    await page.waitForFunction(`Math.abs(${POSITION_MS} - 500) < 1`);
    await says('[part=marks]', 'nothing stored for 9 minutes');
    await page.evaluate(`${REVIEW}.seek(${REVIEW}.line.fromMs + 901_000)`);
    await says('[data-kind=webcam] [part=veil]', 'has restricted this recording');
    await expectAccessible(page, page.url());
  });

  test('begins at the moment of the link that leads to it', async () => {
    attempt = 'at-a-moment';
    await store('webcam', 0);
    const at = later(timeline.startedAt, 1);
    await page.goto(`${origin}/review.html#review-at=${at}`);
    await inPlayer('[name=reason]').fill('appeal');
    await inPlayer('[type=submit]').click();
    await page.waitForFunction(`${REVIEW}?.positionMs === ${Date.parse(at)}`);
  });

  test('of your own layout plays all pictures in step', async () => {
    attempt = 'own-layout';
    await store('webcam', 0);
    await store('screen', 0.5);
    await page.goto(`${origin}/own.html`);
    await click('Play');
    await shows('Pause');
    await page.waitForFunction(`(() => {
      const [camera, screen] = document.querySelectorAll('#review video');
      return camera?.currentTime > 1 && screen && Math.abs(camera.currentTime - screen.currentTime - 0.5) < 0.1;
    })()`);
  });
});

const later = (time: string, seconds: number) => new Date(Date.parse(time) + seconds * 1000).toISOString();
