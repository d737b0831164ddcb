// A service on a store, a page of another origin that records into it, and a browser with a fake camera.
import { execFile } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { build } from 'esbuild';
import puppeteer, { type Browser, type BrowserContext, type HTTPRequest, type LaunchOptions } from 'puppeteer-core';
import {
  concat,
  HEAD_BYTES,
  SYNTHETIC_HEAD,
  type SyntheticOptions,
  syntheticWebm,
} from '../../packages/exam-client/test/synthetic-webm.ts';
import type { Recording } from '../../src/model/recording.ts';
import { install } from '../runtime/process.ts';

export const MIB = 1024 * 1024;

/** The one that records, see ci/browser, and the one in which only tests in test/browser/live play. */
export const BROWSER = process.env.TEST_BROWSER === 'firefox' ? 'firefox' : 'chromium';
export const OTHER_BROWSER = BROWSER === 'firefox' ? 'chromium' : 'firefox';
const PATHS = { [BROWSER]: process.env.TEST_BROWSER_PATH, [OTHER_BROWSER]: process.env.TEST_OTHER_BROWSER_PATH };

export type Site = Awaited<ReturnType<typeof openSite>>;
export type Tab = Awaited<ReturnType<typeof openTab>>;
export type StoredFile = Awaited<ReturnType<typeof storedFiles>>[number];

/** Events of the harness in the page; see page/harness.ts. */
export type HarnessEvent = { readonly name: string; readonly isLeftover?: boolean } & {
  readonly [field in 'kind' | 'recordingId' | 'waiting' | 'state' | 'code']?: string | null;
} & { readonly [field in 'recordedBytes' | 'storedBytes' | 'handedBytes' | 'seconds']?: number };

/** `paceMs`: the pause between two seconds of it; `isOpen`: it does not end. */
type Film = SyntheticOptions & { readonly paceMs?: number; readonly isOpen?: boolean };

const EXAM_CLIENT = new URL('page/harness.ts', import.meta.url);

