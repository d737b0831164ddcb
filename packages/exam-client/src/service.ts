// The service's calls that an exam client makes (its OpenAPI document), and the PUT of a part to the store.
import { retryAfterMs } from './backoff.ts';
import type { Bytes } from './bytes.ts';
import { ClientError, Unavailable } from './errors.ts';
import type { Timeline } from './timeline.ts';

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

export interface StoredPart {
  readonly partNumber: number;
  readonly sizeBytes: number;
  readonly etag: string;
}

/** Names every part, so that the service refuses if it completed the recording without some of them. */
export interface Completion {
  readonly parts?: readonly { readonly partNumber: number; readonly etag: string }[];
  readonly timeline?: Timeline;
}

const CALL_WITHIN_MS = 60_000;
/** A part without progress for this long is aborted and sent again. */
const STALLED_AFTER_MS = 30_000;

export class Service {
  readonly #options: ServiceOptions;
  readonly #recordings: string;
  #token: Promise<string> | undefined;

  constructor(options: ServiceOptions) {
    const { service, exam, attempt } = options;
    this.#options = options;
    this.#recordings = `${service.replace(/\/+$/, '')}/v1/exams/${exam}/attempts/${attempt}/recordings`;
  }

  /** The same key returns the recording that an earlier call created, also when its response was lost. */
  async create(key: string, recording: NewRecording): Promise<{ recordingId: string; partSizeBytes: number }> {
    const headers = { 'idempotency-key': key };
    const { recording: created, upload } = (await this.#call('POST', '', { ...recording, parts: 0 }, headers)) as {
      recording: { recordingId: string };
      upload: { partSizeBytes: number };
    };
    return { recordingId: created.recordingId, partSizeBytes: upload.partSizeBytes };
  }

  async presign(recordingId: string, partNumber: number, sizeBytes: number): Promise<string> {
    const body = { parts: [{ partNumber, sizeBytes }] };
    const { parts } = (await this.#call('POST', `/${recordingId}/parts`, body)) as { parts: { url: string }[] };
    return parts[0]?.url ?? '';
  }

  async parts(recordingId: string): Promise<StoredPart[]> {
    return ((await this.#call('GET', `/${recordingId}/parts`)) as { parts: StoredPart[] }).parts;
  }

  async complete(recordingId: string, completion: Completion): Promise<{ sizeBytes: number }> {
    return (await this.#call('POST', `/${recordingId}/complete`, completion)) as { sizeBytes: number };
  }

  /** The whole file, through the service. Safe to repeat. */
  async content(recordingId: string, file: Blob): Promise<void> {
    const form = new FormData();
    form.set('file', file);
    await this.#call('POST', `/${recordingId}/content`, form);
  }

  async abort(recordingId: string): Promise<void> {
    await this.#call('POST', `/${recordingId}/abort`);
  }

  async withdraw(recordingId: string): Promise<void> {
    await this.#call('DELETE', `/${recordingId}?reason=consent-withdrawn`);
  }

  /** @throws Unavailable, ClientError with the problem's code */
  async #call(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<unknown> {
    let answer = await this.#send(method, path, body, headers);
    if (answer.status === 401) answer = await this.#send(method, path, body, headers);
    if (answer.ok) return answer.status === 204 ? undefined : readJson(answer);
    const problem = ((await readJson(answer).catch(() => undefined)) ?? {}) as {
      code?: string;
      detail?: string;
      partNumbers?: number[];
      receipt?: { reason?: string };
    };
    const { code = `http-${answer.status}`, detail = `The service responded with ${answer.status}.` } = problem;
    if (answer.status === 401) throw new Unavailable('unauthorized', detail);
    const isPassing = answer.status === 408 || answer.status === 429 || answer.status >= 500;
    // The deletion receipt, which is written last, has the reason.
    const isBeingDeleted = code === 'recording-deleted' && !problem.receipt;
    if (isPassing || isBeingDeleted || code === 'recording-being-created' || problem.code === undefined) {
      throw new Unavailable('unreachable', detail, retryAfterMs(answer.headers.get('retry-after'), Date.now()));
    }
    throw new ClientError(code, detail, { ...problem, reason: problem.receipt?.reason });
  }

  async #send(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Response> {
    this.#token ??= askToken(this.#options);
    const asked = this.#token;
    const forget = () => {
      if (this.#token === asked) this.#token = undefined;
    };
    const token = await asked.catch((error: unknown) => {
      forget();
      throw new Unavailable('unauthorized', String(error));
    });
    const isFile = body instanceof FormData;
    try {
      const answer = await fetch(this.#recordings + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body && !isFile && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body && { body: isFile ? body : JSON.stringify(body) }),
        // No time-out: the upload of a whole file may take hours.
        ...(!isFile && { signal: AbortSignal.timeout(CALL_WITHIN_MS) }),
      });
      if (answer.status === 401) forget();
      return answer;
    } catch (error) {
      throw new Unavailable('unreachable', String(error));
    }
  }
}

/** @throws what `getToken` throws, and Error when it returns what no header can hold, such as an error page */
async function askToken(options: ServiceOptions): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('getToken took too long.')), CALL_WITHIN_MS);
  });
  const token = (await Promise.race([options.getToken(), tooLate]).finally(() => clearTimeout(timer))).trim();
  if (!/^[!-~]+$/.test(token)) throw new TypeError('getToken returned no token.');
  return token;
}

/**
 * Uploads a part and returns its ETag, empty where the store's CORS rules hide it. By XMLHttpRequest, because fetch
 * reports no progress: a slow connection would look like a dead one.
 * @throws Unavailable for all but success; `NoSuchUpload` on a 404
 */
export function putPart(url: string, bytes: Bytes, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const settled = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), STALLED_AFTER_MS);
    };
    request.upload.onprogress = watch;
    signal.addEventListener('abort', () => request.abort(), { signal: settled.signal });
    request.onloadend = () => {
      clearTimeout(timer);
      settled.abort();
      const { status } = request;
      if (status >= 200 && status < 300) resolve(request.getResponseHeader('etag') ?? '');
      else if (status === 404) reject(new NoSuchUpload('unreachable', 'The store does not know the upload.'));
      else reject(new Unavailable('unreachable', `The store responded to a part with ${status}.`));
    };
    request.open('PUT', url);
    watch();
    // Bytes, not a Blob: the browser then sends no Content-Type, which would not be signed.
    request.send(bytes);
    if (signal.aborted) request.abort();
  });
}

/** The upload may have been completed, aborted or deleted. A 404 does not prove it: the service has to be queried. */
export class NoSuchUpload extends Unavailable {}

async function readJson(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch (error) {
    throw new Unavailable('unreachable', String(error));
  }
}
