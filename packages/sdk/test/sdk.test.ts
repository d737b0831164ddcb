// The client for servers against the real service: what a first integration does, and what it meets on a bad day.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { checkProof, checkReceipt, readPublicKeys } from '@proctoring-recordings/receipt-verifier';
import { unzipSync } from 'fflate';
import { DAY_MS, HOUR_MS } from '../../../src/model/durations.ts';
import { type Api, CREATE_BODY, newAttempt, startApi, UNKNOWN_RECORDING } from '../../../test/http/api.ts';
import { webm } from '../../../test/kit/fixtures.ts';
import { receiptKey } from '../../../test/kit/keys.ts';
import {
  ApiError,
  type ClientOptions,
  type ErrorCode,
  ProctoringRecordings,
  type Receipt,
  type Retry,
} from '../src/index.ts';
import { pauseMs, retryAfterMs } from '../src/retry.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
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

/** A client whose requests `answer` answers, or else the service; the service's reply can be lost. */
async function spoiltClient(
  answer: (count: number) => Response | 'lost' | undefined,
  options?: Partial<ClientOptions>,
) {
  const keys: (string | null)[] = [];
  const spoilt: typeof fetch = async (input, init) => {
    keys.push(new Headers(init?.headers).get('idempotency-key'));
    const own = answer(keys.length);
    if (own instanceof Response) return own.clone();
    const reply = await fetchOrPut(input, init);
    if (own === 'lost') throw new TypeError('fetch failed');
    return reply;
  };
  return { keys, recordings: await client({ fetch: spoilt, ...options }) };
}

