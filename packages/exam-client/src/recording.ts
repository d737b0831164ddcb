// One recording, live or left over from an earlier visit: its bytes are written to the browser's disk, then uploaded.

import type { Bytes } from './bytes.ts';
import { type ClockState, type Hole, holeOf, now, type SessionClock, serviceTime, toIso } from './clock.ts';
import { HEAD_BYTES } from './container.ts';
import { ClientError, consequenceOf, type WaitingReason } from './errors.ts';
import { RecordedFile } from './file.ts';
import { Intake } from './intake.ts';
import { end, type LocalBytes, type RecordingRow } from './local-bytes.ts';
import { MediaIndex } from './media-index.ts';
import { Problems, type RecordingProblem, type SourceProblem } from './problems.ts';
import { untilAvailable, Waits } from './retry.ts';
import type { RecordingKind, Service } from './service.ts';
import { openSource, type RecordingSource, type RecordOptions, type Source, type SourceEnd } from './source.ts';
import { BUFFER_FULL, CUT_OUT, type Gap, type Timeline } from './timeline.ts';
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
  readonly signal: AbortSignal;
  readonly events: RecordingEvents;
}

/** The service accepts no more gaps of one recording. */
const MAX_GAPS = 1_000;
/** How often a paused recording checks whether memory has room again. */
const ROOM_CHECK_MS = 1_000;
/** S3's smallest part; assumed until the service has given the size of parts. */
const SMALLEST_PART_BYTES = 5 * 1024 * 1024;
/** Recorded, and lost with the memory of an earlier visit. */
const LOST = 'lost';
const STARTS_WITHIN_MS = 1_000;
const RESTORED_AT_ONCE_BYTES = 8 * 1024 * 1024;
const ANCHORED_EVERY_MS = 60_000;
const MIN_DRIFT_MS = 100;
/** The service accepts 100, with the one of the beginning. */
const MAX_ANCHORS = 99;
/** A source that gives no bytes for longer is reported. A still screen gives few. */
const NO_BYTES_MS = { webcam: 10_000, screen: 20_000, audio: 10_000 } as const;
/** At most so many new recordings continue one: a service that ends each at once would otherwise get requests forever. */
const MAX_CONTINUATIONS = 50;

export class LocalRecording implements Recording {
  readonly kind: RecordingKind;
  readonly isLeftover: boolean;
  /** Resolves when the service has confirmed that it is stored. @throws ClientError */
  readonly stored: Promise<StoredRecording>;
  readonly #deps: RecordingDependencies;
  readonly #row: RecordingRow;
  readonly #file: RecordedFile;
  #upload: Upload;
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
  /** All bytes have arrived. */
  #hasEnded = false;
  #needsNewRecorder = false;
  /** False once the local bytes are erased: no more are written. */
  #keepsBytes = true;
  /** When the last bytes arrived. */
  #lastAtMs: number;
  #endedAtMs = Number.POSITIVE_INFINITY;
  #anchoredAtMs: number;
  /** Since then, the frames that arrived with the shortest delay: when the media would have begun by them. */
  #nearest = { begunMs: Number.POSITIVE_INFINITY, mediaMs: 0 };

