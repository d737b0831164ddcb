// The client for servers against the real service: what a first integration does, and what it meets on a bad day.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS } from '../../src/domain/durations.ts';
import { ApiError, type ClientOptions, type ErrorCode, ProctoringRecordings } from '../../src/sdk/index.ts';
import { retryAfterMs } from '../../src/sdk/retry-after.ts';
import { pauseMs } from '../../src/sdk/send.ts';
import { type Api, CREATE_BODY, newAttempt, startApi } from '../http/api.ts';
import { webm } from '../kit/fixtures.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function client(options: Partial<ClientOptions> = {}): Promise<ProctoringRecordings> {
  const bearer = await api.authorization();
  const token = bearer.replace('Bearer ', '');
  return new ProctoringRecordings({ baseUrl: api.url, token, fetch: fetchOrPut, ...options });
}

/** Parts go to the bucket in memory, by the URLs that it has issued; the rest to the service. */
async function fetchOrPut(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const url = input instanceof Request ? input.url : String(input);
  // What one call makes is older than what the next one makes.
  api.service.clock.advance(1);
  if (!url.startsWith('http://store.test/')) return fetch(input, init);
  const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer());
  return api.service.testStore.fetch(url, { method: init.method ?? 'GET', body });
}

/** Stands before the service and answers some requests by itself; the others it passes on. */
async function doorBefore(answer: (count: number) => { status: number; headers?: Record<string, string> } | undefined) {
  const seen: string[] = [];
  const keys: (string | undefined)[] = [];
  const server = createServer(async (req, res) => {
    seen.push(`${req.method} ${req.url}`);
    keys.push(req.headers['idempotency-key'] as string | undefined);
    const chunks = await Array.fromAsync(req as AsyncIterable<Buffer>);
    const own = answer(seen.length);
    if (own?.status === 0) return void req.socket.destroy();
    if (own) return void res.writeHead(own.status, own.headers).end('{}');
    const { authorization = '', 'content-type': type, 'idempotency-key': key } = req.headers;
    const headers = {
      authorization,
      ...(type ? { 'content-type': type } : {}),
      ...(key ? { 'idempotency-key': String(key) } : {}),
    };
    const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
    const passed = await fetch(api.url + req.url, { method: req.method ?? 'GET', headers, ...body });
    res.writeHead(passed.status, { 'content-type': 'application/json' }).end(await passed.text());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return { seen, keys, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const BODY = { ...CREATE_BODY, consent: { ...CREATE_BODY.consent } };

describe('the client for servers', () => {
  it('walks a recording through its life', async () => {
    const recordings = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const stored = await recordings.upload(at, new Blob([webm]), BODY);
    expect(stored).toMatchObject({ state: 'stored', sizeBytes: webm.length });
    const place = { ...at, recording: stored.recordingId };
    expect(await recordings.get(place)).toMatchObject({ recordingId: stored.recordingId });
    const { url } = await recordings.playbackLink(place, 'assessment');
    expect(Buffer.from(await (await api.service.testStore.fetch(url)).arrayBuffer()).equals(webm)).toBe(true);
    const assessed = await recordings.assess(at, new Date(api.service.clock.now()));
    expect(Date.parse(assessed.deleteBy) - Date.parse(assessed.completedAt)).toBe(30 * DAY_MS);
    expect(await recordings.assessment(at)).toMatchObject({ completedAt: assessed.completedAt });
    expect(await recordings.erase(place, 'controller-instruction')).toMatchObject({ reason: 'controller-instruction' });
    const gone = await recordings.get(place).catch((error: unknown) => error);
    expect(gone).toMatchObject({ name: 'ApiError', status: 410, code: 'recording-deleted' });
    expect((gone as ApiError).problem.receipt).toMatchObject({ recordingId: stored.recordingId });
    expect((gone as ApiError).requestId).toBeDefined();
  });

  it('uploads a file of several parts, and shows where an upload stopped', async () => {
    const recordings = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const { recording, upload } = await recordings.create(at, { ...BODY, parts: 0 });
    const place = { ...at, recording: recording.recordingId };
    const { partSizeBytes } = upload;
    const [first] = await recordings.signParts(place, [{ partNumber: 1, sizeBytes: partSizeBytes }]);
    if (!first) throw new Error('no part was signed');
    await api.service.putPart(first, new Uint8Array(partSizeBytes));
    expect(await recordings.uploadedParts(place)).toMatchObject([{ partNumber: 1, sizeBytes: partSizeBytes }]);
    await recordings.abort(place);
    const file = Buffer.concat([webm, Buffer.alloc(partSizeBytes)]);
    expect(await recordings.upload(at, new Blob([file]), BODY)).toMatchObject({ sizeBytes: file.length });
  });

  it('lists over all pages, with filters', async () => {
    const recordings = await client();
    const at = { exam: 'sdk-list', attempt: newAttempt() };
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) made.push((await recordings.create(at, BODY)).recording.recordingId);
    const listed = await Array.fromAsync(recordings.list({ exam: at.exam }, { limit: 2, assessed: false }));
    expect(listed.map(({ recordingId }) => recordingId)).toEqual(made);
    expect(await Array.fromAsync(recordings.list(at, { assessed: true }))).toEqual([]);
  });

  it.each([
    [1, undefined, 100, 200],
    [20, undefined, 15_000, 30_000],
    [1, 1000, 1000, 1000],
    [20, 1000, 15_000, 30_000],
  ])('waits before its try %i+1, asked for %s ms, from %i to %i ms', (attempt, askedMs, shortest, longest) => {
    expect([pauseMs(attempt, askedMs, 0), pauseMs(attempt, askedMs, 1)]).toEqual([shortest, longest]);
  });

  it('never comes back sooner than it was asked to: what takes too long is given up at once', async () => {
    const door = await doorBefore(() => ({ status: 503, headers: { 'retry-after': '3600' } }));
    await expect((await client({ baseUrl: door.baseUrl })).get(PLACE)).rejects.toMatchObject({ status: 503 });
    expect(door.seen).toHaveLength(1);
  });

  it.each([
    ['5', 5_000],
    ['Fri, 02 Jan 2026 10:00:30 GMT', 30_000],
    ['Fri, 02 Jan 2026 09:00:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
    [null, undefined],
  ])('reads Retry-After: %s', (value, waitMs) => {
    expect(retryAfterMs(value, Date.parse('2026-01-02T10:00:00Z'))).toBe(waitMs);
  });

  it('tells errors apart by their code, and what each has by its type', async () => {
    const recordings = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const { recordingId } = (await recordings.create(at, BODY)).recording;
    const error: unknown = await recordings
      .complete({ ...at, recording: recordingId })
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof ApiError)) throw new Error('nothing was refused');
    const known: ErrorCode = error.code;
    const missing: number[] | undefined = error.code === 'parts-missing' ? error.problem.partNumbers : undefined;
    expect([known, missing]).toEqual(['parts-missing', [1]]);
    // @ts-expect-error: a code that there is not
    expect(error.code === 'part-missing').toBe(false);
  });

  it.each([
    ['answered 503', { status: 503, headers: { 'retry-after': '0' } }],
    ['not answered', { status: 0 }],
  ])('sends a create again that was %s, under the same key: it makes one recording', async (_, first) => {
    const door = await doorBefore((count) => (count % 2 === 1 ? first : undefined));
    const at = { exam: 'math', attempt: newAttempt() };
    const recordings = await client({ baseUrl: door.baseUrl });
    const made = await recordings.create(at, BODY, { idempotencyKey: 'k' });
    const again = await recordings.create(at, BODY, { idempotencyKey: 'k' });
    expect(again.recording.recordingId).toBe(made.recording.recordingId);
    const other = await recordings.create(at, BODY);
    expect(other.recording.recordingId).not.toBe(made.recording.recordingId);
    // The last one has a key of the client's own making.
    const own = door.keys[4];
    expect(own).toBeTruthy();
    expect(door.keys).toEqual(['k', 'k', 'k', 'k', own, own]);
  });

  it('does not send again what was refused, and gives up after its attempts', async () => {
    const refused = await doorBefore(() => ({ status: 400 }));
    await expect((await client({ baseUrl: refused.baseUrl })).get(PLACE)).rejects.toMatchObject({
      status: 400,
      code: 'unexpected-answer',
    });
    expect(refused.seen).toHaveLength(1);
    const down = await doorBefore(() => ({ status: 502 }));
    const impatient = await client({ baseUrl: down.baseUrl, maxAttempts: 2 });
    await expect(impatient.get(PLACE)).rejects.toMatchObject({ status: 502 });
    expect(down.seen).toHaveLength(2);
  });

  it('asks for its token each time, and ends at once when it is told to', async () => {
    let asked = 0;
    const bearer = await api.authorization();
    const recordings = await client({
      token: async () => {
        asked += 1;
        return Promise.resolve(bearer.replace('Bearer ', ''));
      },
    });
    await Array.fromAsync(recordings.list({ exam: 'math' }));
    await Array.fromAsync(recordings.list({ exam: 'math' }));
    expect(asked).toBeGreaterThanOrEqual(2);

    const door = await doorBefore(() => ({ status: 503, headers: { 'retry-after': '30' } }));
    const stop = new AbortController();
    const waiting = (await client({ baseUrl: door.baseUrl, signal: stop.signal })).get(PLACE);
    const ended = expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    stop.abort();
    await ended;
  });
});

const PLACE = { exam: 'math', attempt: 'a', recording: `0${'1'.repeat(35)}` };
