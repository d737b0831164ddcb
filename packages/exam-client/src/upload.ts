// Uploads one recording, part by part while it is recorded, and completes it.
import { pauseMs } from './backoff.ts';
import type { Bytes } from './bytes.ts';
import { now } from './clock.ts';
import { ClientError, Unavailable } from './errors.ts';
import type { RecordedFile } from './file.ts';
import { type LocalBytes, newRecordingOf, type RecordingRow, requestKeyOf } from './local-bytes.ts';
import type { Part, PartUrls } from './part-urls.ts';
import { orAborted, pauseOrOnline, untilAvailable, type Waits } from './retry.ts';
import { type CreatedRecording, NoSuchUpload, type Service, type StoredPart } from './service.ts';
import { Slots } from './slots.ts';
import type { Timeline } from './timeline.ts';

/** For all recordings of the page: half of the connections that a browser opens to one origin. It also bounds memory. */
export const PARTS_AT_ONCE = 3;
/** How often parts that a late request has changed are sent again, when the service refuses the completion for them. */
const MAX_REPAIRS = 3;
/** Of the parts that are not ready yet: with a hundred URLs a response is small beside a part. */
const MAX_FOLLOWING = 99;

/** So long at most a completion waits for the overview of its recording. */
const OVERVIEW_WITHIN_MS = 8_000;

const slots = new Slots(PARTS_AT_ONCE);

/** Known once the recording has ended. */
export interface Ending {
  timeline(): Timeline;
  /** Replaces the beginning of part 1, of the same size. */
  readonly head: Bytes | undefined;
}

export interface UploadDependencies {
  readonly row: RecordingRow;
  readonly file: RecordedFile;
  readonly local: LocalBytes;
  readonly service: Service;
  readonly signal: AbortSignal;
  readonly waits: Waits;
  onProgress(): void;
  /** Of the whole recording; undefined when it has none. */
  overview(): Promise<Bytes | undefined>;
}

/** Where the parts go. */
interface Destination {
  readonly recordingId: string;
  readonly partSizeBytes: number;
  readonly urls: PartUrls;
}

export class Upload {
  readonly #deps: UploadDependencies;
  #totalBytes = 0;
  /** When the upload first knew of bytes, and of how many: what came since then shows the rate of the recording. */
  #begun: { readonly atMs: number; readonly bytes: number } | undefined;
  #ending: Ending | undefined;
  readonly #stored = new Map<number, StoredPart>();
  readonly #taken = new Set<number>();
  /** Part 1 was uploaded with the final head. */
  #isHeadFinal = false;
  /** A part failed permanently: no further part is sent, and no bytes are erased. */
  #isRefused = false;
  #creating: Promise<unknown> = Promise.resolve();
  #wake: () => void = () => {};
  #change = this.#nextChange();

