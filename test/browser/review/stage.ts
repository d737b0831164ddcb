// A service with the recordings of an attempt, made of films, and a page in which the attempt is reviewed.
import { openAsBlob } from 'node:fs';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { ProctoringRecordings } from '@proctoring-recordings/sdk';
import type { Browser, BrowserContext, HTTPResponse } from 'puppeteer-core';
import { CREATE_BODY, SCOPES } from '../../http/calls.ts';
import { type Line, startLine } from '../live/line.ts';
import { openSite, openTab, type Site } from '../site.ts';
import { type Film, type FilmOptions, makeFilm } from './film.ts';
import { timelineOf } from './media-time.ts';
import type { Sample, Sought } from './sample.ts';
import { startStore } from './store.ts';

const REVIEW = new URL('../page/review.ts', import.meta.url);
const KINDS = ['webcam', 'screen', 'webcam', 'screen'] as const;
/** All lanes are seen: a browser does not draw what is not. */
const VIEWPORT = { width: 1280, height: 1600 };
const EXAM = 'math';

/** Films of three hours are made in some minutes. */
const SET_UP_LIMIT_MS = 3_600_000;

export type Tab = Awaited<ReturnType<typeof openReview>>;

interface StageOptions {
  readonly settings?: Record<string, string>;
  /** Of the line between the browser and the store. Default: none between them. */
  readonly bytesPerSecond?: number;
}

/** For the tests of a block: a service in which each attempt consists of the films that it is said to. */
export function setUp(attempts: Record<string, readonly FilmOptions[]>, options: StageOptions = {}) {
  const { settings, bytesPerSecond } = options;
  const stage = {} as { store: Awaited<ReturnType<typeof startStore>>; line?: Line; site: Site };
  const films = new Map<string, readonly Film[]>();
  const contexts: BrowserContext[] = [];
  let browser: Browser;
  let sdk: ProctoringRecordings;

  beforeAll(async () => {
    const made = Object.entries(attempts).map(async ([attempt, options]) => {
      films.set(attempt, await Promise.all(options.map(makeFilm)));
    });
    await Promise.all(made);
    stage.store = await startStore();
    if (bytesPerSecond !== undefined) {
      stage.line = await startLine(stage.store.settings.S3_ENDPOINT);
      stage.line.set({ bytesPerSecond });
    }
    const reached = stage.line && { S3_PUBLIC_ENDPOINT: stage.line.url };
    stage.site = await openSite({ ...stage.store.settings, ...reached, ...settings }, REVIEW);
    const { url, token } = stage.site.service;
    sdk = new ProctoringRecordings({ baseUrl: url, token: () => token(SCOPES.join(' ')) });
    for (const [attempt, each] of films) await Promise.all(each.map((film) => upload(sdk, attempt, film)));
    browser = await stage.site.launch();
  }, SET_UP_LIMIT_MS);
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close();
  });
  afterAll(async () => {
    await stage.site?.close();
    await stage.line?.close();
    await stage.store?.close();
  });

  return {
    films: (attempt: string) => films.get(attempt) ?? [],
    /** What the browser and the service had read from the store at that moment of the last minute. */
    readBytes: (atMs: number) => stage.store.readBytes(atMs),
    /** Opens the attempt in a tab of its own, which is closed after the test. */
    async open(attempt: string) {
      const context = await browser.createBrowserContext();
      contexts.push(context);
      return openReview(stage.site, context, attempt);
    },
    site: () => stage.site,
    recordings: (attempt: string) => Array.fromAsync(sdk.list({ exam: EXAM, attempt })),
    /** How many links there are in the audit trail of each recording. */
    async auditedLinks(attempt: string): Promise<number[]> {
      const links: number[] = [];
      for await (const { recordingId } of sdk.list({ exam: EXAM, attempt })) {
        const log = await Array.fromAsync(sdk.accessLog({ exam: EXAM, attempt, recording: recordingId }));
        links.push(log.filter(({ event }) => event === 'link-issued').length);
      }
      return links;
    },
  };
}

async function upload(sdk: ProctoringRecordings, attempt: string, film: Film): Promise<void> {
  const contentType = film.hasSound ? 'video/webm;codecs=vp8,opus' : 'video/webm;codecs=vp8';
  const kind = KINDS[film.stream] ?? 'webcam';
  const created = await sdk.create({ exam: EXAM, attempt }, { ...CREATE_BODY, kind, contentType });
  const at = { exam: EXAM, attempt, recording: created.recording.recordingId };
  const { partSizeBytes } = created.upload;
  const file = await openAsBlob(film.path);
  for (let from = 0; from < file.size; from += partSizeBytes) {
    await sdk.putPart(at, from / partSizeBytes + 1, file.slice(from, from + partSizeBytes));
  }
  const { gaps, anchors, ...ends } = timelineOf(film);
  await sdk.complete(at, { timeline: { ...ends, gaps: [...gaps], ...(anchors && { anchors: [...anchors] }) } });
}

async function openReview({ service, address, ...site }: Site, context: BrowserContext, attempt: string) {
  const { page, call } = await openTab({ service, address, ...site }, context);
  let links = 0;
  page.on('response', (response) => {
    if (isLink(response)) links += 1;
  });
  await page.setViewport(VIEWPORT);
  await page.exposeFunction('freshToken', () => service.token('recordings:review'));
  await call('open', { service: address, attempt });
  return {
    page,
    /** How many links the page was given. */
    links: () => links,
    sample: () => call<Sample>('sample'),
    sampleFor: (ms: number) => call<Sample[]>('sampleFor', ms),
    play: (speed: number) => call('play', speed),
    pause: () => call('pause'),
    /** See page/review.ts. */
    seek: (atMs: number, attemptAtMs: number, streams: readonly number[]) =>
      call<Sought>('seek', atMs, attemptAtMs, streams),
  };
}

function isLink(response: HTTPResponse): boolean {
  return response.request().method() === 'POST' && response.url().endsWith('/playback-links') && response.ok();
}
