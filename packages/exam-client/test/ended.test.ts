// What a service that has ended a recording makes of what the browser still has of it: each row of the table in errors.ts.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../../src/model/durations.ts';
import type { Recording as ServiceRecording } from '../../../src/model/recording.ts';
import { type Answer, type Api, newAttempt } from '../../../test/http/api.ts';
import { rememberUpload } from '../../../test/http/remembered-upload.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { MIB } from '../../../test/kit/fixtures.ts';
import { mediaKey } from '../../../test/kit/service.ts';
import { until } from '../../../test/kit/until.ts';
import type { Bytes } from '../src/bytes.ts';
import { SessionClock, serviceTime } from '../src/clock.ts';
import type { ClientError } from '../src/errors.ts';
import { LocalBytes } from '../src/local-bytes.ts';
import { MediaIndex } from '../src/media-index.ts';
import { LocalRecording } from '../src/recording.ts';
import { Waits } from '../src/retry.ts';
import { Service } from '../src/service.ts';
import { startSession } from '../src/session.ts';
import { readWebmHead } from '../src/webm/head.ts';
import { type Line, openLine } from './line.ts';
import { newRow } from './new-row.ts';
import { concat, HEAD_BYTES, SYNTHETIC_HEAD, syntheticWebm } from './synthetic-webm.ts';

const PART_BYTES = 5 * MIB;
/** Four parts and a little, a keyframe every two seconds. */
const SECONDS = 22;
const FILM = [...syntheticWebm({ seconds: SECONDS, bytesPerSecond: MIB, keyframeEverySeconds: 2 })];
const MEDIA = concat(FILM).subarray(SYNTHETIC_HEAD.length);

let line: Line;
let api: Api;

beforeEach(async () => {
  line = await openLine();
  ({ api } = line);
});

interface Visit {
  readonly recording: LocalRecording;
  readonly clock: SessionClock;
  readonly continued: { recordingId: string | undefined; code: string }[];
  /** Gives the recorder's next seconds to the client, and waits until they are kept. */
  readonly film: (seconds: number) => Promise<void>;
}

