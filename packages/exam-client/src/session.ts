// One attempt at an exam: all its recordings, those of an earlier visit included, on one clock.
import { type Hole, now, SessionClock, serviceTime, TICK_MS } from './clock.ts';
import { ClientError, type Refusal } from './errors.ts';
import { TypedEventTarget } from './events.ts';
import { LocalBytes, newRecordingOf, type RecordingRow, requestKeyOf, type StorageWarning } from './local-bytes.ts';
import { hold, ifFree, whenFree } from './locks.ts';
import type { RecordingProblem } from './problems.ts';
import {
  LocalRecording,
  type Progress,
  type Recording,
  type RecordingState,
  type StoredRecording,
  waitingOf,
} from './recording.ts';
import { untilAvailable, Waits } from './retry.ts';
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
  /** Whether small pictures and a measure of change are made of each recording and sent with it. Default: true. */
  readonly overview?: boolean;
}

export interface SessionEvents {
  progress: { readonly recording: Recording };
  state: { readonly recording: Recording; readonly state: RecordingState };
  gap: { readonly recording: Recording; readonly gap: Gap };
  /**
   * `endedRecordingId` has ended before `finish`. Another recording has what follows: all bytes that are still local, where
   * the service ended it (`code` is its problem code); the next media after `source-failed` and `source-restarted`.
   */
  continued: {
    readonly recording: Recording;
    readonly endedRecordingId: string | undefined;
    readonly code: string;
  };
  /** A problem begins, or is over; `recording.problems` has those that hold. `progress.refusal` has later refusals. */
  problem: {
    readonly recording: Recording;
    readonly problem: RecordingProblem;
    readonly isOver: boolean;
    readonly refusal?: Refusal;
  };
  warning: { readonly code: StorageWarning };
  stored: { readonly recording: Recording; readonly stored: StoredRecording };
  failed: { readonly recording: Recording; readonly error: ClientError };
}

