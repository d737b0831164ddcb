// Sends one call, within its time limit, and repeats it after a temporary refusal or without a response.
import { ApiError, ConnectionError, RecordingsError, type RequestName, TimeoutError } from './errors.ts';
import { askedPauseMs, type CallOptions, type Patience, TryAgain, untilFinal } from './retry.ts';
import { Expired, TimeLimit } from './time-limit.ts';
import type { Problem } from './types.ts';

export interface ClientOptions extends CallOptions {
  /** The URL of the service, such as `https://recordings.example`: with its scheme, and without a user or a query. */
  readonly baseUrl: string;
  /**
   * The access token, or a function that returns one; it is called for each request, so that the token may change. When
   * it throws, the call ends with that error.
   */
  readonly token: string | (() => string | Promise<string>);
  readonly fetch?: typeof fetch | undefined;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Sent as it is, instead of a `body` in JSON. */
  readonly bytes?: { readonly content: Blob | FormData; readonly sizeBytes: number };
  readonly headers?: Readonly<Record<string, string>>;
  /** It makes many requests to the store, which may be so busy that each has to wait: by default it has ten times as long. */
  readonly isLong?: boolean;
  /** It needs no token. */
  readonly isPublic?: boolean;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const LONG_FACTOR = 10;
/** 256 kbit/s: four parts at once over a line of one Mbit/s. */
const SLOWEST_BYTES_PER_SECOND = 32 * 1024;

/** Every call of this API is safe to repeat, also when the first attempt took effect. */
const TRY_AGAIN = new Set([408, 429, 502, 503, 504]);

/** The error does not show the value, which may contain a secret. @throws RecordingsError `base-url-invalid` */
export function requireBaseUrl(baseUrl: string): void {
  // Node 18 may lack `URL.canParse`.
  try {
    const { protocol, username, password } = new URL(baseUrl);
    if (/^https?:$/.test(protocol) && !username && !password && !/[?#]/.test(baseUrl)) return;
  } catch {
    // It is no URL: refused below.
  }
  const message =
    '`baseUrl` must be the URL of the service, such as https://recordings.example, without a user, a query or a fragment.';
  throw new RecordingsError('base-url-invalid', baseUrl ? message : `${message} It is empty.`);
}

/**
 * The response as JSON; undefined without a body.
 * @throws ApiError, ConnectionError, TimeoutError, the reason of a signal, and what `token` throws
 */
export function send<Result>(client: ClientOptions, call: Call, options: CallOptions = {}): Promise<Result> {
  const patience = patienceOf(client, options);
  const limitMs = timeoutMsOf(client, call, options);
  const name = nameOf(client, call);
  return untilFinal(patience, async (attempt) => {
    const limit = new TimeLimit(patience.signals);
    const whole = async () => {
      const response = await request(client, call, attempt, limit);
      return resultOf<Result>({ name, attempt, limit, url: call.path }, response);
    };
    try {
      return await limit.within(limitMs, whole());
    } catch (error) {
      throw expiredOr(error, name, attempt);
    } finally {
      limit.end();
    }
  });
}

/** As `send`, for large JSON. Only the time without new bytes is limited. */
export function sendLarge<Result>(client: ClientOptions, call: Call, options: CallOptions = {}): Promise<Result> {
  const patience = patienceOf(client, options);
  return untilFinal(patience, async (attempt) => {
    const response = await begin(client, call, attempt, options);
    const text = await response.text().catch((error: unknown) => {
      throw error instanceof ConnectionError ? new TryAgain(nameOf(client, call), error) : error;
    });
    return parse<Result>(response, text);
  });
}

/**
 * The response as soon as it has begun. Its body is read from the service as it is read from the response; while it is
 * read it fails with ConnectionError, TimeoutError, or the reason of a signal.
 * @throws as `send`, until the response has begun
 */
export function download(client: ClientOptions, call: Call, options: CallOptions = {}): Promise<Response> {
  return untilFinal(patienceOf(client, options), (attempt) => begin(client, call, attempt, options));
}

/** One attempt of a download. */
async function begin(client: ClientOptions, call: Call, attempt: number, options: CallOptions): Promise<Response> {
  const limit = new TimeLimit(patienceOf(client, options).signals);
  const limitMs = timeoutMsOf(client, call, options);
  const name = nameOf(client, call);
  try {
    const { body, status, headers } = await limit.within(limitMs, request(client, call, attempt, limit));
    const ended = () => limit.end();
    const failure = (error: unknown) =>
      plain(expiredOr(lostUnlessAborted(error, { name, attempt, limit, url: call.path }), name, attempt));
    return new Response(body && watched(body, { limit, limitMs, failure, ended }), { status, headers });
  } catch (error) {
    limit.end();
    throw expiredOr(error, name, attempt);
  }
}

interface Watch {
  readonly limit: TimeLimit;
  readonly limitMs: number;
  readonly failure: (error: unknown) => unknown;
  readonly ended: () => void;
}

/** Passes the bytes on. Limits the time that the service takes for the next bytes, but not the time of the reader. */
function watched(
  body: ReadableStream<Uint8Array>,
  { limit, limitMs, failure, ended }: Watch,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await limit.within(limitMs, reader.read());
          if (!done) return controller.enqueue(value);
          ended();
          controller.close();
        } catch (error) {
          ended();
          throw failure(error);
        }
      },
      async cancel(reason) {
        ended();
        await reader.cancel(reason);
      },
    },
    // Reads nothing ahead, so that a slow reader does not look like a silent service.
    { highWaterMark: 0 },
  );
}

