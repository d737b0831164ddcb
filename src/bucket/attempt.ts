// An attempt: what one listing shows of its recordings and assessments, and what follows for their deadlines.
import { type AttemptRef, createdAtOf, type RecordingRef, recordingId } from '../model/ids.ts';
import { deletableFromMs, isOfOrder, type RetentionPolicy, type Term, termOf } from '../model/retention.ts';
import { toIso } from '../model/times.ts';
import type { ListedObject, OpenUpload } from '../objectstore/object-store.ts';
import { type ParsedKey, parseKey, type RecordingObject } from './layout.ts';
import type { StoredItem } from './listing.ts';

export interface AssessmentRecord extends StoredItem {
  readonly completedAtMs: number;
}

/** What a listing shows of one recording. */
export interface RecordingState {
  readonly ref: RecordingRef;
  /** What a reader sees now. */
  readonly objects: Readonly<Partial<Record<RecordingObject, ListedObject>>>;
  /** Everything that a purge has to delete, versions and delete markers included. */
  readonly items: readonly (StoredItem & { readonly object: RecordingObject })[];
  readonly uploads: readonly OpenUpload[];
}

export function emptyState(ref: RecordingRef): RecordingState {
  return { ref, objects: {}, items: [], uploads: [] };
}

/** Media that were not found whole yet, or are no recording, are not stored, and may not be played. */
export function isStored({ objects }: RecordingState): boolean {
  return objects.media !== undefined && objects.stored !== undefined;
}

/** Objects that only a recording has. Where somebody deleted a manifest in a versioned bucket, an older version of it is left. */
const OF_RECORDING: ReadonlySet<RecordingObject> = new Set(['manifest', 'media', 'stored']);

/**
 * Whether its manifest is gone, and not by a deletion, which a receipt would prove: it was lost, or somebody hid it. Every
 * other object is written after the manifest; without a receipt, what else is left without one was written by a request that
 * a deletion overtook.
 */
export function hasLostManifest({ items, objects }: RecordingState, isProven: boolean): boolean {
  return !objects.manifest && !isProven && items.some(({ object }) => OF_RECORDING.has(object));
}

/** Its creation finished at least its manifest, and no deletion has begun. */
export function isKept({ objects }: RecordingState): boolean {
  return objects.manifest !== undefined && objects.deleting === undefined;
}

/** A snapshot: all of an attempt's state is derived from one listing. */
export class Attempt {
  readonly ref: AttemptRef;
  readonly assessments: readonly AssessmentRecord[];
  /** Markers of assessments that are being decided: no recording begins beside one. */
  readonly assessing: readonly StoredItem[];
  /** Oldest first. */
  readonly recordings: readonly RecordingState[];
  /** Keys under the attempt that this service cannot have made: they are kept and reported. */
  readonly unknownKeys: readonly string[];
  /** The store's clock when it listed; NaN where it sent none, and where many attempts were listed at once. */
  readonly storeTimeMs: number;
  /** The assessment that counts, which is the first; a record that was deleted from a versioned bucket does not count. */
  readonly assessedAtMs: number | undefined;
  readonly #policy: RetentionPolicy;
  readonly #byId: ReadonlyMap<string, RecordingState>;

  constructor(
    policy: RetentionPolicy,
    ref: AttemptRef,
    items: readonly StoredItem[],
    { uploads = [], storeTimeMs = Number.NaN }: { uploads?: readonly OpenUpload[]; storeTimeMs?: number } = {},
  ) {
    const assessments: AssessmentRecord[] = [];
    const assessing: StoredItem[] = [];
    const unknownKeys: string[] = [];
    const drafts = new Map<string, Draft>();
    let assessedAtMs: number | undefined;
    for (const item of items) {
      const parsed = parseKey(item.key);
      if (parsed?.type === 'assessed') {
        const { completedAtMs } = parsed;
        assessments.push({ ...item, completedAtMs });
        if (!item.isNoncurrent) assessedAtMs = Math.min(assessedAtMs ?? completedAtMs, completedAtMs);
      } else if (parsed?.type === 'assessing') assessing.push(item);
      else if (parsed?.type === 'recording') {
        const draft = draftOf(drafts, parsed);
        draft.items.push({ ...item, object: parsed.object });
        if (!item.isNoncurrent) draft.objects[parsed.object] = item;
      } else unknownKeys.push(item.key);
    }
    for (const upload of uploads) {
      const parsed = parseKey(upload.key);
      if (parsed?.type === 'recording' && parsed.object === 'media') draftOf(drafts, parsed).uploads.push(upload);
      else unknownKeys.push(upload.key);
    }
    this.ref = ref;
    this.assessments = assessments;
    this.assessing = assessing;
    this.assessedAtMs = assessedAtMs;
    this.recordings = [...drafts.values()].sort((a, b) => (a.ref.recording < b.ref.recording ? -1 : 1));
    this.#byId = drafts;
    this.unknownKeys = unknownKeys;
    this.storeTimeMs = storeTimeMs;
    this.#policy = policy;
  }

  recording(id: string): RecordingState | undefined {
    return this.#byId.get(id);
  }

