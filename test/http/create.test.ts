// POST …/recordings and …/parts: how a recording begins, its part URLs, and how a create that is sent again makes nothing twice.
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/model/durations.ts';
import type { ErrorCode as ProblemCode } from '../../src/model/errors.ts';
import { createdAtOf, newRecordingId } from '../../src/model/ids.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { type Created, MAX_RECORDINGS_AN_ATTEMPT } from '../../src/recordings/create.ts';
import type { PresignedPart } from '../../src/recordings/upload.ts';
import { MIB, webm } from '../kit/fixtures.ts';
import { createInterventions, replacing } from '../kit/interventions.ts';
import { attemptPrefix, recordingKey } from '../kit/keys.ts';
import { holdMonotonicClock } from '../kit/monotonic.ts';
import { uploadParts } from '../kit/service.ts';
import { type Api, CREATE_BODY, type CreatedRecording, newAttempt, startApi } from './api.ts';
import { expectProblem } from './expectations.ts';

const store = createInterventions();
let api: Api;
beforeAll(async () => {
  api = await startApi({ wrap: store.wrap });
});

const pathOf = (attempt: string) => `/v1/exams/math/attempts/${attempt}/recordings`;
const attemptOf = (attempt: string) => ({ tenant: 'acme', exam: 'math', attempt });

function create(attempt: string, body: object = {}, key?: string, tenant = 'acme') {
  return api.call<Created>('post', pathOf(attempt), {
    as: { tenant, scope: 'recordings:upload' },
    headers: key === undefined ? {} : { 'Idempotency-Key': key },
    body: { ...CREATE_BODY, ...body },
  });
}

const sign = ({ path, ref }: CreatedRecording, parts: readonly object[], by = api) =>
  by.call<{ parts: PresignedPart[] }>('post', `${path}/parts`, {
    as: { scope: 'recordings:upload', exam: 'math', attempt: ref.attempt },
    body: { parts },
  });

describe('the settings of uploads', () => {
  it('say the part size before there is a recording, whatever the token is bound to', async () => {
    const uploads = {
      partSizeBytes: 8 * MIB,
      maxRecordingBytes: 64 * MIB,
      mode: 'proxy',
      contentTypes: new Set(['audio/webm']),
    } as const;
    const other = await startApi({ uploads });
    for (const bound of [{}, { exam: 'math' }, { exam: 'math', attempt: 'a' }]) {
      const answer = await other.call('get', '/v1/upload-settings', { as: { scope: 'recordings:upload', ...bound } });
      const { mode, ...expected } = { ...uploads, contentTypes: ['audio/webm'] };
      expect(answer.body).toEqual({ ...expected, uploads: mode });
    }
  });

  it('hold for the recordings that are created: a larger part is refused, with the size that is allowed', async () => {
    const { partSizeBytes } = (await api.call<{ partSizeBytes: number }>('get', '/v1/upload-settings')).body;
    const created = await api.create({ attempt: newAttempt() });
    expect((await sign(created, [{ partNumber: 1, sizeBytes: partSizeBytes }])).status).toBe(200);
    const answer = await sign(created, [{ partNumber: 1, sizeBytes: partSizeBytes + 1 }]);
    expectProblem(answer, 422, 'part-too-large');
    expect(answer.body).toMatchObject({ partNumbers: [1], partSizeBytes });
  });
});

