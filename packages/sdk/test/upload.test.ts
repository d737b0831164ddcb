// Whole recordings from a Blob or a stream: cut into parts, some at once, with progress, continued after an interruption.
import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../../src/model/durations.ts';
import { type Api, CREATE_BODY, newAttempt, startApi } from '../../../test/http/api.ts';
import { rememberUpload } from '../../../test/http/remembered-upload.ts';
import { webm } from '../../../test/kit/fixtures.ts';
import { until } from '../../../test/kit/until.ts';
import {
  type ClientOptions,
  ProctoringRecordings,
  type Retry,
  type UploadProgress,
  type UploadSource,
} from '../src/index.ts';

const BODY = { ...CREATE_BODY, consent: { ...CREATE_BODY.consent } };
const PART = 100_000;
const memory = { minPartSizeBytes: PART };
/** Three parts and a bit. */
const FILE = Buffer.concat([webm, Buffer.alloc(3 * PART, 7)]);
const PART_COUNT = 4;
const BY_SIZE = (a: number, b: number) => a - b;

let api: Api;
let proxied: Api;
beforeAll(async () => {
  api = await startApi({ uploads: { partSizeBytes: PART }, memory });
  proxied = await startApi({ uploads: { mode: 'proxy', partSizeBytes: PART }, memory });
});

interface Sent {
  readonly method: string;
  /** Of the store, or of the service. */
  readonly to: string;
  readonly partNumber: number;
}

/** What answers the PUT of a part in place of the store; undefined: the store does. */
type Instead = (partNumber: number, init: RequestInit, url: string) => Promise<Response> | undefined;

/** What answers a call in place of the service, by its method and path; undefined: the service does. */
type Call = (request: string, body: string) => Promise<Response> | undefined;

async function client(options: Partial<ClientOptions> & { instead?: Instead; call?: Call; of?: Api } = {}) {
  const { instead, call, of: service = api, ...clientOptions } = options;
  const sent: Sent[] = [];
  const fetchOrPut: typeof fetch = async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    const { method = 'GET' } = init;
    const { pathname, searchParams } = new URL(url);
    if (!url.startsWith('http://store.test/')) {
      if (method === 'PUT') sent.push({ method, to: 'service', partNumber: Number(pathname.split('/').at(-1)) });
      return call?.(`${method} ${pathname}`, typeof init.body === 'string' ? init.body : '') ?? fetch(input, init);
    }
    const partNumber = Number(searchParams.get('partNumber'));
    sent.push({ method, to: 'store', partNumber });
    const own = instead?.(partNumber, init, url);
    if (own) return own;
    const body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer());
    return service.service.testStore.fetch(url, { method, body });
  };
  const token = (await service.authorization()).replace('Bearer ', '');
  const recordings = new ProctoringRecordings({ baseUrl: service.url, token, fetch: fetchOrPut, ...clientOptions });
  const numbers = (to: string) => sent.filter((of) => of.to === to).map(({ partNumber }) => partNumber);
  return { recordings, sent, numbers };
}

async function played(recordings: ProctoringRecordings, at: { exam: string; attempt: string }, recording: string) {
  const { url } = await recordings.playbackLink({ ...at, recording });
  return Buffer.from(await (await api.service.testStore.fetch(url)).arrayBuffer());
}

/** The file in chunks that fit no part. */
async function* chunked(file: Uint8Array = FILE, chunkBytes = 30_001): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < file.length; start += chunkBytes) yield file.subarray(start, start + chunkBytes);
}

