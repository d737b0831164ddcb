// The bytes that this browser keeps until the store has them: in IndexedDB, or in bounded memory where that fails.

import { type Bytes, concat } from './bytes.ts';
import { type ClockState, now } from './clock.ts';
import type { Cue } from './container.ts';
import { Unavailable } from './errors.ts';
import type { IndexState } from './index-state.ts';
import { SLOW_MS } from './retry.ts';
import type { Completion, Consent, NewRecording, RecordingKind } from './service.ts';
import type { Gap } from './timeline.ts';

/** A recording without its bytes. Times, those of gaps too, are of the page's clock; `clock` makes them the service's. */
export interface RecordingRow {
  readonly key: string;
  readonly service: string;
  readonly exam: string;
  readonly attempt: string;
  participantId: string;
  readonly kind: RecordingKind;
  contentType: string;
  readonly consent: Consent;
  readonly createdAtMs: number;
  clock?: ClockState;
  /** The service may have created it, though no response with its id has arrived. */
  isRequested?: boolean;
  /** `stored` and `withdrawn` rows have no bytes; they are kept so that a withdrawal finds them. */
  state: 'open' | 'stored' | 'withdrawn';
  recordingId?: string;
  partSizeBytes?: number;
  startedAtMs?: number;
  /** When the last bytes arrived. */
  lastAtMs?: number;
  /** Where the media drift from the clock: which position of the media was at which time. */
  anchors?: readonly { readonly atMs: number; readonly mediaMs: number }[];
  gaps: Gap[];
  /** A track gives nothing since then. */
  mutedSinceMs?: number;
  /** Bytes up to here were dropped once their parts were stored; those of the first part are kept. */
  droppedToBytes: number;
  /** The cluster with which the bytes after `droppedToBytes` begin, when they begin with one. */
  keptFrom?: Cue | undefined;
  /** The index of the file when the row was written; it covers at least the dropped bytes. */
  index?: IndexState;
  /** The body of the completion request; set before it is sent. */
  completion?: Completion;
  continuation?: Continuation;
}

/** The service had ended a recording that still had local bytes, and this one continues it. */
export interface Continuation {
  /** 1 for the first. */
  readonly number: number;
  /** The Idempotency-Key of the new recording. */
  readonly requestKey: string;
  /** How much was recorded after the head and is not in the file of the new recording: in bytes, and as a duration. */
  readonly skippedBytes: number;
  readonly skippedMs: number;
  /** The recordings that were ended, so that a withdrawal finds them. */
  readonly endedIds: readonly string[];
}

/** The Idempotency-Key under which the service creates its recording. */
export function requestKeyOf({ continuation, key }: RecordingRow): string {
  return continuation?.requestKey ?? key;
}

export function newRecordingOf({ participantId, kind, contentType, consent }: RecordingRow): NewRecording {
  return { participantId, kind, contentType, consent };
}

export interface Chunk {
  readonly recording: string;
  /** In the file. */
  readonly offset: number;
  readonly bytes: Bytes;
  readonly recordedAtMs: number;
}

/** A small picture of the recording, for its overview. */
export interface Picture {
  /** In the times of the media. */
  readonly atMs: number;
  readonly type: 'image/webp' | 'image/jpeg';
  readonly width: number;
  readonly height: number;
  readonly bytes: Bytes;
}

export type StorageWarning = 'storage-unavailable' | 'storage-full';

export interface LocalBytesOptions {
  readonly memoryLimitBytes: number;
  /** Ends the attempts to open IndexedDB. */
  readonly signal?: AbortSignal;
  /** IndexedDB could be opened after it had been refused: it may have what an earlier visit left. */
  onOpened?(): void;
  onWarning(code: StorageWarning): void;
}

/** After a time-out nothing is asked of IndexedDB for so long, unless it responds late. */
const HUNG_FOR_MS = 30_000;
const NO_RESPONSE = "The browser's storage does not respond.";

const DATABASE = 'proctoring-recordings';
const ROWS = 'recordings';
const CHUNKS = 'chunks';

export class LocalBytes {
  #database: Promise<IDBDatabase | undefined>;
  readonly #options: LocalBytesOptions;
  readonly #warned = new Set<StorageWarning>();
  /** It could be opened once, and may have bytes: a read that fails does not show that they are gone. */
  #isUsed = false;
  #problem: StorageWarning | null = null;
  #hungAtMs = Number.NEGATIVE_INFINITY;
  /** What IndexedDB did not take. */
  #memory: Chunk[] = [];
  #memoryBytes = 0;

  constructor(options: LocalBytesOptions) {
    this.#options = options;
    this.#database = this.#open();
  }

