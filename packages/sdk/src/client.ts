// The API for servers in TypeScript: one method for each call.
import { ApiError, RecordingsError } from './errors.ts';
import type { CallOptions } from './retry.ts';
import { type ClientOptions, download, requireBaseUrl, send, sendLarge } from './send.ts';
import type { UploadSource } from './source.ts';
import type {
  AccessLogEntry,
  Assessment,
  AttemptPath,
  Checkpoint,
  CompleteRecording,
  ConsistencyProof,
  CreatedRecording,
  CreateRecording,
  DeletionReason,
  Explanation,
  KeySet,
  ListFilter,
  OnUnreadable,
  ParticipantErasure,
  ParticipantExport,
  ParticipantPath,
  Period,
  PlaybackLink,
  PresignParts,
  Proof,
  Readiness,
  Receipt,
  ReceiptFilter,
  ReceiptList,
  ReceiptProof,
  Recording,
  RecordingPath,
  Report,
  SignedPart,
  Time,
  UploadedPart,
  UploadSettings,
} from './types.ts';
import { type UploadOptions, upload } from './upload.ts';

interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor: string | null;
}

type Query = Readonly<Record<string, string | number | boolean | Date | undefined>>;

/** Options of a call that lists receipts. */
interface ReceiptOptions extends CallOptions {
  /** Called with the ids of each receipt that cannot be read. Without it, the iteration ends with the error `receipts-unreadable`. */
  readonly onUnreadable?: OnUnreadable | undefined;
}

/** Options of an export. */
interface ExportOptions extends CallOptions {
  /** Whether to include the link or the file of restricted recordings. */
  readonly includeRestricted?: boolean | undefined;
}

/**
 * Every method is safe to repeat: create finds an earlier recording by its Idempotency-Key, the others are idempotent.
 * Each takes `CallOptions` last. Each throws `ApiError` with the service's stable `code`, `ConnectionError` when no complete
 * response arrived (`TimeoutError`: in time), and the reason of an aborted signal.
 */
export class ProctoringRecordings {
  readonly #options: ClientOptions;

  /** @throws RecordingsError `base-url-invalid` */
  constructor(options: ClientOptions) {
    requireBaseUrl(options.baseUrl);
    this.#options = options;
  }

  // The exam platform

  /** The part size, the largest recording and the types that the service accepts. */
  uploadSettings(options?: CallOptions): Promise<UploadSettings> {
    return this.#get('/v1/upload-settings', options);
  }

