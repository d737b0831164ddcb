// The calls of the service that a review needs, with the reviewer's token.
import type { Timeline } from '@proctoring-recordings/exam-client';

export type RecordingKind = 'webcam' | 'screen' | 'audio';

/** What a review reads of a recording's description. */
export interface ReviewRecording {
  readonly recordingId: string;
  readonly kind: RecordingKind;
  readonly contentType: string;
  readonly container: string | null;
  readonly state: 'uploading' | 'stored';
  readonly createdAt: string;
  readonly storedAt: string | null;
  readonly deleteBy: string;
  readonly deletableFrom: string;
  readonly restricted: boolean;
  readonly truncated: boolean;
  readonly timeline: Timeline | null;
}

export interface ServiceOptions {
  /** The address of the service, such as `https://recordings.example`. */
  readonly service: string;
  readonly exam: string;
  readonly attempt: string;
  /** A token with the scope `recordings:review`. Asked for before each call; may return the same one while it is valid. */
  readonly getToken: () => string | Promise<string>;
}

export interface Link {
  readonly url: string;
  /** Pictures and activity of the recording; null where its client sent none. */
  readonly overviewUrl: string | null;
  readonly lifeMs: number;
  /** When it came. */
  readonly issuedAt: Instant;
}

/** By both clocks of this browser: one may be set, and the other may stand still while the computer sleeps. */
export interface Instant {
  /** Since the epoch. */
  readonly wallMs: number;
  /** Of `performance.now()`. */
  readonly monotonicMs: number;
}

export function instant(): Instant {
  return { wallMs: Date.now(), monotonicMs: performance.now() };
}

/** By the clock that shows more of it. */
export function msSince({ wallMs, monotonicMs }: Instant): number {
  return Math.max(Date.now() - wallMs, performance.now() - monotonicMs);
}

/** Of a recording that is deleted. */
export interface Gone {
  /** ISO 8601. */
  readonly deletedAt: string | undefined;
  readonly reason: string | undefined;
}

/** What a refusal has beside its code and its message. */
interface Refusal {
  /** Of the response. */
  readonly status?: number;
  readonly retryAfterMs?: number;
}

/**
 * A refusal of the service, with the code of its problem. `unreachable`: without a response of the service. `no-token`:
 * `getToken` gave none.
 */
export class ReviewError extends Error {
  readonly code: string;
  /** Of the HTTP response; undefined where the service refused nothing. */
  readonly status: number | undefined;
  /** How long the service asks to wait. */
  readonly retryAfterMs: number;

  constructor(code: string, message: string, { status, retryAfterMs = 0 }: Refusal = {}) {
    super(message);
    this.name = 'ReviewError';
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly receipt?: { readonly deletedAt?: string; readonly reason?: string };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  /** Of the header `Retry-After`. */
  readonly retryAfterMs: number;
  /** The time of the service when it responded. */
  readonly atMs: number;
}

const CALL_WITHIN_MS = 30_000;
const TOKEN_WITHIN_MS = 15_000;
const PAGE_SIZE = 100;
/** More than an attempt has recordings. */
const MAX_PAGES = 100;
/** A link with less left when it comes was measured by two clocks. It is used, and replaced when it fails. */
const SHORTEST_LIFE_MS = 3_000;
const ASSUMED_LIFE_MS = 5 * 60_000;

export class ReviewService {
  readonly #options: ServiceOptions;
  readonly #signal: AbortSignal;
  readonly #recordings: string;
  /** How much the clock of the service is ahead of this browser's. */
  #aheadMs = 0;

  /** `signal` ends all calls. */
  constructor(options: ServiceOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    const [exam, attempt] = [options.exam, options.attempt].map(encodeURIComponent);
    this.#recordings = `${options.service.replace(/\/+$/, '')}/v1/exams/${exam}/attempts/${attempt}/recordings`;
  }

  /** The time of the service, as far as its responses have shown it, in milliseconds since the epoch. */
  get nowMs(): number {
    return Date.now() + this.#aheadMs;
  }

