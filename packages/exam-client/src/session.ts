// One attempt at an exam: all its recordings, those of an earlier visit included, on one clock.
import { now } from './clock.ts';
import { ClientError } from './errors.ts';
import { TypedEventTarget } from './events.ts';
import { LocalBytes, type RecordingRow, type StorageWarning } from './local-bytes.ts';
import { hold, whenFree } from './locks.ts';
import {
  LocalRecording,
  type Progress,
  type Recording,
  type RecordingState,
  type StoredRecording,
} from './recording.ts';
import { untilAvailable } from './retry.ts';
import { type Consent, type RecordingKind, Service, type ServiceOptions } from './service.ts';
import type { RecordingSource, RecordOptions } from './source.ts';
import type { Gap } from './timeline.ts';

export interface SessionOptions extends ServiceOptions {
  readonly participantId: string;
  readonly consent: Consent;
  /** Stops everything at once; what is not stored stays in the browser for the next session. */
  readonly signal?: AbortSignal;
  /** The limit on recordings that cannot be kept in IndexedDB. Default: 64 MiB. */
  readonly memoryLimitBytes?: number;
}

export interface SessionEvents {
  progress: { readonly recording: Recording };
  state: { readonly recording: Recording; readonly state: RecordingState };
  gap: { readonly recording: Recording; readonly gap: Gap };
  /** The service ended `endedRecordingId`; a new recording has all bytes that are still local, and all that follow. */
  continued: {
    readonly recording: Recording;
    readonly endedRecordingId: string | undefined;
    readonly code: string;
  };
  warning: { readonly code: StorageWarning };
  stored: { readonly recording: Recording; readonly stored: StoredRecording };
  failed: { readonly recording: Recording; readonly error: ClientError };
}

const MEMORY_LIMIT_BYTES = 64 * 1024 * 1024;
/** The longest that the service keeps a recording. Local bytes are kept no longer either. */
const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1000;
/** Problem codes of a recording that is deleted already. */
const DELETED = new Set(['recording-not-found', 'recording-deleted', 'recording-expired']);

/** Starts to upload what an earlier visit of this attempt left in this browser. */
export function startSession(options: SessionOptions): ExamSession {
  return new ExamSession(options);
}

export class ExamSession extends TypedEventTarget<SessionEvents> {
  readonly #options: SessionOptions;
  readonly #service: Service;
  readonly #local: LocalBytes;
  readonly #over = new AbortController();
  readonly #recordings: LocalRecording[] = [];
  readonly #adopted: Promise<void>;
  #isWithdrawn = false;

