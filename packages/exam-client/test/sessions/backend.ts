// The real service in process: its HTTP application without a port, its sweeper, and the store in memory.
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { duplexPair, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import { Registry } from 'prom-client';
import { createApp } from '../../../../src/http/app.ts';
import { createAuthenticator } from '../../../../src/http/auth.ts';
import type { Recording } from '../../../../src/model/recording.ts';
import { createLogger } from '../../../../src/runtime/logging.ts';
import { openMemoryBucket } from '../../../../test/kit/memory-bucket.ts';
import { mediaKey, startTestService } from '../../../../test/kit/service.ts';
import { ATTEMPT, EXAM, SERVICE_URL, STORE_URL } from './addresses.ts';
import type { Mistake } from './mistakes.ts';
import type { World } from './world.ts';

const PAGE_ORIGIN = 'https://exam.test';
const SECRET = 'a-secret-of-the-sessions-with-enough-bytes';
/** Small, so that a few minutes have several parts. It has to hold the head of a WebM, and more. */
export const PART_BYTES = 192 * 1024;

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

interface BackendOptions {
  readonly idleLimitMs: number;
  readonly uploadMode: 'direct' | 'proxy';
  readonly mistake: Mistake | undefined;
}

export class Backend {
  readonly #world: World;
  readonly #idleLimitMs: number;
  readonly #uploadMode: 'direct' | 'proxy';
  readonly #mistake: Mistake | undefined;
  readonly #testStore;
  /** By the ids of their recordings, the last one that was sent. */
  readonly overviews = new Map<string, Uint8Array<ArrayBuffer>>();
  #assessedAt: string | undefined;
  #service!: ReturnType<typeof startTestService>;
  #server!: Server;

  constructor(world: World, options: BackendOptions) {
    this.#world = world;
    this.#idleLimitMs = options.idleLimitMs;
    this.#uploadMode = options.uploadMode;
    this.#mistake = options.mistake;
    const now = () => world.nowMs;
    this.#testStore = openMemoryBucket({ now, minPartSizeBytes: PART_BYTES });
    this.restart();
  }

  /** A new process: it has nothing in memory. */
  restart(): void {
    const { testClock: clock } = this.#world;
    this.#service = startTestService({
      on: { testStore: this.#testStore, clock },
      uploads: { partSizeBytes: PART_BYTES, mode: this.#uploadMode },
      sweep: { uploadIdleLimitMs: this.#idleLimitMs },
    });
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
    const keys = { sharedSecret: SECRET };
    const app = createApp({
      recordings: this.#service.context,
      authenticate: createAuthenticator({ keys, tenantClaim: 'tenant', scopeClaim: 'scope', now: clock.now }),
      logger: createLogger({ level: 'error', now: clock.now, stream }),
      rateLimitPerMinute: undefined,
      unboundRateLimitPerMinute: undefined,
      corsOrigins: [PAGE_ORIGIN],
      demo: undefined,
      metrics: new Registry(),
      isReady: () => Promise.resolve({ ready: true }),
    });
    // Never listens: connections are streams.
    this.#server = createServer((req, res) => void app(req, res));
  }

  /** A request of the candidate's browser. */
  async serve(request: HttpRequest): Promise<HttpReply> {
    const go = (changed: HttpRequest) => this.#serve(changed);
    return this.#mistake?.serve ? this.#mistake.serve(request, go) : go(request);
  }

  /** One request on a connection of its own. */
  async #serve({ method, url, headers, body }: HttpRequest): Promise<HttpReply> {
    if (url.startsWith(STORE_URL)) return this.#store(method, url, body);
    if (url.endsWith('/overview')) return this.#takeOverview(url, body);
    const [ours, theirs] = duplexPair();
    this.#server.emit('connection', theirs);
    const { pathname, search, host } = new URL(url);
    const request = httpRequest({
      createConnection: () => ours,
      method,
      path: pathname + search,
      headers: { ...headers, host, origin: PAGE_ORIGIN, ...(body && { 'content-length': body.length }) },
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    request.end(body);
    const response = await answered;
    const reply = {
      status: response.statusCode ?? 0,
      headers: this.#readable(response),
      body: await bytesOf(response),
    };
    ours.destroy();
    theirs.destroy();
    return reply;
  }

  /** What a page may read of a response from another origin (Fetch Standard, CORS-safelisted response-header names). */
  #readable({ headers }: IncomingMessage): Record<string, string> {
    const exposed = (headers['access-control-expose-headers'] ?? '').toLowerCase().split(/, */);
    const named = [
      'cache-control',
      'content-language',
      'content-type',
      'expires',
      'last-modified',
      'pragma',
      ...exposed,
    ];
    // Node takes the date of a response from the process's clock.
    const all = { ...headers, date: new Date(this.#world.nowMs).toUTCString() };
    return Object.fromEntries(
      Object.entries(all).flatMap(([name, value]) => {
        return named.includes(name) && value !== undefined ? [[name, String(value)]] : [];
      }),
    );
  }

  /** Whatever it is, while the recording is being uploaded: the oracle judges it. */
  async #takeOverview(url: string, body: Uint8Array = new Uint8Array()): Promise<HttpReply> {
    const recordingId = url.split('/').at(-2) ?? '';
    const recording = (await this.recordings()).find((known) => known.recordingId === recordingId);
    const refuse = (status: number, code: string): HttpReply => {
      return { status, headers: {}, body: new TextEncoder().encode(JSON.stringify({ code })) };
    };
    if (!recording) return refuse(404, 'recording-not-found');
    if (recording.state !== 'uploading') return refuse(409, 'recording-stored');
    this.overviews.set(recordingId, body.slice());
    return { status: 204, headers: {}, body: new Uint8Array() };
  }

  async #store(method: string, url: string, body: Uint8Array | undefined): Promise<HttpReply> {
    const response = await this.#testStore.fetch(url, { method, ...(body && { body: body.slice() }) });
    const etag = response.headers.get('etag');
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: etag === null ? {} : { etag }, body: bytes };
  }

  token(validMs: number, scope = 'recordings:upload'): Promise<string> {
    const claims = { tenant: 'acme', scope, sub: 'candidate', exam: EXAM, attempt: ATTEMPT };
    const token = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' });
    return token.setExpirationTime(new Date(this.#world.nowMs + validMs)).sign(Buffer.from(SECRET));
  }

  sweep(): Promise<unknown> {
    return this.#service.sweep();
  }

  /** A call of the exam system, which has no faults. */
  async #call(method: string, path: string, body?: object): Promise<HttpReply> {
    const scope = 'recordings:upload recordings:review assessments:write privacy:manage';
    const authorization = `Bearer ${await this.token(60_000, scope)}`;
    const reply = await this.#serve({
      method,
      url: `${SERVICE_URL}/v1/exams/${EXAM}/attempts/${ATTEMPT}${path}`,
      headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
      body: body && Buffer.from(JSON.stringify(body)),
    });
    if (reply.status >= 300)
      throw new Error(`${method} ${path}: ${reply.status} ${Buffer.from(reply.body).toString()}`);
    return reply;
  }

  /** Repeated, it is the same assessment. Of an attempt that has no recording yet there is nothing to assess. */
  async assess(): Promise<void> {
    if ((await this.recordings()).length === 0) return;
    this.#assessedAt ??= new Date(this.#world.nowMs).toISOString();
    await this.#call('PUT', '/assessment', { completedAt: this.#assessedAt });
  }

  async erase(recordingId: string): Promise<void> {
    await this.#call('DELETE', `/recordings/${recordingId}?reason=erasure`);
  }

  /** Of the attempt, in the order of their creation. */
  async recordings(): Promise<Recording[]> {
    const { body } = await this.#call('GET', '/recordings');
    const { items } = JSON.parse(Buffer.from(body).toString()) as { items: Recording[] };
    return items.sort((a, b) => (a.recordingId < b.recordingId ? -1 : 1));
  }

  async media({ recordingId, sizeBytes }: Recording): Promise<Buffer> {
    const key = mediaKey({ tenant: 'acme', exam: EXAM, attempt: ATTEMPT, recording: recordingId });
    const stream = (await this.#testStore.store.getRange(key, 0, sizeBytes ?? 0)) ?? [];
    return Buffer.concat(await Array.fromAsync(stream));
  }
}

async function bytesOf(response: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await buffer(response));
}
