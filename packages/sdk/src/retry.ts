// Repeats a request until a response is final, with growing pauses, and not before the time of a Retry-After.
import { ApiError } from './api-error.ts';

export interface RetryOptions {
  /** How often a request is sent at most; 5 when absent. */
  readonly maxAttempts?: number | undefined;
  /** Aborts requests and pauses. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;
/** Twice the longest Retry-After of the service. A response with a longer one is returned at once. */
const LONGEST_WAIT_MS = 120_000;

/**
 * Resolves with the first response that is final, or with the last one.
 * @throws an ApiError of `once` immediately, any other error of the last attempt, and the signal's reason
 */
export async function untilFinal(
  once: () => Promise<Response>,
  isFinal: (response: Response) => boolean,
  { maxAttempts = DEFAULT_MAX_ATTEMPTS, signal }: RetryOptions,
): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const isLast = attempt >= maxAttempts;
    const response = await once().catch((error: unknown) => {
      if (isLast || signal?.aborted || error instanceof ApiError) throw error;
      return undefined;
    });
    const askedMs = response && askedPauseMs(response);
    if (response && (isLast || isFinal(response) || (askedMs ?? 0) > LONGEST_WAIT_MS)) return response;
    // Frees the connection. Not awaited: a body that was cloned is cancelled only with its clone.
    response?.body?.cancel().catch(() => {});
    await wait(pauseMs(attempt, askedMs, Math.random()), signal);
  }
}

/** @param random in [0, 1) */
export function pauseMs(attempt: number, askedMs: number | undefined, random: number): number {
  // Doubles, with jitter, so that clients that failed together do not retry together.
  const ownMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS) * (0.5 + random / 2);
  return Math.max(askedMs ?? 0, ownMs);
}

/** The pause that Retry-After gives. */
export function askedPauseMs({ headers }: Response): number | undefined {
  return retryAfterMs(headers.get('retry-after'), Date.now());
}

/** Seconds, or a date (RFC 9110, 10.2.3); undefined when it is neither. */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // Date.parse also accepts "-1"; an HTTP date begins with a day of the week.
  const dateMs = /^[A-Z][a-z]+,? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
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
