// The strip of a recording of three hours in a real browser: how many bytes it has, and how soon it is there.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'puppeteer-core';
import { CREATE_BODY } from '../../http/calls.ts';
import { BROWSER, openSite, openTab, type Site } from '../site.ts';
import { makeFilm } from './film.ts';
import { ATTEMPT_AT_MS } from './media-time.ts';
import type { ShownStrip } from './sample.ts';

const STRIP = new URL('../page/strip.ts', import.meta.url);
const HOURS = 3;
const PICTURES = HOURS * 360;
const MAX_BYTES = 1_500_000;
const SHOWN_WITHIN_MS = 300;
const TIMES = 5;

let site: Site;
let browser: Browser;
let page: Page;
let call: Awaited<ReturnType<typeof openTab>>['call'];
beforeAll(async () => {
  site = await openSite({}, STRIP);
  browser = await site.launch();
  ({ page, call } = await openTab(site, browser));
  await page.exposeFunction('freshToken', () => site.service.token('recordings:review'));
});
afterAll(() => site?.close());

/** A minute of film, in a recording that says that it is as long as an exam. */
async function store(attempt: string, overview: Buffer | undefined): Promise<void> {
  const film = await makeFilm({ stream: 0, seconds: 60, beginsAtMs: 0 });
  const path = `/v1/exams/math/attempts/${attempt}/recordings`;
  const body = { ...CREATE_BODY, kind: 'webcam', contentType: 'video/webm;codecs=vp8' };
  const { recording } = await site.service.ask<{ recording: { recordingId: string } }>('POST', path, body);
  const own = `${path}/${recording.recordingId}`;
  const put = async (at: string, bytes: Buffer) => {
    const response = await site.service.call('PUT', own + at, {
      body: new Uint8Array(bytes),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(response.ok).toBe(true);
  };
  await put('/parts/1', await readFile(film.path));
  if (overview) await put('/overview', overview);
  const iso = (ms: number) => new Date(ATTEMPT_AT_MS + ms).toISOString();
  await site.service.ask('POST', `${own}/complete`, {
    timeline: { startedAt: iso(0), endedAt: iso(HOURS * 3_600_000), gaps: [] },
  });
}

test('three hours have less than 1.5 MB, and are shown at once', async () => {
  const overview = Buffer.from(await call<string>('overviewOf', PICTURES), 'base64');
  expect(overview.length).toBeLessThan(MAX_BYTES);
  const tookMs: number[] = [];
  for (let time = 0; time < TIMES; time++) {
    await store(`strip-${time}`, overview);
    await page.reload();
    const shown = await call<ShownStrip>('showStrip', { service: site.address, attempt: `strip-${time}` });
    expect(shown.still).toBe(HOURS * 60);
    expect(shown.playedSeconds).toBeGreaterThan(1);
    tookMs.push(Math.round(shown.tookMs));
  }
  process.stderr.write(`${BROWSER}, strip: ${JSON.stringify({ bytes: overview.length, tookMs })}\n`);
  const [median = 0] = tookMs.sort((a, b) => a - b).slice(TIMES >> 1);
  expect(median).toBeLessThan(SHOWN_WITHIN_MS);
});
