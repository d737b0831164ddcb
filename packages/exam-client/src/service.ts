// The service's calls that an exam client makes (its OpenAPI document), and the PUT of a part to the store.
import { retryAfterMs } from './backoff.ts';
import type { Bytes } from './bytes.ts';
import { now, SessionClock, serviceTime } from './clock.ts';
import { ClientError, type Refusal, Unavailable } from './errors.ts';
import { type Part, PartUrls, type SignedPart } from './part-urls.ts';
import { SLOW_MS, Waits } from './retry.ts';
import { Routes } from './routes.ts';
import type { Timeline } from './timeline.ts';
import { Tokens } from './tokens.ts';

export type RecordingKind = 'webcam' | 'screen' | 'audio';

export interface Consent {
  /** ISO 8601. */
  readonly givenAt: string;
  readonly policyVersion: string;
}

export interface ServiceOptions {
  readonly service: string;
  readonly exam: string;
  readonly attempt: string;
  getToken(): Promise<string>;
}

export interface NewRecording {
  readonly participantId: string;
  readonly kind: RecordingKind;
  readonly contentType: string;
  readonly consent: Consent;
}

export interface StoredPart extends Part {
  readonly etag: string;
}

/** The rest of what a creation returns is not for the disk. */
export interface CreatedRecording {
  readonly recordingId: string;
  readonly partSizeBytes: number;
}

/** Names every part, so that the service refuses if it completed the recording without some of them. */
export interface Completion {
  readonly parts?: readonly { readonly partNumber: number; readonly etag: string }[];
  readonly timeline?: Timeline;
}

const CALL_WITHIN_MS = 60_000;
/** A part without progress for this long is aborted and sent again. */
const STALLED_AFTER_MS = 30_000;
/** What a proxy has taken whole may be on its way for longer: the wait for a response doubles after each that did not come. */
const MAX_RESPONSE_WAIT_MS = 480_000;

/** A response, by fetch or by XMLHttpRequest. */
interface Answer {
  /** 0: none. */
  readonly status: number;
  readonly text: string;
  header(name: string): string | null;
}

interface CallOptions {
  readonly headers?: Record<string, string>;
  /** Default: `CALL_WITHIN_MS`. */
  readonly limitMs?: number;
}

/** Of a call that makes several requests to the store, which may be so busy that each has to wait. */
const LONG: CallOptions = { limitMs: 180_000 };

/** A part of an upload, with the URLs of all its parts. */
interface PartToSend {
  readonly recordingId: string;
  readonly urls: PartUrls;
  readonly partNumber: number;
  readonly bytes: Bytes;
}

export class Service {
  readonly #v1: string;
  readonly #recordings: string;
  readonly #clock: SessionClock;
  readonly #waits: Waits;
  readonly #tokens: Tokens;
  readonly #routes = new Routes();
  #responseWaitMs = STALLED_AFTER_MS;

  constructor(options: ServiceOptions, clock: SessionClock = new SessionClock(), waits: Waits = new Waits(() => {})) {
    this.#v1 = `${options.service.replace(/\/+$/, '')}/v1`;
    this.#recordings = `${this.#v1}/exams/${options.exam}/attempts/${options.attempt}/recordings`;
    this.#clock = clock;
    this.#waits = waits;
    this.#tokens = new Tokens(() => options.getToken(), clock, waits);
  }