  constructor(deps: UploadDependencies) {
    this.#deps = deps;
    deps.signal.addEventListener('abort', () => this.#changed());
  }

  get storedBytes(): number {
    return [...this.#stored.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Resolves when a creation in progress has ended and the row has its id, after an abort too. */
  async settled(): Promise<void> {
    await this.#creating.catch(() => {});
  }

  /** The file now has `totalBytes`, and all that are not uploaded are local. */
  grow(totalBytes: number): void {
    this.#totalBytes = totalBytes;
    this.#begun ??= { atMs: now(), bytes: totalBytes };
    this.#changed();
  }

  /** The file is complete. */
  end(ending: Ending): void {
    this.#ending = ending;
    this.#changed();
  }

  /**
   * Resolves with the size when the service says that the recording is stored. Continues where an earlier upload ended.
   * @throws ClientError when it cannot be stored, and the signal's reason
   */
  async run(): Promise<number> {
    const isResumed = this.#deps.row.recordingId !== undefined;
    const destination = await this.#create();
    const { recordingId, partSizeBytes } = destination;
    if (isResumed) {
      const sizeBytes = await this.#completeAgain(recordingId);
      if (sizeBytes !== undefined) return sizeBytes;
      await this.#resume(recordingId, partSizeBytes);
    }
    await this.#sendParts(destination);
    if (!this.#deps.file.hasFrames) {
      await this.#try(() => this.#deps.service.abort(recordingId));
      throw new ClientError('nothing-recorded', 'The source gave no bytes.');
    }
    // Where the local beginning is lost, part 1 in the store keeps its first head: the file is whole, but not seekable.
    if (!this.#isHeadFinal && (await this.#isHere(partSizeBytes, 1))) await this.#put(destination, 1);
    return this.#complete(destination);
  }

  async #sendParts(destination: Destination): Promise<void> {
    try {
      await Promise.all(Array.from({ length: PARTS_AT_ONCE }, () => this.#work(destination)));
    } catch (error) {
      this.#isRefused = true;
      this.#changed();
      throw error;
    }
  }

  async #isHere(partSizeBytes: number, partNumber: number): Promise<boolean> {
    const [from, to] = this.#range(partNumber, partSizeBytes);
    return (await this.#try(() => this.#deps.file.bytes(from, to))) !== undefined;
  }

  async #create(): Promise<Destination> {
    const { row, local, service } = this.#deps;
    const { recordingId, partSizeBytes } = row;
    if (recordingId !== undefined && partSizeBytes !== undefined) return this.#open({ recordingId, partSizeBytes });
    if (!row.isRequested) {
      row.isRequested = true;
      await local.put(row);
    }
    const create = async () => {
      const { signed, ...created } = await service.create(requestKeyOf(row), newRecordingOf(row));
      Object.assign(row, created);
      await local.put(row);
      const destination = this.#open(created);
      destination.urls.keep(signed);
      return destination;
    };
    return this.#try(() => {
      const creating = create();
      this.#creating = creating;
      return creating;
    });
  }

  #open(created: CreatedRecording): Destination {
    const { recordingId, partSizeBytes } = created;
    const following = (partNumber: number, withinMs: number) => this.#following(partNumber, partSizeBytes, withinMs);
    return { ...created, urls: this.#deps.service.urlsOf(recordingId, following) };
  }

  /** The parts that will be sent after this one within so many milliseconds, as far as that is known. */
  #following(after: number, partSizeBytes: number, withinMs: number): Part[] {
    const { atMs, bytes } = this.#begun ?? { atMs: 0, bytes: 0 };
    const bytesPerMs = (this.#totalBytes - bytes) / Math.max(1, now() - atMs);
    const totalBytes = this.#totalBytes + (this.#ending ? 0 : bytesPerMs * withinMs);
    const parts: Part[] = [];
    for (let partNumber = after + 1; parts.length < MAX_FOLLOWING; partNumber += 1) {
      const [from, to] = this.#range(partNumber, partSizeBytes, totalBytes);
      if (!this.#isReady(from, to, partSizeBytes)) break;
      parts.push({ partNumber, sizeBytes: to - from });
    }
    const isSentAgain = this.#ending && this.#stored.has(1) && !this.#isHeadFinal;
    if (isSentAgain && after > 1) parts.push({ partNumber: 1, sizeBytes: partSizeBytes });
    return parts;
  }

  /** Repeats a completion that an earlier visit sent without receiving the response. Undefined: parts are missing. */
  async #completeAgain(recordingId: string): Promise<number | undefined> {
    const { completion } = this.#deps.row;
    if (!completion) return undefined;
    try {
      return (await this.#try(() => this.#deps.service.complete(recordingId, completion))).sizeBytes;
    } catch (error) {
      if (error instanceof ClientError && error.code.startsWith('parts-')) return undefined;
      throw error;
    }
  }

  /** Sends again each part of another size, and part 1 if it is local: its size does not show whether its head is final. */
  async #resume(recordingId: string, partSizeBytes: number): Promise<void> {
    for (const part of await this.#try(() => this.#deps.service.parts(recordingId))) {
      const [from, to] = this.#range(part.partNumber, partSizeBytes);
      if (part.sizeBytes !== to - from) continue;
      if (part.partNumber === 1 && (await this.#isHere(partSizeBytes, 1))) continue;
      this.#stored.set(part.partNumber, part);
      this.#taken.add(part.partNumber);
    }
    this.#deps.onProgress();
  }

  /** Uploads parts until none is left. */
  async #work(destination: Destination): Promise<void> {
    for (;;) {
      const partNumber = await this.#take(destination.partSizeBytes);
      if (partNumber === undefined) return;
      await this.#put(destination, partNumber);
      await this.#drop(destination.partSizeBytes);
    }
  }

  /** Waits for the next whole part; undefined when there are no more. */
  async #take(partSizeBytes: number): Promise<number | undefined> {
    for (let partNumber = 1; !this.#isRefused; partNumber += 1) {
      while (this.#taken.has(partNumber)) partNumber += 1;
      const [from, to] = this.#range(partNumber, partSizeBytes);
      if (this.#isReady(from, to, partSizeBytes)) {
        this.#taken.add(partNumber);
        return partNumber;
      }
      if (this.#ending) return undefined;
      await this.#change;
      this.#deps.signal.throwIfAborted();
      partNumber = 0;
    }
    return undefined;
  }

  /** Whether [from, to) is a whole part, or the last one. */
  #isReady(from: number, to: number, partSizeBytes: number): boolean {
    return to - from === partSizeBytes || (this.#ending !== undefined && to > from);
  }

  async #put({ recordingId, partSizeBytes, urls }: Destination, partNumber: number): Promise<void> {
    const { service, signal } = this.#deps;
    await this.#try(() =>
      slots.run(async () => {
        signal.throwIfAborted();
        const { bytes, isFinal } = await this.#bytesOf(partNumber, partSizeBytes);
        const part = { recordingId, urls, partNumber, bytes };
        const etag = await service.putPart(part, signal).catch(async (error: unknown) => {
          // Part URLs are also handed out for an upload that has just ended.
          if (error instanceof NoSuchUpload) await service.parts(recordingId);
          throw error;
        });
        this.#stored.set(partNumber, { partNumber, sizeBytes: bytes.length, etag });
        if (partNumber === 1) this.#isHeadFinal = isFinal;
      }),
    );
    this.#deps.onProgress();
  }

  async #bytesOf(partNumber: number, partSizeBytes: number): Promise<{ bytes: Bytes; isFinal: boolean }> {
    const ending = this.#ending;
    const [from, to] = this.#range(partNumber, partSizeBytes);
    const bytes = await this.#deps.file.bytes(from, to);
    if (!bytes) throw new ClientError('parts-lost', `Part ${partNumber} is neither here nor in the store.`);
    if (partNumber === 1 && ending?.head) bytes.set(ending.head);
    return { bytes, isFinal: ending !== undefined };
  }

  /** Erases the local bytes of stored parts, from part 2 to the first that is not stored. */
  async #drop(partSizeBytes: number): Promise<void> {
    let stored = 1;
    while (this.#stored.has(stored + 1)) stored += 1;
    if (stored === 1 || this.#isRefused) return;
    const to = Math.min(stored * partSizeBytes, this.#totalBytes);
    await this.#try(() => this.#deps.file.drop(partSizeBytes, to));
  }

  async #complete(destination: Destination): Promise<number> {
    const { recordingId } = destination;
    const { service, row, local } = this.#deps;
    // Whether the computer slept decides what the timeline says.
    await this.#try(() => service.settleClock());
    await this.#sendOverview(recordingId);
    const timeline = this.#ending?.timeline();
    for (let repairs = 0; ; repairs += 1) {
      if ([...this.#stored.values()].some(({ etag }) => etag === '')) await this.#readEtags(recordingId);
      const parts = [...this.#stored.values()]
        .sort((a, b) => a.partNumber - b.partNumber)
        .map(({ partNumber, etag }) => ({ partNumber, etag }));
      const completion = { parts, ...(timeline && { timeline }) };
      row.completion = completion;
      await local.put(row);
      try {
        return (await this.#try(() => service.complete(recordingId, completion))).sizeBytes;
      } catch (error) {
        const isRepairable = error instanceof ClientError && error.code.startsWith('parts-') && repairs < MAX_REPAIRS;
        if (!isRepairable) throw error;
        await this.#repair(destination, error.partNumbers);
      }
    }
  }

  /** Best effort, and within a limit: a recording is as good without its overview. @throws the signal's reason */
  async #sendOverview(recordingId: string): Promise<void> {
    const { service, signal } = this.#deps;
    signal.throwIfAborted();
    const over = new AbortController();
    const end = () => over.abort();
    const timer = setTimeout(end, OVERVIEW_WITHIN_MS);
    signal.addEventListener('abort', end, { signal: over.signal });
    const send = async () => {
      const bytes = await this.#deps.overview();
      if (!bytes) return;
      const put = () => service.putOverview(recordingId, bytes, over.signal);
      await put().catch(async (error: unknown) => {
        const isPassing = error instanceof Unavailable && error.reason === 'unreachable' && error.afterMs === 0;
        if (!isPassing || navigator.onLine === false) return;
        await pauseOrOnline(pauseMs(0, Math.random()), over.signal);
        if (!over.signal.aborted) await put();
      });
    };
    await orAborted(send(), over.signal).catch(() => {});
    clearTimeout(timer);
    end();
    signal.throwIfAborted();
  }

  /** Sends again the parts that are still local, and accepts the others from the store where their size is right. */
  async #repair(destination: Destination, partNumbers: readonly number[]): Promise<void> {
    const { recordingId, partSizeBytes } = destination;
    const inStore = new Map(
      (await this.#try(() => this.#deps.service.parts(recordingId))).map((part) => [part.partNumber, part]),
    );
    for (const partNumber of partNumbers.length > 0 ? partNumbers : [1]) {
      const [from, to] = this.#range(partNumber, partSizeBytes);
      const found = inStore.get(partNumber);
      if (await this.#isHere(partSizeBytes, partNumber)) await this.#put(destination, partNumber);
      else if (found?.sizeBytes === to - from) this.#stored.set(partNumber, found);
      else
        throw new ClientError('parts-lost', 'The store has lost parts that it had acknowledged.', {
          partNumbers: [partNumber],
        });
    }
  }

  /** Needed where the store's CORS rules hide the ETag of a part from the page. */
  async #readEtags(recordingId: string): Promise<void> {
    for (const part of await this.#try(() => this.#deps.service.parts(recordingId))) {
      if (this.#stored.get(part.partNumber)?.etag === '') this.#stored.set(part.partNumber, part);
    }
  }

  #range(partNumber: number, partSizeBytes: number, totalBytes: number = this.#totalBytes): [number, number] {
    const from = (partNumber - 1) * partSizeBytes;
    return [from, Math.max(from, Math.min(from + partSizeBytes, totalBytes))];
  }

  #try<Result>(task: () => Promise<Result>): Promise<Result> {
    return untilAvailable(task, this.#deps);
  }

  #changed(): void {
    this.#wake();
    this.#change = this.#nextChange();
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