describe('a new recording', () => {
  it('is answered with its place, its deadline and the URL of its first part; the store may never cache its media', async () => {
    const given: unknown[] = [];
    store.watch('createMultipartUpload', (_key, about) => void given.push(about));
    const answer = await create('sitting-1');
    expect(answer.status).toBe(201);
    const { recording, upload } = answer.body;
    const createdAtMs = createdAtOf(recording.recordingId);
    expect(recording).toEqual({
      ...CREATE_BODY,
      recordingId: expect.stringMatching(/^[0-9a-v]{36}$/),
      examId: 'math',
      attemptId: 'sitting-1',
      container: null,
      state: 'uploading',
      createdAt: new Date(createdAtMs).toISOString(),
      deleteBy: new Date(createdAtMs + 30 * DAY_MS).toISOString(),
      deletableFrom: new Date(createdAtMs + 29 * DAY_MS).toISOString(),
      storedAt: null,
      sizeBytes: null,
      assessment: null,
      restricted: false,
      truncated: false,
      timeline: null,
    });
    expect(answer.headers.location).toBe(`${pathOf('sitting-1')}/${recording.recordingId}`);
    expect((await api.call('get', answer.headers.location ?? '')).body).toEqual(recording);
    const url = expect.stringMatching(/^http.*partNumber=1&/);
    const headers = { 'content-length': String(5 * MIB) };
    const parts = [{ partNumber: 1, method: 'PUT', url, headers, expiresAt: expect.any(String) }];
    expect(upload).toEqual({ mode: 'direct', partSizeBytes: 5 * MIB, maxParts: 20, parts });
    expect(given).toEqual([{ contentType: CREATE_BODY.contentType, cacheControl: 'private, no-store' }]);
  });

  it.each([
    [0, 0, 'webcam', 'video/mp4;codecs="avc1.42E01E, mp4a.40.2"'],
    [20, 20, 'screen', 'video/webm'],
    [null, 1, 'screen', 'video/webm'],
    [1000, 20, 'audio', 'audio/webm;codecs=opus'],
  ])('asked for %s part URLs has %i, and the last works (%s, %s)', async (parts, given, kind, contentType) => {
    const { upload } = await api.create({}, { parts, kind, contentType });
    expect(upload.parts.map(({ partNumber }) => partNumber)).toEqual(Array.from({ length: given }, (_, at) => at + 1));
    const last = upload.parts.at(-1);
    if (last) expect((await api.service.putPart(last, new Uint8Array(5 * MIB))).status).toBe(200);
  });
});

describe('the time of consent', () => {
  const given = (givenAt: string) => create(newAttempt(), { consent: { ...consent, givenAt } });

  it('is kept as it was given, in any spelling of RFC 3339', async () => {
    const spelled = {
      '2026-01-02T09:55:00+01:00': '2026-01-02T09:55:00+01:00',
      '2026-01-02t09:55:00z': '2026-01-02T09:55:00Z',
      '2016-12-31T23:59:60Z': '2016-12-31T23:59:59.999Z',
      '2016-12-31T15:59:60.25-08:00': '2016-12-31T15:59:59.999-08:00',
      '2000-01-01T00:00:00Z': '2000-01-01T00:00:00Z',
      '2026-01-02T09:55:00.123456789-00:00': '2026-01-02T09:55:00.123456789-00:00',
    };
    for (const [sent, kept] of Object.entries(spelled)) {
      expect({ sent, ...(await given(sent)).body.recording?.consent }).toMatchObject({ sent, givenAt: kept });
    }
    for (const other of ['2026-01-02T09:55:60Z', '2016-12-31T23:59:60+01:00', '2026-01-02T24:00:00Z']) {
      expectProblem(await given(other), 422, 'invalid-request');
    }
  });

  it.each(['in a second', 'in a day', 'in 7973 years'])(
    'that comes %s was said by a wrong clock: it is taken as the time of the service, and a repetition is the same request',
    async (when) => {
      const aheadMs = when === 'in a second' ? 1 : DAY_MS;
      const soon = new Date(api.service.clock.now() + 1000 + aheadMs).toISOString();
      const givenAt = when === 'in 7973 years' ? '9999-12-31T23:59:59Z' : soon;
      const attempt = newAttempt();
      const body = { consent: { ...consent, givenAt } };
      const first = await create(attempt, body, 'k');
      expect(first.status).toBe(201);
      const { recordingId, createdAt, consent: kept } = first.body.recording;
      expect(kept).toEqual({ ...consent, givenAt: createdAt });
      const manifest = await api.service.store.get(
        recordingKey({ ...attemptOf(attempt), recording: recordingId }, 'manifest'),
      );
      expect(JSON.parse(Buffer.from(manifest ?? []).toString())).toMatchObject({ consent: kept });
      // By then the time has come.
      api.service.clock.advance(2 * DAY_MS);
      expect((await create(attempt, body, 'k')).body.recording).toEqual(first.body.recording);
      const past = { consent: { ...consent, givenAt: '2026-01-02T09:55:00Z' } };
      expectProblem(await create(attempt, past, 'k'), 422, 'idempotency-key-reused');
    },
  );
});

