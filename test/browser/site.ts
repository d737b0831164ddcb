// A service on a store, a page of another origin that records into it, and a browser with a fake camera.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { build } from 'esbuild';
import puppeteer, { type Browser, type BrowserContext, type LaunchOptions, type Page } from 'puppeteer-core';
import { concat } from '../../src/client/webm/ebml.ts';
import { HEAD_BYTES } from '../../src/client/webm/head.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import { SYNTHETIC_HEAD, type SyntheticOptions, syntheticWebm } from '../client/synthetic-webm.ts';
import { type Installation, install, pause } from '../commands/process.ts';

export const MIB = 1024 * 1024;

export interface Site {
  readonly service: Installation;
  /** Of the page. */
  readonly url: string;
  launch(options?: LaunchOptions): Promise<Browser>;
  /** A new one, removed at the end. */
  folder(): Promise<string>;
  close(): Promise<void>;
}

/** What the harness in the page tells; see page/harness.ts. */
export interface HarnessEvent {
  readonly name: string;
  readonly kind?: string;
  readonly recordingId?: string;
  readonly isLeftover?: boolean;
  readonly recordedBytes?: number;
  readonly storedBytes?: number;
  readonly waiting?: string | null;
  readonly state?: string;
  readonly code?: string;
  readonly handedBytes?: number;
  readonly seconds?: number;
}

/** `paceMs`: a second of it so often; `isOpen`: it does not end. */
type Film = SyntheticOptions & { readonly paceMs?: number; readonly isOpen?: boolean };

export interface Tab {
  readonly page: Page;
  readonly events: HarnessEvent[];
  /** Calls the harness. */
  call<Result = void>(name: string, ...args: unknown[]): Promise<Result>;
  /** Starts a session of the exam client for `attempt`, by default with a token that is bound to it. */
  start(attempt: string, options?: { tokens?: string[]; memoryLimitBytes?: number }): Promise<void>;
  /** Hands the client a film. */
  record(kind: 'webcam' | 'screen', film: Film): Promise<void>;
  /** Starts a session, and hands it the film of a webcam. */
  begin(attempt: string, film: Film, options?: { tokens?: string[] }): Promise<void>;
  /** Waits until more of a recording than that is in the store. */
  stored(bytes: number): Promise<HarnessEvent>;
  /** Waits until the client has taken all of a film, and for it to be stored. */
  finish(film: SyntheticOptions): Promise<void>;
  /** Waits for an event that is so, seen already or to come. */
  event(wanted: Partial<HarnessEvent> | ((event: HarnessEvent) => boolean)): Promise<HarnessEvent>;
  /** What this browser keeps. */
  kept(): Promise<{ bytes: number; rows: { state: string }[] }>;
}

/** For the tests of a file: one site, one browser, and for each test a tab with a storage of its own. */
export function setUp(settings: Record<string, string> = {}): { site: Site; tab: Tab } {
  const stage = {} as { site: Site; tab: Tab };
  let browser: Browser;
  let context: BrowserContext;
  beforeAll(async () => {
    stage.site = await openSite(settings);
    browser = await stage.site.launch();
  });
  beforeEach(async () => {
    context = await browser.createBrowserContext();
    stage.tab = await openTab(stage.site, context);
  });
  afterEach(() => context.close());
  afterAll(() => stage.site.close());
  return stage;
}