  /**
   * Uploads a whole recording: creates it, sends its parts, and completes it. Parts go directly to the store.
   * They go through the service if the service issues no part URLs. If the store cannot be reached, that part and all later
   * ones go through the service. A later call with the same `idempotencyKey` continues the upload.
   * @throws also StoreError, and RecordingsError `source-empty`, `source-changed` or `upload-truncated`
   */
  upload(
    at: AttemptPath,
    source: UploadSource,
    body: Omit<CreateRecording, 'parts'>,
    options: UploadOptions = {},
  ): Promise<Recording> {
    const of = (recording: string): RecordingPath => ({ ...at, recording });
    const calls = {
      create: (by: UploadOptions) => this.create(at, { ...body, parts: 0 }, by),
      uploadedParts: (recording: string, by: CallOptions) => this.uploadedParts(of(recording), by),
      signParts: (recording: string, parts: PresignParts['parts'], by: CallOptions) =>
        this.signParts(of(recording), parts, by),
      putPart: (recording: string, partNumber: number, content: Blob, by: CallOptions) =>
        this.putPart(of(recording), partNumber, content, by),
      complete: (recording: string, by: CallOptions) => this.complete(of(recording), {}, by),
      abort: (recording: string, by: CallOptions) => this.abort(of(recording), by),
    };
    return upload(this.#options, calls, source, options);
  }

  /** Creates a recording. `idempotencyKey`: the same key for the same recording. Default: a new one for each call. */
  async create(
    at: AttemptPath,
    body: CreateRecording,
    { idempotencyKey, ...options }: CallOptions & { readonly idempotencyKey?: string | undefined } = {},
  ): Promise<CreatedRecording> {
    const headers = { 'Idempotency-Key': idempotencyKey ?? (await newKey()) };
    const path = `${attemptPath(at)}/recordings`;
    return send(this.#options, { method: 'POST', path, body, headers, isLong: true }, options);
  }

  /** URLs for up to 1000 parts. PUT each part to its `url`; a part that is sent again replaces the first. */
  async signParts(at: RecordingPath, parts: PresignParts['parts'], options?: CallOptions): Promise<SignedPart[]> {
    const path = `${recordingPath(at)}/parts`;
    const call = { method: 'POST', path, body: { parts } } as const;
    return (await send<{ parts: SignedPart[] }>(this.#options, call, options)).parts;
  }

  /**
   * Sends a part through the service, where the store cannot be reached: it belongs to the same upload as parts that were
   * put to URLs.
   */
  putPart(at: RecordingPath, partNumber: number, bytes: Blob, options?: CallOptions): Promise<UploadedPart> {
    return this.#put(`${recordingPath(at)}/parts/${partNumber}`, bytes.slice(0, bytes.size, ''), options);
  }

  /** The parts in the store, from which an upload is continued. */
  async uploadedParts(at: RecordingPath, options?: CallOptions): Promise<UploadedPart[]> {
    return (await this.#get<{ parts: UploadedPart[] }>(`${recordingPath(at)}/parts`, options)).parts;
  }

  /**
   * Sends the overview of a recording, before it is completed: small pictures of it, and how much each second changed. One that
   * is sent again replaces the first.
   */
  putOverview(at: RecordingPath, overview: Blob, options?: CallOptions): Promise<void> {
    const content = overview.slice(0, overview.size, 'application/octet-stream');
    return this.#put(`${recordingPath(at)}/overview`, content, options);
  }

  /** Makes the parts one recording, which is stored and playable when this resolves. */
  complete(at: RecordingPath, body: CompleteRecording = {}, options?: CallOptions): Promise<Recording> {
    const path = `${recordingPath(at)}/complete`;
    return send(this.#options, { method: 'POST', path, body, isLong: true }, options);
  }

  /** Aborts a recording that is not complete. */
  abort(at: RecordingPath, options?: CallOptions): Promise<void> {
    return send(this.#options, { method: 'POST', path: `${recordingPath(at)}/abort`, isLong: true }, options);
  }

  /** Sends a small file through the service in one request, and completes its recording. `upload` has no limit of size. */
  uploadContent(at: RecordingPath, file: Blob, options?: CallOptions): Promise<Recording> {
    const content = new FormData();
    content.set('file', file, 'recording');
    const path = `${recordingPath(at)}/content`;
    const bytes = { content, sizeBytes: file.size };
    return send(this.#options, { method: 'POST', path, bytes, isLong: true }, options);
  }

  // The reviewer's tool

  get(at: RecordingPath, options?: CallOptions): Promise<Recording> {
    return this.#get(recordingPath(at), options);
  }

  /** The recordings of an attempt, or of an exam when `attempt` is left out; pages are fetched as they are needed. */
  list(
    { exam, attempt }: { readonly exam: string; readonly attempt?: string },
    filter: ListFilter = {},
    options?: CallOptions,
  ): AsyncGenerator<Recording, void, undefined> {
    const path = attempt === undefined ? `/v1/exams/${part(exam)}` : attemptPath({ exam, attempt });
    return this.#items(`${path}/recordings`, { ...filter }, options);
  }

  /**
   * A link that plays the recording for minutes, and one to its overview, if it has one. The audit trail records the actor, the
   * reason, and whether it is a renewal: it replaces a link that the same viewing had before.
   */
  playbackLink(
    at: RecordingPath,
    reason?: string,
    { renewal, ...options }: CallOptions & { readonly renewal?: boolean | undefined } = {},
  ): Promise<PlaybackLink> {
    const body = { ...(reason !== undefined && { reason }), ...(renewal !== undefined && { renewal }) };
    return send(this.#options, { method: 'POST', path: `${recordingPath(at)}/playback-links`, body }, options);
  }

  // The assessment system

  /**
   * Reports the attempt assessed. From `completedAt` on its recordings are kept for the retention, never longer. `confirm`
   * names the recordings of an earlier `assessment-ends-recordings`, after a person has checked that the time is right.
   */
  assess(
    at: AttemptPath,
    completedAt: Time,
    { confirm, ...options }: CallOptions & { readonly confirm?: readonly string[] } = {},
  ): Promise<Assessment> {
    const body = { completedAt: textOf(completedAt), ...(confirm && { confirm: [...confirm] }) };
    return send(this.#options, { method: 'PUT', path: `${attemptPath(at)}/assessment`, body }, options);
  }

  assessment(at: AttemptPath, options?: CallOptions): Promise<Assessment> {
    return this.#get(`${attemptPath(at)}/assessment`, options);
  }

  // The privacy desk

  /** The recordings of a participant in all exams. Pages are fetched as they are needed. */
  participantRecordings(
    at: ParticipantPath,
    filter: ListFilter = {},
    options?: CallOptions,
  ): AsyncGenerator<Recording, void, undefined> {
    return this.#items(`${participantPath(at)}/recordings`, { ...filter }, options);
  }

  /** All data about a participant, with links to the recordings. The audit trail gets an event `exported` for each recording. */
  exportParticipant(
    at: ParticipantPath,
    { includeRestricted, ...options }: ExportOptions = {},
  ): Promise<ParticipantExport> {
    const path = `${participantPath(at)}/export${queryOf({ includeRestricted })}`;
    return sendLarge(this.#options, { method: 'GET', path, isLong: true }, options);
  }

  /** The export as a file, which is streamed. `zip`: an archive with the document and the recordings. */
  exportParticipantFile(
    at: ParticipantPath,
    format: 'json' | 'zip',
    { includeRestricted, ...options }: ExportOptions = {},
  ): Promise<Response> {
    return this.#download(`${participantPath(at)}/export`, { format, includeRestricted }, undefined, options);
  }

  /** Deletes the recordings of a participant in all exams at once, and returns the receipts. */
  eraseParticipant(at: ParticipantPath, reason: DeletionReason, options?: CallOptions): Promise<ParticipantErasure> {
    const path = `${participantPath(at)}${queryOf({ reason })}`;
    return send(this.#options, { method: 'DELETE', path, isLong: true }, options);
  }

  /** Deletes a recording at once, and returns the receipt. */
  erase(at: RecordingPath, reason: DeletionReason, options?: CallOptions): Promise<Receipt> {
    const path = `${recordingPath(at)}${queryOf({ reason })}`;
    return send(this.#options, { method: 'DELETE', path, isLong: true }, options);
  }

  /** Forbids playback. The recording is kept until its deadline. `reason` goes to the audit trail: name no person. */
  restrict(at: RecordingPath, reason: string, options?: CallOptions): Promise<Recording> {
    return send(this.#options, { method: 'PUT', path: `${recordingPath(at)}/restriction`, body: { reason } }, options);
  }

  /** Allows playback again. `reason` goes to the audit trail: name no person. */
  liftRestriction(at: RecordingPath, reason?: string, options?: CallOptions): Promise<Recording> {
    const path = `${recordingPath(at)}/restriction${queryOf({ reason })}`;
    return send(this.#options, { method: 'DELETE', path }, options);
  }

  /** Who was given access to a recording, and what else was done to it, in order; pages are fetched as they are needed. */
  accessLog(
    at: RecordingPath,
    filter: { readonly limit?: number } = {},
    options?: CallOptions,
  ): AsyncGenerator<AccessLogEntry, void, undefined> {
    return this.#items(`${recordingPath(at)}/access-log`, { ...filter }, options);
  }

  /** Why a recording is still here, or gone, by which rule, and what happens next. */
  explain(at: RecordingPath, options?: CallOptions): Promise<Explanation> {
    return this.#get(`${recordingPath(at)}/explanation`, options);
  }

  /** The receipts of what was deleted of an exam, by attempt and creation; pages are fetched as they are needed. */
  receipts(
    { exam }: { readonly exam: string },
    filter: ReceiptFilter & { readonly attempt?: string } = {},
    options?: ReceiptOptions,
  ): AsyncGenerator<Receipt, void, undefined> {
    return this.#receipts(`/v1/exams/${part(exam)}/receipts`, { ...filter }, options);
  }

  /** The receipts as one CSV file, which is streamed. */
  receiptsCsv(
    { exam }: { readonly exam: string },
    filter: Omit<ReceiptFilter, 'limit'> & { readonly attempt?: string } = {},
    options?: CallOptions,
  ): Promise<Response> {
    return this.#download(`/v1/exams/${part(exam)}/receipts`, { ...filter }, 'text/csv', options);
  }

  /** As `receipts`, of a participant in all exams. Reads all receipts of the tenant, or those of `exam`. */
  participantReceipts(
    at: ParticipantPath,
    filter: ReceiptFilter & { readonly exam?: string } = {},
    options?: ReceiptOptions,
  ): AsyncGenerator<Receipt, void, undefined> {
    return this.#receipts(`${participantPath(at)}/receipts`, { ...filter }, options);
  }

  /** The receipts as one CSV file, which is streamed. */
  participantReceiptsCsv(
    at: ParticipantPath,
    filter: Omit<ReceiptFilter, 'limit'> & { readonly exam?: string } = {},
    options?: CallOptions,
  ): Promise<Response> {
    return this.#download(`${participantPath(at)}/receipts`, { ...filter }, 'text/csv', options);
  }

  // The auditor

  /** Whether everything of the tenant was deleted in time, and what is held until when. */
  report(period: Period = {}, options?: CallOptions): Promise<Report> {
    return send(this.#options, { method: 'GET', path: `/v1/report${queryOf({ ...period })}`, isLong: true }, options);
  }

  /** The report as an HTML page to print. */
  reportHtml(period: Period = {}, options?: CallOptions): Promise<Response> {
    return this.#download('/v1/report', { ...period }, 'text/html', options);
  }

  /**
   * The proof of every deletion of the tenant, to be checked without the service; with ten thousand receipts some 15 MB. The
   * package `@proctoring-recordings/receipt-verifier` checks it.
   */
  proof(options?: CallOptions): Promise<Proof> {
    return sendLarge(this.#options, { method: 'GET', path: '/v1/proof', isLong: true }, options);
  }

  /** The signed receipt of a deletion, and its path to the latest checkpoint of the log. */
  receiptProof(at: RecordingPath, options?: CallOptions): Promise<ReceiptProof> {
    return this.#get(`${recordingPath(at)}/receipt-proof`, options);
  }

  /** The latest checkpoint of the log of receipts: keep it, and you are a witness. */
  checkpoint(options?: CallOptions): Promise<Checkpoint> {
    return this.#get('/v1/log/checkpoint', options);
  }

  /** That the log has only grown since it had `size` entries, as an older checkpoint says. */
  consistencyProof(size: number, options?: CallOptions): Promise<ConsistencyProof> {
    return this.#get(`/v1/log/consistency${queryOf({ size })}`, options);
  }

  /** The public keys that receipts are signed with. Needs no token. Compare them with a copy of your own. */
  publicKeys(options?: CallOptions): Promise<KeySet> {
    return send(this.#options, { method: 'GET', path: '/.well-known/jwks.json', isPublic: true }, options);
  }

  // The operator

  /** Whether the service is ready, and if not, why. Needs no token; asks once. */
  async readiness(options?: CallOptions): Promise<Readiness> {
    try {
      const call = { method: 'GET', path: '/readyz', isPublic: true } as const;
      return await send<Readiness>(this.#options, call, { maxAttempts: 1, ...options });
    } catch (error) {
      const said = error instanceof ApiError && (error.problem as Partial<Readiness>);
      if (said && said.ready === false) return said as Readiness;
      throw error;
    }
  }

  /** A Blob's type becomes the Content-Type. */
  #put<Result>(path: string, content: Blob, options: CallOptions | undefined): Promise<Result> {
    return send(this.#options, { method: 'PUT', path, bytes: { content, sizeBytes: content.size } }, options);
  }

  #get<Result>(path: string, options: CallOptions | undefined): Promise<Result> {
    return send(this.#options, { method: 'GET', path }, options);
  }

  #download(path: string, query: Query, accept: string | undefined, options?: CallOptions): Promise<Response> {
    const headers = accept === undefined ? {} : { Accept: accept };
    return download(this.#options, { method: 'GET', path: path + queryOf(query), headers, isLong: true }, options);
  }

  async *#receipts(
    path: string,
    filter: Query,
    { onUnreadable, ...options }: ReceiptOptions = {},
  ): AsyncGenerator<Receipt, void, undefined> {
    let unreadable = 0;
    for await (const page of this.#pages<ReceiptList>(path, filter, options)) {
      yield* page.items;
      unreadable += page.unreadableCount;
      for (const ids of page.unreadable) onUnreadable?.(ids);
    }
    if (unreadable === 0 || onUnreadable) return;
    throw new RecordingsError('receipts-unreadable', `${unreadable} receipts cannot be read: these are not all.`);
  }

  async *#items<Item>(
    path: string,
    filter: Query,
    options: CallOptions | undefined,
  ): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.#pages<Page<Item>>(path, filter, options)) yield* page.items;
  }

  async *#pages<P extends Page<unknown>>(
    path: string,
    filter: Query,
    options: CallOptions | undefined,
  ): AsyncGenerator<P, void, undefined> {
    for (let cursor: string | undefined, isLast = false; !isLast; ) {
      const page: P = await this.#get(path + queryOf({ ...filter, cursor }), options);
      yield page;
      cursor = page.nextCursor ?? undefined;
      isLast = cursor === undefined;
    }
  }
}

function participantPath({ participant }: ParticipantPath): string {
  return `/v1/participants/${part(participant)}`;
}

function attemptPath({ exam, attempt }: AttemptPath): string {
  return `/v1/exams/${part(exam)}/attempts/${part(attempt)}`;
}

function recordingPath(at: RecordingPath): string {
  return `${attemptPath(at)}/recordings/${part(at.recording)}`;
}

/** @throws RecordingsError `invalid-id` for an id that URLs drop (empty, or dots): the path would be that of another call */
function part(id: string): string {
  if (!/^\.{0,2}$/.test(id)) return encodeURIComponent(id);
  throw new RecordingsError('invalid-id', `"${id}" is not an id.`);
}

/** With its `?`; empty without a value. */
function queryOf(values: Query): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, textOf(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function textOf(value: string | number | boolean | Date): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** In Node 18 `crypto` is a module, and not a global. */
async function newKey(): Promise<string> {
  const webcrypto = globalThis.crypto ?? (await import('node:crypto')).webcrypto;
  return webcrypto.randomUUID();
}