  /**
   * When it was created, in milliseconds since the epoch: as its id says, unless a sweep found that the id was ahead of the
   * clock. Then it is the date of that marker, which cannot be before the creation.
   */
  createdAtMs({ ref, objects }: Pick<RecordingState, 'ref' | 'objects'>): number {
    return Math.min(createdAtOf(ref.recording), objects.ahead?.lastModifiedMs ?? Number.POSITIVE_INFINITY);
  }

  /** How long a recording of this attempt is kept, and by which rule. */
  term({ recording }: Pick<RecordingRef, 'recording'>): Term {
    const createdAtMs = this.#createdAtMsOf(recording);
    return termOf(this.#policy, this.ref.tenant, { createdAtMs, assessedAtMs: this.assessedAtMs });
  }

  #createdAtMsOf(recording: string): number {
    const state = this.#byId.get(recording);
    return state ? this.createdAtMs(state) : createdAtOf(recording);
  }

  /** The time after which a recording of this attempt must not exist, in milliseconds since the epoch. */
  deadlineMs(ref: Pick<RecordingRef, 'recording'>): number {
    return this.term(ref).deadlineMs;
  }

  /**
   * The deadline of what is being deleted: that of when its deletion began, as its intent has it, although an assessment or
   * an order may have moved it since. A deadline that no rule explains was written by somebody else, and does not count.
   */
  deadlineOfDeletion({ recording }: Pick<RecordingRef, 'recording'>, told: string | undefined): number {
    const deadlineMs = this.deadlineMs({ recording });
    const toldMs = told === undefined ? deadlineMs : Date.parse(told);
    if (toldMs >= deadlineMs) return deadlineMs;
    const createdAtMs = this.#createdAtMsOf(recording);
    const { deadlineMs: unassessedMs } = termOf(this.#policy, this.ref.tenant, { createdAtMs });
    const isExplained =
      toldMs === unassessedMs ||
      this.assessments.some(({ completedAtMs }) => toldMs === this.assessedDeadlineMs(completedAtMs)) ||
      isOfOrder(toldMs, createdAtMs);
    return isExplained ? toldMs : deadlineMs;
  }

  /** From when on a sweep may have deleted a recording of this attempt, in milliseconds since the epoch. */
  deletableFromMs(ref: Pick<RecordingRef, 'recording'>, leadMs: number): number {
    return deletableFromMs(this.term(ref), leadMs);
  }

  /** How long an assessment at this time has every recording of the attempt kept. */
  assessedTerm(assessedAtMs: number): Term {
    return termOf(this.#policy, this.ref.tenant, { assessedAtMs });
  }

  /** The deadline that an assessment at this time sets for every recording of the attempt. */
  assessedDeadlineMs(assessedAtMs: number): number {
    return this.assessedTerm(assessedAtMs).deadlineMs;
  }

  /** Not deleted, not being deleted, not past its deadline. */
  isLive(state: RecordingState, nowMs: number): boolean {
    return isKept(state) && this.deadlineMs(state.ref) > nowMs;
  }

  /**
   * When the sweeper must come at the latest: for the recordings whose ids are not `deleted`, or for the assessment records
   * of an attempt that has no others. Undefined where there is nothing.
   */
  nextDeadlineMs(deleted?: ReadonlySet<string>): number | undefined {
    let nextMs: number | undefined;
    for (const { ref } of this.recordings) {
      if (!deleted?.has(recordingId(ref))) nextMs = Math.min(nextMs ?? Number.POSITIVE_INFINITY, this.deadlineMs(ref));
    }
    if (nextMs !== undefined || this.assessedAtMs === undefined) return nextMs;
    return this.assessedDeadlineMs(this.assessedAtMs);
  }

  /** The tags of stored media: derived from the records, never the truth, because some stores have no tags (ADR 1). */
  tagsOf(ref: RecordingRef, assessedAtMs = this.assessedAtMs): Record<string, string> {
    const deadlineMs = assessedAtMs === undefined ? this.deadlineMs(ref) : this.assessedDeadlineMs(assessedAtMs);
    const deleteBy = { 'delete-by': toIso(deadlineMs) };
    return assessedAtMs === undefined ? deleteBy : { ...deleteBy, 'assessment-completed-at': toIso(assessedAtMs) };
  }

  /** Every key that the listing showed, but those of open uploads. */
  get keys(): string[] {
    const items = this.recordings.flatMap((state): readonly StoredItem[] => state.items).concat(this.assessments);
    return [...items, ...this.assessing].map(({ key }) => key).concat(this.unknownKeys);
  }
}

interface Draft {
  readonly ref: RecordingRef;
  readonly objects: Partial<Record<RecordingObject, ListedObject>>;
  readonly items: (StoredItem & { object: RecordingObject })[];
  readonly uploads: OpenUpload[];
}

function draftOf(drafts: Map<string, Draft>, { ref }: ParsedKey & { type: 'recording' }): Draft {
  const known = drafts.get(ref.recording);
  if (known) return known;
  const draft: Draft = { ref, objects: {}, items: [], uploads: [] };
  drafts.set(ref.recording, draft);
  return draft;
}

/** By the store's clock, which may cut to whole seconds; never before its creation. Undefined: not stored. */
export function storedAtMs({ ref, objects }: RecordingState): number | undefined {
  if (!objects.media || !objects.stored) return undefined;
  return Math.max(objects.stored.lastModifiedMs, createdAtOf(ref.recording));
}
