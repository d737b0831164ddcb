// The application as its callers meet it: a real port, a store in memory or that of a given service, tokens, and a clock
// that the test moves.
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, expect } from '@jest/globals';
import { type JWTPayload, SignJWT } from 'jose';
import { Registry } from 'prom-client';
import supertest from 'supertest';
import { createApp, type HttpDependencies } from '../../src/http/app.ts';
import { type AuthOptions, createAuthenticator } from '../../src/http/auth.ts';
import type { Method } from '../../src/http/request.ts';
import { HOUR_MS } from '../../src/model/durations.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import type { Recording } from '../../src/model/recording.ts';
import type { Created } from '../../src/recordings/create.ts';
import type { PresignedPart } from '../../src/recordings/upload.ts';
import { startHttpServer } from '../../src/runtime/http-server.ts';
import { createLogger } from '../../src/runtime/logging.ts';
import { webm } from '../kit/fixtures.ts';
import { startTestService, type TestService, type TestServiceOptions } from '../kit/service.ts';
import { CREATE_BODY, SCOPES } from './calls.ts';
import { expectDocumented } from './documented.ts';

export { CREATE_BODY, UNKNOWN_RECORDING } from './calls.ts';

export const SECRET = 'a-secret-of-the-tests-with-enough-bytes';
export const ALL_SCOPES = SCOPES.join(' ');
const CLAIMS = { tenantClaim: 'tenant', scopeClaim: 'scope' };

type OfApp =
  | 'whyClosed'
  | 'every'
  | 'rateLimitPerMinute'
  | 'unboundRateLimitPerMinute'
  | 'tenantRateLimitPerMinute'
  | 'corsOrigins'
  | 'demo'
  | 'authenticate'
  | 'isReady';
interface ApiOptions extends TestServiceOptions, Partial<Pick<HttpDependencies, OfApp>> {
  /** Default: the shared secret `SECRET`. */
  readonly keys?: AuthOptions['keys'];
  /** Default: a new one in memory, of these options. */
  readonly service?: TestService;
}

export interface CallOptions {
  /** Claims of the token; by default of the tenant `acme` with every scope. Null: no token. */
  readonly as?: JWTPayload | null;
  /** The Authorization header as it is. */
  readonly authorization?: string;
  /** An object is sent as JSON, text and bytes as they are. */
  readonly body?: object | string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
}

export interface CreatedRecording extends Created {
  readonly ref: RecordingRef;
  /** Of the attempt and of the recording, such as /v1/exams/… */
  readonly attemptPath: string;
  readonly path: string;
}

type Sitting = Partial<Omit<RecordingRef, 'recording'>>;
export type Api = Awaited<ReturnType<typeof startApi>>;

const opened: (() => Promise<void>)[] = [];
afterAll(async () => {
  const closed = await Promise.allSettled(opened.splice(0).map((close) => close()));
  expect(closed.filter(({ status }) => status === 'rejected')).toEqual([]);
});

let attempts = 0;
/** An attempt that no other test of the file uses. */
export function newAttempt(): string {
  attempts += 1;
  return `attempt-${attempts}`;
}

/** What must never be logged: tokens, secrets and signatures, e-mail addresses, URLs and queries. */
const UNTOLD = new RegExp(`X-Amz-|Bearer |eyJ|${SECRET}|service-secret|\\w@\\w|https?://|\\?\\w+=`, 'i');