  /** All recordings of the attempt, those that are still being uploaded too. @throws ReviewError */
  async recordings(): Promise<ReviewRecording[]> {
    const all: ReviewRecording[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null; pages += 1) {
      if (pages === MAX_PAGES) throw new ReviewError('unexpected', 'The list of the recordings does not end.');
      const query = `?limit=${PAGE_SIZE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
      const { body } = await this.#call('GET', query);
      const page = (body ?? {}) as { items?: ReviewRecording[]; nextCursor?: string | null };
      if (!Array.isArray(page.items)) throw notOfTheService();
      all.push(...page.items);
      cursor = page.nextCursor ?? null;
    }
    return all;
  }

  /** Each call is an entry of the audit trail. @throws ReviewError */
  async link(recordingId: string, reason: string, isRenewal: boolean): Promise<Link> {
    const said = { ...(reason && { reason }), ...(isRenewal && { renewal: true }) };
    const { body, atMs } = await this.#call('POST', `/${recordingId}/playback-links`, said);
    const { url, expiresAt, overviewUrl = null } = (body ?? {}) as Partial<Link> & { readonly expiresAt?: string };
    if (typeof url !== 'string' || expiresAt === undefined) throw notOfTheService();
    const leftMs = Date.parse(expiresAt) - atMs;
    const lifeMs = leftMs >= SHORTEST_LIFE_MS ? leftMs : ASSUMED_LIFE_MS;
    return { url, overviewUrl, lifeMs, issuedAt: instant() };
  }

  /** Undefined where it is not deleted, as far as is known. */
  async gone(recordingId: string): Promise<Gone | undefined> {
    const answer = await this.#send('GET', `/${recordingId}`).catch(() => undefined);
    const { receipt } = (answer?.body as Problem | undefined) ?? {};
    if (answer?.status !== 410 && answer?.status !== 404) return undefined;
    return { deletedAt: receipt?.deletedAt, reason: receipt?.reason };
  }

  async #call(method: string, path: string, body?: object): Promise<Answer> {
    let answer = await this.#send(method, path, body);
    // The token may have expired: the callback gets one more chance.
    if (answer.status === 401) answer = await this.#send(method, path, body);
    if (answer.status >= 200 && answer.status < 300) return answer;
    const { code = `http-${answer.status}`, detail } = (answer.body as Problem | undefined) ?? {};
    const { status, retryAfterMs } = answer;
    const message = detail ?? `The service responded with ${status}.`;
    throw new ReviewError(status >= 500 ? 'unreachable' : code, message, { status, retryAfterMs });
  }

  async #send(method: string, path: string, body?: object): Promise<Answer> {
    if (this.#signal.aborted) throw new ReviewError('unreachable', 'The review is closed.');
    const authorization = `Bearer ${await this.#token()}`;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(CALL_WITHIN_MS)]);
    try {
      const response = await fetch(this.#recordings + path, {
        method,
        headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
        signal,
        cache: 'no-store',
        // The reason, and the links, are for this service alone.
        redirect: 'error',
      });
      const date = Date.parse(response.headers.get('date') ?? '');
      const atMs = Number.isNaN(date) ? Date.now() : date;
      this.#aheadMs = atMs - Date.now();
      const retryAfterMs = 1000 * (Number(response.headers.get('retry-after')) || 0);
      return { status: response.status, body: await response.json().catch(() => undefined), retryAfterMs, atMs };
    } catch (error) {
      throw new ReviewError('unreachable', String(error));
    }
  }

  async #token(): Promise<string> {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error('getToken does not answer.')), TOKEN_WITHIN_MS);
    try {
      return readToken(await Promise.race([this.#options.getToken(), tooLate]));
    } catch (error) {
      throw new ReviewError('no-token', String(error));
    } finally {
      clearTimeout(timer);
    }
  }
}

/** @throws TypeError for what no header can hold, such as a page to log in */
function readToken(given: unknown): string {
  const token = typeof given === 'string' ? given.trim() : '';
  if (!/^[!-~]+$/.test(token)) throw new TypeError('getToken returned no token.');
  return token;
}

function notOfTheService(): ReviewError {
  return new ReviewError('unreachable', 'The response is not of the service.');
}