  /**
   * The same key returns the recording that an earlier call created, also when its response was lost. `signed`: the URL of
   * part 1, where the service hands out URLs.
   */
  async create(key: string, recording: NewRecording): Promise<CreatedRecording & { signed: readonly SignedPart[] }> {
    const options = { ...LONG, headers: { 'idempotency-key': key } };
    const created = (await this.#call('POST', '', { ...recording, parts: 1 }, options)) as Partial<Created> | undefined;
    const { recordingId } = created?.recording ?? {};
    const { partSizeBytes, mode, parts: signed = [] } = created?.upload ?? {};
    if (mode === 'proxy') this.#routes.proxiedOnly();
    return { recordingId: expected(recordingId, 'string'), partSizeBytes: expected(partSizeBytes, 'number'), signed };
  }

  /** @param following as `PartUrls` asks for it */
  urlsOf(recordingId: string, following: (partNumber: number, withinMs: number) => readonly Part[]): PartUrls {
    return new PartUrls({
      sign: (parts) => this.#sign(recordingId, parts),
      nowMs: () => serviceTime(now(), this.#clock.state, Number.NaN),
      following,
    });
  }

  /**
   * Stores a part, directly or through the service, and returns its ETag: empty where the store's CORS rules hide it.
   * @throws Unavailable; `NoSuchUpload` when the store does not know the upload; ClientError with the problem's code
   */
  async putPart(part: PartToSend, signal: AbortSignal): Promise<string> {
    const route = this.#routes.next();
    try {
      const etag = await (route === 'direct' ? this.#putDirectly(part, signal) : this.#putThroughService(part, signal));
      this.#routes.succeeded(route);
      return etag;
    } catch (error) {
      const isOffline = navigator.onLine === false || signal.aborted;
      if (error instanceof PartNotSent && !isOffline) this.#routes.failed(route, error.isReached);
      // What does not know the upload may be another server than the store.
      if (error instanceof NoSuchUpload) this.#routes.failed(route, true);
      const isProxied = error instanceof ClientError && error.code === 'uploads-proxied';
      if (!isProxied || route === 'service') throw error;
      this.#routes.proxiedOnly();
      return this.putPart(part, signal);
    }
  }

  async parts(recordingId: string): Promise<StoredPart[]> {
    const listed = (await this.#call('GET', `/${recordingId}/parts`)) as { parts?: StoredPart[] } | undefined;
    return expected(listed?.parts, 'object');
  }

  async complete(recordingId: string, completion: Completion): Promise<{ sizeBytes: number }> {
    const completed = (await this.#call('POST', `/${recordingId}/complete`, completion, LONG)) as {
      sizeBytes?: number;
    };
    return { sizeBytes: expected(completed?.sizeBytes, 'number') };
  }

  /**
   * Repeating it replaces the overview. @throws Unavailable; ClientError with the problem's code. Never waits in the name of the
   * recording: it is not worth telling a candidate.
   */
  async putOverview(recordingId: string, body: Bytes, signal: AbortSignal): Promise<void> {
    const put = async (authorization: Record<string, string>): Promise<Answer> => {
      const headers = { ...authorization, 'content-type': 'application/octet-stream' };
      const response = await fetch(`${this.#recordings}/${recordingId}/overview`, {
        method: 'PUT',
        headers,
        body,
        signal,
      });
      return { status: response.status, text: await response.text(), header: (name) => response.headers.get(name) };
    };
    const unavailable = (error: unknown) => {
      throw new Unavailable('unreachable', String(error));
    };
    readResult(await this.#authorized((authorization) => put(authorization).catch(unavailable)));
  }

  /** What was empty leaves nothing: a repeated call does not find it. */
  async abort(recordingId: string): Promise<void> {
    try {
      await this.#call('POST', `/${recordingId}/abort`, undefined, LONG);
    } catch (error) {
      if (!(error instanceof ClientError && error.code === 'recording-not-found')) throw error;
    }
  }

  async withdraw(recordingId: string): Promise<void> {
    await this.#call('DELETE', `/${recordingId}?reason=consent-withdrawn`, undefined, LONG);
  }

  /** Asks for the time, unless it is known. @throws Unavailable */
  async settleClock(): Promise<void> {
    if (this.#clock.state.jumps.length > 0) await this.readClock();
  }

  /** Asks only for what time it is. @throws Unavailable */
  async readClock(): Promise<void> {
    await this.#send('GET', `${this.#v1}/upload-settings`);
  }

  /** The first of `parts` is needed now, the others may be more than a recording may have. */
  async #sign(recordingId: string, parts: readonly Part[]): Promise<readonly SignedPart[]> {
    try {
      const signed = (await this.#call('POST', `/${recordingId}/parts`, { parts })) as Partial<Signed> | undefined;
      return expected(signed?.parts, 'object');
    } catch (error) {
      if (!(error instanceof ClientError && error.code === 'part-number-too-large')) throw error;
      const allowed = parts.filter(({ partNumber }) => !error.partNumbers.includes(partNumber));
      if (allowed.length === parts.length || allowed[0] !== parts[0]) throw error;
      return this.#sign(recordingId, allowed);
    }
  }

  async #putDirectly({ urls, partNumber, bytes }: PartToSend, signal: AbortSignal): Promise<string> {
    const { url, isKept } = await urls.urlOf({ partNumber, sizeBytes: bytes.length });
    // Bytes without a type: the browser then sends no Content-Type, which would not be signed.
    const answer = await this.#upload(expected(url, 'string'), bytes, {}, signal);
    if (isSuccess(answer)) return answer.header('etag') ?? '';
    const { status } = answer;
    if (status === 403 || status === 404) urls.drop();
    if (status === 404) throw new NoSuchUpload('unreachable', 'The store does not know the upload.');
    const [, code] = /<Code>(\w+)</.exec(answer.text) ?? [];
    const refusal = status === 0 ? undefined : { status, ...(code && { code }) };
    const message = `The store responded to a part with ${status}.`;
    // It may have expired, or the service may sign with another key now: a new one shows whether the store refuses.
    if (status === 403 && isKept) throw new Unavailable('unreachable', message, 0, refusal);
    throw new PartNotSent(message, status !== 0, 0, refusal);
  }

  async #putThroughService({ recordingId, partNumber, bytes }: PartToSend, signal: AbortSignal): Promise<string> {
    const url = `${this.#recordings}/${recordingId}/parts/${partNumber}`;
    const put = async (headers: Record<string, string>) => {
      const type = { 'content-type': 'application/octet-stream' };
      const sentMs = now();
      const answer = await this.#upload(url, bytes, { ...headers, ...type }, signal);
      if (answer.status === 0) throw new PartNotSent('The service did not take a part.', false);
      if (answer.status < 500) this.#clock.learn(answer.header('date'), sentMs, now());
      return answer;
    };
    try {
      const stored = readResult(await this.#authorized(put)) as { etag?: string } | undefined;
      return expected(stored?.etag, 'string');
    } catch (error) {
      if (error instanceof ClientError && (error.code === 'not-found' || error.code === 'method-not-allowed')) {
        this.#routes.directOnly();
        throw new PartNotSent('The service takes no parts.', true);
      }
      if (error instanceof Unavailable && error.reason === 'unreachable') {
        throw new PartNotSent(error.message, true, error.afterMs, error.refusal);
      }
      throw error;
    }
  }

  /** A PUT by XMLHttpRequest, because fetch reports no progress: a slow connection would look like a dead one. */
  #upload(url: string, bytes: Bytes, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    const waits = this.#waits;
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const settled = new AbortController();
      let timers: ReturnType<typeof setTimeout>[] = [];
      const stop = () => {
        for (const timer of timers) clearTimeout(timer);
        waits.end(request);
      };
      const watch = (limitMs: number, onStalled = () => {}) => {
        stop();
        const abort = () => {
          onStalled();
          request.abort();
        };
        timers = [setTimeout(() => waits.set(request, 'unreachable'), SLOW_MS), setTimeout(abort, limitMs)];
      };
      request.upload.onprogress = () => watch(STALLED_AFTER_MS);
      request.upload.onload = () => {
        const limitMs = this.#responseWaitMs;
        watch(limitMs, () => {
          this.#responseWaitMs = Math.min(MAX_RESPONSE_WAIT_MS, 2 * limitMs);
        });
      };
      signal.addEventListener('abort', () => request.abort(), { signal: settled.signal });
      request.onloadend = () => {
        stop();
        settled.abort();
        const { status, responseText: text } = request;
        resolve({ status, text, header: (name) => request.getResponseHeader(name) });
      };
      request.open('PUT', url);
      // An empty response has no type: Firefox would read it as XML, and print the URL with the error.
      request.responseType = 'text';
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      watch(STALLED_AFTER_MS);
      request.send(bytes);
      if (signal.aborted) request.abort();
    });
  }

  /** @throws Unavailable, ClientError with the problem's code */
  async #call(method: string, path: string, body?: object, options?: CallOptions): Promise<unknown> {
    return readResult(await this.#send(method, this.#recordings + path, body, options));
  }

  #send(
    method: string,
    url: string,
    body?: object,
    { headers, limitMs = CALL_WITHIN_MS }: CallOptions = {},
  ): Promise<Answer> {
    return this.#authorized(async (authorization) => {
      const sentMs = now();
      const call = fetch(url, {
        method,
        headers: { ...authorization, ...(body && { 'content-type': 'application/json' }), ...headers },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(limitMs),
      }).then(async (response) => {
        const receivedMs = now();
        const header = (name: string) => response.headers.get(name);
        if (response.status < 500) this.#clock.learn(header('date'), sentMs, receivedMs);
        return { status: response.status, text: await response.text(), header };
      });
      return this.#waits.notice(call, 'unreachable').catch((error: unknown) => {
        throw new Unavailable('unreachable', String(error));
      });
    });
  }

  /** With a new token when the first was refused. @throws Unavailable `unauthorized` when the second is refused too */
  async #authorized(request: (authorization: Record<string, string>) => Promise<Answer>): Promise<Answer> {
    for (let isRepeated = false; ; isRepeated = true) {
      const token = await this.#tokens.get();
      const answer = await request({ authorization: `Bearer ${token}` });
      const problem = readProblem(answer);
      const isRefused = answer.status === 401 || FORBIDDEN.has(problem.code ?? '');
      if (!isRefused) return answer;
      await this.#tokens.refuse(token);
      if (!isRepeated) continue;
      const message = `The service refuses the token with ${answer.status}.`;
      throw new Unavailable('unauthorized', message, 0, refusalOf(answer, problem));
    }
  }
}

