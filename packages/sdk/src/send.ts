// Sends one call, again where that is safe and of use: when the service asks for patience, or did not answer.
import { ApiError } from './api-error.ts';
import { retryAfterMs } from './retry-after.ts';
import type { Problem } from './types.ts';

export interface ClientOptions {
  /** Where the service is, such as `https://proctoring.example.org`. */
  readonly baseUrl: string;
  /** The access token, or what fetches one; asked for each request, so that it may change. */
  readonly token: string | (() => string | Promise<string>);
  /** How often a call is sent at most; 5 when absent. */
  readonly maxAttempts?: number;
  /** Ends all that is under way. */
  readonly signal?: AbortSignal;
  readonly fetch?: typeof fetch;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const DEFAULT_MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;
/** Twice what the service ever asks for. Who is asked for more gets the error at once, and may come back then. */
const LONGEST_WAIT_MS = 120_000;
/** Nothing was done, or it may be done again: every call of this API is safe to repeat. */
const TRY_AGAIN = new Set([408, 429, 502, 503, 504]);

/** @throws ApiError for what the service refused; what `fetch` throws when it could not be reached at all */
export async function send<Answer>(options: ClientOptions, call: Call): Promise<Answer> {
  const response = await sendPatiently(options, call);
  return (response.status === 204 ? undefined : await response.json()) as Answer;
}

async function sendPatiently(options: ClientOptions, call: Call): Promise<Response> {
  const { maxAttempts = DEFAULT_MAX_ATTEMPTS, signal } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await sendOnce(options, call);
      if (response.ok) return response;
      const error = new ApiError(response.status, await problemOf(response));
      const askedMs = askedPauseMs(response);
      // The service also names a time for what is refused only for now, such as a recording that is still being made.
      const isWorthIt = TRY_AGAIN.has(response.status) || askedMs !== undefined;
      if (!isWorthIt || attempt >= maxAttempts || (askedMs ?? 0) > LONGEST_WAIT_MS) throw error;
      await pause(attempt, response, signal);
    } catch (error) {
      if (error instanceof ApiError || signal?.aborted || attempt >= maxAttempts) throw error;
      await pause(attempt, undefined, signal);
    }
  }
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
    ...(signal ? { signal } : {}),
  });
}

async function problemOf(response: Response): Promise<Partial<Problem>> {
  try {
    return (await response.json()) as Partial<Problem>;
  } catch {
    return {};
  }
}

/** As long as was asked for, and longer from try to try. @throws the signal's reason */
export async function pause(
  attempt: number,
  response: Response | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  await wait(pauseMs(attempt, response && askedPauseMs(response), Math.random()), signal);
}

/** @param random in [0, 1) */
export function pauseMs(attempt: number, askedMs: number | undefined, random: number): number {
  // Doubles, with jitter, so that clients that failed together do not come back together.
  const ownMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS) * (0.5 + random / 2);
  return Math.max(askedMs ?? 0, ownMs);
}

function askedPauseMs(response: Response): number | undefined {
  return retryAfterMs(response.headers.get('retry-after'), Date.now());
}

async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