describe('part URLs', () => {
  const ONE = [{ partNumber: 1, sizeBytes: 1000 }];

  it('are given for the parts that are named, in their order, and expire after the time that is set', async () => {
    const brief = await startApi({ uploads: { partUrlTtlMs: 15 * SECOND_MS } });
    const sizes = [{ partNumber: 3, sizeBytes: 5 * MIB }, ...ONE];
    const { parts } = (await sign(await brief.create(), sizes, brief)).body;
    // A signature has its time in whole seconds.
    const signedMs = brief.service.clock.now() - (brief.service.clock.now() % SECOND_MS);
    const expiresAt = new Date(signedMs + 15 * SECOND_MS).toISOString();
    const wanted = sizes.map(({ partNumber, sizeBytes }) => {
      const url = expect.stringContaining(`partNumber=${partNumber}&`);
      return { partNumber, method: 'PUT', url, headers: { 'content-length': String(sizeBytes) }, expiresAt };
    });
    expect(parts).toEqual(wanted);
    const put = async () => (await brief.service.putPart(parts[1] as PresignedPart, new Uint8Array(1000))).status;
    expect(await put()).toBe(200);
    brief.service.clock.advance(16 * SECOND_MS);
    expect(await put()).toBe(403);
  });

  it('are not given for a size or a number above the limit, nor where all uploads pass through the service', async () => {
    const proxy = await startApi({ uploads: { mode: 'proxy' } });
    const proxied = await proxy.create({}, { parts: 3 });
    expect(proxied.upload).toMatchObject({ mode: 'proxy', parts: [] });
    expect((await api.create()).upload.mode).toBe('direct');
    expectProblem(await sign(proxied, ONE, proxy), 409, 'uploads-proxied');
    const created = await api.create();
    expectProblem(await sign(created, [{ partNumber: 1, sizeBytes: 5 * MIB + 1 }]), 422, 'part-too-large');
    expectProblem(await sign(created, [{ partNumber: 21, sizeBytes: 1 }]), 422, 'part-number-too-large');
  });

  it('asked for many times at once share a look at the store, and look again after one that failed', async () => {
    const created = await api.create();
    api.service.context.openUploadCache.clear();
    const recover = store.failOn('list', 'attempts/');
    for (const answer of await Promise.all([sign(created, ONE), sign(created, ONE)])) {
      expectProblem(answer, 503, 'store-unavailable');
    }
    recover();
    const { requests } = api.service.testStore;
    requests.length = 0;
    const answers = await Promise.all(Array.from({ length: 8 }, () => sign(created, ONE)));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(requests.map(({ operation }) => operation)).toEqual(['ListObjectsV2']);
  });
});

const { consent } = CREATE_BODY;
describe('no recording begins, and nothing is left,', () => {
  const types = ['text/html', 'video/x-msvideo', 'video/webm;codecs=vp8\r\nx-evil: 1', 'video/matroska'];
  const UNSET = [
    '0001-01-01T00:00:00Z',
    '1970-01-01T00:00:00Z',
    '1999-12-31T23:59:59.999Z',
    '1601-01-01T00:00:00+00:00',
  ];
  const times = ['2026-01-02T09:55:00', '', 1_767_344_100, null, ...UNSET].map((givenAt) => ({ givenAt }));
  const INVISIBLE = [' ', '\t', '\u200b', '\ufeff\u2060', '\u00ad', '\u3164'];
  const NONE = ['null', 'undefined', 'NULL', ' None ', 'NaN', 'nu\u200bll'];
  const versions = ['', 'x'.repeat(65), ...INVISIBLE, ...NONE].map((policyVersion) => ({ policyVersion }));
  const invalid = [
    ...[...times, ...versions, { name: 'Ada' }].map((wrong) => ({ consent: { ...consent, ...wrong } })),
    ...['ada@example.org', 'a/b', undefined, 'null', 'undefined', 'NaN'].map((participantId) => ({ participantId })),
    { kind: 'keyboard' },
    { parts: 1001 },
  ];
  it.each<[ProblemCode, object[]]>([
    ['consent-missing', [{ consent: undefined }, { consent: null }]],
    ['content-type-not-allowed', types.map((contentType) => ({ contentType }))],
    ['invalid-request', invalid],
  ])('%s: %j', async (code, changes) => {
    const before = await api.service.keys();
    const allowed = code === 'content-type-not-allowed' ? ['video/webm', 'audio/webm', 'video/mp4'] : undefined;
    for (const change of changes) {
      const answer = await create(newAttempt(), change);
      expectProblem(answer, 422, code);
      expect({ change, allowed: (answer.body as { allowed?: string[] }).allowed }).toEqual({ change, allowed });
    }
    expect(await api.service.keys()).toEqual(before);
  });

  it('and the answer says what to send', async () => {
    const told = async (change: object) => JSON.stringify((await create(newAttempt(), change)).body);
    for (const givenAt of ['2026-01-02T09:55:00', '2026-01-02 09:55:00', 1_767_344_100, '1767344100']) {
      expect(await told({ consent: { ...consent, givenAt } })).toMatch(
        /consent.givenAt.*offset from UTC.*2026-11-02T09:00:00Z/,
      );
    }
    expect(await told({ consent: { ...consent, givenAt: '0001-01-01T00:00:00Z' } })).toMatch(
      /before the year 2000.*send/,
    );
    expect(await told({ consent: { ...consent, policyVersion: '\u200b' } })).toMatch(/consent.policyVersion.*such as/);
    expect(await told({ consent: [] })).toMatch(/consent.*send \{\}, not \[\]/);
    expect(await told({ participantId: undefined })).toMatch(/participantId.*Is missing/);
  });

  it('for an attempt that has as many recordings as one may have', async () => {
    const attempt = newAttempt();
    for (let count = 1; count < MAX_RECORDINGS_AN_ATTEMPT; count += 1) {
      const recording = newRecordingId(api.service.clock.now(), randomBytes);
      await api.service.store.put(recordingKey({ ...attemptOf(attempt), recording }, 'manifest'), new Uint8Array());
    }
    expect((await create(attempt)).status).toBe(201);
    expectProblem(await create(attempt), 409, 'attempt-full');
  });
});

