// Sends one call, and repeats it after a temporary refusal or without a response.
import { ApiError } from './api-error.ts';
import { askedPauseMs, type RetryOptions, untilFinal } from './retry.ts';
import type { Problem } from './types.ts';

export interface ClientOptions extends RetryOptions {
  /** The URL of the service, such as `https://proctoring.example.org`. */
  readonly baseUrl: string;
  /** The access token, or a function that returns one; it is called for each request, so that the token may change. */
  readonly token: string | (() => string | Promise<string>);
  readonly fetch?: typeof fetch;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Sent as they are, instead of a `body` in JSON. */
  readonly bytes?: Blob;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Every call of this API is safe to repeat, also when the first attempt took effect. */
const TRY_AGAIN = new Set([408, 429, 502, 503, 504]);

/** @throws ApiError for what the service refused; what `fetch` throws when the service cannot be reached */
export async function send<Result>(options: ClientOptions, call: Call): Promise<Result> {
  const response = await untilFinal(() => sendOnce(options, call), isFinal, options);
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return (response.status === 204 ? undefined : await response.json()) as Result;
}

async function sendOnce({ baseUrl, token, signal, fetch: by = fetch }: ClientOptions, call: Call): Promise<Response> {
  const headers: Record<string, string> = {
    Authorization: `Bearer ${typeof token === 'string' ? token : await token()}`,
    ...call.headers,
  };
  if (call.body !== undefined) headers['Content-Type'] = 'application/json';
  return by(baseUrl.replace(/\/$/, '') + call.path, {
    method: call.method,
    headers,
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    ...(call.bytes === undefined ? {} : { body: call.bytes }),
    ...(signal ? { signal } : {}),
  });
}

/** The service also sends Retry-After with temporary refusals, such as that of a recording that is being created. */
function isFinal(response: Response): boolean {
  return response.ok || (!TRY_AGAIN.has(response.status) && askedPauseMs(response) === undefined);
}

async function problemOf(response: Response): Promise<Partial<Problem>> {
  try {
    return (await response.json()) as Partial<Problem>;
  } catch {
    return {};
  }
}
