// One recording, live or left over from an earlier visit: its bytes are written to the browser's disk, then uploaded.

import { pauseMs } from './backoff.ts';
import type { Bytes } from './bytes.ts';
import { type Hole, now, type SessionClock, toIso } from './clock.ts';
import { HEAD_BYTES } from './container.ts';
import { ClientError, consequenceOf, type Refusal, type Waiting, type WaitingReason } from './errors.ts';
import { RecordedFile } from './file.ts';
import { Intake } from './intake.ts';
import { end, type LocalBytes, type RecordingRow } from './local-bytes.ts';
import { MediaIndex, type Skipped } from './media-index.ts';
import { Problems, type RecordingProblem, type SourceProblem } from './problems.ts';
import { RecordedOverview } from './recorded-overview.ts';
import { RecordedTime } from './recorded-time.ts';
import { pauseOrOnline, untilAvailable, Waits } from './retry.ts';
import type { RecordingKind, Service } from './service.ts';
import { openSource, type RecordingSource, type RecordOptions, type Source, type SourceEnd } from './source.ts';
import { BUFFER_FULL, type Gap, LOST, type Timeline } from './timeline.ts';
import { PARTS_AT_ONCE, Upload } from './upload.ts';

export type RecordingState = 'recording' | 'uploading' | 'stored' | 'withdrawn' | 'failed';

export interface Progress {
  readonly recordedBytes: number;
  /** Acknowledged by the store. */
  readonly storedBytes: number;
  readonly backlogBytes: number;
  /** The length of what is not in the store yet, an estimate. */
  readonly backlogSeconds: number;
  /** Why the upload waits; null when it does not. */
  readonly waiting: WaitingReason | null;
  /** The last response behind `waiting`; null where there was none. */
  readonly refusal: Refusal | null;
}

export interface StoredRecording {
  readonly recordingId: string;
  readonly kind: RecordingKind;
  readonly sizeBytes: number;
  readonly timeline: Timeline;
}

/** What a page sees of a recording. */
export interface Recording {
  readonly kind: RecordingKind;
  /** From an earlier visit. */
  readonly isLeftover: boolean;
  /** Undefined until the service has created the recording; changes with the event `continued`. */
  readonly recordingId: string | undefined;
  readonly state: RecordingState;
  readonly progress: Progress;
  /** What a candidate should know, as long as it holds. */
  readonly problems: readonly RecordingProblem[];
  /** Ends the recording; resolves when the service has confirmed that it is stored. Safe to repeat. @throws ClientError */
  finish(): Promise<StoredRecording>;
}

export interface RecordingEvents {
  onProgress(): void;
  onState(state: RecordingState): void;
  onGap(gap: Gap): void;
  onProblem(problem: RecordingProblem, isOver: boolean): void;
  /** Recording broke off, and the source may still give media. Returns whether another recording goes on with it. */
  onSourceFailed(): boolean;
  /** The source has begun another file, which another recording has to keep. */
  onRestart(file: ReadableStream<Blob>): void;
  /** A new recording follows the one that the service ended. */
  onContinued(ended: { readonly recordingId: string | undefined; readonly code: string }): void;
}

export interface RecordingDependencies {
  readonly local: LocalBytes;
  readonly service: Service;
  readonly clock: SessionClock;
  /** What the session waits for, on behalf of all its recordings. */
  readonly waits: Waits;
  /** Whether an overview is made and sent. */
  readonly hasOverview: boolean;
  readonly signal: AbortSignal;
  readonly events: RecordingEvents;
}

