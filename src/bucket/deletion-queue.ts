// The deletion queue: entries under `due/`, in order of time, that lead the sweeper to everything that is ever deleted.
import {
  type AttemptRef,
  attemptId,
  isId,
  isRecordingId,
  newUniqueName,
  type RandomBytes,
  type RecordingRef,
} from '../model/ids.ts';
import { toKeyTime } from '../model/times.ts';
import { type ListedObject, type ListPage, listPages, nextKey, type ObjectStore } from '../objectstore/object-store.ts';
import { type ReceiptIndex, type RetentionOverrides, readDocument, toBody } from './documents.ts';
import { DUE_PREFIX, keyOf, type OverrideStage, parseKey, prefixOf } from './layout.ts';
import { hasObjects, isAscending } from './listing.ts';

interface EntryBase {
  readonly key: string;
  /** By the store's clock when it listed; NaN where it sent none. */
  readonly ageMs: number;
  /** When it was written, by the store's clock. */
  readonly writtenMs: number;
  readonly sizeBytes: number;
}

export interface Creation {
  readonly recording: string;
  readonly participant: string;
}

export type QueueEntry = EntryBase &
  (
    | {
        readonly type: 'attempt';
        readonly timeMs: number;
        readonly ref: AttemptRef;
        /** The recording whose creation wrote it, and its participant; undefined of an entry for another reason. */
        readonly creation: Creation | undefined;
        /** It says that a request is at work on the attempt, or was shortly before. */
        readonly claim: 'creation' | 'assessment' | undefined;
      }
    /** An index of receipts, which expire at that time. */
    | { readonly type: 'receipts'; readonly timeMs: number }
    /** With which retention overrides the queue agrees; always at its head. */
    | { readonly type: 'overrides'; readonly timeMs: number; readonly digest: string; readonly stage: OverrideStage }
    /** A key that this service cannot have made; it sorts as due, so that it is seen and reported. */
    | { readonly type: 'unknown'; readonly timeMs: number }
  );

export type AttemptEntry = QueueEntry & { readonly type: 'attempt' };
export type OverridesEntry = QueueEntry & { readonly type: 'overrides' };

export interface QueuePage {
  readonly entries: readonly QueueEntry[];
  /** In the order that S3 promises: what follows an entry that is not due is not due either. */
  readonly isAscending: boolean;
  /** The key after which the queue continues; undefined at its end. */
  readonly next: string | undefined;
  readonly storeTimeMs: number;
}

/** What requests are at work on an attempt, or were shortly before: their claims, until a sweep takes them away. */
export interface Claims {
  readonly creations: readonly (Creation & { readonly claimedMs: number })[];
  /** When assessments were claimed, by the store's clock. */
  readonly assessmentsMs: readonly number[];
  readonly storeTimeMs: number;
}

/** Claims are at the head of the queue, so that each sweep sees them and one LIST shows those of an attempt. */
const CLAIM_TIME_MS = 0;
/** From this time on the queue has no claims. */
export const AFTER_CLAIMS_MS = CLAIM_TIME_MS + 1;
const ASSESSING = 'assessing-';

/**
 * The write protocol rests on it: a writer of anything that must be deleted later enqueues before it writes. Entries are
 * only added; the sweeper alone deletes one, after everything that it leads to.
 */
export class DeletionQueue {
  readonly #store: ObjectStore;
  readonly #randomBytes: RandomBytes;

  constructor(store: ObjectStore, randomBytes: RandomBytes) {
    this.#store = store;
    this.#randomBytes = randomBytes;
  }

  /** Leads the sweeper to an attempt at this time. Each call adds an entry of its own. @throws StoreError */
  enqueue(ref: AttemptRef, timeMs: number): Promise<void> {
    return this.add(this.newEntry(ref, timeMs));
  }

