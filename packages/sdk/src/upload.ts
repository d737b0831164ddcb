// Uploads a whole recording: creates it or continues it, sends its parts, some at once, and completes it.
import { ApiError, ConnectionError, RecordingsError, type RequestName, StoreError } from './errors.ts';
import { type CallOptions, TryAgain, untilFinal } from './retry.ts';
import { type ClientOptions, expiredOr, lostUnlessAborted, patienceOf, timeoutMsOf } from './send.ts';
import { cut, type SourcePart, sizeOf, type UploadSource } from './source.ts';
import { TimeLimit } from './time-limit.ts';
import type { CreatedRecording, PresignParts, Recording, SignedPart, UploadedPart } from './types.ts';

export interface UploadProgress {
  readonly recordingId: string;
  /** The bytes that are stored, including those that an earlier call sent. */
  readonly sentBytes: number;
  /** Null for a stream. */
  readonly totalBytes: number | null;
}

export interface UploadOptions extends CallOptions {
  /**
   * Names this upload within its attempt. A later call with the same key, body and bytes continues it: parts that are
   * stored are not sent again. Default: a new one for each call.
   */
  readonly idempotencyKey?: string | undefined;
  /** How many parts are sent at once, each of which is held in memory when the source is a stream. Default: 3. */
  readonly concurrency?: number | undefined;
  /** Called before the first part and after each. When it throws, the upload ends with that error. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
}

/** The calls that an upload consists of, in its attempt. */
export interface UploadCalls {
  create(options: UploadOptions): Promise<CreatedRecording>;
  uploadedParts(recordingId: string, options: CallOptions): Promise<UploadedPart[]>;
  signParts(recordingId: string, parts: PresignParts['parts'], options: CallOptions): Promise<SignedPart[]>;
  putPart(recordingId: string, partNumber: number, content: Blob, options: CallOptions): Promise<UploadedPart>;
  complete(recordingId: string, options: CallOptions): Promise<Recording>;
  abort(recordingId: string, options: CallOptions): Promise<void>;
}

const DEFAULT_CONCURRENCY = 3;

/**
 * @throws as each of the calls, StoreError for a part that the store refused, RecordingsError `source-empty`,
 * `source-changed` and `upload-truncated`
 */
export async function upload(
  client: ClientOptions,
  calls: UploadCalls,
  source: UploadSource,
  { concurrency = DEFAULT_CONCURRENCY, onProgress, ...options }: UploadOptions,
): Promise<Recording> {
  const totalBytes = sizeOf(source);
  if (totalBytes === 0) throw emptySource();
  const { recording, upload: settings } = await calls.create(options);
  const { recordingId } = recording;
  const stored = recording.state === 'stored' ? undefined : await storedParts(calls, recordingId, options);
  if (!stored) return requireWhole(await calls.complete(recordingId, options), totalBytes);

  // Ends the other parts when one fails.
  const limit = new TimeLimit(patienceOf(client, options).signals);
  const sender = new PartSender(client, calls, recordingId, { ...options, signal: limit.signal }, settings.mode);
  const parts = cut(source, settings.partSizeBytes);
  let partCount = 0;
  let sentBytes = 0;
  const sendParts = async () => {
    // The generator makes one part after the other, whoever asks for the next.
    for (let next = await parts.next(); !next.done; next = await parts.next()) {
      const { partNumber, content } = next.value;
      partCount += 1;
      if (stored.get(partNumber) !== content.size) await sender.send(next.value);
      sentBytes += content.size;
      onProgress?.({ recordingId, sentBytes, totalBytes });
    }
  };
  try {
    onProgress?.({ recordingId, sentBytes, totalBytes });
    await limit.untilAborted(Promise.all(Array.from({ length: Math.max(1, concurrency || 1) }, sendParts)));
  } catch (error) {
    limit.abort(error);
    if (!isStored(error)) throw error;
    const other = requireWhole(await calls.complete(recordingId, options), totalBytes);
    // Of a stream nobody knows whether that was all.
    if (totalBytes === null) throw error;
    return other;
  } finally {
    limit.end();
    // Closes the source. Not awaited: a source that is silent may never end.
    parts.return().catch(() => {});
  }
  requireNoOther(stored, partCount);
  if (partCount === 0) {
    // If the abort fails, a sweep removes the upload, which has no parts.
    const failure = await calls.abort(recordingId, options).catch((error: unknown) => error);
    throw emptySource(failure);
  }
  return requireWhole(await calls.complete(recordingId, options), sentBytes);
}

/** The sizes of the parts that the store has, by their numbers; undefined when the recording needs no part any more. */
async function storedParts(
  calls: UploadCalls,
  recordingId: string,
  options: UploadOptions,
): Promise<ReadonlyMap<number, number> | undefined> {
  if (options.idempotencyKey === undefined) return new Map();
  try {
    const parts = await calls.uploadedParts(recordingId, options);
    return new Map(parts.map(({ partNumber, sizeBytes }) => [partNumber, sizeBytes]));
  } catch (error) {
    if (isStored(error)) return undefined;
    throw error;
  }
}

function isStored(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'recording-stored';
}

function emptySource(cause?: unknown): RecordingsError {
  return new RecordingsError('source-empty', 'The source of the upload is empty.', { cause });
}

/** Another call may have completed it with other bytes, or the service because the upload was idle for too long. */
function requireWhole(recording: Recording, totalBytes: number | null): Recording {
  const { recordingId, truncated, sizeBytes } = recording;
  if (truncated) {
    const message = `The service completed recording ${recordingId} with ${sizeBytes} bytes, because nothing was sent for too long.`;
    throw new RecordingsError('upload-truncated', message);
  }
  if (totalBytes === null || totalBytes === sizeBytes) return recording;
  const message = `Recording ${recordingId} was completed with ${sizeBytes} bytes, and this source has ${totalBytes}.`;
  throw new RecordingsError('source-changed', message);
}

/** Completed with them, the recording would end in bytes of another source. */
function requireNoOther(stored: ReadonlyMap<number, number>, partCount: number): void {
  if (Math.max(0, ...stored.keys()) <= partCount) return;
  const message = `An earlier call uploaded more than these ${partCount} parts: abort the recording, and upload under another key.`;
  throw new RecordingsError('source-changed', message);
}

/** Sends parts to the store; through the service from the first one on for which the store could not be reached. */
class PartSender {
  readonly #client: ClientOptions;
  readonly #calls: UploadCalls;
  readonly #recordingId: string;
  readonly #options: CallOptions & { readonly signal: AbortSignal };
  #isReachable: boolean;