  constructor(options: SessionOptions) {
    super();
    this.#options = options;
    this.#service = new Service(options);
    this.#local = new LocalBytes({
      memoryLimitBytes: options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES,
      onWarning: (code) => this.emit('warning', { code }),
    });
    options.signal?.addEventListener('abort', () => this.#over.abort(), { once: true });
    if (options.signal?.aborted) this.#over.abort();
    this.#adopted = this.#adoptLeftovers().catch(() => {});
  }

  /** All recordings of this visit, and those left over from an earlier one. */
  get recordings(): readonly Recording[] {
    return this.#recordings;
  }

  /** Sums over all recordings; of the backlogs the longest. */
  get progress(): Progress {
    const each = this.#recordings.map(({ progress }) => progress);
    const sum = (name: 'recordedBytes' | 'storedBytes' | 'backlogBytes') =>
      each.reduce((total, progress) => total + progress[name], 0);
    return {
      recordedBytes: sum('recordedBytes'),
      storedBytes: sum('storedBytes'),
      backlogBytes: sum('backlogBytes'),
      backlogSeconds: Math.max(0, ...each.map(({ backlogSeconds }) => backlogSeconds)),
      waiting: each.find(({ waiting }) => waiting !== null)?.waiting ?? null,
    };
  }

  /**
   * Begins a recording; each call begins another one. The tracks of a stream are not stopped when it ends.
   * @throws ClientError `withdrawn`, `aborted`; TypeError, or DOMException when the browser cannot record the source
   */
  record(kind: RecordingKind, source: RecordingSource, options: RecordOptions = {}): Recording {
    if (this.#isWithdrawn) throw new ClientError('withdrawn', 'Consent was withdrawn.');
    if (this.#over.signal.aborted) throw new ClientError('aborted', 'The session is over.');
    const { service, exam, attempt, participantId, consent } = this.#options;
    const row: RecordingRow = {
      key: crypto.randomUUID(),
      service,
      exam,
      attempt,
      participantId,
      kind,
      contentType: options.mimeType ?? '',
      consent,
      createdAtMs: now(),
      state: 'open',
      gaps: [],
      droppedToBytes: 0,
    };
    const recording = this.#open(row, { source, options });
    hold(row.key, recording.stored);
    return recording;
  }

  /**
   * Ends all recordings and resolves when all are stored, leftovers included. Safe to repeat.
   * @throws the first failure, once all others have ended
   */
  async finish(): Promise<StoredRecording[]> {
    await this.#adopted;
    const ends = await Promise.allSettled(this.#recordings.map((recording) => recording.finish()));
    const failure = ends.find((end) => end.status === 'rejected');
    if (failure) throw failure.reason;
    return ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  }

  /**
   * Consent is withdrawn: stops, erases the local bytes at once, and deletes every recording of the attempt that this
   * browser made. Resolves when the service has confirmed; the next session repeats the deletions that it has not.
   */
  async withdraw(): Promise<void> {
    this.#isWithdrawn = true;
    await Promise.all(this.#recordings.map((recording) => recording.withdraw()));
    await this.#adopted;
    const rows = (await this.#local.rows()).filter((row) => this.#isOfAttempt(row));
    for (const row of rows) await this.#local.put({ ...row, state: 'withdrawn' });
    await Promise.all(rows.map(({ key }) => this.#local.dropAll(key)));
    const known = new Map(rows.map((row) => [row.key, idsOf(row)]));
    for (const { key, recordingId, endedIds } of this.#recordings) known.set(key, [...endedIds, recordingId]);
    await Promise.all([...known].map(([key, ids]) => this.#delete(key, ids)));
  }

  #open(row: RecordingRow, live?: { source: RecordingSource; options: RecordOptions }): LocalRecording {
    const recording: LocalRecording = new LocalRecording(
      row,
      {
        local: this.#local,
        service: this.#service,
        signal: this.#over.signal,
        events: {
          onProgress: () => this.emit('progress', { recording }),
          onState: (state) => this.emit('state', { recording, state }),
          onGap: (gap) => this.emit('gap', { recording, gap }),
          onContinued: ({ recordingId, code }) =>
            this.emit('continued', { recording, endedRecordingId: recordingId, code }),
        },
      },
      live,
    );
    this.#recordings.push(recording);
    recording.stored.then(
      (stored) => this.emit('stored', { recording, stored }),
      (error: ClientError) => {
        if (recording.state !== 'withdrawn') this.emit('failed', { recording, error });
        const isOver = this.#isWithdrawn || this.#over.signal.aborted;
        if (isOver || !recording.needsNewRecorder || !(live?.source instanceof MediaStream)) return;
        this.record(row.kind, live.source, live.options);
      },
    );
    return recording;
  }

  /** Only one tab resumes a leftover. Recordings of tabs that are still open are waited for in the background. */
  async #adoptLeftovers(): Promise<void> {
    const rows = await this.#local.rows();
    const old = rows.filter(({ createdAtMs }) => createdAtMs < Date.now() - KEPT_FOR_MS);
    for (const { key } of old) await this.#local.remove(key);
    for (const { key } of rows.filter(
      (row) => this.#isOfAttempt(row) && row.state !== 'stored' && !old.includes(row),
    )) {
      void whenFree(
        key,
        () => this.#lastWriteAt(key),
        this.#over.signal,
        () => this.#adopt(key),
      ).catch(() => {});
    }
  }

  async #adopt(key: string): Promise<void> {
    const row = await this.#local.row(key);
    if (row?.state === 'withdrawn') return this.#delete(key, idsOf(row));
    if (row?.state !== 'open' || this.#isWithdrawn) return;
    const isEmpty = row.recordingId === undefined && (await this.#local.chunks(key, 0, 1)).length === 0;
    if (isEmpty) return this.#local.remove(key);
    await this.#open(row).stored.catch(() => {});
  }

  async #lastWriteAt(key: string): Promise<number> {
    const chunks = await this.#local.chunks(key);
    return Math.max(0, ...chunks.map(({ recordedAtMs }) => recordedAtMs));
  }

  async #delete(key: string, recordingIds: readonly (string | undefined)[]): Promise<void> {
    for (const recordingId of recordingIds) {
      if (recordingId === undefined) continue;
      const options = { signal: this.#over.signal, onWaiting: () => {} };
      await untilAvailable(() => this.#service.withdraw(recordingId), options).catch((error: unknown) => {
        if (!(error instanceof ClientError && DELETED.has(error.code))) throw error;
      });
    }
    await this.#local.remove(key);
  }

  #isOfAttempt({ service, exam, attempt }: RecordingRow): boolean {
    const own = this.#options;
    return service === own.service && exam === own.exam && attempt === own.attempt;
  }
}

/** All recordings that the service made for it. */
function idsOf({ recordingId, continuation }: RecordingRow): readonly (string | undefined)[] {
  return [...(continuation?.endedIds ?? []), recordingId];
}