/** Is closed after the last test of the file, when every line of the log is checked for secrets. */
export async function startApi(options: ApiOptions = {}) {
  const service = options.service ?? startTestService(options);
  const { clock } = service;
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const { keys = { sharedSecret: SECRET } } = options;
  const app = createApp({
    recordings: service.context,
    ...(options.whyClosed && { whyClosed: options.whyClosed }),
    authenticate: options.authenticate ?? createAuthenticator({ keys, ...CLAIMS, now: clock.now }),
    logger: createLogger({ level: 'debug', now: clock.now, stream }),
    rateLimitPerMinute: options.rateLimitPerMinute,
    unboundRateLimitPerMinute:
      'unboundRateLimitPerMinute' in options ? options.unboundRateLimitPerMinute : options.rateLimitPerMinute,
    tenantRateLimitPerMinute: options.tenantRateLimitPerMinute,
    every: options.every ?? clock.every,
    corsOrigins: options.corsOrigins ?? [],
    demo: options.demo,
    metrics: new Registry(),
    isReady: options.isReady ?? (() => Promise.resolve({ ready: true })),
  });
  const handler: RequestListener = (req, res) => void app(req, res);
  const server = await startHttpServer(handler, { host: '127.0.0.1', port: 0 });
  opened.push(async () => {
    await server.close(0);
    await service.close();
    expect(lines.filter((line) => UNTOLD.test(line))).toEqual([]);
  });
  const { port } = server;
  const url = `http://127.0.0.1:${port}`;
  const agent = supertest(url);

  async function authorization(claims: JWTPayload = {}): Promise<string> {
    const token = new SignJWT({ tenant: 'acme', scope: ALL_SCOPES, sub: 'tester', ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(claims.exp ?? new Date(clock.now() + HOUR_MS));
    return `Bearer ${await token.sign(Buffer.from(SECRET))}`;
  }

  async function headersOf({ as = {}, authorization: given, headers }: CallOptions): Promise<Record<string, string>> {
    if (given === undefined && as === null) return { ...headers };
    return { authorization: given ?? (await authorization(as ?? {})), ...headers };
  }

  async function call<Body = Answer['body']>(
    method: Method,
    path: string,
    options: CallOptions = {},
  ): Promise<Answer<Body>> {
    // What one call does is older than what the next one does.
    clock.advance(1);
    const request = agent[method](path).set(await headersOf(options));
    const { body } = options;
    if (typeof body === 'string' && !options.headers?.['content-type']) request.set('content-type', 'application/json');
    const answer = await (body === undefined ? request : request.send(body));
    expectDocumented(method.toUpperCase(), path, answer);
    return { status: answer.status, headers: answer.headers, body: answer.body as Body };
  }

  /** The path is sent unchanged, without the normalisation of a client. */
  async function raw(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const headers = await headersOf(options);
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    // A refusal may come before all of the body has gone.
    request.on('error', () => undefined);
    request.end(options.body);
    const [response] = await answered;
    const body = await text(response);
    const answer = {
      status: response.statusCode ?? 0,
      headers: response.headers as Record<string, string>,
      body: body ? (JSON.parse(body) as Answer['body']) : {},
    };
    expectDocumented(method, path, answer);
    return answer;
  }

  async function create(sitting: Sitting = {}, body: object = {}): Promise<CreatedRecording> {
    const { tenant = 'acme', exam = 'math', attempt = newAttempt() } = sitting;
    const attemptPath = `/v1/exams/${exam}/attempts/${attempt}`;
    const answer = await call<Created>('post', `${attemptPath}/recordings`, {
      as: { tenant, scope: 'recordings:upload' },
      body: { ...CREATE_BODY, ...body },
    });
    expect(answer.status).toBe(201);
    const ref = { tenant, exam, attempt, recording: answer.body.recording.recordingId };
    return { ...answer.body, ref, attemptPath, path: `${attemptPath}/recordings/${ref.recording}` };
  }

  /** Cuts a file into parts, asks for their URLs and puts them there. */
  async function upload(created: CreatedRecording, file: Uint8Array, partNumbers?: readonly number[]): Promise<void> {
    const { partSizeBytes } = created.upload;
    const chosen = partNumbers ?? Array.from({ length: Math.ceil(file.length / partSizeBytes) }, (_, i) => i + 1);
    const partOf = (number: number) => file.subarray((number - 1) * partSizeBytes, number * partSizeBytes);
    const answer = await call<{ parts: PresignedPart[] }>('post', `${created.path}/parts`, {
      as: { tenant: created.ref.tenant },
      body: { parts: chosen.map((partNumber) => ({ partNumber, sizeBytes: partOf(partNumber).length })) },
    });
    expect(answer.status).toBe(200);
    for (const part of answer.body.parts) {
      expect((await service.putPart(part, partOf(part.partNumber))).status).toBe(200);
    }
  }

  /** A recording that is complete. */
  async function store(sitting?: Sitting, file: Uint8Array = webm, body = {}): Promise<CreatedRecording> {
    const created = await create(sitting, { ...body, parts: 0 });
    await upload(created, file);
    const as = { tenant: created.ref.tenant, scope: 'recordings:upload' };
    const answer = await call<Recording>('post', `${created.path}/complete`, { as });
    expect(answer.status).toBe(200);
    return { ...created, recording: answer.body };
  }

  const log = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  /** How many lines of the log contain this text. */
  const logged = (text: string) => lines.filter((line) => line.includes(text)).length;

  return { service, url, agent, handler, lines, log, logged, authorization, call, raw, create, upload, store };
}
