// The overview of a recording on its way to the service: before the completion, and never in its way.
import { beforeEach, expect, test } from '@jest/globals';
import { newAttempt } from '../../../test/http/api.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { until } from '../../../test/kit/until.ts';
import type { Bytes } from '../src/bytes.ts';
import { readOverview } from '../src/overview.ts';
import { type ExamSession, type SessionOptions, startSession } from '../src/session.ts';
import { type Line, openLine } from './line.ts';
import { syntheticWebm } from './synthetic-webm.ts';

const FILM = { seconds: 12, bytesPerSecond: 20_000 };

interface Put {
  readonly headers: Headers;
  readonly body: Bytes;
  readonly signal: AbortSignal;
}

let line: Line;
/** Answers the PUT of an overview. */
let answer: (put: Put) => Response | Promise<Response>;
let puts: Put[];
/** The calls for a recording, in order. */
let calls: string[];

beforeEach(async () => {
  line = await openLine();
  answer = () => new Response(null, { status: 204 });
  puts = [];
  calls = [];
  const { fetch } = globalThis;
  afterThisTest(() => Object.assign(globalThis, { fetch }));
  Object.assign(globalThis, {
    fetch: (...[input, init]: Parameters<typeof fetch>) => {
      const { url } = new Request(input);
      calls.push(`${init?.method} ${url.replace(/^.*\//, '')}`);
      if (!url.endsWith('/overview')) return fetch(input, init);
      const put = {
        headers: new Headers(init?.headers),
        body: init?.body as Bytes,
        signal: init?.signal as AbortSignal,
      };
      puts.push(put);
      return answer(put);
    },
  });
});

function open(options: Partial<SessionOptions> = {}): ExamSession {
  const abort = new AbortController();
  afterThisTest(() => abort.abort());
  return startSession({
    service: line.api.url,
    exam: 'math',
    attempt: newAttempt(),
    participantId: 'p1',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' },
    getToken: async () => (await line.api.authorization()).replace('Bearer ', ''),
    signal: abort.signal,
    ...options,
  });
}

function record(session: ExamSession) {
  async function* blobs() {
    for (const bytes of syntheticWebm(FILM)) yield new Blob([bytes]);
  }
  return session.record('webcam', blobs(), { mimeType: 'video/webm' });
}

const accepted = () => new Response(null, { status: 204 });
const refusing = (status: number, code?: string) => () =>
  new Response(code === undefined ? '<html>' : JSON.stringify({ code }), { status });

test('it is sent once, just before the completion, with the token and its type', async () => {
  const session = open();
  record(session);
  await until(() => session.recordings[0]?.state === 'stored');
  expect(calls.slice(-2)).toEqual(['PUT overview', 'POST complete']);
  expect(puts).toHaveLength(1);
  const [put] = puts;
  expect(put?.headers.get('content-type')).toBe('application/octet-stream');
  expect(put?.headers.get('authorization')).toMatch(/^Bearer /);
  expect(readOverview(put?.body ?? new Uint8Array()).activity).toHaveLength(FILM.seconds);
});

test.each<[string, (put: Put) => Response | Promise<Response>, number]>([
  ['by an older service (404)', refusing(404, 'not-found'), 1],
  ['by an older service (405)', refusing(405, 'method-not-allowed'), 1],
  ['because it is stored', refusing(409, 'recording-stored'), 1],
  ['because it is too large', refusing(413, 'body-too-large'), 1],
  ['because it is of another version', refusing(400, 'invalid-request'), 1],
  ['by a busy service, twice', refusing(503, 'store-unavailable'), 2],
  ['by something else', refusing(502), 2],
  ['by a network that fails', () => Promise.reject(new TypeError('Failed to fetch')), 2],
  [
    'by a service that asks for time',
    () => new Response('{"code":"store-unavailable"}', { status: 503, headers: { 'retry-after': '9' } }),
    1,
  ],
])('the recording is stored when it is refused %s', async (_, refuse, times) => {
  answer = refuse;
  const session = open();
  record(session);
  await until(() => session.recordings[0]?.state === 'stored');
  expect(puts).toHaveLength(times);
  expect(calls.at(-1)).toBe('POST complete');
});

test('after a refusal that passes it is sent again', async () => {
  answer = () => (puts.length === 1 ? refusing(503, 'store-unavailable')() : accepted());
  const session = open();
  record(session);
  await until(() => session.recordings[0]?.state === 'stored');
  expect(puts).toHaveLength(2);
});

test('without an answer the recording is completed after a while, and the candidate is told nothing', async () => {
  const { setTimeout } = globalThis;
  const limits: (() => void)[] = [];
  Object.assign(globalThis, {
    setTimeout: (act: () => void, ms: number) => (ms === 8_000 ? limits.push(act) : setTimeout(act, ms)),
  });
  afterThisTest(() => Object.assign(globalThis, { setTimeout }));
  answer = () => new Promise(() => {});
  const session = open();
  const told: string[] = [];
  session.addEventListener('problem', ({ detail }) => told.push(detail.problem));
  record(session);
  await until(() => puts.length === 1);
  expect(calls).not.toContain('POST complete');
  for (const end of limits) end();
  await until(() => session.recordings[0]?.state === 'stored');
  expect([puts.length, puts[0]?.signal.aborted]).toEqual([1, true]);
  // Node has no IndexedDB.
  expect(told.filter((problem) => problem !== 'source-ended' && problem !== 'storage-unavailable')).toEqual([]);
});

test('a withdrawal ends it at once', async () => {
  answer = () => new Promise(() => {});
  const session = open();
  record(session);
  await until(() => puts.length === 1);
  await session.withdraw();
  expect(puts[0]?.signal.aborted).toBe(true);
  expect(session.recordings[0]?.state).toBe('withdrawn');
  expect(calls).not.toContain('POST complete');
});

test('a page that wants none sends none', async () => {
  const session = open({ overview: false });
  record(session);
  await until(() => session.recordings[0]?.state === 'stored');
  expect(puts).toHaveLength(0);
});
