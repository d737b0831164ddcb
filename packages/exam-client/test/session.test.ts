// A session whose sources and whose network do what they do in schools.
import { beforeEach, expect, test } from '@jest/globals';
import type { Recording as ServiceRecording } from '../../../src/model/recording.ts';
import { type Answer, newAttempt } from '../../../test/http/api.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { MIB } from '../../../test/kit/fixtures.ts';
import { mediaKey } from '../../../test/kit/service.ts';
import { until } from '../../../test/kit/until.ts';
import { type ExamSession, type SessionEvents, startSession } from '../src/session.ts';
import { type Line, openLine } from './line.ts';
import { concat, HEAD_BYTES, SYNTHETIC_HEAD, syntheticWebm } from './synthetic-webm.ts';

const PART_BYTES = 5 * MIB;

let line: Line;
let attempt: string;
let session: ExamSession;
let continued: string[];

beforeEach(async () => {
  line = await openLine();
  attempt = newAttempt();
  session = openSession();
  continued = [];
  session.addEventListener('continued', ({ detail }) => continued.push(detail.code));
});

function openSession(): ExamSession {
  const abort = new AbortController();
  afterThisTest(() => abort.abort());
  return startSession({
    service: line.api.url,
    exam: 'math',
    attempt,
    participantId: 'p1',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' },
    getToken: async () => (await line.api.authorization()).replace('Bearer ', ''),
    signal: abort.signal,
    memoryLimitBytes: 1000 * MIB,
  });
}

async function recordings(): Promise<ServiceRecording[]> {
  const { body } = (await line.api.call('get', `/v1/exams/math/attempts/${attempt}/recordings`)) as Answer<{
    items: ServiceRecording[];
  }>;
  return body.items.sort((a, b) => (a.recordingId < b.recordingId ? -1 : 1));
}

async function bytesOf({ recordingId, sizeBytes }: ServiceRecording): Promise<Uint8Array> {
  const key = mediaKey({ tenant: 'acme', exam: 'math', attempt, recording: recordingId });
  return concat(await Array.fromAsync((await line.api.service.store.getRange(key, 0, sizeBytes ?? 0)) ?? []));
}

/** A MediaRecorder that does what the test says, on a stream that stays active. */
function installRecorders() {
  const made: FakeRecorder[] = [];
  class FakeRecorder extends EventTarget {
    readonly mimeType = 'video/webm;codecs=vp8';
    state = 'inactive';
    constructor() {
      super();
      made.push(this);
    }
    static isTypeSupported = () => true;
    start() {
      this.state = 'recording';
      this.dispatchEvent(new Event('start'));
    }
    stop() {
      this.state = 'inactive';
      this.dispatchEvent(new Event('stop'));
    }
    give(bytes: Uint8Array<ArrayBuffer>) {
      this.dispatchEvent(Object.assign(new Event('dataavailable'), { data: new Blob([bytes]) }));
    }
    /** As when a track is added (MediaStream Recording, 2.3). */
    fail() {
      this.dispatchEvent(new Event('error'));
      this.stop();
    }
  }
  class FakeStream {
    active = true;
    getTracks = () => [];
    getVideoTracks = () => [{}];
    getAudioTracks = () => [];
  }
  Object.assign(globalThis, { MediaRecorder: FakeRecorder, MediaStream: FakeStream });
  afterThisTest(() => Object.assign(globalThis, { MediaRecorder: undefined }));
  return { made, stream: new FakeStream() as unknown as MediaStream };
}

test('a recorder that fails is followed by another one on the same stream, and the page is told', async () => {
  const { made, stream } = installRecorders();
  const [first, second] = [2, 3].map((seconds) => concat([...syntheticWebm({ seconds, bytesPerSecond: 50_000 })]));
  session.record('webcam', stream);
  await until(() => made[0]?.state === 'recording');
  made[0]?.give(first as Uint8Array<ArrayBuffer>);
  made[0]?.fail();
  await until(() => made[1]?.state === 'recording');
  expect(continued).toEqual(['source-failed']);
  made[1]?.give(second as Uint8Array<ArrayBuffer>);
  await until(() => (session.recordings[1]?.progress.recordedBytes ?? 0) > 0);
  await session.finish();
  const stored = await recordings();
  expect(stored.map(({ state }) => state)).toEqual(['stored', 'stored']);
  const sizes = await Promise.all(stored.map(async (recording) => (await bytesOf(recording)).length));
  const recorded = [first, second].map((film = new Uint8Array()) => HEAD_BYTES + film.length - SYNTHETIC_HEAD.length);
  expect(new Set(sizes)).toEqual(new Set(recorded));
});

