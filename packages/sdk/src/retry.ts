// Repeats a request until its outcome is final, with growing pauses, and not before the time of a Retry-After.
import type { ApiError, ConnectionError, RequestName, StoreError } from './errors.ts';
import { TimeLimit } from './time-limit.ts';

/** An attempt failed and the request is sent again. */
export interface Retry extends RequestName {
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** How long the pause before the next attempt is. */
  readonly waitMs: number;
  /** Why it failed: `reason.code` is `rate-limited`, `connection-failed`, … */
  readonly reason: ApiError | ConnectionError | StoreError;
}

/** How long and how often a call is tried: for a client, or for one call. */
export interface CallOptions {
  /** Aborts the call, its pauses and its response. It throws the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long one attempt may take, in milliseconds. Default: 30,000, and ten times as long for calls that make many requests
   * to the store. A part may take a second more for each 32 KiB; a download may be silent for as long.
   */
  readonly timeoutMs?: number | undefined;
  /** How often a request is sent at most. Default: 5. */
  readonly maxAttempts?: number | undefined;
  /** Called before each pause. When it throws, the call ends with that error. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** The options of a client and of one call together. Every signal counts; of all else the call's own comes first. */
export interface Patience extends Omit<CallOptions, 'signal'> {
  readonly signals: readonly AbortSignal[];
}

const DEFAULT_MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Twice the longest Retry-After of the service. A refusal with a longer one is thrown at once. */
const LONGEST_WAIT_MS = 120_000;

/** Thrown by an attempt that may be repeated. */
export class TryAgain extends Error {
  readonly request: RequestName;
  readonly reason: Retry['reason'];
  /** The pause that Retry-After asks for. */
  readonly askedMs: number | undefined;

  constructor(request: RequestName, reason: Retry['reason'], askedMs?: number) {
    super(reason.message);
    this.request = request;
    this.reason = reason;
    this.askedMs = askedMs;
  }
}

/**
 * Resolves with the result of the first attempt that does not throw `TryAgain`.
 * @throws the reason of the last attempt, whatever else `once` throws at once, and the reason of a signal
 */
export async function untilFinal<Result>(
  { maxAttempts = DEFAULT_MAX_ATTEMPTS, onRetry, signals }: Patience,
  once: (attempt: number) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(attempt);
    } catch (error) {
      if (!(error instanceof TryAgain)) throw error;
      const { request, reason, askedMs } = error;
      if (attempt >= (maxAttempts || 1) || (askedMs ?? 0) > LONGEST_WAIT_MS) throw reason;
      const waitMs = pauseMs(attempt, askedMs, Math.random());
      onRetry?.({ ...request, attempt, waitMs, reason });
      await wait(waitMs, signals);
    }
  }
}

/**
 * Full jitter (`random` in [0, 1)): clients that failed together must not retry together. Nor after a Retry-After, because
 * each of them got the same: they spread over as long again.
 */
export function pauseMs(attempt: number, askedMs: number | undefined, random: number): number {
  const ownMs = FIRST_PAUSE_MS * 2 ** (attempt - 1);
  return (askedMs ?? 0) + Math.min(Math.max(askedMs ?? 0, ownMs), LONGEST_PAUSE_MS) * random;
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

async function wait(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  const limit = new TimeLimit(signals);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await limit.untilAborted(pause);
  } finally {
    clearTimeout(timer);
    limit.end();
  }
}
