// One recording, live or left over from an earlier visit: its bytes are written to the browser's disk, then uploaded.
import type { Bytes } from './bytes.ts';
import { now, toIso } from './clock.ts';
import { HEAD_BYTES } from './container.ts';
import { ClientError, consequenceOf, type WaitingReason } from './errors.ts';
import { RecordedFile } from './file.ts';
import { Intake } from './intake.ts';
import { end, type LocalBytes, type RecordingRow } from './local-bytes.ts';
import { MediaIndex } from './media-index.ts';
import type { RecordingKind, Service } from './service.ts';
import { openSource, type RecordingSource, type RecordOptions, type Source } from './source.ts';
import { BUFFER_FULL, type Gap, type Timeline } from './timeline.ts';
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
  /** Ends the recording; resolves when the service has confirmed that it is stored. Safe to repeat. @throws ClientError */
  finish(): Promise<StoredRecording>;
}

export interface RecordingEvents {
  onProgress(): void;
  onState(state: RecordingState): void;
  onGap(gap: Gap): void;
  /** A new recording follows the one that the service ended. */
  onContinued(ended: { readonly recordingId: string | undefined; readonly code: string }): void;
}

export interface RecordingDependencies {
  readonly local: LocalBytes;
  readonly service: Service;
  readonly signal: AbortSignal;
  readonly events: RecordingEvents;
}