  /** The key of an entry that leads to an attempt at this time, for `add`. */
  newEntry(ref: AttemptRef, timeMs: number): string {
    return keyOf('due-attempt', { ...ref, timeMs, unique: newUniqueName(this.#randomBytes) });
  }

  /** The key of an entry that says that an assessment is being decided, for `add`. */
  newAssessmentClaim(ref: AttemptRef): string {
    const unique = `${ASSESSING}${newUniqueName(this.#randomBytes)}`;
    return keyOf('due-attempt', { ...ref, timeMs: CLAIM_TIME_MS, unique });
  }

  /** Writes an entry. Safe to repeat. @throws StoreError */
  async add(key: string): Promise<void> {
    await this.#store.put(key, new Uint8Array());
  }

  /**
   * `enqueue` of a creation: its name also leads to the participant index entry, which is written before anything else
   * names the participant. @throws StoreError
   */
  enqueueCreation(ref: RecordingRef, participant: string, timeMs: number): Promise<void> {
    return this.add(creationKey(ref, participant, timeMs));
  }

  /** The entry of a creation that begins. After the grace period a sweep moves it to the deadline. @throws StoreError */
  claimCreation(ref: RecordingRef, participant: string): Promise<void> {
    return this.enqueueCreation(ref, participant, CLAIM_TIME_MS);
  }

  /** One LIST, where an attempt has less than a thousand claims. @throws StoreError */
  async claims(ref: AttemptRef): Promise<Claims> {
    const { tenant, exam, attempt } = ref;
    const prefix = prefixOf('due-attempt', { tenant, exam, attempt, timeMs: CLAIM_TIME_MS });
    const creations: (Creation & { claimedMs: number })[] = [];
    const assessmentsMs: number[] = [];
    let storeTimeMs = Number.NaN;
    for await (const page of listPages(this.#store, prefix)) {
      storeTimeMs = page.storeTimeMs;
      for (const { key, lastModifiedMs } of page.objects) {
        const parsed = parseKey(key);
        if (parsed?.type !== 'due-attempt') continue;
        const creation = creationOf(parsed.unique);
        if (creation) creations.push({ ...creation, claimedMs: lastModifiedMs });
        else if (parsed.unique.startsWith(ASSESSING)) assessmentsMs.push(lastModifiedMs);
      }
    }
    return { creations, assessmentsMs, storeTimeMs };
  }

  /** Leads to what another entry leads to, at this time. @throws StoreError */
  enqueueInstead({ ref, creation }: AttemptEntry, timeMs: number): Promise<void> {
    if (!creation) return this.enqueue(ref, timeMs);
    return this.enqueueCreation({ ...ref, recording: creation.recording }, creation.participant, timeMs);
  }

  /** Leads the sweeper to receipts when they expire, and proves which were written together. @throws StoreError */
  async enqueueReceipts(index: ReceiptIndex, timeMs: number): Promise<void> {
    const unique = newUniqueName(this.#randomBytes);
    await this.#store.put(keyOf('due-receipts', { timeMs, unique }), toBody(index));
  }

  /** One LIST of at most `limit` entries, after a key or from a time on. @throws StoreError */
  async page({ after, fromMs, limit }: { after?: string; fromMs?: number; limit?: number } = {}): Promise<QueuePage> {
    const startAfter = after ?? (fromMs === undefined ? undefined : DUE_PREFIX + toKeyTime(fromMs));
    return toQueuePage(await this.#store.list(DUE_PREFIX, { startAfter, ...(limit !== undefined && { limit }) }));
  }

  /** All entries, page by page, as they are consumed. @throws StoreError */
  async *entries(from: { fromMs?: number } = {}): AsyncGenerator<QueueEntry, void, undefined> {
    let page = await this.page(from);
    for (;;) {
      yield* page.entries;
      if (page.next === undefined) return;
      page = await this.page({ after: page.next });
    }
  }

  /**
   * The time of an entry that leads to an attempt by `untilMs`: looked up at `timesMs`, one LIST each; then the queue is
   * read from its head. `unknown`: it is longer than `maxPages`. @throws StoreError
   */
  async firstOf(
    ref: AttemptRef,
    { timesMs, untilMs, maxPages }: { timesMs: readonly number[]; untilMs: number; maxPages: number },
  ): Promise<number | 'none' | 'unknown'> {
    for (const timeMs of timesMs) {
      if (await hasObjects(this.#store, prefixOf('due-attempt', { ...ref, timeMs }))) return timeMs;
    }
    let page = await this.page();
    for (let pages = 1; ; pages += 1) {
      const found = page.entries.find((entry) => {
        return entry.type === 'attempt' && attemptId(entry.ref) === attemptId(ref) && entry.timeMs <= untilMs;
      });
      // A sweep moves a claim to the deadline.
      if (found?.type === 'attempt') return found.claim ? untilMs : found.timeMs;
      const isPast = page.isAscending && (page.entries.at(-1)?.timeMs ?? untilMs) > untilMs;
      if (isPast || page.next === undefined) return 'none';
      if (pages === maxPages) return 'unknown';
      page = await this.page({ after: page.next });
    }
  }

  /** An index of receipts; undefined where it does not exist. @throws StoreError */
  readReceiptIndex(key: string): Promise<ReceiptIndex | 'unreadable' | undefined> {
    return readDocument(this.#store, key, 'receiptIndex');
  }

  /**
   * The records of the overrides, which follow the claims: as the first page of the queue shows them, or by a LIST of their
   * own where claims fill that page. @throws StoreError
   */
  async overrides({ entries, next }: QueuePage): Promise<OverridesEntry[]> {
    const isFull = next !== undefined && (entries.at(-1)?.timeMs ?? CLAIM_TIME_MS) <= CLAIM_TIME_MS;
    const prefix = prefixOf('due-orders', { timeMs: CLAIM_TIME_MS });
    const shown = isFull ? toQueuePage(await this.#store.list(prefix)).entries : entries;
    return shown.filter((entry) => entry.type === 'overrides');
  }

  readOverrides(key: string): Promise<RetentionOverrides | 'unreadable' | undefined> {
    return readDocument(this.#store, key, 'retentionOverrides');
  }

  /** Records with which overrides the queue agrees; the key of the record. @throws StoreError */
  async putOverrides(digest: string, stage: OverrideStage, overrides: RetentionOverrides): Promise<string> {
    const key = keyOf('due-orders', { timeMs: CLAIM_TIME_MS, digest, stage });
    await this.#store.put(key, toBody(overrides));
    return key;
  }
}

function toQueuePage(page: ListPage): QueuePage {
  const { objects, storeTimeMs } = page;
  return {
    entries: objects.map((object) => toEntry(object, storeTimeMs)),
    isAscending: isAscending(objects),
    next: nextKey(page),
    storeTimeMs,
  };
}

function toEntry({ key, lastModifiedMs, sizeBytes }: ListedObject, storeTimeMs: number): QueueEntry {
  const parsed = parseKey(key);
  const base = { key, ageMs: storeTimeMs - lastModifiedMs, writtenMs: lastModifiedMs, sizeBytes };
  switch (parsed?.type) {
    case 'due-attempt':
      return {
        type: 'attempt',
        ...base,
        timeMs: parsed.timeMs,
        ref: parsed.ref,
        creation: creationOf(parsed.unique),
        claim: claimIn(parsed.timeMs, parsed.unique),
      };
    case 'due-receipts':
      return { type: 'receipts', ...base, timeMs: parsed.timeMs };
    case 'due-orders':
      return { type: 'overrides', ...base, timeMs: parsed.timeMs, digest: parsed.digest, stage: parsed.stage };
    default:
      return { type: 'unknown', ...base, timeMs: Number.NEGATIVE_INFINITY };
  }
}

/** The key of the claim of a creation. */
export function creationClaim(ref: RecordingRef, participant: string): string {
  return creationKey(ref, participant, CLAIM_TIME_MS);
}

function creationKey(ref: RecordingRef, participant: string, timeMs: number): string {
  return keyOf('due-attempt', { ...ref, timeMs, unique: `${ref.recording}-${participant}` });
}

function claimIn(timeMs: number, unique: string): 'creation' | 'assessment' | undefined {
  if (timeMs !== CLAIM_TIME_MS) return undefined;
  if (unique.startsWith(ASSESSING)) return 'assessment';
  return creationOf(unique) && 'creation';
}

function creationOf(unique: string): Creation | undefined {
  const [recording = '', ...rest] = unique.split('-');
  const participant = rest.join('-');
  return isRecordingId(recording) && isId(participant) ? { recording, participant } : undefined;
}
