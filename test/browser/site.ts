// A service on a store, a page of another origin that records into it, and a browser with a fake camera.
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { build } from 'esbuild';
import puppeteer, { type Browser, type BrowserContext, type LaunchOptions, type Page } from 'puppeteer-core';
import { type Installation, install } from '../commands/process.ts';

/** The path of a Chromium or of a Firefox, see ci/browser. */
const BROWSER = process.env.TEST_BROWSER_PATH ?? '';
export const isFirefox: boolean = process.env.TEST_BROWSER === 'firefox';
/** Where a test's own store settings come from, see ci/browser. */
const CEPH = /^TEST_(S3_.+)$/;

export interface Site {
  readonly service: Installation;
  /** Of the page; it is isolated, so that its memory can be measured. */
  readonly url: string;
  /** Bytes sent of recordings that were asked for at /media. */
  mediaBytesSent(): number;
  /** A path of this site that passes on to `url`, at the speed of a plain line. */
  media(url: string): string;
  /**
   * `camera`: a film that the fake camera shows; else it shows a plain picture. `networkEnabled`: false where memory is
   * measured, because the page's process keeps for DevTools what it has sent, up to hundreds of megabytes.
   */
  launch(options?: { userDataDir?: string; camera?: string; networkEnabled?: boolean }): Promise<Browser>;
  /** A new one, removed at the end. */
  folder(): Promise<string>;
  close(): Promise<void>;
}

export interface HarnessEvent {
  readonly name: string;
  readonly kind?: string;
  readonly recordingId?: string;
  readonly isLeftover?: boolean;
  readonly handedBytes?: number;
  readonly seconds?: number;
  readonly code?: string;
  readonly state?: string;
  readonly gap?: { from: string; to: string; reason: string };
  readonly stored?: { recordingId: string; sizeBytes: number };
  readonly progress?: { recordedBytes: number; storedBytes: number; backlogSeconds: number; waiting: string | null };
}

export interface Tab {
  readonly page: Page;
  readonly events: HarnessEvent[];
  call<Result = void>(name: string, ...args: unknown[]): Promise<Result>;
  /** Waits for an event, seen already or to come. */
  event(isWanted: (event: HarnessEvent) => boolean): Promise<HarnessEvent>;
}

/** Bytes a second of /media: eight megabits, a plain line. */
const MEDIA_BYTES_PER_SECOND = 1_000_000;
const MEDIA_SLICE_BYTES = 16 * 1024;