/** The service accepts no more gaps of one recording. */
const MAX_GAPS = 1_000;
/** How often a paused recording checks whether memory has room again. */
const ROOM_CHECK_MS = 1_000;
/** S3's smallest part; assumed until the service has given the size of parts. */
const SMALLEST_PART_BYTES = 5 * 1024 * 1024;
const RESTORED_AT_ONCE_BYTES = 8 * 1024 * 1024;
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
  #source: Source | undefined;
  #state: RecordingState = 'uploading';
  #waiting: WaitingReason | null = null;
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

  /** @throws TypeError, or DOMException when the browser cannot record the source. */
  constructor(
    row: RecordingRow,
    deps: RecordingDependencies,
    live?: { source: RecordingSource; options: RecordOptions },
  ) {
    this.kind = row.kind;
    this.isLeftover = live === undefined;
    this.#deps = deps;
    this.#lastAtMs = row.createdAtMs;
    this.#index = new MediaIndex(row.index);
    if (live) {
      this.#source = openSource(live.source, row.kind, live.options, {
        onStart: (atMs) => this.#begun(atMs),
        onBytes: (bytes, atMs) => this.#take(bytes, atMs),
        onGap: (gap) => this.#addGap(gap),
        onEnd: () => void this.#end(),
      });
      this.#state = 'recording';
    }
    this.#row = { ...row, contentType: this.#source?.contentType ?? row.contentType, index: this.#index.state };
    this.#file = new RecordedFile(this.#row, deps.local, this.#index);
    this.#upload = this.#newUpload();
    deps.signal.addEventListener('abort', () => this.#halt(), { signal: this.#stop.signal });
    this.stored = this.#run();
    this.stored.catch(() => {});
  }

  get key(): string {
    return this.#row.key;
  }

  get recordingId(): string | undefined {
    return this.#row.recordingId;
  }

  /** Ids of the earlier recordings that this one continues; the service had ended them. */
  get endedIds(): readonly string[] {
    return this.#row.continuation?.endedIds ?? [];
  }

  /** The service ended it, and the local bytes have no keyframe at which another file could begin. */
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

  finish(): Promise<StoredRecording> {
    this.#isEnding = true;
    this.#source?.stop();
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
      }
      const sizeBytes = await this.#uploadAll();
      if (this.#row.state !== 'withdrawn') this.#row.state = 'stored';
      delete this.#row.index;
      await local.put(this.#row);
      await local.dropAll(this.key);
      this.#setState('stored');
      events.onProgress();
      return { recordingId: this.recordingId ?? '', kind: this.kind, sizeBytes, timeline: this.#timeline() };
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
    if (consequenceOf(error) !== 'continue' || number > MAX_CONTINUATIONS) return false;
    if (!restart) {
      this.#needsNewRecorder = this.#state === 'recording' && !this.#isEnding;
      return false;
    }
    row.continuation = {
      number,
      requestKey: crypto.randomUUID(),
      skippedBytes: restart.offset - HEAD_BYTES,
      skippedMs: restart.timeMs,
      endedIds: recordingId === undefined ? this.endedIds : [...this.endedIds, recordingId],
    };
    row.droppedToBytes = this.#file.skippedBytes === 0 ? 0 : restart.offset;
    row.keptFrom = restart;
    delete row.recordingId;
    delete row.partSizeBytes;
    delete row.completion;
    this.#upload = this.#newUpload();
    this.#upload.grow(this.#totalBytes - this.#file.skippedBytes);
    if (this.#hasEnded) this.#endUpload();
    await this.#deps.local.put(row);
    await this.#deps.local.drop(this.key, HEAD_BYTES, restart.offset);
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
      onProgress: () => events.onProgress(),
      onWaiting: (reason) => this.#setWaiting(reason),
    });
  }

  #begun(atMs: number): void {
    this.#row.startedAtMs = atMs;
    this.#putRow();
  }

  /** A source that begins anew is recorded on in the same file, without a duration, and reported. */
  async #take(bytes: Bytes, atMs: number): Promise<void> {
    const { kept, restart } = this.#intake.accept(bytes);
    await this.#keep(kept, atMs);
    if (!restart) return;
    this.#addGap({ from: toIso(atMs), to: toIso(atMs), reason: 'restarted' });
    await this.#keep(restart, atMs);
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
    this.#index.push(bytes);
    this.#totalBytes = totalBytes;
    this.#lastAtMs = atMs;
    // Frames arrive a little after they were taken; the one with the shortest delay gives the best estimate of the start.
    const { lastMs } = this.#index;
    const hasPaused = this.#row.gaps.some(({ reason }) => reason === BUFFER_FULL);
    if (lastMs !== undefined && !hasPaused) {
      this.#row.startedAtMs = Math.min(this.#row.startedAtMs ?? atMs, atMs - lastMs);
    }
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
    this.#source?.pause();
    while (!this.#hasRoom() && !this.#isEnding && !this.#stop.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, ROOM_CHECK_MS));
    }
    this.#addGap({ from: toIso(from), to: toIso(now()), reason: BUFFER_FULL });
    this.#source?.resume();
  }

  #addGap(gap: Gap): void {
    if (this.#row.gaps.length >= MAX_GAPS) return;
    this.#row.gaps.push(gap);
    this.#putRow();
    this.#deps.events.onGap(gap);
  }

  #putRow(): void {
    if (this.#keepsBytes) void this.#deps.local.put(this.#row);
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
    this.#upload.end({ timeline: this.#timeline(), head });
  }

  /** Indexes what an earlier visit left unindexed. In portions, because it may be hours of video. */
  async #restore(): Promise<void> {
    for (let from = -1; from !== this.#index.state.offset; ) {
      from = this.#index.state.offset;
      for (const chunk of await this.#deps.local.chunks(this.key, from, from + RESTORED_AT_ONCE_BYTES)) {
        if (chunk.offset === this.#index.state.offset) this.#count(end(chunk), chunk.bytes, chunk.recordedAtMs);
      }
    }
    this.#totalBytes = this.#index.state.offset;
    this.#upload.grow(this.#totalBytes - this.#file.skippedBytes);
    await this.#end();
  }

  #timeline(): Timeline {
    const startedAtMs = this.#atMs(this.#row.continuation?.skippedMs ?? 0);
    return {
      startedAt: toIso(startedAtMs),
      endedAt: toIso(Math.max(startedAtMs, this.#lastAtMs)),
      gaps: this.#row.gaps.filter(({ to }) => Date.parse(to) > startedAtMs),
    };
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

  #halt(): void {
    this.#source?.stop();
    this.#stop.abort(new ClientError('aborted', 'The recording was stopped.'));
  }

  #setState(state: RecordingState): void {
    if (this.#state === state || this.#state === 'withdrawn') return;
    this.#state = state;
    this.#deps.events.onState(state);
  }

  #setWaiting(reason: WaitingReason | null): void {
    if (this.#waiting === reason) return;
    this.#waiting = reason;
    this.#deps.events.onProgress();
  }
}
