// The API for servers in TypeScript: one method for each call, with retries.
import { untilFinal } from './retry.ts';
import { type ClientOptions, send } from './send.ts';
import type {
  Assessment,
  AttemptPath,
  Checkpoint,
  CompleteRecording,
  ConsistencyProof,
  CreatedRecording,
  CreateRecording,
  DeletionReason,
  Explanation,
  ListFilter,
  OnUnreadable,
  PlaybackLink,
  PresignParts,
  Proof,
  Receipt,
  ReceiptFilter,
  ReceiptList,
  ReceiptProof,
  Recording,
  RecordingPath,
  Report,
  SignedPart,
  UploadedPart,
  UploadSettings,
} from './types.ts';

interface Page<Item> {
  readonly items: Item[];
  readonly nextCursor: string | null;
}

/**
 * Every method is safe to repeat: create finds an earlier recording by its Idempotency-Key, the others are idempotent.
 * Each throws `ApiError` with the service's stable `code`.
 */
export class ProctoringRecordings {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** The part size, the largest recording and the types that the service accepts. */
  uploadSettings(): Promise<UploadSettings> {
    return send(this.#options, { method: 'GET', path: '/v1/upload-settings' });
  }

  /** Creates a recording. `idempotencyKey`: the same key for the same recording. Default: a new one for each call. */
  async create(
    at: AttemptPath,
    body: CreateRecording,
    { idempotencyKey }: { idempotencyKey?: string } = {},
  ): Promise<CreatedRecording> {
    const headers = { 'Idempotency-Key': idempotencyKey ?? (await newKey()) };
    return send(this.#options, { method: 'POST', path: `${attemptPath(at)}/recordings`, body, headers });
  }

  /** URLs for up to 1000 parts. PUT each part to its `url`; a part that is sent again replaces the first. */
  async signParts(at: RecordingPath, parts: PresignParts['parts']): Promise<SignedPart[]> {
    const path = `${recordingPath(at)}/parts`;
    return (await send<{ parts: SignedPart[] }>(this.#options, { method: 'POST', path, body: { parts } })).parts;
  }

  /**
   * Sends a part through the service, where the store cannot be reached: it belongs to the same upload as parts that were
   * put to URLs.
   */
  putPart(at: RecordingPath, partNumber: number, bytes: Blob): Promise<UploadedPart> {
    // A Blob's type would become the Content-Type.
    const untyped = bytes.slice(0, bytes.size, '');
    return send(this.#options, { method: 'PUT', path: `${recordingPath(at)}/parts/${partNumber}`, bytes: untyped });
  }

  /** The parts in the store, from which an upload is resumed after a crash. */
  async uploadedParts(at: RecordingPath): Promise<UploadedPart[]> {
    const path = `${recordingPath(at)}/parts`;
    return (await send<{ parts: UploadedPart[] }>(this.#options, { method: 'GET', path })).parts;
  }

  /** Makes the parts one recording, which is stored and playable when this resolves. */
  complete(at: RecordingPath, body: CompleteRecording = {}): Promise<Recording> {
    return send(this.#options, { method: 'POST', path: `${recordingPath(at)}/complete`, body });
  }

  /** Aborts a recording that is not complete. */
  abort(at: RecordingPath): Promise<void> {
    return send(this.#options, { method: 'POST', path: `${recordingPath(at)}/abort` });
  }

  /**
   * Creates, uploads and completes a whole file. Its parts go straight to the store; through the service where that hands
   * out no URLs, and from the first part on for which the store cannot be reached.
   */
  async upload(at: AttemptPath, file: Blob, body: Omit<CreateRecording, 'parts'>): Promise<Recording> {
    const created = await this.create(at, { ...body, parts: 0 });
    const recording = { ...at, recording: created.recording.recordingId };
    const { partSizeBytes, mode } = created.upload;
    let isReachable = mode === 'direct';
    for (let partNumber = 1; (partNumber - 1) * partSizeBytes < file.size; partNumber += 1) {
      const part = file.slice((partNumber - 1) * partSizeBytes, partNumber * partSizeBytes, '');
      isReachable &&= await this.#putToStore(recording, partNumber, part);
      if (!isReachable) await this.putPart(recording, partNumber, part);
    }
    return this.complete(recording);
  }

  /** False when the store did not respond. */
  async #putToStore(at: RecordingPath, partNumber: number, body: Blob): Promise<boolean> {
    const { fetch: by = fetch, signal } = this.#options;
    let unreachable: unknown;
    // A new URL for each attempt, so that none has expired.
    const put = async () => {
      const [signed] = await this.signParts(at, [{ partNumber, sizeBytes: body.size }]);
      unreachable = undefined;
      return by(signed?.url ?? '', { method: 'PUT', body, ...(signal ? { signal } : {}) }).catch((error: unknown) => {
        unreachable = error;
        throw error;
      });
    };
    try {
      const response = await untilFinal(put, ({ ok }) => ok, this.#options);
      if (response.ok) return true;
      throw new Error(`the store responded to part ${partNumber} with ${response.status}`);
    } catch (error) {
      if (error !== unreachable || signal?.aborted) throw error;
      return false;
    }
  }

  get(at: RecordingPath): Promise<Recording> {
    return send(this.#options, { method: 'GET', path: recordingPath(at) });
  }

  /** The recordings of an attempt, or of an exam when `attempt` is left out; pages are fetched as they are needed. */
  async *list(
    at: { exam: string; attempt?: string },
    filter: ListFilter = {},
  ): AsyncGenerator<Recording, void, undefined> {
    const { exam, attempt } = at;
    const path = attempt === undefined ? `/v1/exams/${part(exam)}` : attemptPath({ exam, attempt });
    for await (const page of this.#pages<Page<Recording>>(`${path}/recordings`, filter)) yield* page.items;
  }

  /**
   * The receipts of what was deleted of an exam, by attempt and creation. What cannot be read is given to `onUnreadable`;
   * without it the iteration throws at its end, so that nobody takes it for all.
   */
  receipts(
    { exam }: { exam: string },
    filter: ReceiptFilter & { readonly attempt?: string } = {},
    onUnreadable?: OnUnreadable,
  ): AsyncGenerator<Receipt, void, undefined> {
    return this.#receipts(`/v1/exams/${part(exam)}/receipts`, filter, onUnreadable);
  }

  /** As `receipts`, of a participant in all exams. Reads all receipts of the tenant, or those of `exam`. */
  participantReceipts(
    { participant }: { participant: string },
    filter: ReceiptFilter & { readonly exam?: string } = {},
    onUnreadable?: OnUnreadable,
  ): AsyncGenerator<Receipt, void, undefined> {
    return this.#receipts(`/v1/participants/${part(participant)}/receipts`, filter, onUnreadable);
  }

  async *#receipts(
    path: string,
    filter: object,
    onUnreadable: OnUnreadable | undefined,
  ): AsyncGenerator<Receipt, void, undefined> {
    let unreadable = 0;
    for await (const page of this.#pages<ReceiptList>(path, filter)) {
      yield* page.items;
      unreadable += page.unreadableCount;
      for (const ids of page.unreadable) onUnreadable?.(ids);
    }
    if (unreadable > 0 && !onUnreadable) throw new Error(`${unreadable} receipts cannot be read: these are not all`);
  }

  async *#pages<P extends Page<unknown>>(path: string, filter: object): AsyncGenerator<P, void, undefined> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
    let cursor: string | null = null;
    do {
      if (cursor !== null) query.set('cursor', cursor);
      const page: P = await send(this.#options, { method: 'GET', path: `${path}?${query.toString()}` });
      yield page;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** Why a recording is still here, or gone, by which rule, and what happens next. */
  explain(at: RecordingPath): Promise<Explanation> {
    return send(this.#options, { method: 'GET', path: `${recordingPath(at)}/explanation` });
  }

  /** Whether everything of the tenant was deleted in time, and what is held until when. Default: as far back as receipts go. */
  report({ from, to }: { readonly from?: Date | string; readonly to?: Date | string } = {}): Promise<Report> {
    const query = new URLSearchParams();
    for (const [name, time] of Object.entries({ from, to })) {
      if (time !== undefined) query.set(name, typeof time === 'string' ? time : time.toISOString());
    }
    return send(this.#options, { method: 'GET', path: `/v1/report?${query.toString()}` });
  }

  /**
   * The proof of every deletion of the tenant, to be checked without the service; with ten thousand receipts some 15 MB. The
   * package `@proctoring-recordings/receipt-verifier` checks it.
   */
  proof(): Promise<Proof> {
    return send(this.#options, { method: 'GET', path: '/v1/proof' });
  }

  /** The signed receipt of a deletion, and its path to the latest checkpoint of the log. */
  receiptProof(at: RecordingPath): Promise<ReceiptProof> {
    return send(this.#options, { method: 'GET', path: `${recordingPath(at)}/receipt-proof` });
  }

  /** The latest checkpoint of the log of receipts: keep it, and you are a witness. */
  checkpoint(): Promise<Checkpoint> {
    return send(this.#options, { method: 'GET', path: '/v1/log/checkpoint' });
  }

  /** That the log has only grown since it had `size` entries, as an older checkpoint says. */
  consistencyProof(size: number): Promise<ConsistencyProof> {
    return send(this.#options, { method: 'GET', path: `/v1/log/consistency?size=${size}` });
  }

  /** A link that plays the recording for minutes; the audit trail records the actor and the reason. */
  playbackLink(at: RecordingPath, reason?: string): Promise<PlaybackLink> {
    const body = reason === undefined ? {} : { reason };
    return send(this.#options, { method: 'POST', path: `${recordingPath(at)}/playback-links`, body });
  }

  /**
   * Reports the attempt assessed. From `completedAt` on its recordings are kept for the retention, never longer. `confirm`
   * names the recordings of an earlier `assessment-ends-recordings`, once somebody has found the time to be right.
   */
  assess(
    at: AttemptPath,
    completedAt: Date | string,
    { confirm }: { readonly confirm?: readonly string[] } = {},
  ): Promise<Assessment> {
    const time = typeof completedAt === 'string' ? completedAt : completedAt.toISOString();
    const body = { completedAt: time, ...(confirm && { confirm: [...confirm] }) };
    return send(this.#options, { method: 'PUT', path: `${attemptPath(at)}/assessment`, body });
  }

  assessment(at: AttemptPath): Promise<Assessment> {
    return send(this.#options, { method: 'GET', path: `${attemptPath(at)}/assessment` });
  }

  /** Deletes at once, and returns the receipt. */
  erase(at: RecordingPath, reason: DeletionReason): Promise<Receipt> {
    return send(this.#options, { method: 'DELETE', path: `${recordingPath(at)}?reason=${reason}` });
  }
}

function attemptPath({ exam, attempt }: AttemptPath): string {
  return `/v1/exams/${part(exam)}/attempts/${part(attempt)}`;
}

function recordingPath(at: RecordingPath): string {
  return `${attemptPath(at)}/recordings/${part(at.recording)}`;
}

function part(id: string): string {
  return encodeURIComponent(id);
}

/** In Node 18 `crypto` is a module, and not a global. */
async function newKey(): Promise<string> {
  const webcrypto = globalThis.crypto ?? (await import('node:crypto')).webcrypto;
  return webcrypto.randomUUID();
}
