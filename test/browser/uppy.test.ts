// Uppy with the options of packages/uppy, in both versions: each file that it reports as uploaded is stored, byte for byte.
import { describe, expect, test } from '@jest/globals';
import type { HTTPRequest } from 'puppeteer-core';
import { concat, type SyntheticOptions, syntheticWebm } from '../../packages/exam-client/test/synthetic-webm.ts';
import { until } from '../kit/until.ts';
import { MIB, recordingsOf, setUp, storedFiles } from './site.ts';

/** With how many parts each version sends at once. */
const PAGES = [
  ['5', 6, new URL('page/uppy-5.ts', import.meta.url)],
  ['6', 1, new URL('../../packages/uppy/test/uppy-6.ts', import.meta.url)],
] as const;
/** Seven parts. */
const FILM = { seconds: 31, bytesPerSecond: MIB };
const PARTS = 7;
const SMALL_FILM = { seconds: 2, bytesPerSecond: 100_000 };
const IDLE_LIMIT_MS = 1_000;
/** Of one call of the package. */
const CREATE_TRIES = 4;
const UNAVAILABLE = { status: 503, headers: { 'access-control-allow-origin': '*' } };
const ALL_STORED = { stored: [expect.any(String)], failed: [] };

interface Told {
  readonly stored: readonly string[];
  readonly failed: readonly string[];
}