const BODY = { ...CREATE_BODY, consent: { ...CREATE_BODY.consent } };
const PLACE = { exam: 'math', attempt: 'a', recording: UNKNOWN_RECORDING };
const BUSY = new Response('{}', { status: 503, headers: { 'retry-after': '0' } });

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

  it('reads the receipts of an exam and of a participant, and never takes those that it can read for all', async () => {
    const recordings = await client();
    const at = { exam: 'sdk-receipts', attempt: newAttempt() };
    const made: string[] = [];
    for (const participantId of ['p-1', 'p-2', 'p-1']) {
      const { recordingId } = await recordings.upload(at, new Blob([webm]), { ...BODY, participantId });
      await recordings.erase({ ...at, recording: recordingId }, 'erasure');
      made.push(recordingId);
    }
    const idsOf = async (receipts: AsyncIterable<Receipt>) =>
      (await Array.fromAsync(receipts)).map(({ recordingId }) => recordingId);
    expect(await idsOf(recordings.receipts(at, { limit: 1, reason: 'erasure' }))).toEqual(made);
    expect(await idsOf(recordings.receipts(at, { deletedBefore: '2020-01-01T00:00:00Z' }))).toEqual([]);
    const own = recordings.participantReceipts({ participant: 'p-2' }, { exam: at.exam });
    expect(await idsOf(own)).toEqual([made[1]]);

    const ref = { tenant: 'acme', ...at, recording: made[0] ?? '' };
    await api.service.store.put(receiptKey(ref), Buffer.from('{'));
    await expect(idsOf(recordings.receipts(at))).rejects.toMatchObject({
      name: 'RecordingsError',
      code: 'receipts-unreadable',
    });
    const unreadable: unknown[] = [];
    expect(await idsOf(recordings.receipts(at, {}, { onUnreadable: (ids) => void unreadable.push(ids) }))).toEqual(
      made.slice(1),
    );
    expect(unreadable).toEqual([{ examId: at.exam, attemptId: at.attempt, recordingId: made[0] }]);
  });

  it('takes the proof away, which holds, and the latest checkpoint', async () => {
    const ofTenant = async () => {
      const bearer = await api.authorization({ tenant: 'proven' });
      return client({ token: bearer.replace('Bearer ', '') });
    };
    let recordings = await ofTenant();
    const at = { exam: 'math', attempt: newAttempt() };
    const { recordingId: recording } = await recordings.upload(at, new Blob([webm]), BODY);
    await recordings.erase({ ...at, recording }, 'erasure');
    api.service.clock.advance(2 * HOUR_MS);
    await api.service.sweep();
    recordings = await ofTenant();
    const { checkpoint, size } = await recordings.checkpoint();
    const keys = await readPublicKeys((await recordings.proof()).keys);
    const options = { keys, nowMs: api.service.clock.now(), heldCheckpoints: [checkpoint ?? ''] };
    expect(await checkProof(await recordings.proof(), options)).toMatchObject({ findings: [], entries: size });
    const proof = await recordings.receiptProof({ ...at, recording });
    expect((await checkReceipt(proof, keys)).claims).toMatchObject({ recordingId: recording, reason: 'erasure' });
    expect(await recordings.consistencyProof(size)).toEqual({ newer: checkpoint, hashes: [] });
  });

  it('uploads a file of several parts, lists over all pages, with filters, and reports what is missing', async () => {
    const recordings = await client();
    const at = { exam: 'sdk-list', attempt: newAttempt() };
    const { recording, upload } = await recordings.create(at, BODY);
    expect(await recordings.uploadSettings()).toMatchObject({ partSizeBytes: upload.partSizeBytes, uploads: 'direct' });
    const file = Buffer.concat([webm, Buffer.alloc(upload.partSizeBytes)]);
    const stored = await recordings.upload(at, new Blob([file]), BODY);
    expect(stored).toMatchObject({ sizeBytes: file.length });
    const { recordingId } = (await recordings.create(at, BODY)).recording;
    const listed = await Array.fromAsync(recordings.list({ exam: at.exam }, { limit: 2, assessed: false }));
    expect(listed).toMatchObject([recording, { recordingId: stored.recordingId }, { recordingId }]);

    // The code tells which error it is, and narrows its type.
    const error: unknown = await recordings.complete({ ...at, recording: recordingId }).catch((thrown) => thrown);
    if (!(error instanceof ApiError)) throw new Error('nothing was refused');
    const known: ErrorCode = error.code;
    const missing: number[] | undefined = error.code === 'parts-missing' ? error.problem.partNumbers : undefined;
    expect([known, missing]).toEqual(['parts-missing', [1]]);
    // @ts-expect-error: no such code
    expect(error.code === 'part-missing').toBe(false);

    const place = { ...at, recording: recordingId };
    const [part] = await recordings.signParts(place, [{ partNumber: 2, sizeBytes: 1000 }]);
    if (!part) throw new Error('no part was signed');
    await api.service.putPart(part, new Uint8Array(1000));
    expect(await recordings.uploadedParts(place)).toMatchObject([{ partNumber: 2, sizeBytes: 1000 }]);

    expect(await recordings.putPart(place, 1, new Blob(['through the service'], { type: 'text/plain' }))).toMatchObject(
      {
        partNumber: 1,
        sizeBytes: 19,
      },
    );
    await recordings.abort(place);
    expect(await Array.fromAsync(recordings.list(at))).toHaveLength(2);
    expect(await Array.fromAsync(recordings.list(at, { assessed: true }))).toEqual([]);
  });

  it('serves the privacy desk: what is held, exports, restriction, access log, erasure', async () => {
    const recordings = await client();
    const at = { exam: 'sdk-desk', attempt: newAttempt() };
    const person = { participant: 'p-desk' };
    const { recordingId } = await recordings.upload(at, new Blob([webm]), {
      ...BODY,
      participantId: person.participant,
    });
    const place = { ...at, recording: recordingId };
    expect(await Array.fromAsync(recordings.participantRecordings(person, { limit: 1 }))).toMatchObject([
      { recordingId },
    ]);
    expect(await recordings.restrict(place, 'contested')).toMatchObject({ restricted: true });
    await expect(recordings.playbackLink(place)).rejects.toMatchObject({ code: 'recording-restricted' });

    const { recordings: described } = await recordings.exportParticipant(person);
    expect(described).toMatchObject([{ recordingId, link: null }]);
    const whole = await recordings.exportParticipant(person, { includeRestricted: true });
    expect(whole.recordings).toMatchObject([{ link: { url: expect.any(String) } }]);
    const archive = await recordings.exportParticipantFile(person, 'zip', { includeRestricted: true });
    expect(archive.headers.get('content-disposition')).toBe('attachment; filename=participant-p-desk.zip');
    const files = Object.values(unzipSync(new Uint8Array(await archive.arrayBuffer())));
    expect(files.map(({ length }) => length)).toContain(webm.length);

    expect(await recordings.liftRestriction(place, 'case closed')).toMatchObject({ restricted: false });
    const log = await Array.fromAsync(recordings.accessLog(place, { limit: 2 }));
    const events = ['restricted', 'link-refused', 'exported', 'exported', 'exported', 'unrestricted'];
    expect(log.map(({ event }) => event)).toEqual(events);
    expect(await recordings.explain(place)).toMatchObject({ state: 'held' });
    const { receipts } = await recordings.eraseParticipant(person, 'erasure');
    expect(receipts).toMatchObject([{ recordingId, reason: 'erasure' }]);
    expect(await Array.fromAsync(recordings.participantRecordings(person))).toEqual([]);
    for (const csv of [recordings.receiptsCsv(at), recordings.participantReceiptsCsv(person, { exam: at.exam })]) {
      const lines = (await (await csv).text()).trimEnd().split('\r\n');
      expect(lines).toEqual([expect.stringContaining('recordingId'), expect.stringContaining(recordingId)]);
    }
  });

  it('reports as a document and as a page, and shows the keys and whether the service is ready, without a token', async () => {
    const recordings = await client();
    const period = { from: new Date(api.service.clock.now() - DAY_MS), to: new Date(api.service.clock.now()) };
    expect(await recordings.report(period)).toMatchObject({ period: { from: period.from.toISOString() } });
    expect(await (await recordings.reportHtml()).text()).toContain('<html');
    const withoutToken = await client({ token: () => Promise.reject(new Error('not needed')) });
    expect((await withoutToken.publicKeys()).keys).toHaveLength(1);
    expect(await withoutToken.readiness()).toEqual({ ready: true });
    await expect(withoutToken.report()).rejects.toThrow('not needed');
    const starting = await startApi({ isReady: () => Promise.resolve({ ready: false, reason: 'starting' }) });
    expect(await (await client({ baseUrl: starting.url })).readiness()).toEqual({ ready: false, reason: 'starting' });
    const foreign = await client({ fetch: async () => new Response('<html>', { status: 503 }) });
    await expect(foreign.readiness()).rejects.toMatchObject({ code: 'unexpected-answer' });
  });

  it('sends a small file in one request', async () => {
    const recordings = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const { recordingId } = (await recordings.create(at, BODY)).recording;
    const stored = await recordings.uploadContent({ ...at, recording: recordingId }, new Blob([webm]));
    expect(stored).toMatchObject({ recordingId, state: 'stored', sizeBytes: webm.length });
  });

  it('reports each attempt that is repeated: also when it waits because the rate is limited', async () => {
    const limited = await startApi({ rateLimitPerMinute: 1 });
    const retries: Retry[] = [];
    const recordings = await client({ baseUrl: limited.url });
    await recordings.uploadSettings();
    const stop = new AbortController();
    const onRetry = (retry: Retry) => {
      retries.push(retry);
      stop.abort(new Error('not waited for here'));
    };
    const call = recordings.list({ exam: 'math' }, {}, { onRetry, signal: stop.signal }).next();
    await expect(call).rejects.toThrow('not waited for here');
    const reason = { name: 'ApiError', status: 429, code: 'rate-limited' };
    expect(retries).toMatchObject([{ attempt: 1, method: 'GET', path: '/v1/exams/math/recordings', reason }]);
    expect(retries[0]?.waitMs).toBeGreaterThan(0);
    const thrower = () => {
      throw new Error('given up');
    };
    const { recordings: busy, keys } = await spoiltClient(() => BUSY, { onRetry: thrower });
    await expect(busy.get(PLACE)).rejects.toThrow('given up');
    expect(keys).toHaveLength(1);
  });

  it('waits up to twice as long from try to try, anywhere below, and never less than it is asked to', () => {
    const between = (attempt: number, askedMs?: number) => [0, 1].map((random) => pauseMs(attempt, askedMs, random));
    expect([1, 2, 3].map((attempt) => between(attempt))).toEqual([500, 1_000, 2_000].map((longest) => [0, longest]));
    expect(between(20)).toEqual([0, 30_000]);
    // Every client is asked for the same: they spread over as long again.
    expect(between(1, 5_000)).toEqual([5_000, 10_000]);
    expect(between(1, 60_000)).toEqual([60_000, 90_000]);
  });

  it.each([
    ['5', 5_000],
    ['Fri, 02 Jan 2026 10:00:30 GMT', 30_000],
    ['Fri, 02 Jan 2026 09:00:00 GMT', 0],
    ['-1', undefined],
    [null, undefined],
  ])('reads Retry-After: %s', (value, waitMs) => {
    expect(retryAfterMs(value, Date.parse('2026-01-02T10:00:00Z'))).toBe(waitMs);
  });

  it.each<[string, Response | 'lost']>([
    ['answered 503', BUSY],
    ['never seen to be answered', 'lost'],
  ])('sends a create again that was %s, under the same key: it makes one recording', async (_, first) => {
    const { recordings, keys } = await spoiltClient((count) => (count % 2 === 1 ? first : undefined));
    const at = { exam: 'math', attempt: newAttempt() };
    const made = await recordings.create(at, BODY, { idempotencyKey: 'k' });
    const again = await recordings.create(at, BODY, { idempotencyKey: 'k' });
    expect(again.recording.recordingId).toBe(made.recording.recordingId);
    const other = await recordings.create(at, BODY);
    expect(await Array.fromAsync(recordings.list(at))).toMatchObject([made.recording, other.recording]);
    // The last one has a key of the client's own making.
    const own = keys[4];
    expect(own).toBeTruthy();
    expect(keys.slice(0, 6)).toEqual(['k', 'k', 'k', 'k', own, own]);
  });

  it.each([
    [1, 'what was refused', { status: 400 }, {}],
    [1, 'what would take longer than is of use', { status: 503, headers: { 'retry-after': '3600' } }, {}],
    [2, 'what is down for all of its attempts', { status: 502 }, { maxAttempts: 2 }],
  ])('sends %i times %s', async (times, _, answer, options) => {
    const { recordings, keys } = await spoiltClient(() => new Response('{}', answer), options);
    const error = { status: answer.status, code: 'unexpected-answer' };
    await expect(recordings.get(PLACE)).rejects.toMatchObject(error);
    expect(keys).toHaveLength(times);
  });

  it('asks for its token each time, and ends at once when it is aborted', async () => {
    let asked = 0;
    const stop = new AbortController();
    const { recordings } = await spoiltClient(() => BUSY, {
      signal: stop.signal,
      maxAttempts: Number.POSITIVE_INFINITY,
      token() {
        asked += 1;
        if (asked === 3) stop.abort();
        return 'token';
      },
    });
    await expect(recordings.get(PLACE)).rejects.toMatchObject({ name: 'AbortError' });
    expect(asked).toBe(3);
  });
});
