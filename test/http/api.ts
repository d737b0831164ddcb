// The application as its callers meet it: a real port, a real store, tokens, and a clock that can be turned.
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, expect } from '@jest/globals';
import { type JWTPayload, SignJWT } from 'jose';
import { Registry } from 'prom-client';
import supertest from 'supertest';
import { startHttpServer } from '../../src/commands/http-server.ts';
import { createLogger } from '../../src/commands/logging.ts';
import { SECOND_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import { createApp, type HttpDependencies } from '../../src/http/app.ts';
import { type Authenticator, type AuthOptions, createAuthenticator } from '../../src/http/auth.ts';
import type { Method } from '../../src/http/operation.ts';
import type { Recording } from '../../src/recordings/recording.ts';
import type { SignedPart } from '../../src/recordings/upload.ts';
import { webm } from '../kit/fixtures.ts';
import { startTestService, type TestService, type TestServiceOptions } from '../kit/service.ts';
import { CREATE_BODY } from './calls.ts';
import { expectDocumented } from './documented.ts';

export { CREATE_BODY } from './calls.ts';

export const SECRET = 'a-secret-of-the-tests-with-enough-bytes';
export const ALL_SCOPES = 'recordings:upload recordings:review assessments:write privacy:manage';
/** Well-formed, and nobody's. */
export const UNKNOWN_RECORDING = `0${'1'.repeat(35)}`;
const TOKEN_LIFE_SECONDS = 3600;

export interface ApiOptions extends TestServiceOptions {
  /** Default: the shared secret `SECRET`. */
  readonly keys?: AuthOptions['keys'];
  readonly rateLimitPerMinute?: number;
  readonly corsOrigins?: readonly string[];
  readonly demo?: HttpDependencies['demo'];
  /** Default: by `keys`. */
  readonly authenticate?: Authenticator;
  /** Default: it is ready. */
  readonly isReady?: HttpDependencies['isReady'];
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

export interface Sitting {
  readonly tenant?: string;
  readonly exam?: string;
  readonly attempt?: string;
}

export interface CreatedRecording {
  readonly ref: RecordingRef;
  /** Of the attempt and of the recording, such as /v1/exams/… */
  readonly attemptPath: string;
  readonly path: string;
  readonly recording: Recording;
  readonly upload: { readonly partSizeBytes: number; readonly maxParts: number; readonly parts: SignedPart[] };
}

export interface Api {
  readonly service: TestService;
  /** Such as http://127.0.0.1:12345. */
  readonly url: string;
  readonly agent: ReturnType<typeof supertest>;
  /** What the port serves. */
  readonly handler: RequestListener;
  /** Every line of the log. */
  readonly lines: string[];
  log(): Record<string, unknown>[];
  authorization(claims?: JWTPayload): Promise<string>;
  call<Body = Record<string, unknown>>(method: Method, path: string, options?: CallOptions): Promise<Answer<Body>>;
  /** The path is sent as it is, without the tidying of a client. */
  raw(method: string, path: string, options?: CallOptions): Promise<Answer>;
  create(sitting?: Sitting, body?: object): Promise<CreatedRecording>;
  /** Cuts a file into parts, asks for their URLs and puts them there; answers with the ETags. */
  upload(created: CreatedRecording, file: Uint8Array, partNumbers?: readonly number[]): Promise<void>;
  /** A recording that is complete. */
  store(sitting?: Sitting, file?: Uint8Array, body?: object): Promise<CreatedRecording>;
}

const opened: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of opened.splice(0)) await close();
});

let attempts = 0;
/** An attempt that no other test of the file uses. */
export function newAttempt(): string {
  attempts += 1;
  return `attempt-${attempts}`;
}