test('a recorder that always fails at once is given up, and the problem stays', async () => {
  const { made, stream } = installRecorders();
  session.record('webcam', stream);
  for (let count = 0; count < 4; count += 1) {
    await until(() => made[count]?.state === 'recording');
    made[count]?.fail();
  }
  await until(() => session.problems.includes('source-failed'));
  expect(made).toHaveLength(4);
});

test('a stream of Blobs that begins another file becomes two recordings, and the page is told', async () => {
  const file = concat([2, 3].flatMap((seconds) => [...syntheticWebm({ seconds, bytesPerSecond: 50_000 })]));
  async function* blobs() {
    // The second header lies in the middle of a Blob.
    for (let at = 0; at < file.length; at += 1_000) yield new Blob([file.subarray(at, at + 1_000)]);
  }
  session.record('webcam', blobs(), { mimeType: 'video/webm' });
  await until(() => continued.length > 0 && session.recordings.every(({ state }) => state === 'stored'));
  expect(continued).toEqual(['source-restarted']);
  expect((await recordings()).map(({ state, container }) => [state, container])).toEqual([
    ['stored', 'webm'],
    ['stored', 'webm'],
  ]);
});

test('where the store cannot be reached, every byte goes through the service', async () => {
  line.isStoreBlocked = true;
  const film = [...syntheticWebm({ seconds: 12, bytesPerSecond: MIB })];
  async function* blobs() {
    for (const bytes of film) yield new Blob([bytes]);
  }
  session.record('screen', blobs(), { mimeType: 'video/webm' });
  await until(() => session.recordings[0]?.state === 'uploading');
  await session.finish();
  const [recording] = await recordings();
  const media = concat(film).subarray(SYNTHETIC_HEAD.length);
  const stored = await bytesOf(recording as ServiceRecording);
  expect(Buffer.compare(stored.subarray(HEAD_BYTES), media)).toBe(0);
  expect(line.partsThroughService).toBe(Math.ceil(stored.length / PART_BYTES));
});

test('a source that gives nothing is a problem that ends with its first bytes', async () => {
  const { performance } = globalThis;
  let aheadMs = 0;
  afterThisTest(() => Object.assign(globalThis, { performance }));
  Object.assign(globalThis, {
    performance: { timeOrigin: performance.timeOrigin, now: () => performance.now() + aheadMs },
  });
  const { made, stream } = installRecorders();
  const events: string[] = [];
  session.addEventListener('problem', ({ detail }) => events.push(`${detail.problem} ${detail.isOver}`));
  session.record('webcam', stream);
  await until(() => made[0]?.state === 'recording');
  aheadMs = 11_000;
  await until(() => session.problems.includes('no-bytes'));
  made[0]?.give(concat([...syntheticWebm({ seconds: 1, bytesPerSecond: 50_000 })]));
  await until(() => !session.problems.includes('no-bytes'));
  expect(events.filter((event) => event.startsWith('no-bytes'))).toEqual(['no-bytes false', 'no-bytes true']);
});

test('a network that is lost while nothing is sent is a problem at once, and until it is back', async () => {
  const window = new EventTarget();
  const isOnline = Object.getOwnPropertyDescriptor(navigator, 'onLine');
  afterThisTest(() =>
    isOnline ? Object.defineProperty(navigator, 'onLine', isOnline) : delete (navigator as { onLine?: boolean }).onLine,
  );
  const turn = (name: 'online' | 'offline') => {
    Object.defineProperty(navigator, 'onLine', { value: name === 'online', configurable: true });
    window.dispatchEvent(new Event(name));
  };
  Object.assign(globalThis, { addEventListener: window.addEventListener.bind(window) });
  const { made, stream } = installRecorders();
  session = openSession();
  session.record('webcam', stream);
  await until(() => made[0]?.state === 'recording');
  await until(() => session.recordings[0]?.recordingId !== undefined);
  const told: string[] = [];
  session.addEventListener('problem', ({ detail }) => told.push(`${detail.problem} ${detail.isOver}`));
  session.addEventListener('progress', () => told.push(`waiting ${session.progress.waiting}`));
  turn('offline');
  expect(told).toEqual(['waiting offline', 'offline false']);
  turn('online');
  expect(told.slice(2)).toEqual(['waiting null', 'offline true']);
});