/** A page and what its browser keeps, across visits. */
async function openBrowser(contentType = 'video/webm') {
  const local = new LocalBytes({ memoryLimitBytes: 1000 * MIB, onWarning() {} });
  const attempt = newAttempt();
  const row = newRow({ service: api.url, attempt, contentType, createdAtMs: Date.now() });
  let kept = row;
  let removed = false;
  local.put = async (written) => {
    kept = structuredClone(written);
    return true;
  };
  const remove = local.remove.bind(local);
  local.remove = async (key) => {
    removed = true;
    await remove(key);
  };
  const getToken = async () => (await api.authorization()).replace('Bearer ', '');
  const left = [...FILM];
  const waiting: (() => void)[] = [];
  const handed: Bytes[] = [];
  let isOver = false;
  let page: AbortController | undefined;
  async function* blobs() {
    for (;;) {
      const bytes = handed.shift();
      if (bytes) yield new Blob([bytes]);
      else if (isOver) return;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  function visit(isLive: boolean): Visit {
    page?.abort();
    const abort = new AbortController();
    page = abort;
    afterThisTest(() => abort.abort());
    const continued: Visit['continued'] = [];
    const clock = new SessionClock();
    const recording = new LocalRecording(
      structuredClone(kept),
      {
        local,
        service: new Service({ ...row, getToken }, clock),
        clock,
        waits: new Waits(() => {}),
        hasOverview: true,
        signal: abort.signal,
        events: {
          onProgress() {},
          onState() {},
          onGap() {},
          onProblem() {},
          onSourceFailed: () => false,
          onRestart() {},
          onContinued: (ended) => continued.push(ended),
        },
      },
      isLive ? { source: blobs(), options: { mimeType: contentType } } : undefined,
    );
    const film = async (count: number) => {
      const more = left.splice(0, count);
      const wanted = recording.progress.recordedBytes + more.reduce((sum, { length }) => sum + length, 0);
      handed.push(...more);
      wake();
      await until(() => recording.progress.recordedBytes >= wanted);
    };
    return { recording, clock, continued, film };
  }
  return {
    attempt,
    row: () => kept,
    begin: () => visit(true),
    comeBack: () => visit(false),
    wasErased: () => removed,
    keptBytes: async () => (await local.chunks(row.key)).reduce((sum, { bytes }) => sum + bytes.length, 0),
    /** The source ends. */
    end() {
      isOver = true;
      wake();
    },
  };
}

type Browser = Awaited<ReturnType<typeof openBrowser>>;

async function recordingsOf(attempt: string): Promise<ServiceRecording[]> {
  const { body } = (await api.call('get', `/v1/exams/math/attempts/${attempt}/recordings`)) as Answer<{
    items: ServiceRecording[];
  }>;
  return body.items.sort((a, b) => (a.recordingId < b.recordingId ? -1 : 1));
}

async function bytesOf(attempt: string, recording: string, sizeBytes: number | null): Promise<Bytes> {
  const key = mediaKey({ tenant: 'acme', exam: 'math', attempt, recording });
  return concat(await Array.fromAsync((await api.service.store.getRange(key, 0, sizeBytes ?? 0)) ?? []));
}

/** Some of it is stored, the line is cut, and the sweep takes the upload for abandoned; then the line is back. */
async function beSweptWhileOffline(browser: Browser, { recording, film }: Visit): Promise<string> {
  await film(12);
  await until(() => recording.progress.storedBytes >= 2 * PART_BYTES);
  line.isOffline = true;
  await film(5);
  api.service.clock.advance(3 * HOUR_MS);
  expect((await api.service.sweep()).salvaged).toBe(1);
  const [ended] = await recordingsOf(browser.attempt);
  expect(ended).toMatchObject({ state: 'stored', truncated: true });
  return ended?.recordingId ?? '';
}

/** The new file is playable by itself, begins with a keyframe, and together the two have every byte. */
async function expectWhole(browser: Browser, endedId: string): Promise<ServiceRecording> {
  const [ended, next, ...others] = await recordingsOf(browser.attempt);
  if (!ended || !next) throw new Error('no new recording');
  expect(others).toEqual([]);
  expect(ended.recordingId).toBe(endedId);
  expect(next).toMatchObject({ state: 'stored', truncated: false, kind: 'webcam', participantId: 'p1' });
  expect(next.consent).toEqual(ended.consent);
  const first = (await bytesOf(browser.attempt, ended.recordingId, ended.sizeBytes)).subarray(HEAD_BYTES);
  const file = await bytesOf(browser.attempt, next.recordingId, next.sizeBytes);
  const rest = file.subarray(HEAD_BYTES);
  expect(readWebmHead(file)).toMatchObject({ sizeBytes: HEAD_BYTES });
  expect(Buffer.compare(rest, MEDIA.subarray(-rest.length))).toBe(0);
  expect(Buffer.compare(first, MEDIA.subarray(0, first.length))).toBe(0);
  expect(first.length + rest.length).toBeGreaterThanOrEqual(MEDIA.length);
  const index = new MediaIndex();
  index.push(file);
  expect(index.firstCue(0)?.offset).toBe(HEAD_BYTES);
  return next;
}

describe('a recording that the sweep took for abandoned', () => {
  test('is continued in a new one, which has all that the store did not have, and all that is recorded afterwards', async () => {
    const browser = await openBrowser();
    const visit = browser.begin();
    const endedId = await beSweptWhileOffline(browser, visit);
    line.isOffline = false;
    await until(() => visit.continued.length > 0);
    expect(visit.continued).toEqual([{ recordingId: endedId, code: 'recording-stored' }]);
    expect(visit.recording.state).toBe('recording');
    await visit.film(5);
    browser.end();
    const stored = await visit.recording.stored;
    const { recordingId, timeline } = await expectWhole(browser, endedId);
    expect(stored.recordingId).toBe(recordingId);
    expect(timeline).toEqual(stored.timeline);
    // It begins with the cluster of a keyframe: so many seconds after the first one began.
    const skippedMs = browser.row().continuation?.skippedMs ?? 0;
    expect(skippedMs % 2000).toBe(0);
    const { startedAtMs = 0 } = browser.row();
    const started = serviceTime(startedAtMs + skippedMs, visit.clock.state);
    expect(Date.parse(stored.timeline.startedAt)).toBe(Math.floor(started));
    expect([skippedMs > 0, browser.row().continuation?.endedIds, await browser.keptBytes()]).toEqual([
      true,
      [endedId],
      0,
    ]);
  });

  test('is continued by the next visit, after a reload', async () => {
    const browser = await openBrowser();
    const visit = browser.begin();
    const endedId = await beSweptWhileOffline(browser, visit);
    await visit.film(5);
    const { recording, continued } = browser.comeBack();
    line.isOffline = false;
    await recording.stored;
    expect(continued).toMatchObject([{ recordingId: endedId }]);
    await expectWhole(browser, endedId);
  });

  test('is continued by the visit after the one that began to continue it', async () => {
    const browser = await openBrowser();
    const visit = browser.begin();
    const endedId = await beSweptWhileOffline(browser, visit);
    await visit.film(5);
    const second = browser.comeBack();
    // Presigned parts alone: the new recording is never made in this visit.
    line.refuse = (request) => (request.endsWith('/recordings') ? Response.json({}, { status: 503 }) : undefined);
    line.isOffline = false;
    await until(() => second.continued.length > 0);
    line.isOffline = true;
    line.refuse = () => undefined;
    const third = browser.comeBack();
    line.isOffline = false;
    await third.recording.stored;
    await expectWhole(browser, endedId);
  });

  test('of which nothing was erased here yet is sent whole', async () => {
    const browser = await openBrowser();
    const visit = browser.begin();
    await visit.film(6);
    await until(() => visit.recording.progress.storedBytes >= PART_BYTES);
    line.isOffline = true;
    api.service.clock.advance(3 * HOUR_MS);
    await api.service.sweep();
    line.isOffline = false;
    await visit.film(16);
    browser.end();
    await visit.recording.stored;
    const [, next] = await recordingsOf(browser.attempt);
    expect(next?.sizeBytes).toBe(HEAD_BYTES + MEDIA.length);
  });
});

const problem = (code: string, status: number, receipt?: object) => Response.json({ code, receipt }, { status });

/** A live recording of which parts were stored, whose next call gets this answer. */
async function refuseWith(reply: () => Response, calls = 1) {
  const browser = await openBrowser();
  const visit = browser.begin();
  await visit.film(6);
  await until(() => visit.recording.progress.storedBytes >= PART_BYTES);
  let count = 0;
  line.refuse = (request) => (request.endsWith('/parts') && ++count <= calls ? reply() : undefined);
  await visit.film(5);
  return { browser, visit };
}

test.each<[string, number, string | undefined]>([
  ['recording-stored', 409, undefined],
  ['upload-gone', 409, undefined],
  ['recording-not-found', 404, undefined],
  ['recording-deleted', 410, 'aborted'],
])('after %s (%d, %s) a new recording gets all that is here', async (code, status, reason) => {
  const { browser, visit } = await refuseWith(() =>
    problem(code, status, reason === undefined ? undefined : { reason }),
  );
  await until(() => visit.continued.length > 0);
  expect(visit.continued).toMatchObject([{ code }]);
  await visit.film(11);
  browser.end();
  const { recordingId, sizeBytes } = await visit.recording.stored;
  expect([recordingId, sizeBytes]).toEqual([browser.row().recordingId, HEAD_BYTES + MEDIA.length]);
});

test.each<[string, number, string | undefined]>([
  ['recording-deleted', 410, 'erasure'],
  ['recording-deleted', 410, 'consent-withdrawn'],
  ['recording-deleted', 410, 'controller-instruction'],
])('after %s (%d, %s) it stops, says so, and is erased here', async (code, status, reason) => {
  const { browser, visit } = await refuseWith(() =>
    problem(code, status, reason === undefined ? undefined : { reason }),
  );
  await expect(visit.recording.stored).rejects.toMatchObject({ code });
  expect([visit.recording.state, browser.wasErased(), await browser.keptBytes()]).toEqual(['failed', true, 0]);
  expect(visit.continued).toEqual([]);
});

test.each([
  ['attempt-assessed', 409],
  ['recording-expired', 410],
  ['attempt-full', 409],
  ['consent-missing', 422],
  ['not-a-recording', 422],
  ['recording-too-large', 413],
  ['part-number-too-large', 422],
  ['a-code-of-the-future', 418],
])('after %s (%d) it stops and says so, and the next visit tries again with all that is here', async (code, status) => {
  const { browser, visit } = await refuseWith(() => problem(code, status));
  await expect(visit.recording.stored).rejects.toMatchObject({ code });
  expect([visit.recording.state, browser.wasErased()]).toEqual(['failed', false]);
  line.refuse = () => undefined;
  const { sizeBytes } = await browser.comeBack().recording.stored;
  expect(sizeBytes).toBe(await expectedSize(browser));
});

async function expectedSize(browser: Browser): Promise<number> {
  const [recording, ...others] = await recordingsOf(browser.attempt);
  expect(others).toEqual([]);
  return recording?.sizeBytes ?? 0;
}

describe.each([
  ['to the store', false],
  ['through the service', true],
])('a part that is sent %s after its upload has ended at another replica', (_, isStoreBlocked) => {
  const RETENTION_MS = 400 * DAY_MS;
  /** Three parts at once, each perhaps first with a token that has expired meanwhile. */
  const MOST_PUTS = 6;

  /** A live recording, whose upload `end` ends without the knowledge of the replica that the page asks for URLs. */
  async function endElsewhere(end: (path: string) => Promise<unknown>) {
    const browser = await openBrowser();
    const visit = browser.begin();
    await visit.film(12);
    await until(() => visit.recording.progress.storedBytes >= 2 * PART_BYTES);
    const { attempt, row } = browser;
    const { recordingId = '' } = row();
    const sign = await rememberUpload(api, { tenant: 'acme', exam: 'math', attempt, recording: recordingId });
    await end(`/v1/exams/math/attempts/${attempt}/recordings/${recordingId}`);
    line.isStoreBlocked = isStoreBlocked;
    line.partsToStore = 0;
    let asked = 0;
    line.refuse = (request, body) => {
      const isOfEnded = request.endsWith(`/${recordingId}/parts`);
      if (isOfEnded && request.startsWith('GET')) asked += 1;
      return isOfEnded && request.startsWith('POST') ? sign(body) : undefined;
    };
    await visit.film(10);
    const counts = () => ({ asked, partsToStore: line.partsToStore, throughService: line.partsThroughService });
    return { browser, visit, recordingId, counts };
  }

  const ONCE = isStoreBlocked
    ? { asked: 0, partsToStore: 0, throughService: expect.any(Number) }
    : { asked: expect.any(Number), partsToStore: expect.any(Number), throughService: 0 };

  test('by a withdrawal ends the recording, which is erased here', async () => {
    const { browser, visit, counts } = await endElsewhere(async (path) => {
      expect((await api.call('delete', `${path}?reason=consent-withdrawn`)).status).toBe(200);
    });
    const error = { code: 'recording-deleted', reason: 'consent-withdrawn' };
    await expect(visit.recording.stored).rejects.toMatchObject(error);
    expect([visit.continued, browser.wasErased(), await browser.keptBytes()]).toEqual([[], true, 0]);
    expect(counts()).toEqual(ONCE);
    expect(counts().partsToStore + counts().throughService).toBeLessThanOrEqual(MOST_PUTS);
  });

  test('by its deadline ends the recording, and its bytes stay here', async () => {
    const { browser, visit, counts } = await endElsewhere(async () => {
      api.service.clock.advance(RETENTION_MS);
      await api.service.sweep();
    });
    await expect(visit.recording.stored).rejects.toMatchObject({ code: 'recording-deleted' });
    expect([visit.continued, browser.wasErased()]).toEqual([[], false]);
    expect(counts()).toEqual(ONCE);
    expect(counts().partsToStore + counts().throughService).toBeLessThanOrEqual(MOST_PUTS);
  });

  test('by the sweep is continued in a new recording, without a byte less', async () => {
    const { browser, visit, recordingId } = await endElsewhere(async () => {
      api.service.clock.advance(3 * HOUR_MS);
      expect((await api.service.sweep()).salvaged).toBe(1);
    });
    await until(() => visit.continued.length > 0);
    expect(visit.continued).toEqual([{ recordingId, code: 'recording-stored' }]);
    browser.end();
    await visit.recording.stored;
    await expectWhole(browser, recordingId);
  });
});

test('a deletion in progress is waited for until its receipt says why', async () => {
  let calls = 0;
  const { visit } = await refuseWith(() => {
    calls += 1;
    return problem('recording-deleted', 410, calls > 3 ? { reason: 'erasure' } : undefined);
  }, Number.POSITIVE_INFINITY);
  await expect(visit.recording.stored).rejects.toMatchObject({ code: 'recording-deleted', reason: 'erasure' });
  expect(calls).toBeGreaterThan(3);
});

test('an assessment meanwhile ends it, and no new recording is made', async () => {
  const browser = await openBrowser();
  const visit = browser.begin();
  const endedId = await beSweptWhileOffline(browser, visit);
  const completedAt = new Date(api.service.clock.now()).toISOString();
  const path = `/v1/exams/math/attempts/${browser.attempt}/assessment`;
  expect((await api.call('put', path, { body: { completedAt } })).status).toBeLessThan(300);
  line.isOffline = false;
  await expect(visit.recording.stored).rejects.toMatchObject({ code: 'attempt-assessed' });
  expect((await recordingsOf(browser.attempt)).map(({ recordingId }) => recordingId)).toEqual([endedId]);
});

test('a service that ends every recording at once is not asked forever, and what is here stays', async () => {
  const { browser, visit } = await refuseWith(() => problem('upload-gone', 409), Number.POSITIVE_INFINITY);
  await visit.recording.stored.catch((error: ClientError) => expect(error.code).toMatch(/upload-gone|attempt-full/));
  expect([visit.recording.state, browser.wasErased()]).toEqual(['failed', false]);
});

describe('a session', () => {
  const sessionOf = (attempt: string, claims?: Record<string, unknown>) => {
    const abort = new AbortController();
    afterThisTest(() => abort.abort());
    return startSession({
      service: api.url,
      exam: 'math',
      attempt,
      participantId: 'p1',
      consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' },
      getToken: async () => (await api.authorization(claims)).replace('Bearer ', ''),
      signal: abort.signal,
      memoryLimitBytes: 1000 * MIB,
    });
  };
  const sweepAway = async (attempt: string) => {
    api.service.clock.advance(3 * HOUR_MS);
    await api.service.sweep();
    expect(await recordingsOf(attempt)).toMatchObject([{ state: 'stored', truncated: true }]);
  };

  test('whose consent is withdrawn deletes the recording that the service had ended, and the one that continues it', async () => {
    const attempt = newAttempt();
    const session = sessionOf(attempt);
    const continued = new Promise((resolve) => session.addEventListener('continued', resolve));
    const more = Promise.withResolvers<void>();
    async function* blobs() {
      yield new Blob(FILM.slice(0, 6));
      await more.promise;
      yield new Blob(FILM.slice(6));
      await new Promise(() => {});
    }
    session.record('webcam', blobs(), { mimeType: 'video/webm' });
    await until(() => session.progress.storedBytes >= PART_BYTES);
    await sweepAway(attempt);
    more.resolve();
    await continued;
    await until(async () => (await recordingsOf(attempt)).length === 2);
    await session.withdraw();
    expect(await recordingsOf(attempt)).toEqual([]);
  });

  test('whose consent is withdrawn tells the page of the recording that the privacy desk keeps, deletes the others, and asks no more', async () => {
    const attempt = newAttempt();
    const candidate = { scope: 'recordings:upload', exam: 'math', attempt };
    const session = sessionOf(attempt, candidate);
    async function* blobs() {
      yield new Blob(FILM);
    }
    for (const kind of ['webcam', 'screen', 'audio'] as const) {
      session.record(kind, blobs(), { mimeType: 'video/webm' });
    }
    await until(() => session.recordings.every(({ state }) => state === 'stored'));
    const [first, , last] = session.recordings.map(({ recordingId }) => recordingId ?? '');
    const as = { scope: 'privacy:manage', sub: 'desk' };
    const pathOf = (id = '') => `/v1/exams/math/attempts/${attempt}/recordings/${id}`;
    for (const id of [first, last]) {
      const restriction = { body: { reason: 'case 7' }, as };
      expect((await api.call('put', `${pathOf(id)}/restriction`, restriction)).status).toBe(200);
    }
    await expect(session.withdraw()).rejects.toMatchObject({ name: 'ClientError', code: 'recording-restricted' });
    const kept = (await recordingsOf(attempt)).map(({ recordingId }) => recordingId);
    expect(new Set(kept)).toEqual(new Set([first, last]));
    expect(session.recordings.map(({ state }) => state)).toEqual(['withdrawn', 'withdrawn', 'withdrawn']);
    const events = async () => (await api.call('get', `${pathOf(first)}/access-log`, { as })).body.items;
    expect(await events()).toMatchObject([{ event: 'restricted' }, { event: 'deletion-refused' }]);
    await expect(sessionOf(attempt, candidate).withdraw()).resolves.toBeUndefined();
    expect(await events()).toHaveLength(2);
  });

  test('begins a new recorder where a file without known keyframes, of which parts were erased here, cannot be continued, and erases no more', async () => {
    const recorders: FakeRecorder[] = [];
    class FakeRecorder extends EventTarget {
      readonly mimeType = 'video/webm';
      state = 'inactive';
      constructor() {
        super();
        recorders.push(this);
      }
      start() {
        this.state = 'recording';
        this.dispatchEvent(new Event('start'));
      }
      stop() {
        this.state = 'inactive';
        this.dispatchEvent(new Event('stop'));
      }
      give(sizeBytes: number) {
        const data = new Blob([new Uint8Array(sizeBytes).fill(7)]);
        this.dispatchEvent(Object.assign(new Event('dataavailable'), { data }));
      }
    }
    class FakeStream {
      active = true;
      getTracks = () => [];
    }
    Object.assign(globalThis, { MediaRecorder: FakeRecorder, MediaStream: FakeStream });
    afterThisTest(() => Object.assign(globalThis, { MediaRecorder: undefined }));
    const attempt = newAttempt();
    const session = sessionOf(attempt);
    const codes: string[] = [];
    session.addEventListener('failed', ({ detail }) => codes.push(detail.error.code));
    session.record('webcam', new FakeStream() as unknown as MediaStream, { mimeType: 'video/webm' });
    await until(() => recorders[0]?.state === 'recording');
    recorders[0]?.give(3 * PART_BYTES);
    await until(() => session.progress.storedBytes >= 3 * PART_BYTES);
    await sweepAway(attempt);
    recorders[0]?.give(PART_BYTES);
    await until(() => recorders[1]?.state === 'recording');
    expect(codes).toEqual(['recording-stored']);
    recorders[1]?.give(MIB);
    await until(() => (session.recordings[1]?.progress.recordedBytes ?? 0) > 0);
    await session.finish().catch((error: ClientError) => expect(error.code).toBe('recording-stored'));
    expect(session.recordings.map(({ state }) => state)).toEqual(['failed', 'stored']);
    expect(session.recordings[0]?.progress.recordedBytes).toBe(4 * PART_BYTES);
  });
});