/** Is closed after the last test of the file. */
export async function startApi(options: ApiOptions = {}): Promise<Api> {
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
  const claims = { tenantClaim: 'tenant', scopeClaim: 'scope' };
  const app = createApp({
    recordings: service.context,
    authenticate: options.authenticate ?? createAuthenticator({ keys, ...claims, now: clock.now }),
    logger: createLogger({ level: 'debug', now: clock.now, stream }),
    rateLimitPerMinute: options.rateLimitPerMinute,
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
  });
  const { port } = server;
  const url = `http://127.0.0.1:${port}`;
  const agent = supertest(url);

  async function authorization(claims: JWTPayload = {}): Promise<string> {
    return `Bearer ${await signedToken(claims, clock.now())}`;
  }

  async function headersOf({ as = {}, authorization: given, headers }: CallOptions): Promise<Record<string, string>> {
    if (given === undefined && as === null) return { ...headers };
    return { authorization: given ?? (await authorization(as ?? {})), ...headers };
  }

  async function call<Body>(method: Method, path: string, options: CallOptions = {}): Promise<Answer<Body>> {
    // What one call does is older than what the next one does.
    clock.advance(1);
    const request = agent[method](path).set(await headersOf(options));
    const { body } = options;
    if (typeof body === 'string' && !options.headers?.['content-type']) request.set('content-type', 'application/json');
    const answer = await (body === undefined ? request : request.send(body));
    expectDocumented(method.toUpperCase(), path, answer);
    return { status: answer.status, headers: answer.headers, body: answer.body as Body };
  }

  async function create(sitting: Sitting = {}, body: object = {}): Promise<CreatedRecording> {
    const { tenant = 'acme', exam = 'math', attempt = newAttempt() } = sitting;
    const attemptPath = `/v1/exams/${exam}/attempts/${attempt}`;
    const answer = await call<Pick<CreatedRecording, 'recording' | 'upload'>>('post', `${attemptPath}/recordings`, {
      as: { tenant, scope: 'recordings:upload' },
      body: { ...CREATE_BODY, ...body },
    });
    expect(answer.status).toBe(201);
    const { recording, upload } = answer.body;
    const ref = { tenant, exam, attempt, recording: recording.recordingId };
    return { ref, attemptPath, path: `${attemptPath}/recordings/${ref.recording}`, recording, upload };
  }

  async function upload(created: CreatedRecording, file: Uint8Array, partNumbers?: readonly number[]): Promise<void> {
    const { partSizeBytes } = created.upload;
    const chosen = partNumbers ?? Array.from({ length: Math.ceil(file.length / partSizeBytes) }, (_, i) => i + 1);
    const partOf = (number: number) => file.subarray((number - 1) * partSizeBytes, number * partSizeBytes);
    const answer = await call<{ parts: SignedPart[] }>('post', `${created.path}/parts`, {
      as: { tenant: created.ref.tenant },
      body: { parts: chosen.map((partNumber) => ({ partNumber, sizeBytes: partOf(partNumber).length })) },
    });
    expect(answer.status).toBe(200);
    for (const part of answer.body.parts) {
      expect((await service.putPart(part, partOf(part.partNumber))).status).toBe(200);
    }
  }

  return {
    service,
    url,
    agent,
    handler,
    lines,
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    authorization,
    call,
    async raw(method, path, options = {}) {
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
        body: body ? (JSON.parse(body) as Record<string, unknown>) : {},
      };
      expectDocumented(method, path, answer);
      return answer;
    },
    create,
    upload,
    async store(sitting, file = webm, body = {}) {
      const created = await create(sitting, { ...body, parts: 0 });
      await upload(created, file);
      const as = { tenant: created.ref.tenant, scope: 'recordings:upload' };
      const answer = await call<Recording>('post', `${created.path}/complete`, { as });
      expect(answer.status).toBe(200);
      return { ...created, recording: answer.body };
    },
  };
}

export async function signedToken(claims: JWTPayload, nowMs: number): Promise<string> {
  const issuedAt = Math.floor(nowMs / SECOND_MS);
  return new SignJWT({ tenant: 'acme', scope: ALL_SCOPES, sub: 'tester', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt(issuedAt)
    .setExpirationTime(claims.exp ?? issuedAt + TOKEN_LIFE_SECONDS)
    .sign(new TextEncoder().encode(SECRET));
}