/** The problems that begin, with what the service or the store said. */
function watchRefusals() {
  const told: SessionEvents['problem'][] = [];
  session.addEventListener('problem', ({ detail }) => void (detail.isOver || told.push(detail)));
  return async (problem: string) => {
    await until(() => told.some((of) => of.problem === problem));
    return told.find((of) => of.problem === problem)?.refusal;
  };
}

const json = (status: number, body: object) => Response.json(body, { status });
const DETAIL = { detail: 'The token has expired.', requestId: 'r-1' };
const UNSAID = { title: 'No', status: 401, type: 'https://recordings.example/docs' };

test.each<[string, string, () => Response, object]>([
  [
    'a refused token',
    'unauthorized',
    () => json(401, { code: 'token-expired', ...DETAIL, ...UNSAID }),
    { status: 401, code: 'token-expired', ...DETAIL },
  ],
  [
    'a token without the scope',
    'unauthorized',
    () => json(403, { code: 'scope-missing', detail: 'No.', requestId: 'r-2' }),
    { status: 403, code: 'scope-missing', detail: 'No.', requestId: 'r-2' },
  ],
  [
    'a store that is down',
    'unreachable',
    () => json(503, { code: 'store-unavailable', detail: 'Later.', requestId: 'r-3' }),
    { status: 503, code: 'store-unavailable', detail: 'Later.', requestId: 'r-3' },
  ],
  ['a page of a proxy', 'unreachable', () => new Response('<html>', { status: 502 }), { status: 502 }],
  [
    'JSON of another server',
    'unreachable',
    () => json(404, { detail: 'https://a.example/?key=secret' }),
    { status: 404 },
  ],
])('the problem that %s causes says what was refused, until it is over', async (_, problem, refuse, refusal) => {
  const refusalOf = watchRefusals();
  line.refuse = () => refuse();
  const { stream } = installRecorders();
  const recording = session.record('webcam', stream);
  expect(await refusalOf(problem)).toEqual(refusal);
  expect(recording.progress).toMatchObject({ waiting: problem, refusal });
  expect(session.progress).toMatchObject({ waiting: problem, refusal });
  line.refuse = () => undefined;
  await until(() => session.progress.waiting === null);
  expect([recording.progress.refusal, session.progress.refusal]).toEqual([null, null]);
});

test('a later refusal replaces the earlier one while the problem lasts', async () => {
  const refusalOf = watchRefusals();
  line.refuse = () => json(503, { code: 'store-unavailable', detail: 'Later.', requestId: 'r-1' });
  session.record('webcam', installRecorders().stream);
  expect(await refusalOf('unreachable')).toMatchObject({ requestId: 'r-1' });
  let seen = 0;
  session.addEventListener('progress', () => {
    if (session.progress.refusal?.code === 'rate-limited') seen += 1;
  });
  line.refuse = () => json(429, { code: 'rate-limited', detail: 'Slower.', requestId: 'r-2' });
  await until(() => seen > 0);
});

test('a problem without a response has no refusal', async () => {
  const refusalOf = watchRefusals();
  line.isOffline = true;
  session.record('webcam', installRecorders().stream);
  expect(await refusalOf('unreachable')).toBeUndefined();
  expect(session.progress).toMatchObject({ waiting: 'unreachable', refusal: null });
});

test('a part that the store refuses says with which status and code, and has no part of its URL', async () => {
  const refusalOf = watchRefusals();
  const Allowed = globalThis.XMLHttpRequest;
  const refused = {
    status: 403,
    responseText: '<Error><Code>AccessDenied</Code><Message>https://store.test/?X-Amz-Signature=1</Message></Error>',
    send(this: XMLHttpRequest) {
      setTimeout(() => this.onloadend?.(new Event('loadend') as ProgressEvent));
    },
  };
  // biome-ignore lint/complexity/useArrowFunction: it is called with `new`.
  const Refusing = function () {
    return Object.assign(new Allowed(), refused);
  };
  Object.assign(globalThis, { XMLHttpRequest: Refusing });
  const film = [...syntheticWebm({ seconds: 1, bytesPerSecond: 50_000 })];
  async function* blobs() {
    for (const bytes of film) yield new Blob([bytes]);
  }
  session.record('webcam', blobs(), { mimeType: 'video/webm' });
  expect(await refusalOf('unreachable')).toEqual({ status: 403, code: 'AccessDenied' });
});