  constructor(
    client: ClientOptions,
    calls: UploadCalls,
    recordingId: string,
    options: CallOptions & { readonly signal: AbortSignal },
    mode: 'direct' | 'proxy',
  ) {
    this.#client = client;
    this.#calls = calls;
    this.#recordingId = recordingId;
    this.#options = options;
    this.#isReachable = mode === 'direct';
  }

  async send(part: SourcePart): Promise<void> {
    if (this.#isReachable && (await this.#sendToStore(part))) return;
    await this.#calls.putPart(this.#recordingId, part.partNumber, part.content, this.#options);
  }

  /** False when the store could not be reached. */
  async #sendToStore(part: SourcePart): Promise<boolean> {
    const { partNumber, content } = part;
    let lost: unknown;
    const once = async (attempt: number) => {
      // A new URL for each attempt, so that none has expired. The call has its own attempts.
      const wanted = [{ partNumber, sizeBytes: content.size }];
      const [signed] = await this.#calls.signParts(this.#recordingId, wanted, this.#options);
      try {
        await this.#put(signed?.url ?? '', part, attempt);
      } catch (error) {
        lost = error instanceof TryAgain && error.reason instanceof ConnectionError ? error.reason : undefined;
        // URLs are also signed for an upload that has just ended: only this call is sure to know, and says why.
        if (isUnknownUpload(error)) await this.#calls.uploadedParts(this.#recordingId, this.#options);
        throw error;
      }
    };
    try {
      await untilFinal(patienceOf(this.#client, this.#options), once);
      return true;
    } catch (error) {
      if (error !== lost) throw error;
      this.#isReachable = false;
      return false;
    }
  }

  /** @throws TryAgain, ApiError, or the reason of an abort */
  async #put(url: string, { partNumber, content }: SourcePart, attempt: number): Promise<void> {
    const { fetch: by = fetch } = this.#client;
    const origin = originOf(url);
    const name: RequestName = { method: 'PUT', path: origin, origin };
    const limit = new TimeLimit([this.#options.signal]);
    const limitMs = timeoutMsOf(this.#client, { bytes: { content, sizeBytes: content.size } }, this.#options);
    const put = async () => {
      const response = await by(url, { method: 'PUT', body: content, signal: limit.signal });
      const text = await response.text();
      if (response.ok) return;
      const [, storeCode] = /<Code>(\w+)<\/Code>/.exec(text) ?? [];
      throw new TryAgain(name, new StoreError(partNumber, response.status, storeCode));
    };
    try {
      await limit.within(limitMs, put());
    } catch (error) {
      throw expiredOr(lostUnlessAborted(error, { name, attempt, limit, url }), name, attempt);
    } finally {
      limit.end();
    }
  }
}

function isUnknownUpload(error: unknown): boolean {
  return error instanceof TryAgain && error.reason instanceof StoreError && error.reason.status === 404;
}

/** @throws ApiError for what is no URL: the error of `URL` would show it */
function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    throw new ApiError(200, {});
  }
}