/** Refusals that another token from the page can end. */
const FORBIDDEN = new Set(['scope-missing', 'wrong-attempt', 'wrong-participant']);

/** The upload may have been completed, aborted or deleted. A 404 does not prove it: the service has to be queried. */
export class NoSuchUpload extends Unavailable {}

/** The part may go another way. `isReached`: something responded. */
class PartNotSent extends Unavailable {
  readonly isReached: boolean;

  constructor(message: string, isReached: boolean, afterMs?: number, refusal?: Refusal) {
    super('unreachable', message, afterMs, refusal);
    this.isReached = isReached;
  }
}

interface Problem {
  readonly code?: string;
  readonly detail?: string;
  readonly requestId?: string;
  readonly partNumbers?: number[];
  readonly receipt?: { readonly reason?: string };
}

/** @throws Unavailable, ClientError with the problem's code */
function readResult(answer: Answer): unknown {
  if (isSuccess(answer)) return answer.status === 204 ? undefined : parse(answer.text);
  const problem = readProblem(answer);
  const { code = `http-${answer.status}`, detail = `The service responded with ${answer.status}.` } = problem;
  const isPassing = answer.status === 408 || answer.status === 429 || answer.status >= 500;
  // The deletion receipt, which is written last, has the reason.
  const isBeingDeleted = code === 'recording-deleted' && !problem.receipt;
  if (isPassing || isBeingDeleted || code === 'recording-being-created' || problem.code === undefined) {
    const afterMs = retryAfterMs(answer.header('retry-after'), answer.header('date'));
    throw new Unavailable('unreachable', detail, afterMs, refusalOf(answer, problem));
  }
  throw new ClientError(code, detail, { ...problem, reason: problem.receipt?.reason });
}

interface Signed {
  readonly parts: readonly SignedPart[];
}

interface Created {
  readonly recording: { readonly recordingId?: string };
  readonly upload: Partial<Signed> & { readonly partSizeBytes?: number; readonly mode?: string };
}

/** A member of a response. @throws Unavailable where it is missing: something else than the service has responded */
function expected<Member>(member: Member, type: 'string' | 'number' | 'object'): NonNullable<Member> {
  if (!member || typeof member !== type) throw new Unavailable('unreachable', 'The response is not of the service.');
  return member;
}

/** What has no code is not of the service, and may contain anything. */
function refusalOf({ status }: Answer, { code, detail, requestId }: Problem): Refusal {
  return code ? { status, code, ...(detail && { detail }), ...(requestId && { requestId }) } : { status };
}

/** Empty where something else than the service has responded. */
function readProblem(answer: Answer): Problem {
  if (isSuccess(answer)) return {};
  try {
    return (JSON.parse(answer.text) as Problem | null) ?? {};
  } catch {
    return {};
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Unavailable('unreachable', String(error));
  }
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}