  /** @throws TypeError, or DOMException when the browser cannot record the source. */
  constructor(
    row: RecordingRow,
    deps: RecordingDependencies,
    live?: { source: RecordingSource; options: RecordOptions },
  ) {
    this.kind = row.kind;
    this.isLeftover = live === undefined;
    this.#deps = deps;
    this.#lastAtMs = row.lastAtMs ?? row.createdAtMs;
    this.#anchoredAtMs = this.#lastAtMs;
    this.#problems = new Problems((problem, isOver) => deps.events.onProblem(problem, isOver));
    this.#index = new MediaIndex(row.index);
    this.#row = { ...row, index: this.#index.state };
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
    const recordedSeconds = (this.#lastAtMs - (this.#row.startedAtMs ?? this.#lastAtMs)) / 1000;
    const backlogSeconds = this.#totalBytes > 0 ? (recordedSeconds * backlogBytes) / this.#totalBytes : 0;
    return { recordedBytes: this.#totalBytes, storedBytes, backlogBytes, backlogSeconds, waiting: this.#waiting };
  }

  get problems(): readonly RecordingProblem[] {
    return this.#problems.all;
  }

  get #waiting(): WaitingReason | null {
    if (this.#state !== 'recording' && this.#state !== 'uploading') return null;
    return this.#waits.reason ?? this.#deps.waits.reason;
  }

  /** Called about every second, and when something that the problems are made of has changed. */
  review(): void {
    const isRecording = this.#state === 'recording' && !this.#isEnding;
    const isSilent = isRecording && !this.#isPaused && now() - this.#lastAtMs > NO_BYTES_MS[this.kind];
    if (isSilent) this.#sourceProblems.add('no-bytes');
    else this.#sourceProblems.delete('no-bytes');
    const isOpen = this.#state === 'recording' || this.#state === 'uploading';
    this.#problems.update([
      ...(this.#isEnding || this.#state === 'withdrawn' ? [] : this.#sourceProblems),
      isOpen ? this.#deps.local.problem : null,
      this.#waiting,
      this.#state === 'failed' ? 'failed' : null,
    ]);
  }

  /** A time in which the page did not run. It may become known only when the recording has ended. */
  addHole({ fromMs, toMs, reason }: Hole): void {
    const { startedAtMs = Number.POSITIVE_INFINITY } = this.#row;
    const isOpen = this.#state === 'recording' || this.#state === 'uploading';
    const wasRecorded = startedAtMs < toMs && fromMs < this.#endedAtMs;
    if (isOpen && wasRecorded && !this.isLeftover) this.#addGap({ from: toIso(fromMs), to: toIso(toMs), reason });
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
      const timeline = this.#row.completion?.timeline ?? this.#timeline();
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
    const isEnded = consequenceOf(error) === 'continue' && number <= MAX_CONTINUATIONS;
    if (!isEnded || !restart) {
      const mayGoOn = isEnded || error.code === 'parts-lost';
      this.#needsNewRecorder = mayGoOn && this.#state === 'recording' && !this.#isEnding;
      return false;
    }
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
    });
  }

  #begun(atMs: number): void {
    this.#row.startedAtMs = atMs;
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
    this.#noteSilence(atMs);
    this.#index.push(bytes);
    this.#totalBytes = totalBytes;
    this.#lastAtMs = atMs;
    this.#row.lastAtMs = atMs;
    this.#noteClock();
    if (this.#sourceProblems.has('no-bytes')) this.review();
    this.#compareClocks(atMs);
    this.#upload.grow(totalBytes - this.#file.skippedBytes);
    this.#deps.events.onProgress();
  }

  /**
   * Frames arrive a little after they were taken: of each minute, the one with the shortest delay shows best when the media
   * would have begun. The first minute gives the beginning; where a later one differs, the media drift from the clock.
   */
  #compareClocks(atMs: number): void {
    const { lastMs } = this.#index;
    const isCutOut = this.#row.gaps.some(({ reason }) => CUT_OUT.has(reason));
    if (lastMs === undefined || isCutOut) return;
    const begunMs = atMs - lastMs;
    const { startedAtMs = begunMs, anchors = [] } = this.#row;
    if (lastMs < ANCHORED_EVERY_MS && anchors.length === 0) this.#row.startedAtMs = Math.min(startedAtMs, begunMs);
    if (begunMs < this.#nearest.begunMs) this.#nearest = { begunMs, mediaMs: lastMs };
    if (atMs < this.#anchoredAtMs + ANCHORED_EVERY_MS) return;
    this.#anchoredAtMs = atMs;
    const { begunMs: nearestMs, mediaMs } = this.#nearest;
    this.#nearest = { begunMs: Number.POSITIVE_INFINITY, mediaMs: 0 };
    const before = anchors.at(-1);
    const beforeMs = before ? before.atMs - before.mediaMs : (this.#row.startedAtMs ?? nearestMs);
    if (Math.abs(nearestMs - beforeMs) < MIN_DRIFT_MS || anchors.length >= MAX_ANCHORS) return;
    this.#row.anchors = [...anchors, { atMs: nearestMs + mediaMs, mediaMs }];
  }

  /** Before bytes that arrived at `atMs` are counted: a silence, as far as no other gap explains it. */
  #noteSilence(atMs: number): void {
    if (this.isLeftover || atMs - this.#lastAtMs <= NO_BYTES_MS[this.kind]) return;
    const known = this.#row.gaps
      .map(({ from, to }) => ({ fromMs: Date.parse(from), toMs: Date.parse(to) }))
      .filter(({ toMs }) => toMs > this.#lastAtMs);
    let fromMs = this.#lastAtMs;
    for (const gap of [...known, { fromMs: atMs, toMs: atMs }]) {
      const isLong = gap.fromMs - fromMs > NO_BYTES_MS[this.kind];
      if (isLong) this.#addGap({ from: toIso(fromMs), to: toIso(gap.fromMs), reason: 'no-bytes' });
      fromMs = Math.max(fromMs, gap.toMs);
    }
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
    while (!this.#hasRoom() && !this.#isEnding && !this.#stop.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, ROOM_CHECK_MS));
    }
    this.#addGap({ from: toIso(from), to: toIso(now()), reason: BUFFER_FULL });
    this.#lastAtMs = now();
    this.#isPaused = false;
    this.#source?.resume();
  }

  #addGap(gap: Gap): void {
    if (this.#row.gaps.length >= MAX_GAPS) return;
    this.#row.gaps.push(gap);
    this.#putRow();
    this.#deps.events.onGap(this.#ofService(gap));
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

  /** The row is what a later visit knows of this visit's clock. */
  noteClock(): void {
    const isOpen = this.#state === 'recording' || this.#state === 'uploading';
    if (isOpen && !this.isLeftover) this.#putRow();
  }

  /** The times of a leftover are of the earlier visit's clock. */
  #noteClock(): void {
    if (!this.isLeftover) this.#row.clock = this.#deps.clock.state;
  }

  #putRow(): void {
    this.#noteClock();
    if (this.#keepsBytes) void this.#deps.local.put(this.#row);
  }

  async #sourceEnded(end: SourceEnd): Promise<void> {
    this.#endedAtMs = now();
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
    const { skippedBytes: bytes = 0, skippedMs: ms = 0 } = this.#row.continuation ?? {};
    const head = this.#index.finalHead({ bytes, ms });
    this.#upload.end({ timeline: () => this.#timeline(), head });
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
    if (from !== undefined) this.#addGap({ from: toIso(from), to: toIso(this.#lastAtMs), reason: 'muted' });
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
    if (last) this.#addGap({ from: toIso(this.#lastAtMs), to: toIso(last.recordedAtMs), reason: LOST });
  }

  /** By the service's clock, as far as its responses have shown it. */
  #timeline(): Timeline {
    const startedAtMs = this.#atMs(this.#row.continuation?.skippedMs ?? 0);
    const holes = this.#clockState.jumps.map(holeOf).filter(({ toMs }) => toMs <= this.#lastAtMs);
    const assumed = holes.map(({ fromMs, toMs, reason }) => ({ from: toIso(fromMs), to: toIso(toMs), reason }));
    const gaps = [...this.#row.gaps, ...assumed].filter(({ to }) => Date.parse(to) > startedAtMs);
    const lost = gaps.filter(({ reason }) => reason === LOST);
    return {
      startedAt: this.#serviceIso(startedAtMs),
      endedAt: this.#serviceIso(Math.max(startedAtMs, this.#lastAtMs, ...lost.map(({ to }) => Date.parse(to)))),
      gaps: gaps.map((gap) => this.#ofService(gap)),
      ...this.#anchors(startedAtMs),
    };
  }

  /** Nothing where the media keep pace with the clock. */
  #anchors(startedAtMs: number): Pick<Timeline, 'anchors'> {
    const skippedMs = this.#row.continuation?.skippedMs ?? 0;
    const later = (this.#row.anchors ?? []).filter(({ mediaMs }) => mediaMs > skippedMs);
    if (later.length === 0) return {};
    const all = [{ atMs: startedAtMs, mediaMs: skippedMs }, ...later];
    return {
      anchors: all.map(({ atMs, mediaMs }) => ({
        at: this.#serviceIso(atMs),
        mediaSeconds: (mediaMs - skippedMs) / 1000,
      })),
    };
  }

  #ofService({ from, to, reason }: Gap): Gap {
    return { from: this.#serviceIso(Date.parse(from)), to: this.#serviceIso(Date.parse(to)), reason };
  }

  #serviceIso(pageMs: number): string {
    return toIso(serviceTime(pageMs, this.#clockState, this.#deps.clock.state.offsetMs));
  }

  get #clockState(): ClockState {
    return (this.isLeftover ? this.#row.clock : undefined) ?? this.#deps.clock.state;
  }

  /** The time at which `recordedMs` had been recorded; pauses are not in the file. */
  #atMs(recordedMs: number): number {
    const firstAtMs = this.#row.startedAtMs ?? this.#row.createdAtMs;
    return this.#pauses(this.#row.gaps).reduce(
      (atMs, { from, to }) => (Date.parse(from) <= atMs ? atMs + Date.parse(to) - Date.parse(from) : atMs),
      firstAtMs + recordedMs,
    );
  }

  #pauses(gaps: readonly Gap[]): readonly Gap[] {
    return gaps.filter(({ reason }) => reason === BUFFER_FULL);
  }

  #try<Result>(task: () => Promise<Result>): Promise<Result> {
    return untilAvailable(task, { signal: this.#stop.signal, waits: this.#waits });
  }

  #halt(): void {
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