/** Resolves when a successful response has begun. @throws TryAgain, ApiError, the reason of an abort, and what `token` throws */
async function request(client: ClientOptions, call: Call, attempt: number, limit: TimeLimit): Promise<Response> {
  const { baseUrl, fetch: by = fetch } = client;
  const headers: Record<string, string> = { ...call.headers };
  if (!call.isPublic) headers.Authorization = `Bearer ${await tokenOf(client)}`;
  if (call.body !== undefined) headers['Content-Type'] = 'application/json';
  const body = call.bytes?.content ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  const init: RequestInit = { method: call.method, headers, signal: limit.signal, redirect: 'manual' };
  if (body !== undefined) init.body = body;
  const name = nameOf(client, call);
  let response: Response;
  try {
    response = await by(baseUrl.replace(/\/$/, '') + call.path, init);
    if (response.ok) return response;
    const problem = problemOf(await response.text());
    throw refusal(name, response, problem);
  } catch (error) {
    throw lostUnlessAborted(error, { name, attempt, limit, url: call.path });
  }
}

/** @throws RecordingsError `token-invalid` before `fetch` does, whose message would show the token */
async function tokenOf({ token }: ClientOptions): Promise<string> {
  const given = (typeof token === 'string' ? token : await token()).trim();
  if (/^[\x21-\x7e]*$/.test(given)) return given;
  throw new RecordingsError(
    'token-invalid',
    'The token has a space, a line break or another character that no token has.',
  );
}

/** The service also sends Retry-After with temporary refusals, such as that of a recording that is being created. */
function refusal(name: RequestName, response: Response, problem: Partial<Problem>): Error {
  const error = new ApiError(response.status, problem);
  const askedMs = askedPauseMs(response);
  return TRY_AGAIN.has(response.status) || askedMs !== undefined ? new TryAgain(name, error, askedMs) : error;
}

async function resultOf<Result>(attempt: Attempt, response: Response): Promise<Result> {
  const text = await response.text().catch((error: unknown) => {
    throw lostUnlessAborted(error, attempt);
  });
  return response.status === 204 ? (undefined as Result) : parse(response, text);
}

function parse<Result>({ status }: Response, text: string): Result {
  try {
    return JSON.parse(text) as Result;
  } catch {
    throw new ApiError(status, {});
  }
}

/** Never throws. A body that is no problem document has no members. */
function problemOf(text: string): Partial<Problem> {
  try {
    return (JSON.parse(text) ?? {}) as Partial<Problem>;
  } catch {
    return {};
  }
}

interface Attempt {
  readonly name: RequestName;
  readonly attempt: number;
  readonly limit: TimeLimit;
  /** With its query, which some implementations of `fetch` name in their errors. */
  readonly url: string;
}

/** Turns an error of `fetch` into `TryAgain`. The reason of an abort, an `ApiError` and a `TryAgain` stay as they are. */
export function lostUnlessAborted(error: unknown, { name, attempt, limit, url }: Attempt): unknown {
  if (limit.signal.aborted) return limit.signal.reason;
  if (error instanceof ApiError || error instanceof TryAgain) return error;
  return new TryAgain(name, new ConnectionError(name, attempt, withoutQuery(error, url)));
}

/** As deep as causes are shown: an error may be its own cause. */
const DEEPEST_CAUSE = 5;

/**
 * The query of a part URL is the right to write the part. What remains of an error that may have it is its name, its message
 * and its code: some implementations of `fetch` also keep the request.
 */
function withoutQuery(error: unknown, url: string, depth = 0): unknown {
  const query = /\?.*/.exec(url)?.[0];
  if (query === undefined || !(error instanceof Error)) return error;
  const { name, message, cause, code } = error as Error & { code?: unknown };
  const clean = new Error(message.replaceAll(query, ''));
  if (cause !== undefined && depth < DEEPEST_CAUSE) clean.cause = withoutQuery(cause, url, depth + 1);
  return Object.assign(clean, { name }, code !== undefined && { code });
}

export function expiredOr(error: unknown, name: RequestName, attempt: number): unknown {
  return error instanceof Expired ? new TryAgain(name, new TimeoutError(name, attempt, error.limitMs)) : error;
}

/** Once a response has begun nothing is tried again. */
function plain(error: unknown): unknown {
  return error instanceof TryAgain ? error.reason : error;
}

function nameOf({ baseUrl }: ClientOptions, { method, path }: Call): RequestName {
  return { method, path: path.replace(/\?.*/, ''), origin: new URL(baseUrl).origin };
}

export function patienceOf(client: CallOptions, call: CallOptions): Patience {
  return {
    maxAttempts: call.maxAttempts ?? client.maxAttempts,
    onRetry: call.onRetry ?? client.onRetry,
    signals: [client.signal, call.signal].filter((signal) => signal !== undefined),
  };
}

/** How long one attempt may take, or be silent. */
export function timeoutMsOf(
  client: CallOptions,
  { bytes, isLong }: Pick<Call, 'bytes' | 'isLong'>,
  call: CallOptions,
): number {
  const generalMs = (client.timeoutMs ?? DEFAULT_TIMEOUT_MS) * (isLong ? LONG_FACTOR : 1);
  const transferMs = ((bytes?.sizeBytes ?? 0) / SLOWEST_BYTES_PER_SECOND) * 1000;
  return Math.ceil((call.timeoutMs ?? generalMs) + transferMs);
}