describe.each(PAGES)('Uppy %s', (_, partsAtOnce, page) => {
  const on = setUp({ UPLOAD_IDLE_LIMIT: `${IDLE_LIMIT_MS / 1000}s` }, page);
  const act = (name: 'upload' | 'retry') => on.tab.call<Told>(name);

  /** Opens Uppy for an attempt, `tokens` before the right one. */
  async function open(attempt: string, { tokens = [], isKept = false }: { tokens?: string[]; isKept?: boolean } = {}) {
    const { service } = on.site;
    const token = await service.token('recordings:upload', { exam: 'math', attempt });
    await on.tab.call('open', { service: service.url, attempt, tokens: [...tokens, token], isKept });
  }

  async function openWith(attempt: string, film: SyntheticOptions, options?: { isKept: boolean }): Promise<void> {
    await open(attempt, options);
    await on.tab.call('add', film);
  }

  /** Counts the PUTs; `answer` may have one refused, by how many there were or by its part, or held until it is given up. */
  async function watchPuts(answer: (count: number, part: number) => 'refused' | 'held' | undefined) {
    const puts = { sent: 0, ended: 0, answer };
    const isPut = (request: HTTPRequest) => request.method() === 'PUT' && request.url().startsWith('http');
    const count = (request: HTTPRequest) => {
      if (isPut(request)) puts.ended += 1;
    };
    on.tab.page.on('requestfailed', count).on('requestfinished', count);
    await on.tab.intercept((request) => {
      if (!isPut(request)) return false;
      puts.sent += 1;
      const answered = puts.answer(puts.sent, Number(new URL(request.url()).searchParams.get('partNumber')));
      if (answered === 'refused') void request.respond(UNAVAILABLE);
      return answered !== undefined;
    });
    return puts;
  }

  /**
   * Begins to upload. When this resolves two parts are in the store, and every other PUT that Uppy makes is held. A PUT on
   * its way would be counted after the pause, or not at all.
   */
  async function uploadTwoParts(attempt: string, options?: { isKept: boolean }) {
    const puts = await watchPuts((_, part) => (part > 2 ? 'held' : undefined));
    await openWith(attempt, FILM, options);
    const uploaded = act('upload');
    // Its page may be left.
    uploaded.catch(() => {});
    await until(async () => on.tab.events.filter(({ name }) => name === 'part').length === 2);
    await until(() => puts.sent === Math.min(PARTS, 2 + partsAtOnce));
    return { puts, uploaded };
  }

  async function loadAgain(attempt: string): Promise<void> {
    await until(() => on.tab.page.evaluate(isUploadKept) as Promise<boolean>);
    await on.tab.page.reload();
    await open(attempt, { isKept: true });
    await on.tab.event({ name: 'restored' });
  }

  /** The service completes it with the parts that it has. */
  async function becomeIdle(): Promise<void> {
    // The store's clock is the real one.
    await new Promise((resolve) => setTimeout(resolve, 2 * IDLE_LIMIT_MS));
    expect(await on.site.service.run('sweep')).toMatchObject({ code: 0 });
  }

  /** The last recording of the attempt is the film, and there are `truncated` before it. */
  async function expectStored(attempt: string, film: SyntheticOptions, truncated = 0): Promise<void> {
    const files = await storedFiles(on.site, attempt);
    const states = files.map(({ recording }) => [recording.state, recording.truncated]);
    expect(states).toEqual([...Array(truncated).fill(['stored', true]), ['stored', false]]);
    expect(Buffer.compare(files.at(-1)?.bytes ?? Buffer.alloc(0), concat([...syntheticWebm(film)]))).toBe(0);
  }

  test.each([
    ['one part', SMALL_FILM],
    ['many parts', FILM],
  ])('uploads a file of %s, and names its recording', async (parts, film) => {
    const attempt = parts.replace(' ', '-');
    await openWith(attempt, film);
    const { stored, failed } = await act('upload');
    expect(failed).toEqual([]);
    expect(stored).toEqual((await recordingsOf(on.site, attempt)).map(({ recordingId }) => recordingId));
    await expectStored(attempt, film);
  });

  test('sends nothing while it is paused, and then the rest', async () => {
    const { puts, uploaded } = await uploadTwoParts('paused');
    await on.tab.call('pause');
    await until(() => puts.ended === puts.sent);
    const { sent } = puts;
    puts.answer = () => undefined;
    // It would have sent all of them meanwhile.
    for (let calls = 0; calls < 50; calls += 1) await recordingsOf(on.site, 'paused');
    expect(puts.sent).toBe(sent);
    await on.tab.call('resume');
    expect(await uploaded).toEqual(ALL_STORED);
    expect(puts.sent).toBe(sent + PARTS - 2);
    await expectStored('paused', FILM);
  });

  test('says that it failed while the store takes nothing, and uploads when it is told to try again', async () => {
    const puts = await watchPuts(() => 'refused');
    await openWith('retried', FILM);
    expect(await act('upload')).toEqual({ stored: [], failed: [expect.any(String)] });
    puts.answer = () => undefined;
    expect(await act('retry')).toEqual(ALL_STORED);
    await expectStored('retried', FILM);
  });

  test('uploads the file though the store refuses every second part', async () => {
    const puts = await watchPuts((count) => (count % 2 === 0 ? 'refused' : undefined));
    await openWith('half', FILM);
    expect(await act('upload')).toEqual(ALL_STORED);
    expect(puts.sent).toBeGreaterThan(PARTS);
    await expectStored('half', FILM);
  });

  test('continues after a reload where it was, when Golden Retriever keeps the file', async () => {
    const { puts } = await uploadTwoParts('reloaded', { isKept: true });
    await loadAgain('reloaded');
    const { sent } = puts;
    puts.answer = () => undefined;
    await on.tab.call('confirm');
    await on.tab.event({ name: 'complete', ...ALL_STORED });
    expect(puts.sent - sent).toBe(PARTS - 2);
    await expectStored('reloaded', FILM);
  });

  test('leaves nothing of an upload that is cancelled, and takes the same file again', async () => {
    const { puts } = await uploadTwoParts('cancelled');
    await on.tab.call('cancel');
    await until(async () => (await recordingsOf(on.site, 'cancelled')).length === 0);
    puts.answer = () => undefined;
    await on.tab.call('add', FILM);
    expect(await act('upload')).toEqual(ALL_STORED);
    await expectStored('cancelled', FILM);
  });

  test('makes one recording of a file though no reply to its creation came before the page was loaded again', async () => {
    let lost = 0;
    await on.tab.intercept((request) => {
      if (request.method() !== 'POST' || !request.url().endsWith('/recordings') || lost === CREATE_TRIES) return false;
      lost += 1;
      const sent = { method: 'POST', headers: request.headers(), body: request.postData() ?? '' };
      void fetch(request.url(), sent).finally(() => request.abort());
      return true;
    });
    await openWith('lost', SMALL_FILM);
    expect(await act('upload')).toEqual({ stored: [], failed: [expect.stringMatching(/^unreachable: /)] });
    expect(await recordingsOf(on.site, 'lost')).toHaveLength(1);
    await on.tab.page.reload();
    await openWith('lost', SMALL_FILM);
    expect(await act('upload')).toEqual(ALL_STORED);
    await expectStored('lost', SMALL_FILM);
  });

  describe('whose upload the service has completed without its rest', () => {
    test('says so, and uploads the whole file as another recording when it is told to try again', async () => {
      const { puts, uploaded } = await uploadTwoParts('idle');
      await on.tab.call('pause');
      await becomeIdle();
      puts.answer = () => undefined;
      await on.tab.call('resume');
      expect(await uploaded).toEqual({
        stored: [],
        failed: [expect.stringMatching(/^recording-stored: .*try again/i)],
      });
      expect(await act('retry')).toEqual(ALL_STORED);
      await expectStored('idle', FILM, 1);
    });

    test('uploads the whole file as another recording after a reload', async () => {
      const { puts } = await uploadTwoParts('left', { isKept: true });
      await loadAgain('left');
      await becomeIdle();
      puts.answer = () => undefined;
      await on.tab.call('confirm');
      await on.tab.event({ name: 'complete', ...ALL_STORED });
      await expectStored('left', FILM, 1);
    });
  });

  test('asks for another token when one has expired', async () => {
    await open('renewed', { tokens: ['expired'] });
    await on.tab.call('add', SMALL_FILM);
    expect(await act('upload')).toEqual(ALL_STORED);
  });

  test('shows the words of the service when it refuses', async () => {
    await openWith('assessed', SMALL_FILM);
    const assessment = { completedAt: new Date().toISOString() };
    await on.site.service.ask('PUT', '/v1/exams/math/attempts/assessed/assessment', assessment);
    const refusal = expect.stringMatching(/^attempt-assessed: This attempt was assessed/);
    expect(await act('upload')).toEqual({ stored: [], failed: [refusal] });
  });
});

/** In the page: whether Golden Retriever has written which upload a file belongs to. Version 5 writes it elsewhere than 6. */
const isUploadKept = `(async () => {
  const isIn = (text) => text.includes('"uploadId"');
  if (Object.values(localStorage).some(isIn)) return true;
  const settled = (request) => new Promise((resolve) => request.addEventListener('success', () => resolve(request.result)));
  const database = await settled(indexedDB.open('uppy-blobs'));
  try {
    if (!database.objectStoreNames.contains('metadata')) return false;
    const records = await settled(database.transaction('metadata').objectStore('metadata').getAll());
    return records.some(({ metadata }) => isIn(metadata));
  } finally {
    database.close();
  }
})()`;