/** For the tests of a file: one site, one browser, and for each test a tab with a storage of its own. */
export function setUp(settings: Record<string, string> = {}, harness: URL = EXAM_CLIENT): { site: Site; tab: Tab } {
  const stage = {} as { site: Site; tab: Tab };
  let browser: Browser;
  let context: BrowserContext;
  beforeAll(async () => {
    stage.site = await openSite(settings, harness);
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

/** `harness`: what the tests call in the page. */
export async function openSite(settings: Record<string, string> = {}, harness: URL = EXAM_CLIENT) {
  const { outputFiles } = await build({
    entryPoints: [harness.pathname],
    bundle: true,
    conditions: ['source'],
    globalName: 'harness',
    write: false,
  });
  const html = `<!doctype html><body><script>${outputFiles[0]?.text}</script>`;
  await using opened = new AsyncDisposableStack();
  const handed = new Map<string, Buffer[]>();
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') await takeHanded(handed, request).catch(() => {});
    response.setHeader('Content-Type', 'text/html').end(html);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  opened.defer(() => server.close().closeAllConnections());
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const outside = settings.S3_BUCKET === undefined ? storeSettings() : {};
  const service = await install({ CORS_ORIGINS: url, RATE_LIMIT: 'off', ...outside, ...settings });
  opened.defer(() => service.remove());
  const folder = await mkdtemp(join(tmpdir(), 'test-browser-'));
  opened.defer(() => rm(folder, { recursive: true, maxRetries: 5 }));
  if (outside.S3_BUCKET !== undefined) {
    const script = new URL('../../ci/make-bucket.ts', import.meta.url).pathname;
    await promisify(execFile)(process.execPath, [script], { env: service.env });
    expect(await service.run('doctor', '--fix')).toMatchObject({ code: 0 });
  }
  let serve = await service.start();
  const browsers: Browser[] = [];
  opened.defer(async () => void (await Promise.allSettled(browsers.map((browser) => browser.close()))));
  async function launch(options?: LaunchOptions, name: typeof BROWSER = BROWSER): Promise<Browser> {
    const browser = await puppeteer.launch(launchOptions(name, options));
    browsers.push(browser);
    return browser;
  }
  /** kill -9, and a new process on the same port. */
  async function restartService(): Promise<void> {
    await serve.stop('SIGKILL');
    serve = await service.start();
  }
  const toClose = opened.move();
  return {
    service,
    /** Where a page finds the service. */
    address: service.url,
    url,
    folder,
    /** What each recorder of a page gave the client, see page/recorders.ts. */
    handed: handed as ReadonlyMap<string, readonly Buffer[]>,
    servicePid: () => serve.process.pid ?? 0,
    launch,
    restartService,
    close: () => toClose.disposeAsync(),
  };
}

async function takeHanded(handed: Map<string, Buffer[]>, request: IncomingMessage): Promise<void> {
  const recorder = new URL(request.url ?? '', 'http://page').searchParams.get('recorder') ?? '';
  const blobs = handed.get(recorder) ?? [];
  handed.set(recorder, blobs);
  blobs.push(await buffer(request));
}

/** A Chromium or a Firefox with a fake camera. */
export function launchOptions(name: typeof BROWSER, { args = [], ...options }: LaunchOptions = {}): LaunchOptions {
  const common: LaunchOptions = {
    executablePath: PATHS[name] ?? '',
    headless: true,
    // On a busy machine a call may take minutes; the test's own limit is the one that counts.
    protocolTimeout: 0,
    ...options,
  };
  if (name === 'firefox') {
    const extraPrefsFirefox = {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      ...options.extraPrefsFirefox,
    };
    return { ...common, browser: 'firefox', extraPrefsFirefox };
  }
  const fakeMedia = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
  return { ...common, args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required', ...fakeMedia, ...args] };
}

/** Opens the page and listens to the events of the harness. */
export async function openTab(site: Site, browser: Browser | BrowserContext) {
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

  /** Calls the harness. */
  const call = <Result = void>(name: string, ...args: unknown[]) =>
    page.evaluate(`harness.${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`) as Promise<Result>;

  /** Waits for an event that matches, whether it was seen already or is still to come. */
  async function event(wanted: Partial<HarnessEvent> | ((event: HarnessEvent) => boolean)): Promise<HarnessEvent> {
    const isSo = (seen: HarnessEvent) => expect.objectContaining(wanted).asymmetricMatch(seen);
    const isWanted = typeof wanted === 'function' ? wanted : isSo;
    const found = events.find(isWanted);
    return found ?? new Promise((resolve) => listeners.push((seen) => isWanted(seen) && resolve(seen)));
  }

  /** Lets the page's requests continue, except those that `takes` handles. */
  async function intercept(takes: (request: HTTPRequest) => boolean): Promise<void> {
    await page.setRequestInterception(true);
    page.on('request', (request) => void (takes(request) || request.continue()));
  }

  /** Starts a session of the exam client for `attempt`, by default with a token that is bound to it. */
  async function start(
    attempt: string,
    options?: { tokens?: string[]; memoryLimitBytes?: number; overview?: boolean },
  ): Promise<void> {
    const tokens = [await site.service.token('recordings:upload', { exam: 'math', attempt })];
    await call('start', { service: site.address, attempt, tokens, ...options });
  }

  /** Gives the client a film to record. */
  const record = (kind: 'webcam' | 'screen', film: Film) => call('recordSynthetic', kind, film);

  /** Starts a session, and gives it the film of a webcam to record. */
  async function begin(attempt: string, film: Film, options?: { tokens?: string[] }): Promise<void> {
    await start(attempt, options);
    await record('webcam', film);
  }

  /** Waits until the store has more than that of a recording. */
  const stored = (bytes: number) => event(({ storedBytes = 0 }) => storedBytes > bytes);

  /** Waits until the client has read all of a film and the recording is stored. */
  async function finish({ seconds }: SyntheticOptions): Promise<void> {
    await event({ seconds });
    await call('finish');
  }

  /** What this browser keeps. */
  const kept = () => call<{ bytes: number; rows: { state: string }[] }>('kept');

  return { page, events, call, event, intercept, start, record, begin, stored, finish, kept };
}

/** What the service has of an attempt, oldest first. */
export async function recordingsOf({ service }: Site, attempt: string): Promise<Recording[]> {
  const path = `/v1/exams/math/attempts/${attempt}/recordings`;
  const { items } = await service.ask<{ items: Recording[] }>('GET', path);
  return items.sort((a, b) => (a.recordingId < b.recordingId ? -1 : 1));
}

/** The same, with the bytes of each stored recording. */
export async function storedFiles(site: Site, attempt: string) {
  const files = (await recordingsOf(site, attempt)).map(async (recording) => {
    if (recording.state !== 'stored') return { recording, url: '', bytes: Buffer.alloc(0) };
    const path = `/v1/exams/math/attempts/${attempt}/recordings/${recording.recordingId}/playback-links`;
    const { url } = await site.service.ask<{ url: string }>('POST', path);
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

/** The hash of what follows the head; the client writes the head itself. */
export const sha256OfMedia = ({ bytes }: StoredFile) => [...hash('sha256', bytes.subarray(HEAD_BYTES), 'buffer')];

/** From TEST_S3_…, see ci/browser; none for the embedded store. */
function storeSettings(): Record<string, string> {
  const given = Object.entries(process.env).filter(([name]) => name.startsWith('TEST_S3_'));
  const settings = Object.fromEntries(given.map(([name, value = '']) => [name.replace('TEST_', ''), value]));
  return given.length === 0 ? {} : { ...settings, S3_BUCKET: `browser-${randomBytes(6).toString('hex')}` };
}