export async function openSite(settings: Record<string, string> = {}): Promise<Site> {
  const script = await bundleHarness();
  const media: string[] = [];
  let sent = 0;
  const server = createServer((request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const [, index] = /^\/media\/(\d+)$/.exec(request.url ?? '') ?? [];
    if (index !== undefined)
      void passOn(media[Number(index)] ?? '', request.headers.range, response, (n) => (sent += n));
    else if (request.url === '/harness.js') response.setHeader('Content-Type', 'text/javascript').end(script);
    else
      response
        .setHeader('Content-Type', 'text/html')
        .end('<!doctype html><script type=module src=/harness.js></script>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const service = await install({ CORS_ORIGINS: url, RATE_LIMIT: 'off', ...storeSettings(), ...settings });
  const closeServers = () => {
    server.closeAllConnections();
    server.close();
    return service.remove();
  };
  try {
    if (service.env.S3_BUCKET !== undefined) await prepareBucket(service);
    await service.start();
  } catch (error) {
    await closeServers();
    throw error;
  }
  const browsers: Browser[] = [];
  const folders: string[] = [];
  return {
    service,
    url,
    mediaBytesSent: () => sent,
    media: (target) => `${url}/media/${media.push(target) - 1}`,
    async launch({ userDataDir, camera, networkEnabled = true } = {}) {
      const browser = await puppeteer.launch({
        executablePath: BROWSER,
        headless: true,
        // On a busy machine a call may take minutes; the test's own limit is the one that counts.
        protocolTimeout: 0,
        ...(isFirefox ? FIREFOX : chromium(networkEnabled, camera)),
        ...(userDataDir !== undefined && { userDataDir }),
      });
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
      await closeServers();
      for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

const FIREFOX: LaunchOptions = {
  browser: 'firefox',
  extraPrefsFirefox: {
    'media.navigator.streams.fake': true,
    'media.navigator.permission.disabled': true,
    'media.autoplay.default': 0,
  },
};

function chromium(networkEnabled: boolean, camera: string | undefined): LaunchOptions {
  const args = [
    '--no-sandbox',
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    '--autoplay-policy=no-user-gesture-required',
  ];
  if (camera !== undefined) args.push(`--use-file-for-fake-video-capture=${camera}`);
  return { networkEnabled, args };
}

/** Opens the page and listens to the events of the harness. */
export async function openTab(site: Site, browser: Browser | BrowserContext, path = '/'): Promise<Tab> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const events: HarnessEvent[] = [];
  const waiting: { isWanted: (event: HarnessEvent) => boolean; resolve: (event: HarnessEvent) => void }[] = [];
  page.on('console', (message) => {
    const [, json] = /^harness (.*)$/s.exec(message.text()) ?? [];
    if (json === undefined) return;
    const event = JSON.parse(json) as HarnessEvent;
    events.push(event);
    for (const { isWanted, resolve } of waiting) if (isWanted(event)) resolve(event);
  });
  await page.goto(site.url + path);
  return {
    page,
    events,
    call: (name, ...args) =>
      page.evaluate(`harness.${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`) as Promise<never>,
    event(isWanted) {
      const found = events.find(isWanted);
      return found ? Promise.resolve(found) : new Promise((resolve) => waiting.push({ isWanted, resolve }));
    },
  };
}

/** Starts a session of `attempt` in the tab, with a token bound to it. */
export async function startSession(site: Site, tab: Tab, attempt: string, options: object = {}): Promise<void> {
  const tokens = [await site.service.token('recordings:upload', { exam: 'math', attempt })];
  await tab.call('start', { service: site.service.url, attempt, tokens, ...options });
}

export interface ServiceRecording {
  readonly recordingId: string;
  readonly kind: string;
  readonly state: string;
  readonly truncated: boolean;
  readonly sizeBytes: number | null;
  readonly timeline: {
    startedAt: string;
    endedAt: string;
    gaps: { from: string; to: string; reason: string }[];
  } | null;
}

export interface StoredFile {
  readonly recording: ServiceRecording;
  readonly url: string;
  readonly bytes: Buffer;
}

/** What the service has of an attempt, oldest first. */
export async function recordingsOf(site: Site, attempt: string): Promise<ServiceRecording[]> {
  const { items } = (await review(site, attempt, 'GET')) as { items: ServiceRecording[] };
  return items.sort((a, b) => (a.recordingId < b.recordingId ? -1 : 1));
}

/** The same with the bytes of what is stored. */
export async function storedFiles(site: Site, attempt: string): Promise<StoredFile[]> {
  return Promise.all(
    (await recordingsOf(site, attempt)).map(async (recording) => {
      if (recording.state !== 'stored') return { recording, url: '', bytes: Buffer.alloc(0) };
      const link = await review(site, attempt, 'POST', `/${recording.recordingId}/playback-links`);
      const { url } = link as { url: string };
      return { recording, url, bytes: Buffer.from(await (await fetch(url)).arrayBuffer()) };
    }),
  );
}

async function review(site: Site, attempt: string, method: string, path = ''): Promise<unknown> {
  const headers = { authorization: `Bearer ${await site.service.token('recordings:review')}` };
  const url = `${site.service.url}/v1/exams/math/attempts/${attempt}/recordings${path}`;
  return (await fetch(url, { method, headers })).json();
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function bundleHarness(): Promise<string> {
  const entry = new URL('page/harness.ts', import.meta.url).pathname;
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', write: false });
  return outputFiles[0]?.text ?? '';
}

/** None for the embedded store. */
function storeSettings(): Record<string, string> {
  const given = Object.entries(process.env).flatMap(([name, value]) => {
    const [, setting] = CEPH.exec(name) ?? [];
    return setting !== undefined && value !== undefined ? [[setting, value] as const] : [];
  });
  return given.length === 0
    ? {}
    : { ...Object.fromEntries(given), S3_BUCKET: `browser-${randomBytes(6).toString('hex')}` };
}

async function prepareBucket(service: Installation): Promise<void> {
  const script = new URL('../../ci/make-bucket.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script], { env: service.env, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error('the bucket could not be made');
  const doctor = await service.run('doctor', '--fix');
  if (doctor.code !== 0) throw new Error(doctor.stdout + doctor.stderr);
}

/** Slowly and in small pieces: what is sent is then close to what was asked for. */
async function passOn(
  url: string,
  range: string | undefined,
  response: ServerResponse,
  onSent: (bytes: number) => void,
): Promise<void> {
  const answer = await fetch(url, { headers: range === undefined ? {} : { range } });
  const body = Buffer.from(await answer.arrayBuffer());
  response.statusCode = answer.status;
  for (const name of ['content-type', 'content-length', 'content-range', 'accept-ranges']) {
    const value = answer.headers.get(name);
    if (value !== null) response.setHeader(name, value);
  }
  const startedMs = Date.now();
  for (let at = 0; at < body.length && !response.destroyed; at += MEDIA_SLICE_BYTES) {
    const piece = body.subarray(at, at + MEDIA_SLICE_BYTES);
    onSent(piece.length);
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    const aheadMs = ((at + piece.length) / MEDIA_BYTES_PER_SECOND) * 1000 - (Date.now() - startedMs);
    if (aheadMs > 1) await wait(aheadMs);
  }
  response.end();
}
