// A recording is made once, however often the client has to ask for it.
import { beforeAll, expect, test } from '@jest/globals';
import type { ObjectStore } from '../../../src/objectstore/object-store.ts';
import { type Api, newAttempt, startApi } from '../../../test/http/api.ts';
import { afterThisTest } from '../../../test/kit/cleanup.ts';
import { replacing } from '../../../test/kit/interventions.ts';
import { until } from '../../../test/kit/until.ts';
import { RecordedFile } from '../src/file.ts';
import type { LocalBytes, RecordingRow } from '../src/local-bytes.ts';
import { MediaIndex } from '../src/media-index.ts';
import { Waits } from '../src/retry.ts';
import { Service } from '../src/service.ts';
import { Upload } from '../src/upload.ts';
import { newRow } from './new-row.ts';

/** What a creation waits for once its manifest is written, when another request can see it. */
let hold = async () => {};
let api: Api;
beforeAll(async () => {
  const wrap = (store: ObjectStore) =>
    replacing(store, 'put', /recording\.json$/, async (go) => {
      await hold();
      return go();
    });
  api = await startApi({ wrap });
});

/** What stands between the page and the service: loses replies, or replies itself. */
type Line = (request: () => Promise<Response>, count: number) => Promise<Response>;

/** Creates as a page does, on a line of that kind. `visits`: the page is loaded anew after each. */
async function createOn(line: Line, { visits = 1 } = {}): Promise<{ recordingId: string | undefined; ids: string[] }> {
  const { fetch, addEventListener } = globalThis;
  afterThisTest(() => Object.assign(globalThis, { fetch, addEventListener }));
  let count = 0;
  const spoilt: typeof fetch = (input, init) => {
    count += 1;
    // What one call makes is older than what the next one makes.
    api.service.clock.advance(1);
    return line(() => fetch(input, init), count);
  };
  // That the browser is online again ends a pause within a moment.
  const { random } = Math;
  afterThisTest(() => Object.assign(Math, { random }));
  Object.assign(Math, { random: () => 0.01 });
  const listen = (name: string, listener: () => void) => void (name === 'online' && setTimeout(listener, 5));
  Object.assign(globalThis, { fetch: spoilt, addEventListener: listen });
  const attempt = newAttempt();
  const token = (await api.authorization()).replace('Bearer ', '');
  const row = newRow({ service: api.url, attempt });
  const kept = JSON.stringify(row);
  let created: RecordingRow = row;
  for (let visit = 1; visit <= visits; visit += 1) {
    created = await createInOneVisit(visit === 1 ? row : JSON.parse(kept), token);
  }
  const { items } = (await api.call('get', `/v1/exams/math/attempts/${attempt}/recordings`)).body as {
    items: { recordingId: string }[];
  };
  return { recordingId: created.recordingId, ids: items.map(({ recordingId }) => recordingId) };
}

/** Until the row knows the recording. */
async function createInOneVisit(row: RecordingRow, token: string): Promise<RecordingRow> {
  const abort = new AbortController();
  const local = {
    async put({ recordingId }: RecordingRow) {
      if (recordingId !== undefined) abort.abort();
      return true;
    },
  } as unknown as LocalBytes;
  const service = new Service({ ...row, getToken: async () => token });
  const file = new RecordedFile(row, local, new MediaIndex());
  const upload = new Upload({
    row,
    file,
    local,
    service,
    signal: abort.signal,
    onProgress() {},
    overview: async () => undefined,
    waits: new Waits(() => {}),
  });
  await upload.run().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error;
  });
  return row;
}

test.each<[string, Line]>([
  [
    'whose reply is lost',
    async (request, count) => {
      const reply = await request();
      if (count === 1) throw new TypeError('Failed to fetch');
      return reply;
    },
  ],
  [
    'that another request of the same key is still making',
    async (request, count) => {
      const problem = { code: 'recording-being-created', detail: 'This recording is still being created.' };
      return count === 1 ? Response.json(problem, { status: 409 }) : request();
    },
  ],
])('a recording %s exists once', async (_, line) => {
  const { recordingId, ids } = await createOn(line);
  expect(ids).toEqual([recordingId]);
});

test('a page that is loaded anew before it knows its recording finds the same one', async () => {
  const { recordingId, ids } = await createOn((request) => request(), { visits: 2 });
  expect(ids).toEqual([recordingId]);
});

test('a create that a busy store makes longer than the client waits is asked for again, and exists once', async () => {
  const held = Promise.withResolvers<void>();
  let isHeld = false;
  hold = () => {
    isHeld = true;
    return held.promise;
  };
  afterThisTest(() => {
    hold = async () => {};
  });
  const statuses: number[] = [];
  let first: Promise<Response> | undefined;
  const { recordingId, ids } = await createOn(async (request, count) => {
    if (count === 1) {
      first = request();
      await until(() => isHeld);
      throw new DOMException('The operation timed out.', 'TimeoutError');
    }
    const answer = await request();
    statuses.push(answer.status);
    if (answer.status === 409) held.resolve();
    await first;
    return answer;
  });
  expect(statuses).toEqual([409, 201]);
  expect(ids).toEqual([recordingId]);
});

test('the client waits for three minutes for calls that a busy store makes long, and for a minute for others', async () => {
  const { fetch } = globalThis;
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  afterThisTest(() => {
    Object.assign(AbortSignal, { timeout });
    Object.assign(globalThis, { fetch });
  });
  const limits: number[] = [];
  Object.assign(AbortSignal, {
    timeout(ms: number) {
      limits.push(ms);
      return new AbortController().signal;
    },
  });
  Object.assign(globalThis, { fetch: async () => Response.json({ sizeBytes: 1, parts: [] }) });
  const row = newRow({ service: 'https://service.test', attempt: 'a' });
  const service = new Service({ ...row, getToken: async () => 'token' });
  await service.create('key', row).catch(() => {});
  await service.complete('r', {});
  await service.abort('r');
  await service.withdraw('r');
  await service.parts('r');
  expect(limits).toEqual([180_000, 180_000, 180_000, 180_000, 60_000]);
});