const MEMORY_LIMIT_BYTES = 64 * 1024 * 1024;
/** The rows of stored recordings have no bytes: by the service's clock they are needed no longer than its recordings. */
const STORED_ROWS_FOR_MS = 30 * 24 * 60 * 60 * 1000;
/** A source that fails soon after each start is not recorded for ever. */
const MAX_FAILED_STARTS = 3;
const FAILED_START_MS = 5_000;
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
  readonly #clock: SessionClock;
  readonly #waits = new Waits(() => this.#review());
  #isReadingClock = false;
  /** Runs while a recording is open. */
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #over = new AbortController();
  readonly #recordings: LocalRecording[] = [];
  readonly #adopted: Promise<void>;
  #isWithdrawn = false;

  constructor(options: SessionOptions) {
    super();
    this.#options = options;
    this.#clock = new SessionClock({
      onHole: (hole) => this.#addHole(hole),
      onDoubt: () => void this.#readClock(),
      onChange: () => this.#noteClock(),
    });
    this.#service = new Service(options, this.#clock, this.#waits);
    this.#local = new LocalBytes({
      memoryLimitBytes: options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES,
      onWarning: (code) => this.emit('warning', { code }),
      onOpened: () => void this.#adoptLeftovers().catch(() => {}),
      signal: this.#over.signal,
    });
    options.signal?.addEventListener('abort', () => this.#over.abort(), { once: true });
    if (options.signal?.aborted) this.#over.abort();
    this.#over.signal.addEventListener('abort', () => clearInterval(this.#timer));
    for (const name of ['online', 'offline']) {
      globalThis.addEventListener(name, () => this.#noteNetwork(), { signal: this.#over.signal });
    }
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
    const { waiting, refusal } = each.find((progress) => progress.waiting) ?? waitingOf(this.#waits.current);
    return {
      recordedBytes: sum('recordedBytes'),
      storedBytes: sum('storedBytes'),
      backlogBytes: sum('backlogBytes'),
      backlogSeconds: Math.max(0, ...each.map(({ backlogSeconds }) => backlogSeconds)),
      waiting,
      refusal,
    };
  }

  /** Those of all recordings, each once. */
  get problems(): readonly RecordingProblem[] {
    return [...new Set(this.#recordings.flatMap(({ problems }) => problems))];
  }

  /**
   * Begins a recording; each call begins another one. The tracks of a stream are not stopped when it ends.
   * @throws ClientError `withdrawn`, `aborted`; TypeError, or DOMException when the browser cannot record the source
   */
  record(kind: RecordingKind, source: RecordingSource, options: RecordOptions = {}): Recording {
    return this.#record(kind, { source, options, failedStarts: 0 });
  }

  #record(kind: RecordingKind, live: Live): LocalRecording {
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
      contentType: live.options.mimeType ?? '',
      consent,
      createdAtMs: now(),
      state: 'open',
      gaps: [],
      droppedToBytes: 0,
    };
    const recording = this.#open(row, live);
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
   * @throws ClientError `recording-restricted` once all is done: the privacy desk decides about one that it restricted
   */
  async withdraw(): Promise<void> {
    this.#isWithdrawn = true;
    await Promise.all(this.#recordings.map((recording) => recording.withdraw()));
    const own = this.#recordings.map(({ row }) => row);
    await allDone([
      // Without the browser's storage, which may not respond.
      ...own.map((row) => this.#delete(row)),
      this.#withdrawOthers(new Set(own.map(({ key }) => key))),
    ]);
  }

  /** What earlier visits left, and other tabs. */
  async #withdrawOthers(own: ReadonlySet<string>): Promise<void> {
    await this.#adopted;
    const all = await this.#try(() => this.#local.rows());
    const rows = all.filter((row) => this.#isOfAttempt(row) && !own.has(row.key));
    for (const row of rows) await this.#local.put({ ...row, state: 'withdrawn' });
    await Promise.all(rows.map(({ key }) => this.#local.dropAll(key)));
    await allDone(rows.map((row) => this.#delete(row)));
  }

  /**
   * Erases what this browser keeps of other attempts, unsent bytes too: for a computer that several candidates use. Nothing
   * else erases it. What another tab is recording stays. Resolves with the number of recordings.
   */
  async eraseOtherAttempts(): Promise<number> {
    const rows = await this.#try(() => this.#local.rows());
    // A withdrawal that the service has not confirmed has no bytes: the next session of its attempt repeats it.
    const others = rows.filter((row) => !this.#isOfAttempt(row) && row.state !== 'withdrawn');
    const erased = await Promise.all(others.map(({ key }) => ifFree(key, () => this.#local.remove(key))));
    return erased.filter(Boolean).length;
  }

  #open(row: RecordingRow, live?: Live): LocalRecording {
    const recording: LocalRecording = new LocalRecording(
      row,
      {
        local: this.#local,
        service: this.#service,
        clock: this.#clock,
        waits: this.#waits,
        hasOverview: this.#options.overview !== false,
        signal: this.#over.signal,
        events: {
          onProgress: () => this.emit('progress', { recording }),
          onState: (state) => this.emit('state', { recording, state }),
          onGap: (gap) => this.emit('gap', { recording, gap }),
          onProblem: (problem, isOver) => {
            const { waiting, refusal } = recording.progress;
            const isRefused = !isOver && problem === waiting && refusal !== null;
            this.emit('problem', { recording, problem, isOver, ...(isRefused && { refusal }) });
          },
          onSourceFailed: () => this.#recordAgain(recording, live, 'source-failed'),
          onRestart: (file) => this.#recordNext(recording, file),
          onContinued: ({ recordingId, code }) =>
            this.emit('continued', { recording, endedRecordingId: recordingId, code }),
        },
      },
      live,
    );
    this.#recordings.push(recording);
    this.#clock.tick();
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    recording.stored.then(
      (stored) => this.emit('stored', { recording, stored }),
      (error: ClientError) => {
        if (recording.state !== 'withdrawn') this.emit('failed', { recording, error });
        if (recording.needsNewRecorder) this.#recordAgain(recording, live, error.code);
      },
    );
    return recording;
  }

  /** Whether a new recording goes on with the same MediaStream. */
  #recordAgain(recording: LocalRecording, live: Live | undefined, code: string): boolean {
    if (this.#isWithdrawn || this.#over.signal.aborted) return false;
    if (!(live?.source instanceof MediaStream) || !live.source.active) return false;
    const isShort = now() - recording.row.createdAtMs < FAILED_START_MS;
    const failedStarts = isShort ? live.failedStarts + 1 : 0;
    if (failedStarts > MAX_FAILED_STARTS) return false;
    try {
      this.#continue(recording, { ...live, failedStarts }, code);
      return true;
    } catch {
      // The tracks are now such that the browser cannot record them.
      return false;
    }
  }

  /** A file that the source began within the recording. After an abort it is read no further. */
  #recordNext(recording: LocalRecording, file: ReadableStream<Blob>): void {
    if (this.#isWithdrawn || this.#over.signal.aborted) return void file.cancel();
    const options = { mimeType: recording.row.contentType };
    this.#continue(recording, { source: file, options, failedStarts: 0 }, 'source-restarted');
  }

  #continue(ended: LocalRecording, live: Live, code: string): void {
    const recording = this.#record(ended.kind, live);
    this.emit('continued', { recording, endedRecordingId: ended.recordingId, code });
  }

  #tick(): void {
    this.#clock.tick();
    this.#review();
    if (this.#recordings.some(({ state }) => state === 'recording' || state === 'uploading')) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #review(): void {
    for (const recording of this.#recordings) recording.review();
  }

  #addHole(hole: Hole): void {
    for (const recording of this.#recordings) recording.addHole(hole);
  }

  #noteClock(): void {
    for (const recording of this.#recordings) recording.noteClock();
  }

  #noteNetwork(): void {
    for (const recording of this.#recordings) recording.noteNetwork();
  }

  /** Did the computer sleep, or was its clock set? Only the service's clock tells. */
  async #readClock(): Promise<void> {
    if (this.#isReadingClock) return;
    this.#isReadingClock = true;
    try {
      await this.#try(() => this.#service.readClock());
    } catch {
      // The session is over.
    } finally {
      this.#isReadingClock = false;
    }
  }

  /** Only one tab resumes a leftover. Recordings of tabs that are still open are waited for in the background. */
  async #adoptLeftovers(): Promise<void> {
    const rows = await this.#try(() => this.#local.rows());
    const own = new Set(this.#recordings.map(({ key }) => key));
    const left = rows.filter((row) => this.#isOfAttempt(row) && row.state !== 'stored' && !own.has(row.key));
    void this.#forgetStored(rows);
    await Promise.all(left.map(({ key }) => this.#adoptWhenFree(key)));
  }

  /** Resolves when it is among the recordings, need not be, or belongs to another tab that is still open. */
  #adoptWhenFree(key: string): Promise<void> {
    const lastOffset = () => this.#try(() => this.#local.lastOffset(key));
    return new Promise((known) => {
      void whenFree(key, lastOffset, this.#over.signal, known, () => this.#adopt(key, known))
        .catch(() => {})
        .finally(known);
    });
  }

  async #forgetStored(rows: readonly RecordingRow[]): Promise<void> {
    const stored = rows.filter(({ state }) => state === 'stored');
    if (stored.length === 0) return;
    await this.#readClock();
    const { state } = this.#clock;
    if (state.offsetMs === undefined) return;
    const untilMs = serviceTime(now(), state) - STORED_ROWS_FOR_MS;
    for (const { key, createdAtMs, clock } of stored) {
      if (clock && serviceTime(createdAtMs, clock) < untilMs) await this.#local.remove(key);
    }
  }

  async #adopt(key: string, known: () => void): Promise<void> {
    const [row, lastOffset] = await this.#try(
      async () => [await this.#local.row(key), await this.#local.lastOffset(key)] as const,
    );
    if (row?.state === 'withdrawn') {
      known();
      return this.#delete(row);
    }
    if (row?.state !== 'open' || this.#isWithdrawn) return;
    if (!row.recordingId && !row.isRequested && lastOffset === undefined) return this.#local.remove(key);
    const { stored } = this.#open(row);
    known();
    await stored.catch(() => {});
  }

  /** Deletes what the service has of it, then the row. @throws ClientError `recording-restricted`, which ends it too */
  async #delete(row: RecordingRow): Promise<void> {
    const unlessRefused = (isExpected: (code: string) => boolean) => (error: unknown) => {
      if (!(error instanceof ClientError && isExpected(error.code))) throw error;
    };
    // Its creation may have succeeded, without a response: the same key finds it. What is refused does not exist.
    if (row.isRequested && row.recordingId === undefined) {
      const create = async () => {
        row.recordingId = (await this.#service.create(requestKeyOf(row), newRecordingOf(row))).recordingId;
      };
      await this.#try(create).catch(unlessRefused(() => true));
    }
    let refusal: ClientError | undefined;
    for (const recordingId of idsOf(row)) {
      const withdraw = () => this.#service.withdraw(recordingId);
      await this.#try(withdraw).catch((error: unknown) => {
        if (error instanceof ClientError && error.code === 'recording-restricted') refusal = error;
        else unlessRefused((code) => DELETED.has(code))(error);
      });
    }
    await this.#local.remove(row.key);
    if (refusal) throw refusal;
  }

  #try<Result>(task: () => Promise<Result>): Promise<Result> {
    return untilAvailable(task, { signal: this.#over.signal, waits: this.#waits });
  }

  #isOfAttempt({ service, exam, attempt }: RecordingRow): boolean {
    const own = this.#options;
    return service === own.service && exam === own.exam && attempt === own.attempt;
  }
}

/** One that fails stops no other. @throws the first failure, once all have ended */
async function allDone(acts: readonly Promise<unknown>[]): Promise<void> {
  const failure = (await Promise.allSettled(acts)).find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') throw failure.reason;
}

/** What a recording is made from, and how often that failed at once. */
interface Live {
  readonly source: RecordingSource;
  readonly options: RecordOptions;
  readonly failedStarts: number;
}

/** All recordings that the service made for it. */
function idsOf({ recordingId, continuation }: RecordingRow): readonly string[] {
  return [...(continuation?.endedIds ?? []), ...(recordingId === undefined ? [] : [recordingId])];
}