  /** Whether the limit on memory is reached: recorders should pause. */
  get isFull(): boolean {
    return this.#memoryBytes > this.#options.memoryLimitBytes;
  }

  /** Why bytes are kept in memory, where a reload loses them; null when all are on the disk. */
  get problem(): StorageWarning | null {
    return this.#memory.length > 0 ? this.#problem : null;
  }

  /**
   * Resolves when the chunk is on the disk, or in memory after a warning. What is in memory comes after what is on the disk, so
   * that a reload loses no bytes in between.
   */
  async append(chunk: Chunk): Promise<void> {
    const before = this.#memory.filter(({ recording }) => recording === chunk.recording);
    for (const earlier of before) {
      if (!(await this.#write(CHUNKS, (chunks) => chunks.put(earlier)))) return this.#remember(chunk);
      this.#forget((each) => each === earlier);
    }
    if (!(await this.#write(CHUNKS, (chunks) => chunks.put(chunk)))) this.#remember(chunk);
  }

  #remember(chunk: Chunk): void {
    this.#memory.push(chunk);
    this.#memoryBytes += chunk.bytes.length;
  }

  /** Whether it is on the disk. */
  put(row: RecordingRow): Promise<boolean> {
    return this.#write(ROWS, (rows) => rows.put(row));
  }

  async rows(): Promise<RecordingRow[]> {
    return (await this.#read<RecordingRow[]>(ROWS, (rows) => rows.getAll())) ?? [];
  }

  async row(key: string): Promise<RecordingRow | undefined> {
    return this.#read<RecordingRow | undefined>(ROWS, (rows) => rows.get(key));
  }

  /** Where its last chunk on the disk begins; undefined when there is none. @throws Unavailable `storage` */
  lastOffset(recording: string): Promise<number | undefined> {
    return this.#lastOffset(recording, Number.MAX_SAFE_INTEGER);
  }

  /** The chunks that have bytes in [from, to), in order. @throws Unavailable `storage` */
  async chunks(recording: string, from = 0, to: number = Number.POSITIVE_INFINITY): Promise<Chunk[]> {
    const first = (await this.#lastOffset(recording, from)) ?? 0;
    const kept = await this.#read<Chunk[]>(CHUNKS, (chunks) => chunks.getAll(range(recording, first, to, true)));
    // A write that took too long may have reached the disk later, as well as the memory.
    const onDisk = new Set(kept?.map(({ offset }) => offset));
    const inMemory = this.#memory.filter((chunk) => chunk.recording === recording && !onDisk.has(chunk.offset));
    return [...(kept ?? []), ...inMemory]
      .filter(({ offset, bytes }) => offset < to && offset + bytes.length > from)
      .sort((a, b) => a.offset - b.offset);
  }

  /** The bytes of [from, to); undefined when some are no longer local. @throws Unavailable `storage` */
  async bytes(recording: string, from: number, to: number): Promise<Bytes | undefined> {
    const chunks = await this.chunks(recording, from, to);
    const pieces = chunks.map(({ offset, bytes }) => bytes.subarray(Math.max(0, from - offset), to - offset));
    const all = concat(pieces);
    return all.length === to - from ? all : undefined;
  }

  /** Erases the chunks that are wholly in [from, to). */
  async drop(recording: string, from: number, to: number): Promise<void> {
    const last = await this.#lastOffset(recording, to);
    if (last !== undefined && last > from) {
      await this.#write(CHUNKS, (chunks) => chunks.delete(range(recording, from, last, true)));
    }
    this.#forget((chunk) => chunk.recording === recording && chunk.offset >= from && end(chunk) <= to);
  }

  /** Erases its pictures too. */
  async dropAll(recording: string): Promise<void> {
    await this.#write(CHUNKS, (chunks) => {
      chunks.delete(range(picturesOf(recording), 0, Number.POSITIVE_INFINITY));
      return chunks.delete(range(recording, 0, Number.POSITIVE_INFINITY));
    });
    this.#forget((chunk) => chunk.recording === recording);
  }

  /** Erases the recording and its row. */
  async remove(recording: string): Promise<void> {
    await this.dropAll(recording);
    await this.#write(ROWS, (rows) => rows.delete(recording));
  }

  /** Nobody is warned where they cannot be kept: a recording is as good without them. */
  async putPicture(recording: string, picture: Picture): Promise<void> {
    const row = { recording: picturesOf(recording), offset: picture.atMs, ...picture };
    await this.#change(CHUNKS, (chunks) => chunks.put(row)).catch(() => {});
  }

  async dropPictures(recording: string, pictures: readonly Picture[]): Promise<void> {
    const drop = (chunks: IDBObjectStore) => {
      for (const { atMs } of pictures) chunks.delete([picturesOf(recording), atMs]);
    };
    await this.#change(CHUNKS, drop).catch(() => {});
  }

  /** In the order of their times. @throws Unavailable `storage` */
  async pictures(recording: string): Promise<readonly Picture[]> {
    const all = range(picturesOf(recording), 0, Number.POSITIVE_INFINITY);
    return (await this.#read<Picture[]>(CHUNKS, (chunks) => chunks.getAll(all))) ?? [];
  }

  #forget(isGone: (chunk: Chunk) => boolean): void {
    this.#memory = this.#memory.filter((chunk) => !isGone(chunk));
    this.#memoryBytes = this.#memory.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** The beginning of the last chunk that begins at or before `offset`. */
  async #lastOffset(recording: string, offset: number): Promise<number | undefined> {
    const cursor = await this.#read<IDBCursor | null>(CHUNKS, (chunks) =>
      chunks.openKeyCursor(range(recording, 0, offset), 'prev'),
    );
    return cursor ? (cursor.key as [string, number])[1] : undefined;
  }

  /** Undefined where this browser has no IndexedDB. @throws Unavailable `storage` when it has, but cannot be read */
  async #read<Result>(name: string, ask: (store: IDBObjectStore) => IDBRequest): Promise<Result | undefined> {
    const database = await this.#database;
    if (!database) {
      if (!this.#isUsed) return undefined;
      throw new Unavailable('storage', 'The browser cannot open its storage.');
    }
    if (this.#isHung) throw new Unavailable('storage', NO_RESPONSE);
    try {
      return await this.#inTime(
        new Promise<Result>((resolve, reject) => {
          const request = ask(database.transaction(name).objectStore(name));
          request.onsuccess = () => resolve(request.result as Result);
          request.onerror = () => reject(request.error);
        }),
      );
    } catch (error) {
      this.#warn('storage-unavailable');
      throw new Unavailable('storage', String(error));
    }
  }

  /** Whether it was written to the disk. */
  async #write(name: string, change: (store: IDBObjectStore) => IDBRequest): Promise<boolean> {
    try {
      return await this.#change(name, change);
    } catch (error) {
      const isFull = error instanceof DOMException && error.name === 'QuotaExceededError';
      this.#warn(isFull ? 'storage-full' : 'storage-unavailable');
      return false;
    }
  }

  /**
   * False where nothing is asked of IndexedDB. `strict` durability, because a laptop may lose power during an exam.
   * @throws what IndexedDB refuses it with
   */
  async #change(name: string, change: (store: IDBObjectStore) => unknown): Promise<boolean> {
    const database = await this.#database;
    if (!database || this.#isHung) return false;
    const transaction = database.transaction(name, 'readwrite', { durability: 'strict' });
    await this.#inTime(
      new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
        change(transaction.objectStore(name));
      }),
    );
    return true;
  }

  /** Opened again after the browser has closed it: its data were cleared, or the disk failed. */
  async #open(): Promise<IDBDatabase | undefined> {
    try {
      const database = await this.#inTime(openDatabase());
      this.#isUsed = true;
      database.onclose = () => {
        this.#database = this.#open();
      };
      return database;
    } catch {
      this.#warn('storage-unavailable');
      if (globalThis.indexedDB) this.#openLater();
      return undefined;
    }
  }

  #openLater(): void {
    if (this.#options.signal?.aborted) return;
    const timer = setTimeout(async () => {
      const database = await this.#open();
      if (!database) return;
      this.#database = Promise.resolve(database);
      this.#options.onOpened?.();
    }, HUNG_FOR_MS);
    this.#options.signal?.addEventListener('abort', () => clearTimeout(timer));
  }

  /** IndexedDB may never respond: recording goes on without it, and tries it again after a while. */
  #inTime<Result>(work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#hungAtMs = now();
        reject(new Error(NO_RESPONSE));
      }, SLOW_MS);
      void work.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        this.#hungAtMs = Number.NEGATIVE_INFINITY;
      });
    });
  }

  get #isHung(): boolean {
    return now() - this.#hungAtMs < HUNG_FOR_MS;
  }

  #warn(code: StorageWarning): void {
    this.#problem = code;
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    this.#options.onWarning(code);
  }
}

export function end({ offset, bytes }: Chunk): number {
  return offset + bytes.length;
}

/** Pictures are among the chunks: another store would need another version of the database, which an older tab blocks. */
function picturesOf(recording: string): string {
  return `${recording}/overview`;
}

function range(recording: string, from: number, to: number, isOpen = false): IDBKeyRange {
  return IDBKeyRange.bound([recording, from], [recording, to], false, isOpen);
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(ROWS, { keyPath: 'key' });
      request.result.createObjectStore(CHUNKS, { keyPath: ['recording', 'offset'] });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