/** How often a paused recording checks whether memory has room again. */
const ROOM_CHECK_MS = 1_000;
/** S3's smallest part; assumed until the service has given the size of parts. */
const SMALLEST_PART_BYTES = 5 * 1024 * 1024;
const STARTS_WITHIN_MS = 1_000;
const RESTORED_AT_ONCE_BYTES = 8 * 1024 * 1024;
/** A source that gives no bytes for longer is reported. A still screen gives few. */
const NO_BYTES_MS = { webcam: 10_000, screen: 20_000, audio: 10_000 } as const;
/** Chromium delivers MP4 in whole fragments, of five seconds and more. */
const NO_MP4_BYTES_MS = 25_000;
/** A service that ends each recording at once may recover: so many follow without a pause. */
const UNHURRIED_CONTINUATIONS = 3;
/** At most so many new recordings continue one: a service that ends each at once would otherwise get requests forever. */
const MAX_CONTINUATIONS = 50;

/** As `Progress` has it. */
export function waitingOf(waiting: Waiting | null): Pick<Progress, 'waiting' | 'refusal'> {
  return { waiting: waiting?.reason ?? null, refusal: waiting?.refusal ?? null };
}

export class LocalRecording implements Recording {
  readonly kind: RecordingKind;
  readonly isLeftover: boolean;
  /** Resolves when the service has confirmed that it is stored. @throws ClientError */
  readonly stored: Promise<StoredRecording>;
  readonly #deps: RecordingDependencies;
  readonly #row: RecordingRow;
  readonly #time: RecordedTime;
  readonly #file: RecordedFile;
  #upload: Upload;
  readonly #overview: RecordedOverview | undefined;
  readonly #index: MediaIndex;
  readonly #intake = new Intake();
  readonly #stop = new AbortController();
  #started: () => void = () => {};
  readonly #start = new Promise<void>((resolve) => {
    this.#started = resolve;
  });
  #source: Source | undefined;
  #state: RecordingState = 'uploading';
  readonly #waits = new Waits(() => this.#waitingChanged());
  readonly #problems: Problems;
  readonly #sourceProblems = new Set<SourceProblem>();
  /** Waits for room in memory. */
  #isPaused = false;
  #totalBytes = 0;
  /** `finish` was called: the last bytes are kept without waiting for room in memory. */
  #isEnding = false;
  /** Nothing more is recorded: the last bytes are kept without waiting too. */
  #hasStopped = false;
  /** All bytes have arrived. */
  #hasEnded = false;
  #needsNewRecorder = false;
  /** False once the local bytes are erased: no more are written. */
  #keepsBytes = true;

  /** @throws TypeError, or DOMException when the browser cannot record the source. */
  constructor(
    row: RecordingRow,
    deps: RecordingDependencies,
    live?: { source: RecordingSource; options: RecordOptions },
  ) {
    this.kind = row.kind;
    this.isLeftover = live === undefined;
    this.#deps = deps;
    this.#problems = new Problems((problem, isOver) => deps.events.onProblem(problem, isOver));
    const { key } = row;
    this.#overview = deps.hasOverview
      ? new RecordedOverview({ key, local: deps.local, isLive: !this.isLeftover })
      : undefined;
    this.#index = new MediaIndex(row.index, this.#overview);
    this.#row = { ...row, index: this.#index.state };
    this.#time = new RecordedTime(this.#row, deps.clock, this.isLeftover);
    this.#file = new RecordedFile(this.#row, deps.local, this.#index);
    this.#upload = this.#newUpload();
    if (live) {
      this.#source = openSource(live.source, row.kind, live.options, {
        onAlive: () => deps.clock.tick(),
        onStart: (atMs) => this.#begun(atMs),
        onBytes: (bytes, atMs) => this.#take(bytes, atMs),
        onRestart: (file) => deps.events.onRestart(file),
        onGap: (gap) => this.#addGap(gap),
        onProblem: (problem, isOver) => this.#setSourceProblem(problem, isOver),
        onStop: () => {
          this.#hasStopped = true;
        },
        onEnd: (end) => void this.#sourceEnded(end),
      });
      this.#row.contentType = this.#source.contentType;
      this.#state = 'recording';
    }
    deps.signal.addEventListener('abort', () => this.#halt(), { signal: this.#stop.signal });
    this.stored = this.#run();
    this.stored.catch(() => {});
  }

  /** It changes while the recording is open. */
  get row(): Readonly<RecordingRow> {
    return this.#row;
  }

  get key(): string {
    return this.#row.key;
  }

  get recordingId(): string | undefined {
    return this.#row.recordingId;
  }

  /** It cannot go on: its local bytes have no keyframe at which another file could begin, or some of them are lost. */
  get needsNewRecorder(): boolean {
    return this.#needsNewRecorder;
  }

  get state(): RecordingState {
    return this.#state;
  }

  get progress(): Progress {
    const storedBytes = this.#upload.storedBytes + this.#file.skippedBytes;
    const backlogBytes = Math.max(0, this.#totalBytes - storedBytes);
    const backlogSeconds = this.#totalBytes > 0 ? (this.#time.seconds * backlogBytes) / this.#totalBytes : 0;
    const waits = waitingOf(this.#waiting);
    return { recordedBytes: this.#totalBytes, storedBytes, backlogBytes, backlogSeconds, ...waits };
  }

  get problems(): readonly RecordingProblem[] {
    return this.#problems.all;
  }

  get #silentAfterMs(): number {
    return this.#row.contentType.includes('mp4') ? NO_MP4_BYTES_MS : NO_BYTES_MS[this.kind];
  }

  get #waiting(): Waiting | null {
    return this.#isOpen ? (this.#waits.current ?? this.#deps.waits.current) : null;
  }

  get #isOpen(): boolean {
    return this.#state === 'recording' || this.#state === 'uploading';
  }

  /** Called about every second, and when something that the problems are made of has changed. */
  review(): void {
    const isRecording = this.#state === 'recording' && !this.#isEnding;
    const isSilent = isRecording && !this.#isPaused && now() - this.#time.lastAtMs > this.#silentAfterMs;
    if (isSilent) this.#sourceProblems.add('no-bytes');
    else this.#sourceProblems.delete('no-bytes');
    this.#problems.update([
      ...(this.#isEnding || this.#state === 'withdrawn' ? [] : this.#sourceProblems),
      this.#isOpen ? this.#deps.local.problem : null,
      this.#waiting?.reason ?? null,
      this.#state === 'failed' ? 'failed' : null,
    ]);
  }

  /** A time in which the page did not run. It may become known only when the recording has ended. */
  addHole({ fromMs, toMs, reason }: Hole): void {
    if (this.#isOpen && this.#time.was(fromMs, toMs)) this.#addGap({ from: toIso(fromMs), to: toIso(toMs), reason });
  }

  finish(): Promise<StoredRecording> {
    this.#deps.clock.tick();
    this.#isEnding = true;
    this.#source?.stop();
    this.review();
    return this.stored;
  }

  /** Stops, and erases the local bytes at once; the caller deletes the recordings. */
  async withdraw(): Promise<void> {
    this.#setState('withdrawn');
    this.#keepsBytes = false;
    this.#halt();
    // Written first, because the page may be closed at any moment.
    this.#row.state = 'withdrawn';
    await this.#deps.local.put(this.#row);
    await this.#deps.local.dropAll(this.key);
    await this.stored.catch(() => {});
    await this.#upload.settled();
    await this.#deps.local.put(this.#row);
    await this.#deps.local.dropAll(this.key);
  }

  async #run(): Promise<StoredRecording> {
    const { local, events } = this.#deps;
    try {
      if (this.isLeftover) await this.#restore();
      else {
        await local.put(this.#row);
        this.#source?.start();
        await this.#hasStarted();
      }
      const sizeBytes = await this.#uploadAll();
      this.#overview?.stop();
      if (this.#row.state !== 'withdrawn') this.#row.state = 'stored';
      // Only a creation needs it.
      this.#row.participantId = '';
      delete this.#row.index;
      const isNoted = await local.put(this.#row);
      await local.dropAll(this.key);
      // A row that says "open" would have the next visit look for bytes that are gone.
      if (!isNoted && !(await local.put(this.#row))) await local.remove(this.key);
      this.#setState('stored');
      events.onProgress();
      const timeline = this.#row.completion?.timeline ?? this.#time.timeline;
      return { recordingId: this.recordingId ?? '', kind: this.kind, sizeBytes, timeline };
    } catch (error) {
      const failure =
        error instanceof ClientError ? error : new ClientError('unexpected', String(error), { cause: error });
      this.#halt();
      if (consequenceOf(failure) === 'erase') {
        this.#keepsBytes = false;
        await local.remove(this.key);
      }
      this.#setState('failed');
      throw failure;
    }
  }

  /** @throws ClientError, and the signal's reason */
  async #uploadAll(): Promise<number> {
    for (;;) {
      try {
        return await this.#upload.run();
      } catch (error) {
        if (!(error instanceof ClientError && (await this.#continueAfter(error)))) throw error;
      }
    }
  }

  /** Whether a new recording continues the one that was refused. It contains all bytes that are still in the browser. */
  async #continueAfter(error: ClientError): Promise<boolean> {
    const row = this.#row;
    const { recordingId } = row;
    const { restart } = this.#file;
    const number = (row.continuation?.number ?? 0) + 1;
    // Another tab may have erased them, because consent was withdrawn there: then the service refuses with that.
    const isLost = error.code === 'parts-lost' && recordingId !== undefined;
    if (isLost) await this.#requireWanted(recordingId);
    const isEnded = consequenceOf(error) === 'continue' && number <= MAX_CONTINUATIONS;
    if (!isEnded || !restart) {
      const mayGoOn = isEnded || error.code === 'parts-lost';
      this.#needsNewRecorder = mayGoOn && this.#state === 'recording' && !this.#isEnding;
      return false;
    }
    if (number > UNHURRIED_CONTINUATIONS) await pauseOrOnline(pauseMs(number, Math.random()), this.#stop.signal);
    this.#stop.signal.throwIfAborted();
    row.continuation = {
      number,
      requestKey: crypto.randomUUID(),
      skippedBytes: restart.offset - HEAD_BYTES,
      skippedMs: restart.timeMs,
      endedIds: [...(row.continuation?.endedIds ?? []), ...(recordingId === undefined ? [] : [recordingId])],
    };
    row.droppedToBytes = this.#file.skippedBytes === 0 ? 0 : restart.offset;
    row.keptFrom = restart;
    delete row.recordingId;
    delete row.isRequested;
    delete row.partSizeBytes;
    delete row.completion;
    this.#upload = this.#newUpload();
    this.#upload.grow(this.#totalBytes - this.#file.skippedBytes);
    if (this.#hasEnded) this.#endUpload();
    await this.#deps.local.put(row);
    await this.#try(() => this.#deps.local.drop(this.key, HEAD_BYTES, restart.offset));
    this.#deps.events.onContinued({ recordingId, code: error.code });
    return true;
  }

  /** While the service does not respond, the recording goes on. @throws ClientError when it was deleted */
  async #requireWanted(recordingId: string): Promise<void> {
    const row = await this.#deps.local.row(this.key).catch(() => undefined);
    if (row?.state === 'withdrawn') {
      const reason = 'consent-withdrawn';
      throw new ClientError('recording-deleted', 'Consent was withdrawn in another tab.', { reason });
    }
    await this.#deps.service.parts(recordingId).catch((error: unknown) => {
      if (error instanceof ClientError) throw error;
    });
  }

  #newUpload(): Upload {
    const { local, service, events } = this.#deps;
    return new Upload({
      row: this.#row,
      file: this.#file,
      local,
      service,
      signal: this.#stop.signal,
      waits: this.#waits,
      onProgress: () => events.onProgress(),
      overview: async () => this.#overview?.write(this.#index, this.#skipped),
    });
  }

  get #skipped(): Skipped {
    const { skippedBytes: bytes = 0, skippedMs: ms = 0 } = this.#row.continuation ?? {};
    return { bytes, ms };
  }

  #begun(atMs: number): void {
    this.#time.begin(atMs);
    this.#row.contentType = this.#source?.contentType || this.#row.contentType;
    this.#putRow();
    this.#started();
  }

  /** The recording is created with the type that the recorder names once it has started, which some never report. */
  async #hasStarted(): Promise<void> {
    const timer = setTimeout(this.#started, STARTS_WITHIN_MS);
    await this.#start;
    clearTimeout(timer);
  }

  /** Returns the bytes at which another file begins. */
  async #take(bytes: Bytes, atMs: number): Promise<Bytes | undefined> {
    const { kept, restart } = this.#intake.accept(bytes);
    await this.#keep(kept, atMs);
    return restart;
  }

  /** Writes the bytes to the disk before they are indexed, counted and uploaded. */
  async #keep(bytes: Bytes, atMs: number): Promise<void> {
    if (bytes.length === 0 || !this.#keepsBytes) return;
    const chunk = { recording: this.key, offset: this.#totalBytes, bytes, recordedAtMs: atMs };
    await this.#deps.local.append(chunk);
    this.#count(end(chunk), bytes, atMs);
    if (!this.#hasRoom()) await this.#waitForRoom();
  }

  #count(totalBytes: number, bytes: Bytes, atMs: number): void {
    for (const silence of this.#time.silencesUntil(atMs, this.#silentAfterMs)) this.#addGap(silence);
    this.#index.push(bytes);
    this.#totalBytes = totalBytes;
    this.#time.arrived(atMs, this.#index.lastMs);
    if (this.#sourceProblems.has('no-bytes')) this.review();
    this.#upload.grow(totalBytes - this.#file.skippedBytes);
    this.#deps.events.onProgress();
  }

  /** The parts that are being uploaded always fit: only their upload makes room. */
  #hasRoom(): boolean {
    const { droppedToBytes, partSizeBytes = SMALLEST_PART_BYTES } = this.#row;
    return !this.#deps.local.isFull || this.#totalBytes - droppedToBytes < PARTS_AT_ONCE * partSizeBytes;
  }

  async #waitForRoom(): Promise<void> {
    const from = now();
    this.#isPaused = true;
    this.#source?.pause();
    while (!this.#hasRoom() && !this.#isEnding && !this.#hasStopped && !this.#stop.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, ROOM_CHECK_MS));
    }
    this.#addGap({ from: toIso(from), to: toIso(now()), reason: BUFFER_FULL });
    this.#time.resume();
    this.#isPaused = false;
    this.#source?.resume();
  }

  #addGap(gap: Gap): void {
    if (!this.#time.add(gap)) return;
    this.#putRow();
    this.#deps.events.onGap(this.#time.ofService(gap));
  }

  #setSourceProblem(problem: SourceProblem, isOver: boolean): void {
    if (isOver) this.#sourceProblems.delete(problem);
    else this.#sourceProblems.add(problem);
    if (problem === 'muted') {
      // Its gap is known at its end, which this visit may not live to see.
      if (isOver) delete this.#row.mutedSinceMs;
      else this.#row.mutedSinceMs ??= now();
      this.#putRow();
    }
    this.review();
  }

  /** The network was lost, or is back. */
  noteNetwork(): void {
    if (this.#isOpen) this.#waitingChanged();
  }

  /** The row is what a later visit knows of this visit's clock. */
  noteClock(): void {
    if (this.#isOpen && !this.isLeftover) this.#putRow();
  }

  #putRow(): void {
    this.#time.noteClock();
    if (this.#keepsBytes) void this.#deps.local.put(this.#row);
  }

  async #sourceEnded(end: SourceEnd): Promise<void> {
    this.#time.end();
    this.#sourceProblems.delete('muted');
    if (end !== 'stopped') {
      const isContinued = end === 'source-failed' && this.#keepsBytes && this.#deps.events.onSourceFailed();
      if (!isContinued) this.#sourceProblems.add(end);
    }
    await this.#end();
    this.review();
  }

  async #end(): Promise<void> {
    await this.#keep(this.#intake.end(), now());
    if (this.#state === 'recording') this.#setState('uploading');
    this.#hasEnded = true;
    this.#endUpload();
  }

  #endUpload(): void {
    const head = this.#index.finalHead(this.#skipped);
    this.#upload.end({ timeline: () => this.#time.timeline, head });
  }

  /** Indexes what an earlier visit left unindexed. */
  async #restore(): Promise<void> {
    await this.#restoreLocal();
    // What the store has need not be here.
    const storedBytes = await this.#storedBytes();
    if (storedBytes > this.#index.state.offset) {
      this.#index.skipTo(storedBytes);
      await this.#restoreLocal();
    }
    this.#totalBytes = this.#index.state.offset;
    const { mutedSinceMs: from } = this.#row;
    delete this.#row.mutedSinceMs;
    if (from !== undefined) this.#addGap({ from: toIso(from), to: toIso(this.#time.lastAtMs), reason: 'muted' });
    await this.#noteLost();
    this.#upload.grow(this.#totalBytes - this.#file.skippedBytes);
    await this.#end();
  }

  /** In portions, because it may be hours of video. */
  async #restoreLocal(): Promise<void> {
    for (let from = -1; from !== this.#index.state.offset; ) {
      from = this.#index.state.offset;
      const portion = () => this.#deps.local.chunks(this.key, from, from + RESTORED_AT_ONCE_BYTES);
      for (const { offset, bytes, recordedAtMs } of await this.#try(portion)) {
        const known = this.#index.state.offset - offset;
        if (known >= 0 && known < bytes.length) this.#count(offset + bytes.length, bytes.subarray(known), recordedAtMs);
      }
    }
  }

  /** Up to which byte of what was recorded the store has all parts; 0 when the service has ended the recording. */
  async #storedBytes(): Promise<number> {
    const { recordingId, partSizeBytes } = this.#row;
    if (recordingId === undefined || partSizeBytes === undefined) return 0;
    const parts = await this.#try(() => this.#deps.service.parts(recordingId)).catch((error: unknown) => {
      if (error instanceof ClientError) return [];
      throw error;
    });
    const sizes = new Map(parts.map(({ partNumber, sizeBytes }) => [partNumber, sizeBytes]));
    let storedBytes = 0;
    for (let partNumber = 1; sizes.has(partNumber); partNumber += 1) storedBytes += sizes.get(partNumber) ?? 0;
    return storedBytes === 0 ? 0 : storedBytes + this.#file.skippedBytes;
  }

  /** Bytes that were in memory alone are gone with the earlier visit: what follows them on the disk cannot be read. */
  async #noteLost(): Promise<void> {
    if (this.#row.gaps.some(({ reason }) => reason === LOST)) return;
    const lastOffset = (await this.#try(() => this.#deps.local.lastOffset(this.key))) ?? 0;
    if (lastOffset < this.#totalBytes) return;
    const [last] = await this.#try(() => this.#deps.local.chunks(this.key, lastOffset));
    if (last) this.#addGap({ from: toIso(this.#time.lastAtMs), to: toIso(last.recordedAtMs), reason: LOST });
  }

  #try<Result>(task: () => Promise<Result>): Promise<Result> {
    return untilAvailable(task, { signal: this.#stop.signal, waits: this.#waits });
  }

  #halt(): void {
    this.#overview?.stop();
    this.#source?.stop();
    this.#stop.abort(new ClientError('aborted', 'The recording was stopped.'));
  }

  #setState(state: RecordingState): void {
    if (this.#state === state || this.#state === 'withdrawn') return;
    this.#state = state;
    this.#deps.events.onState(state);
    this.review();
  }

  #waitingChanged(): void {
    this.#deps.events.onProgress();
    this.review();
  }
}