describe('an upload', () => {
  it.each<[string, () => UploadSource, number | null]>([
    ['a Blob with a type', () => new Blob([FILE], { type: 'video/webm' }), FILE.length],
    ['a ReadableStream', () => ReadableStream.from(chunked()), null],
    ['an async iterable', () => chunked(), null],
    ['a stream of one large chunk', () => ReadableStream.from([FILE]), null],
    ['a stream of whole parts', () => chunked(FILE.subarray(0, 2 * PART), PART), null],
  ])('takes %s, byte for byte, and reports its progress', async (_, source, totalBytes) => {
    const { recordings, numbers } = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const reported: UploadProgress[] = [];
    const stored = await recordings.upload(at, source(), BODY, { onProgress: (made) => void reported.push(made) });
    const bytes = await played(recordings, at, stored.recordingId);
    expect(bytes.equals(FILE.subarray(0, bytes.length))).toBe(true);
    expect([FILE.length, 2 * PART]).toContain(bytes.length);
    const partCount = Math.ceil(bytes.length / PART);
    expect(numbers('store').toSorted(BY_SIZE)).toEqual([1, 2, 3, 4].slice(0, partCount));
    expect(reported).toHaveLength(partCount + 1);
    expect(reported[0]).toEqual({ recordingId: stored.recordingId, sentBytes: 0, totalBytes });
    expect(reported.at(-1)).toMatchObject({ sentBytes: bytes.length });
    const sizes = reported.map(({ sentBytes }) => sentBytes);
    expect(sizes).toEqual(sizes.toSorted(BY_SIZE));
  });

  it.each([
    [undefined, 3],
    [1, 1],
    [2, 2],
  ])('with a concurrency of %s sends %i parts at once, and holds no more of a stream', async (concurrency, atOnce) => {
    const totalBytes = 20 * PART;
    let [pulledBytes, storedBytes, mostHeld, mostOpen] = [0, 0, 0, 0];
    const open: (() => void)[] = [];
    /** Stores nothing before as many parts are on their way as may be. */
    const instead: Instead = async (_, init) => {
      await new Promise<void>((resolve) => {
        open.push(resolve);
        mostOpen = Math.max(mostOpen, open.length);
        if (open.length >= atOnce || pulledBytes === totalBytes) for (const end of open.splice(0)) end();
      });
      storedBytes += (init.body as Blob).size;
      return new Response('');
    };
    const { recordings } = await client({ instead });
    const chunkBytes = PART / 10;
    async function* endless() {
      while (pulledBytes < totalBytes) {
        pulledBytes += chunkBytes;
        mostHeld = Math.max(mostHeld, pulledBytes - storedBytes);
        yield new Uint8Array(chunkBytes);
      }
    }
    const at = { exam: 'math', attempt: newAttempt() };
    const options = { ...(concurrency && { concurrency }) };
    // Nothing was stored in truth.
    await expect(recordings.upload(at, endless(), BODY, options)).rejects.toMatchObject({ name: 'ApiError' });
    expect(pulledBytes).toBe(totalBytes);
    expect(mostOpen).toBe(atOnce);
    expect(mostHeld).toBeLessThanOrEqual(atOnce * PART);
  });

  it('takes a stream that uses one buffer for all of its chunks', async () => {
    async function* reusing() {
      const buffer = new Uint8Array(30_001);
      for await (const chunk of chunked()) {
        buffer.set(chunk);
        yield buffer.subarray(0, chunk.length);
      }
    }
    const { recordings } = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const stored = await recordings.upload(at, reusing(), BODY);
    expect((await played(recordings, at, stored.recordingId)).equals(FILE)).toBe(true);
  });

  it('refuses chunks that are no Uint8Array, rather than leave them out', async () => {
    async function* buffers() {
      yield webm;
      yield webm.buffer;
    }
    const { recordings } = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const upload = recordings.upload(at, buffers() as AsyncIterable<Uint8Array>, BODY);
    await expect(upload).rejects.toThrow(new TypeError('The source of an upload must consist of Uint8Array chunks.'));
    expect(await Array.fromAsync(recordings.list(at))).toMatchObject([{ state: 'uploading' }]);
  });

  it.each<[string, () => UploadSource]>([
    ['a Blob', () => new Blob([])],
    ['a ReadableStream', () => new Response('').body ?? ReadableStream.from([])],
    ['an iterable of empty chunks', () => ReadableStream.from([new Uint8Array(), new Uint8Array()])],
  ])('of %s without bytes is refused as empty, and leaves no recording', async (_, source) => {
    for (const options of [{}, { idempotencyKey: 'webcam' }]) {
      const { recordings } = await client();
      const at = { exam: 'math', attempt: newAttempt() };
      const upload = recordings.upload(at, source(), BODY, options);
      await expect(upload).rejects.toMatchObject({
        name: 'RecordingsError',
        code: 'source-empty',
        message: 'The source of the upload is empty.',
      });
      expect(await Array.fromAsync(recordings.list(at))).toEqual([]);
      // The key is free again.
      const stored = await recordings.upload(at, new Blob([FILE]), BODY, options);
      expect(stored).toMatchObject({ state: 'stored', sizeBytes: FILE.length });
    }
  });

  it('of an empty stream is refused as empty also where its recording cannot be aborted', async () => {
    const at = { exam: 'math', attempt: newAttempt() };
    const lost: typeof fetch = (input, init) =>
      String(input instanceof Request ? input.url : input).endsWith('/abort')
        ? Promise.reject(new TypeError('fetch failed'))
        : fetch(input, init);
    const { recordings } = await client({ fetch: lost, maxAttempts: 1 });
    const upload = recordings.upload(at, ReadableStream.from([]), BODY);
    await expect(upload).rejects.toMatchObject({ code: 'source-empty', cause: { code: 'connection-failed' } });
  });

  it('goes through the service where there are no part URLs', async () => {
    const { recordings, numbers } = await client({ of: proxied });
    const stored = await recordings.upload({ exam: 'math', attempt: newAttempt() }, chunked(), BODY);
    expect(stored).toMatchObject({ state: 'stored', sizeBytes: FILE.length });
    expect(numbers('store')).toEqual([]);
    expect(numbers('service').toSorted(BY_SIZE)).toEqual([1, 2, 3, 4]);
  });

  it('goes through the service once the store cannot be reached, and names no part URL', async () => {
    const retries: Retry[] = [];
    const instead: Instead = (_, __, url) => {
      const inner = Object.assign(new AggregateError([new Error(url)], url), { url, options: { href: url } });
      inner.cause = inner;
      return Promise.reject(new TypeError(`request to ${url} failed`, { cause: inner }));
    };
    const onRetry = (retry: Retry) => void retries.push(retry);
    const { recordings, numbers } = await client({ instead, maxAttempts: 2, onRetry });
    const at = { exam: 'math', attempt: newAttempt() };
    const stored = await recordings.upload(at, new Blob([FILE]), BODY, { concurrency: 1 });
    expect(stored).toMatchObject({ sizeBytes: FILE.length });
    expect(numbers('store')).toEqual([1, 1]);
    expect(numbers('service')).toEqual([1, 2, 3, 4]);
    expect(retries).toMatchObject([
      { attempt: 1, method: 'PUT', path: 'http://store.test', reason: { name: 'ConnectionError' } },
    ]);
    const { reason } = retries[0] ?? {};
    expect(reason?.message).toBe('PUT http://store.test got no complete response, attempt 1.');
    const cause = reason?.cause as Error;
    expect(cause.message).toMatch(/^request to http:\/\/store\.test\/\S+ failed$/);
    for (const { message, stack } of [reason, cause, cause.cause] as Error[]) {
      expect(`${message} ${stack}`).not.toMatch(/signature|partNumber=/i);
    }
    expect(inspect(reason, { depth: null, showHidden: true })).not.toMatch(/signature|partNumber=/i);
  });

  it('does not show what it got in place of a part URL', async () => {
    const fetchBroken: typeof fetch = async (input, init) => {
      if (typeof input !== 'string' || !input.endsWith('/parts')) return fetch(input, init);
      return Response.json({ parts: [{ partNumber: 1, url: '//store test/?X-Amz-Signature=secret' }] });
    };
    const { recordings: broken } = await client({ fetch: fetchBroken });
    const upload = broken.upload({ exam: 'math', attempt: newAttempt() }, new Blob([webm]), BODY);
    const error = await upload.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'ApiError', code: 'unexpected-answer' });
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('secret');
  });

  it('ends when the store refuses a part: StoreError, after a new URL for each attempt', async () => {
    const urls = new Set<string>();
    const instead: Instead = (partNumber, _, url) => {
      if (partNumber !== 2) return undefined;
      urls.add(url);
      api.service.clock.advance(1000);
      const xml = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>No</Message></Error>';
      return Promise.resolve(new Response(xml, { status: 403 }));
    };
    const { recordings, numbers } = await client({ instead, maxAttempts: 2 });
    const upload = recordings.upload({ exam: 'math', attempt: newAttempt() }, new Blob([FILE]), BODY);
    await expect(upload).rejects.toMatchObject({
      name: 'StoreError',
      code: 'part-refused',
      message: 'The store refused part 2: 403 AccessDenied.',
      partNumber: 2,
      status: 403,
      storeCode: 'AccessDenied',
    });
    expect(urls.size).toBe(2);
    expect(numbers('service')).toEqual([]);
  });

  it.each(['signal', 'source', 'onProgress'] as const)('ends by its %s, and closes the source', async (by) => {
    const stop = new AbortController();
    let isClosed = false;
    async function* source() {
      try {
        yield* chunked(FILE.subarray(0, PART));
        if (by === 'source') throw new Error('by the source');
        if (by === 'signal') stop.abort(new Error('by the signal'));
        yield* chunked();
      } finally {
        isClosed = true;
      }
    }
    const onProgress = ({ sentBytes }: UploadProgress) => {
      if (by === 'onProgress' && sentBytes > 0) throw new Error('by the onProgress');
    };
    const { recordings, sent } = await client();
    const at = { exam: 'math', attempt: newAttempt() };
    const upload = recordings.upload(at, source(), BODY, { signal: stop.signal, onProgress, concurrency: 1 });
    await expect(upload).rejects.toThrow(`by the ${by}`);
    await until(() => isClosed);
    expect(sent.length).toBeLessThan(PART_COUNT);
  });

  it('of a source that is silent ends when its signal says so', async () => {
    const stop = new AbortController();
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield webm;
      stop.abort(new Error('enough'));
      await new Promise(() => {});
    }
    const { recordings } = await client();
    const upload = recordings.upload({ exam: 'math', attempt: newAttempt() }, silent(), BODY, { signal: stop.signal });
    await expect(upload).rejects.toThrow('enough');
  });
});