/** What `Idempotency-Key` promises; the simulator tries its races ("one key, one recording"). */
describe('a create with an Idempotency-Key', () => {
  const again = (attempt: string, body?: object) => create(attempt, body, 'k');

  const manifestsOf = async (attempt: string) =>
    (await api.service.keys(attemptPrefix(attemptOf(attempt)))).filter((key) => key.endsWith('/recording.json'));

  it('is answered with the same recording when it is sent again, and with URLs that work', async () => {
    const attempt = newAttempt();
    const first = await again(attempt);
    api.service.clock.advance(2 * HOUR_MS);
    // Another number of part URLs is no other request.
    const second = await again(attempt, { parts: 3 });
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.recording).toEqual(first.body.recording);
    expect(second.body.upload.parts).toHaveLength(3);
    const { location: path = '' } = second.headers;
    expect(path).toBe(first.headers.location);
    const ref = { ...attemptOf(attempt), recording: second.body.recording.recordingId };
    await api.upload({ ...second.body, ref, attemptPath: '', path }, webm);
    expect((await api.call('post', `${path}/complete`)).status).toBe(200);
    expect((await again(attempt)).body).toMatchObject({ recording: { state: 'stored' }, upload: { parts: [] } });
    expect(await manifestsOf(attempt)).toHaveLength(1);
  });

  it('makes no second recording while the first one cannot be read', async () => {
    const attempt = newAttempt();
    const first = await again(attempt);
    const key = recordingKey({ ...attemptOf(attempt), recording: first.body.recording.recordingId }, 'manifest');
    const manifest = await api.service.store.get(key);
    api.service.context.manifestCache.clear();
    const restore = store.failOn('get', key);
    expectProblem(await again(attempt), 503, 'store-unavailable');
    restore();
    await api.service.store.put(key, Buffer.from('{'));
    expectProblem(await again(attempt), 503, 'recording-unreadable');
    await api.service.store.put(key, manifest ?? Buffer.from(''));
    expect((await again(attempt)).body.recording).toEqual(first.body.recording);
    expect(await manifestsOf(attempt)).toHaveLength(1);
  });

  it('has its key for one attempt of one tenant, for as long as its recording is there and not being deleted', async () => {
    const attempt = newAttempt();
    const first = await again(attempt);
    const others = [await create(attempt, {}, 'K'), await again(newAttempt()), await create(attempt, {}, 'k', 'other')];
    expect((await api.call('post', `${first.headers.location}/abort`)).status).toBe(204);
    const second = await again(attempt);
    const recording = second.body.recording.recordingId;
    await api.service.store.put(recordingKey({ ...attemptOf(attempt), recording }, 'deleting'), Buffer.from('{}'));
    const answers = [first, ...others, second, await again(attempt)];
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    // The first ten characters are the time.
    expect(new Set(answers.map(({ body }) => body.recording.recordingId.slice(10))).size).toBe(6);
  });

  it.each([2, 3, 12])(
    'is answered to one of %i equal requests at once; the others are told to repeat, and get the same',
    async (count) => {
      for (let round = 0; round < 5; round += 1) {
        const attempt = newAttempt();
        const answers = await Promise.all(Array.from({ length: count }, () => again(attempt)));
        const begun = answers.filter(({ status }) => status === 201);
        for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 409, 'recording-being-created');
        expect(new Set(begun.map(({ headers }) => headers.location)).size).toBe(1);
        expect((await again(attempt)).headers.location).toBe(begun[0]?.headers.location);
        expect(await manifestsOf(attempt)).toHaveLength(1);
        expect((await api.service.keys('receipts/')).filter((key) => key.includes(`/${attempt}/`))).toEqual([]);
      }
    },
  );

  it('is the same request when its consent is the same instant, however it is spelled', async () => {
    const attempt = newAttempt();
    const given = (givenAt: string) => again(attempt, { consent: { ...consent, givenAt } });
    const first = await given('2026-01-02T01:00:00+01:00');
    for (const givenAt of ['2026-01-02T00:00:00Z', '2026-01-02T00:00:00.000Z', '2026-01-01T19:00:00-05:00']) {
      expect((await given(givenAt)).headers.location).toBe(first.headers.location);
    }
    expect(first.status).toBe(201);
    expectProblem(await given('2026-01-02T00:00:00.001Z'), 422, 'idempotency-key-reused');
  });

  it('is refused when the key was used for another request, or is none', async () => {
    const attempt = newAttempt();
    await again(attempt);
    const others = [{ participantId: 'p-2' }, { kind: 'screen' }, { contentType: 'video/mp4' }];
    for (const body of [...others, { consent: { ...consent, policyVersion: 'x' } }]) {
      expectProblem(await again(attempt, body), 422, 'idempotency-key-reused');
    }
    for (const key of ['', 'a b', 'x'.repeat(256), ['a', 'b']]) {
      const headers = { 'content-type': 'application/json', 'Idempotency-Key': key as string };
      const answer = await api.raw('POST', pathOf('a'), { headers, body: JSON.stringify(CREATE_BODY) });
      expectProblem(answer, 422, 'invalid-request');
    }
  });

  /** Holds the manifest of the next creation before it is written. */
  function holdManifest() {
    const reached = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    store.watch('put', async (key) => {
      if (!String(key).endsWith('/recording.json')) return;
      store.watch('put', () => undefined);
      reached.resolve();
      await held.promise;
    });
    return { reached: reached.promise, release: () => held.resolve() };
  }

  it('never answers while another request may still write its manifest; afterwards only with that recording', async () => {
    const attempt = newAttempt();
    const held = holdManifest();
    const first = again(attempt);
    await held.reached;
    expectProblem(await again(attempt), 409, 'recording-being-created');
    held.release();
    const made = await first;
    expect(made.status).toBe(201);
    expect((await again(attempt)).body.recording).toEqual(made.body.recording);
    expect(await manifestsOf(attempt)).toHaveLength(1);
    expect(await api.service.keys(`participants/acme/${CREATE_BODY.participantId}/math/${attempt}/`)).toHaveLength(1);
  });

  it('gives up when it took too long, and leaves nothing but a queue entry', async () => {
    const attempt = newAttempt();
    const held = store.holdNext('createMultipartUpload');
    const slow = again(attempt);
    await held.reached;
    api.service.clock.advance(4 * MINUTE_MS);
    const made = await again(attempt);
    held.release();
    expectProblem(await slow, 409, 'recording-being-created');
    expect(made.status).toBe(201);
    expect(await manifestsOf(attempt)).toHaveLength(1);
    expect(await api.service.keys(`participants/acme/${CREATE_BODY.participantId}/math/${attempt}/`)).toHaveLength(1);
    expect((await again(attempt)).body.recording).toEqual(made.body.recording);
  });

  it.each<[string, boolean, number, ProblemCode]>([
    ['deletes itself', false, 409, 'recording-being-created'],
    ['fails to delete itself', true, 503, 'store-unavailable'],
  ])('is answered with what others were answered; one whose manifest comes late %s', async (_, fails, status, code) => {
    const attempt = newAttempt();
    const held = holdManifest();
    const slow = again(attempt);
    await held.reached;
    api.service.clock.advance(4 * MINUTE_MS);
    const { recording } = (await again(attempt)).body;
    store.watch('put', (key) => {
      if (fails && String(key).includes('/deleting')) throw new StoreError('unavailable', 'put', 'SlowDown');
    });
    held.release();
    expectProblem(await slow, status, code);
    store.watch('put', () => undefined);
    expect(await manifestsOf(attempt)).toHaveLength(fails ? 2 : 1);
    expect((await again(attempt)).body.recording).toEqual(recording);
    expect(await manifestsOf(attempt)).toHaveLength(1);
  });

  it('is answered however long its claim waited for its turn: its time begins with the claim', async () => {
    const held = store.holdNext('put');
    const creating = api.call('post', pathOf(newAttempt()), { body: CREATE_BODY, headers: { 'Idempotency-Key': 'k' } });
    await held.reached;
    api.service.clock.advance(4 * MINUTE_MS);
    held.release();
    expect((await creating).status).toBe(201);
  });

  it('keeps a recording whose manifest came in time, however late the reply: another was answered with it', async () => {
    const reached = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const wrap = (inner: ObjectStore) =>
      replacing(inner, 'put', /recording\.json$/, async (go) => {
        await go();
        reached.resolve();
        await held.promise;
      });
    const own = await startApi({ wrap });
    const path = pathOf(newAttempt());
    const begin = () => own.call('post', path, { body: CREATE_BODY, headers: { 'Idempotency-Key': 'k' } });
    const slow = begin();
    await reached.promise;
    const made = await begin();
    expect(made.status).toBe(201);
    own.service.clock.advance(3 * MINUTE_MS);
    held.resolve();
    expectProblem(await slow, 409, 'recording-being-created');
    expect((await own.call('get', String(made.headers.location))).status).toBe(200);
  });

  it.each([
    ['days later', 2 * DAY_MS, false],
    ['within the hour, with media', HOUR_MS / 2, true],
  ])('has its recording after a restore, which gives objects new dates: %s', async (_, passedMs, isStored) => {
    const attempt = newAttempt();
    const { body, headers } = await again(attempt);
    const ref = { ...attemptOf(attempt), recording: body.recording.recordingId };
    const path = String(headers.location);
    if (isStored) {
      await uploadParts(api.service.context, ref, [webm]);
      expect((await api.call('post', `${path}/complete`)).status).toBe(200);
    }
    api.service.clock.advance(passedMs);
    const key = recordingKey(ref, 'manifest');
    await api.service.store.put(key, (await api.service.store.get(key)) ?? new Uint8Array());
    expect((await again(attempt)).body.recording.recordingId).toBe(ref.recording);
    expect(await manifestsOf(attempt)).toHaveLength(1);
  });

  it('never deletes what a part has arrived of, whatever the date of its manifest says', async () => {
    const attempt = newAttempt();
    const { body, headers } = await again(attempt);
    const ref = { ...attemptOf(attempt), recording: body.recording.recordingId };
    await uploadParts(api.service.context, ref, [webm]);
    api.service.clock.advance(HOUR_MS / 2);
    const key = recordingKey(ref, 'manifest');
    await api.service.store.put(key, (await api.service.store.get(key)) ?? new Uint8Array());
    expect((await again(attempt)).status).toBe(201);
    expect((await api.call('get', String(headers.location))).status).toBe(200);
    expect((await api.call('post', `${headers.location}/complete`)).status).toBe(200);
  });

  it.each([
    ['', 0, (ms: number) => api.service.clock.advance(ms)],
    // By the store's clock its manifest came in time.
    [', by a clock that was set back', 1, (ms: number) => holdMonotonicClock().advance(ms)],
  ] as const)(
    'is not answered when its manifest took long%s: another may have been made by now',
    async (_, left, pass) => {
      const attempt = newAttempt();
      store.watch('put', (key) => {
        if (String(key).endsWith('/recording.json')) pass(3 * MINUTE_MS);
      });
      expectProblem(await again(attempt), 409, 'recording-being-created');
      expect(await manifestsOf(attempt)).toHaveLength(left);
      store.watch('put', () => undefined);
      expect((await again(attempt)).status).toBe(201);
      expect(await manifestsOf(attempt)).toHaveLength(1);
    },
  );

  it('takes a first try for dead whose manifest never came, after three minutes, and reports damage', async () => {
    const attempt = newAttempt();
    store.watch('put', (key) => {
      if (String(key).endsWith('/recording.json')) throw new StoreError('unavailable', 'put', 'SlowDown');
    });
    expectProblem(await again(attempt), 503, 'store-unavailable');
    store.watch('put', () => undefined);
    expectProblem(await again(attempt), 409, 'recording-being-created');
    api.service.clock.advance(4 * MINUTE_MS);
    const { body } = await again(attempt);
    const ref = { ...attemptOf(attempt), recording: body.recording.recordingId };
    await api.service.store.put(recordingKey(ref, 'manifest'), Buffer.from('{'));
    api.service.context.manifestCache.clear();
    expectProblem(await again(attempt), 503, 'recording-unreadable');
  });
});