export async function openSite(settings: Record<string, string> = {}): Promise<Site> {
  const entry = new URL('page/harness.ts', import.meta.url).pathname;
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, globalName: 'harness', write: false });
  const html = '<!doctype html><script defer src=/harness.js></script>';
  const server = createServer((request, response) => {
    const [type, text] =
      request.url === '/harness.js' ? ['text/javascript', outputFiles[0]?.text] : ['text/html', html];
    response.setHeader('Content-Type', type ?? '').end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const service = await install({ CORS_ORIGINS: url, RATE_LIMIT: 'off', ...storeSettings(), ...settings });
  const browsers: Browser[] = [];
  const folders: string[] = [];
  const site: Site = {
    service,
    url,
    async launch(options) {
      const browser = await puppeteer.launch(launchOptions(options));
      browsers.push(browser);
      return browser;
    },
    async folder() {
      const folder = await mkdtemp(join(tmpdir(), 'test-chromium-'));
      folders.push(folder);
      return folder;
    },
    async close() {
      await Promise.allSettled(browsers.map((browser) => browser.close()));
      server.closeAllConnections();
      server.close();
      await service.remove();
      for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    if (service.env.S3_BUCKET !== undefined) await prepareBucket(service);
    await service.start();
  } catch (error) {
    await site.close();
    throw error;
  }
  return site;
}

/** A Chromium, or a Firefox, see ci/browser, with a fake camera. */
function launchOptions({ args = [], ...options }: LaunchOptions = {}): LaunchOptions {
  const common: LaunchOptions = {
    executablePath: process.env.TEST_BROWSER_PATH ?? '',
    headless: true,
    // On a busy machine a call may take minutes; the test's own limit is the one that counts.
    protocolTimeout: 0,
    ...options,
  };
  if (process.env.TEST_BROWSER === 'firefox') {
    const extraPrefsFirefox = {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
    };
    return { ...common, browser: 'firefox', extraPrefsFirefox };
  }
  const fakeMedia = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
  return { ...common, args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', ...fakeMedia, ...args] };
}

/** Opens the page and listens to the events of the harness. */
export async function openTab(site: Site, browser: Browser | BrowserContext): Promise<Tab> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const events: HarnessEvent[] = [];
  const listeners: ((event: HarnessEvent) => void)[] = [];
  page.on('console', (message) => {
    const [, json] = /^harness (.*)$/s.exec(message.text()) ?? [];
    if (json === undefined) return;
    const event = JSON.parse(json) as HarnessEvent;
    events.push(event);
    for (const listen of listeners) listen(event);
  });
  await page.goto(site.url);
  const call: Tab['call'] = (name, ...args) =>
    page.evaluate(`harness.${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`) as Promise<never>;
  const event: Tab['event'] = (wanted) => {
    const isWanted =
      typeof wanted === 'function'
        ? wanted
        : (seen: HarnessEvent) =>
            Object.entries(wanted).every(([name, value]) => seen[name as keyof HarnessEvent] === value);
    const found = events.find(isWanted);
    if (found) return Promise.resolve(found);
    return new Promise((resolve) => listeners.push((seen) => isWanted(seen) && resolve(seen)));
  };
  const tab: Tab = {
    page,
    events,
    call,
    event,
    async start(attempt, options) {
      const tokens = [await site.service.token('recordings:upload', { exam: 'math', attempt })];
      await call('start', { service: site.service.url, attempt, tokens, ...options });
    },
    record: (kind, film) => call('recordSynthetic', kind, film),
    async begin(attempt, film, options) {
      await tab.start(attempt, options);
      await tab.record('webcam', film);
    },
    stored: (bytes) => event(({ storedBytes = 0 }) => storedBytes > bytes),
    async finish({ seconds }) {
      await event({ seconds });
      await call('finish');
    },
    kept: () => call('kept'),
  };
  return tab;
}

/** Waits until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause();
}

export interface StoredFile {
  readonly recording: Recording;
  readonly url: string;
  readonly bytes: Buffer;
}

/** What the service has of an attempt, oldest first. */
export async function recordingsOf({ service }: Site, attempt: string): Promise<Recording[]> {
  const answer = await service.call('GET', `/v1/exams/math/attempts/${attempt}/recordings`);
  const { items } = (await answer.json()) as { items: Recording[] };
  return items.sort((a, b) => (a.recordingId < b.recordingId ? -1 : 1));
}

/** The same with the bytes of what is stored. */
export async function storedFiles(site: Site, attempt: string): Promise<StoredFile[]> {
  const files = (await recordingsOf(site, attempt)).map(async (recording) => {
    if (recording.state !== 'stored') return { recording, url: '', bytes: Buffer.alloc(0) };
    const path = `/v1/exams/math/attempts/${attempt}/recordings/${recording.recordingId}/playback-links`;
    const { url } = (await (await site.service.call('POST', path)).json()) as { url: string };
    return { recording, url, bytes: Buffer.from(await (await fetch(url)).arrayBuffer()) };
  });
  return Promise.all(files);
}

/** The stored file is the film from its beginning, up to `handedBytes` at least, with duration and cues. */
export function expectFilm(file: StoredFile | undefined, film: SyntheticOptions, handedBytes?: number): void {
  if (!file) throw new Error('no recording');
  expect(file.recording).toMatchObject({ state: 'stored', truncated: false });
  const made = concat([...syntheticWebm(film)]);
  const body = file.bytes.subarray(HEAD_BYTES);
  expect(body.length).toBeGreaterThanOrEqual((handedBytes ?? made.length) - SYNTHETIC_HEAD.length);
  expect(Buffer.compare(body, made.subarray(SYNTHETIC_HEAD.length).subarray(0, body.length))).toBe(0);
  // The ids of SeekHead and Cues, which only the last head has.
  const head = file.bytes.subarray(0, HEAD_BYTES);
  expect(['114d9b74', '1c53bb6b'].map((id) => head.includes(id, 0, 'hex'))).toEqual([true, true]);
}

/** Of what follows the head, which is the client's own. */
export function sha256OfMedia({ bytes }: StoredFile): string {
  return createHash('sha256').update(bytes.subarray(HEAD_BYTES)).digest('hex');
}

/** From TEST_S3_…, see ci/browser; none for the embedded store. */
function storeSettings(): Record<string, string> {
  const given = Object.entries(process.env).filter(([name]) => name.startsWith('TEST_S3_'));
  const settings = Object.fromEntries(given.map(([name, value = '']) => [name.replace('TEST_', ''), value]));
  return given.length === 0 ? {} : { ...settings, S3_BUCKET: `browser-${randomBytes(6).toString('hex')}` };
}

async function prepareBucket(service: Installation): Promise<void> {
  const script = new URL('../../ci/make-bucket.ts', import.meta.url).pathname;
  const [code] = await once(spawn(process.execPath, [script], { env: service.env, stdio: 'inherit' }), 'exit');
  if (code !== 0) throw new Error('the bucket could not be made');
  const doctor = await service.run('doctor', '--fix');
  if (doctor.code !== 0) throw new Error(doctor.stdout + doctor.stderr);
}