describe('an upload that is continued', () => {
  const OPTIONS = { idempotencyKey: 'webcam', concurrency: 1 };

  /** Sends two parts of four, and breaks. */
  async function interrupted() {
    const at = { exam: 'math', attempt: newAttempt() };
    const stop = new AbortController();
    const instead: Instead = (partNumber) => {
      if (partNumber < 3) return undefined;
      stop.abort(new Error('the process ends'));
      return new Promise(() => {});
    };
    const { recordings } = await client({ instead });
    const upload = recordings.upload(at, chunked(), BODY, { ...OPTIONS, signal: stop.signal });
    await expect(upload).rejects.toThrow('the process ends');
    return at;
  }

  it('sends what the store does not have, from a stream or from a Blob', async () => {
    for (const source of [chunked(), new Blob([FILE])]) {
      const at = await interrupted();
      const { recordings, numbers } = await client();
      const reported: number[] = [];
      const onProgress = ({ sentBytes }: UploadProgress) => void reported.push(sentBytes);
      const stored = await recordings.upload(at, source, BODY, { ...OPTIONS, onProgress });
      expect(numbers('store')).toEqual([3, 4]);
      expect(reported).toEqual([0, PART, 2 * PART, 3 * PART, FILE.length]);
      expect((await played(recordings, at, stored.recordingId)).equals(FILE)).toBe(true);
      expect(await Array.fromAsync(recordings.list(at))).toHaveLength(1);
    }
  });

  it('and complete returns its recording, and sends nothing', async () => {
    const at = { exam: 'math', attempt: newAttempt() };
    const { recordings, sent } = await client();
    const stored = await recordings.upload(at, new Blob([FILE]), BODY, OPTIONS);
    sent.length = 0;
    expect(await recordings.upload(at, chunked(), BODY, OPTIONS)).toEqual(stored);
    expect(sent).toEqual([]);
    const other = recordings.upload(at, new Blob([webm]), BODY, OPTIONS);
    await expect(other).rejects.toMatchObject({ name: 'RecordingsError', code: 'source-changed' });
  });

  it('with fewer bytes than before is refused before it is completed', async () => {
    const at = await interrupted();
    const { recordings } = await client();
    const upload = recordings.upload(at, new Blob([webm]), BODY, OPTIONS);
    await expect(upload).rejects.toMatchObject({ code: 'source-changed' });
    expect(await Array.fromAsync(recordings.list(at))).toMatchObject([{ state: 'uploading' }]);
  });

  it('at the same time as another one, with fewer bytes, is refused: what is stored is not its source', async () => {
    const at = { exam: 'math', attempt: newAttempt() };
    const [begun, sent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* shorter() {
      begun.resolve();
      await sent.promise;
      yield FILE.subarray(0, PART);
    }
    const { recordings } = await client();
    const upload = recordings.upload(at, shorter(), BODY, OPTIONS);
    await begun.promise;
    const stop = new AbortController();
    async function* longer() {
      yield* chunked(FILE.subarray(0, 2 * PART));
      await new Promise(() => {});
    }
    const onProgress = ({ sentBytes }: UploadProgress) => sentBytes === 2 * PART && sent.resolve();
    const other = recordings.upload(at, longer(), BODY, { ...OPTIONS, onProgress, signal: stop.signal });
    await expect(upload).rejects.toMatchObject({ name: 'RecordingsError', code: 'source-changed' });
    stop.abort(new Error('enough'));
    await expect(other).rejects.toThrow('enough');
  });

  it('with no bytes is refused, and keeps what is stored', async () => {
    const at = await interrupted();
    const { recordings } = await client();
    const upload = recordings.upload(at, ReadableStream.from([]), BODY, OPTIONS);
    await expect(upload).rejects.toMatchObject({ code: 'source-changed' });
    await expect(recordings.upload(at, new Blob([]), BODY, OPTIONS)).rejects.toMatchObject({ code: 'source-empty' });
    const stored = await recordings.upload(at, chunked(), BODY, OPTIONS);
    expect(stored).toMatchObject({ sizeBytes: FILE.length });
  });

  it('after the service completed it with what had arrived is refused: bytes are missing', async () => {
    const at = await interrupted();
    api.service.clock.advance(3 * 3_600_000);
    await api.service.sweep();
    const { recordings } = await client();
    const upload = recordings.upload(at, chunked(), BODY, OPTIONS);
    await expect(upload).rejects.toMatchObject({ name: 'RecordingsError', code: 'upload-truncated' });
  });
});

describe.each<[string, () => Api]>([
  ['to the store', () => api],
  ['through the service', () => proxied],
])('a part that is sent %s after its upload has ended at another replica', (_, of) => {
  /** Uploads a part, then `end` ends the upload without the knowledge of the replica that signs URLs, then the rest follows. */
  async function endElsewhere(end: (path: string) => Promise<unknown>) {
    const at = { exam: 'math', attempt: newAttempt() };
    let sign: ((body: string) => Promise<Response>) | undefined;
    let listed = 0;
    const call: Call = (request, body) => {
      if (!request.endsWith('/parts')) return undefined;
      if (request.startsWith('POST')) return sign?.(body);
      listed += 1;
      return undefined;
    };
    const token = async () => (await of().authorization()).replace('Bearer ', '');
    const { recordings, sent } = await client({ of: of(), call, token });
    async function* source() {
      yield FILE.subarray(0, PART);
      const [recording] = await Array.fromAsync(recordings.list(at));
      const { recordingId = '' } = recording ?? {};
      sign = await rememberUpload(of(), { tenant: 'acme', ...at, recording: recordingId });
      await end(`/v1/exams/math/attempts/${at.attempt}/recordings/${recordingId}`);
      yield FILE.subarray(PART);
    }
    const error: unknown = await recordings.upload(at, source(), BODY, { concurrency: 1 }).catch((thrown) => thrown);
    return { error, requests: { listed, parts: sent.map(({ partNumber }) => partNumber) } };
  }

  const ONCE = { listed: expect.any(Number), parts: [1, 2] };
  const service = () => of().service;

  it('by a withdrawal ends with the receipt', async () => {
    const { error, requests } = await endElsewhere((path) => of().call('delete', `${path}?reason=consent-withdrawn`));
    const problem = { receipt: { reason: 'consent-withdrawn' } };
    expect(error).toMatchObject({ name: 'ApiError', code: 'recording-deleted', status: 410, problem });
    expect(requests).toEqual(ONCE);
    expect(requests.listed).toBeLessThanOrEqual(1);
  });

  it('by its deadline ends with the receipt', async () => {
    const { error, requests } = await endElsewhere(async () => {
      service().clock.advance(400 * DAY_MS);
      await service().sweep();
    });
    expect(error).toMatchObject({ code: 'recording-deleted', problem: { receipt: { reason: 'retention' } } });
    expect(requests).toEqual(ONCE);
  });

  it('by the sweep is refused as truncated', async () => {
    const { error, requests } = await endElsewhere(async () => {
      service().clock.advance(3 * HOUR_MS);
      await service().sweep();
    });
    expect(error).toMatchObject({ name: 'RecordingsError', code: 'upload-truncated' });
    expect(requests).toEqual(ONCE);
  });
});
