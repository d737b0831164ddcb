// The irreversible act: deletes recordings wholly, proves it by a second listing, and leaves a receipt for each.
import { isDeepStrictEqual } from 'node:util';
import pMap from 'p-map';
import { emptyState, type RecordingState } from '../bucket/attempt.ts';
import { type Bucket, DELETION } from '../bucket/bucket.ts';
import { type DeletionIntent, type DeletionReason, idsOf, type Manifest, type Receipt } from '../bucket/documents.ts';
import { openUploadsAt } from '../bucket/inventory.ts';
import type { RecordingObject } from '../bucket/layout.ts';
import { deletionEvent, type Outbox } from '../bucket/outbox.ts';
import { entryOf, isProof, submitReceipts } from '../bucket/receipt-log.ts';
import { ReceiptChain, type ReceiptChainContext, type UnchainedReceipt } from '../bucket/receipts.ts';
import { HOUR_MS } from '../model/durations.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import { toIso } from '../model/times.ts';
import { together } from '../model/together.ts';
import { type DeleteTarget, endUpload, STORE_CONCURRENCY } from '../objectstore/object-store.ts';
import { isOutage, isStoreError, meaningOf } from '../objectstore/store-error.ts';
import { mayBeRunning } from './creation-time.ts';
import { type Failure, failureOf } from './failure.ts';

export interface PurgeContext extends ReceiptChainContext {
  /** For the controller's systems; undefined: no event is written. */
  readonly outbox?: Outbox | undefined;
}

/** A recording that must be deleted, as it was listed. */
export interface DeletionCandidate {
  readonly state: RecordingState;
  /** Whether its `uploads` are all that the store lists. */
  readonly areUploadsListed: boolean;
  /** Of one whose uploads the caller has ended already. */
  readonly manifest?: Manifest | undefined;
  /** The bytes of the parts that the caller has deleted. Default: 0. */
  readonly endedBytes?: number | undefined;
  readonly reason: DeletionReason;
  readonly actor: string;
  readonly deadlineMs: number;
  /** It has a deletion intent, which may say that it was given up before a part of it arrived. Default: false. */
  readonly hasIntent?: boolean | undefined;
  /** The caller has decided so, whatever the intent says by now: another request may have overwritten it. Default: false. */
  readonly needsReceipt?: boolean | undefined;
}

export interface DeletedCount {
  readonly objects: number;
  readonly versions: number;
  readonly bytes: number;
}

interface Purged {
  readonly ref: RecordingRef;
  readonly deleted: DeletedCount;
}

/** `deleted`: this purge wrote the receipt. */
export type PurgeOutcome = Purged &
  (
    | { readonly result: 'deleted'; readonly receipt: Receipt }
    /** Another purge wrote the receipt: a simultaneous one, or one that died or failed after the receipt. */
    | { readonly result: 'proven-before'; readonly receipt: Receipt }
    /** Nothing was ever recorded: a creation that died before its manifest, or was given up at once. There is no receipt. */
    | { readonly result: 'was-empty' }
    /** `receipt`: what this purge wrote before it failed, where it came as far as that. */
    | { readonly result: 'failed'; readonly failure: Failure; readonly receipt: Receipt | undefined }
  );

/** The receipt that this purge wrote; each proves one deletion. */
export function ownReceiptOf(outcome: PurgeOutcome): Receipt | undefined {
  return outcome.result === 'deleted' || outcome.result === 'failed' ? outcome.receipt : undefined;
}

/** How far one recording is. A step acts on jobs that have not failed. */
type Progress =
  | { readonly step: 'deleting' }
  /** There was an open upload without parts, and nothing else but the manifest of a creation that was given up. */
  | { readonly step: 'was-empty' }
  | { readonly step: 'drafted'; readonly draft: UnchainedReceipt }
  | { readonly step: 'proven'; readonly receipt: Receipt }
  | { readonly step: 'proven-before'; readonly receipt: Receipt }
  | { readonly step: 'failed'; readonly failure: Failure };

interface PurgeJob {
  readonly candidate: DeletionCandidate;
  readonly ref: RecordingRef;
  progress: Progress;
  manifest: Manifest | undefined;
  /**
   * An error before a listing has shown that the media are deleted: it fails the recording only when its receipt would be
   * written. The media are deleted in time, whatever else of the recording fails.
   */
  deferred: Failure | undefined;
  deletedAtMs: number;
  /** Milliseconds since then. */
  elapsedMs: () => number;
  /** Everything under the recording's prefix that is still to be deleted. */
  state: RecordingState;
  /** What was stored about its deletion when `state` was listed; undefined where it is the first purge of stored media. */
  about: AboutDeletion | undefined;
  readonly deleted: { objects: number; versions: number; bytes: number };
  /** Of these bytes, those of overviews: what was given up may get one until its intent is written, and is empty all the same. */
  overviewBytes: number;
  /** What this purge wrote. */
  receipt: Receipt | undefined;
}

interface AboutDeletion {
  readonly receipt: Receipt | 'unreadable' | undefined;
  /** Undefined also where it makes no difference. */
  readonly intent: DeletionIntent | 'unreadable' | undefined;
}

interface Drafted {
  readonly job: PurgeJob;
  readonly draft: UnchainedReceipt;
}

type CountedTarget = DeleteTarget & {
  readonly object?: RecordingObject;
  readonly sizeBytes?: number;
  readonly isNoncurrent?: boolean;
};

/** How often a purge starts over when a late part or a running complete brings something back. */
const MAX_ROUNDS = 5;
/** A process may have been suspended: what it listed before proves nothing by now. */
const MAX_LISTING_AGE_MS = HOUR_MS;

/**
 * Purges recordings in the order that makes a crash harmless (ARCHITECTURE, "purge"). Deletes are batched across
 * recordings. The caller acknowledges queue entries afterwards.
 *
 * Safe to repeat and to run twice at once. Never throws because of one recording: its outcome reports the failure, and
 * the others continue.
 */
export function purgeRecordings(
  context: PurgeContext,
  bucket: Bucket,
  candidates: readonly DeletionCandidate[],
  { chain = new ReceiptChain(context, bucket.queue, 'request'), beforeTheEnd = async () => {} }: PurgeOptions = {},
): Promise<PurgeOutcome[]> {
  return new Purge(context, bucket, chain, candidates).run(beforeTheEnd);
}

interface PurgeOptions {
  readonly chain?: ReceiptChain;
  /** Runs when nothing but the deletion intents is left, while these are deleted. */
  readonly beforeTheEnd?: () => Promise<void>;
}

class Purge {
  readonly #context: PurgeContext;
  readonly #bucket: Bucket;
  readonly #chain: ReceiptChain;
  readonly #jobs: readonly PurgeJob[];

  constructor(context: PurgeContext, bucket: Bucket, chain: ReceiptChain, candidates: readonly DeletionCandidate[]) {
    this.#context = context;
    this.#bucket = bucket;
    this.#chain = chain;
    this.#jobs = candidates.map(newJob);
  }

  async run(beforeTheEnd: () => Promise<void>): Promise<PurgeOutcome[]> {
    await this.#each((job) => this.#prepare(job));
    await this.#deleteContents();
    await this.#each((job) => this.#draftReceipt(job));
    await this.#writeEvents();
    await this.#writeReceipts();
    // The manifest goes at the same time where an intent and a receipt lead the next purge to the rest after a crash, or a
    // refusal. Without one of them the manifest does that: it alone names the participant.
    const isLedTo = ({ state, progress }: PurgeJob) => state.objects.deleting && 'receipt' in progress;
    await together(
      this.#submitReceipts(),
      this.#deleteBatch(async (job) => [
        ...(await this.#participantEntry(job)),
        ...(isLedTo(job) ? allButCause(job) : []),
      ]),
    );
    await this.#deleteBatch((job) => (isLedTo(job) ? [] : allButCause(job)));
    // What makes it due is deleted last: a manifest whose deletion is refused must not become readable again.
    await together(this.#deleteBatch(cause), beforeTheEnd());
    return this.#jobs.map(toOutcome);
  }

  async #prepare(job: PurgeJob): Promise<void> {
    job.manifest = job.candidate.manifest;
    if (job.manifest) return;
    try {
      const manifest = job.state.objects.manifest && (await this.#bucket.read(job.ref, 'manifest'));
      if (manifest !== 'unreadable') job.manifest = manifest;
    } catch (error) {
      job.deferred = failureOf(error);
    }
    await this.#endUploads(job);
  }

  /**
   * The upload of the manifest, which has all parts, whatever a listing shows; and those that a listing does show: a
   * creation whose reply was lost leaves an empty one.
   */
  async #endUploads(job: PurgeJob): Promise<void> {
    const { store } = this.#bucket;
    const key = this.#bucket.mediaKey(job.ref);
    try {
      for (const uploadId of await this.#uploadsOf(job)) {
        job.deleted.bytes += await endUpload(store, key, uploadId);
      }
    } catch (error) {
      job.deferred ??= failureOf(error);
    }
  }

  async #uploadsOf({ candidate, manifest, ref }: PurgeJob): Promise<Set<string>> {
    const { areUploadsListed, state } = candidate;
    const listed = areUploadsListed
      ? state.uploads
      : await openUploadsAt(this.#bucket.store, this.#bucket.mediaKey(ref));
    const ids = new Set(listed.map(({ uploadId }) => uploadId));
    if (manifest) ids.add(manifest.uploadId);
    return ids;
  }

  /** Deletes the contents, and lists again, until a listing of exactly the attempt shows none. */
  async #deleteContents(): Promise<void> {
    let rest = this.#jobs;
    for (let round = 0; rest.length > 0; round += 1) {
      for (const job of rest) {
        job.deletedAtMs = this.#context.now();
        job.elapsedMs = startStopwatch(this.#context.now);
      }
      await this.#deleteBatch(contents, rest);
      const listed = this.#bucket.listExactly(rest.filter(isActive).map(({ ref }) => ref));
      await this.#each(async (job) => {
        const [attempt, about] = await together(listed(job.ref), isFirst(job) ? undefined : this.#readAbout(job));
        job.state = attempt.recording(job.ref.recording) ?? emptyState(job.ref);
        job.about = about;
        if (contents(job).length === 0) return;
        if (round === MAX_ROUNDS) fail(job, { code: 'objects-stay', operation: DELETION, kind: 'unexpected' });
        else await this.#endUploads(job);
      }, rest);
      rest = rest.filter((job) => isActive(job) && contents(job).length > 0);
    }
  }

  /** A purge that an earlier one had all but finished keeps the receipt of that one, and adds what it found itself. */
  async #draftReceipt(job: PurgeJob): Promise<void> {
    const { candidate, ref, manifest, deleted, state, about } = job;
    if (job.deferred) return fail(job, job.deferred);
    // A manifest that cannot be read is kept and reported; its media are deleted by now.
    if (state.objects.manifest && !manifest) return fail(job, { code: 'manifest-unreadable' });
    if (this.#isSuperseded(job)) return fail(job, { code: 'overtaken' });
    // The manifest is deleted after the receipt: another purge has proven this deletion meanwhile.
    const isProven = manifest !== undefined && !state.objects.manifest;
    const stored = isProven ? await this.#bucket.readReceipt(ref) : about?.receipt;
    const known = await this.#believed(stored);
    if (known && (!hadMedia(job) || isProven)) {
      job.progress = { step: 'proven-before', receipt: known };
      return;
    }
    if (!known && !hadMedia(job) && hadNoPart(job)) {
      const intent = about?.intent;
      // Another purge has finished since the listing: with a receipt, which may have expired, or without.
      if (isProven || (candidate.hasIntent && !intent)) return fail(job, { code: 'overtaken' });
      // No one has the id of a creation that died before its manifest, and no part of it ever arrived.
      const isDiscarded = intent && intent !== 'unreadable' && intent.isEmpty && !candidate.needsReceipt;
      if (isDiscarded || candidate.state.items.length === 0) {
        job.progress = { step: 'was-empty' };
        return;
      }
    }
    const noncurrent = state.items.filter(({ isNoncurrent }) => isNoncurrent).length;
    const draft: UnchainedReceipt = {
      ...idsOf(ref),
      participantId: manifest?.participantId ?? known?.participantId ?? null,
      reason: known?.reason ?? candidate.reason,
      deadline: known?.deadline ?? toIso(candidate.deadlineMs),
      // What was there again, after an earlier deletion, was there until now.
      deletedAt: toIso(job.deletedAtMs),
      verifiedAt: toIso(this.#context.now()),
      objects: deleted.objects + state.items.length - noncurrent + (manifest ? 1 : 0) + (known?.objects ?? 0),
      versions: deleted.versions + noncurrent + (known?.versions ?? 0),
      bytes: deleted.bytes + state.items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) + (known?.bytes ?? 0),
      actor: known?.actor ?? candidate.actor,
      ...supersededBy(known),
    };
    job.progress = { step: 'drafted', draft };
  }

  /**
   * The intent is read now: an abort may have written it since the candidate was listed, which proves nothing, or an erasure,
   * which needs a receipt.
   */
  async #readAbout(job: PurgeJob): Promise<AboutDeletion | undefined> {
    const { ref } = job;
    try {
      const [receipt, intent] = await together(
        this.#bucket.readReceipt(ref),
        hadNoPart(job) ? this.#bucket.read(ref, 'deleting') : undefined,
      );
      return { receipt, intent };
    } catch (error) {
      job.deferred ??= failureOf(error);
      return undefined;
    }
  }

  async #believed(stored: Receipt | 'unreadable' | undefined): Promise<Receipt | undefined> {
    return stored !== 'unreadable' && (await isProof(this.#context.signer, stored)) ? stored : undefined;
  }

  /** Others may have deleted, proven and forgotten since it was listed: the next sweep lists it again. */
  #isSuperseded({ elapsedMs }: PurgeJob): boolean {
    return elapsedMs() > MAX_LISTING_AGE_MS;
  }

  /** Before the receipts, so that a crash in between repeats the events, under the same ids, rather than lose them. */
  async #writeEvents(): Promise<void> {
    const { outbox } = this.#context;
    if (!outbox) return;
    for (const [tenant, own] of Map.groupBy(this.#drafted(), ({ job }) => job.ref.tenant)) {
      try {
        await outbox.add(
          tenant,
          own.map(({ draft }) => deletionEvent(draft)),
        );
      } catch (error) {
        for (const { job } of own) fail(job, failureOf(error));
      }
    }
  }

  /** The index first, one for the whole batch: it leads to the receipts when they expire. */
  async #writeReceipts(): Promise<void> {
    let taken: Drafted[] = [];
    const takeDrafts = () => {
      // This may have waited for other chunks of the run.
      for (const { job } of this.#drafted()) if (this.#isSuperseded(job)) fail(job, { code: 'overtaken' });
      taken = this.#drafted();
      return taken.map(({ draft }) => draft);
    };
    try {
      const receipts = await this.#chain.append(takeDrafts);
      const receiptOf = new Map(taken.map(({ job }, index) => [job, receipts[index]]));
      await this.#each(async (job) => {
        const receipt = receiptOf.get(job);
        if (!receipt) return;
        // It was suspended after the index was written: another purge may have written the receipt, which is in the log.
        if (this.#isSuperseded(job)) return fail(job, { code: 'overtaken' });
        await this.#putReceipt(job.ref, receipt);
        job.receipt = receipt;
        job.progress = { step: 'proven', receipt };
      });
    } catch (error) {
      for (const { job } of taken) fail(job, failureOf(error));
    }
  }

  /** A PUT whose reply was lost has taken effect: without its entry in the log that receipt would look like a forged one. */
  async #putReceipt(ref: RecordingRef, receipt: Receipt): Promise<void> {
    try {
      await this.#bucket.putReceipt(receipt);
    } catch (error) {
      const stored = await this.#bucket.readReceipt(ref).catch(() => undefined);
      if (!stored || !isDeepStrictEqual(stored, receipt)) throw error;
    }
  }

  /**
   * After the receipts, so that the log has no entry without a receipt. Before the manifests are deleted, so that after a
   * crash in between the next sweep submits them.
   */
  async #submitReceipts(): Promise<void> {
    const { signer, randomBytes, now } = this.#context;
    if (!signer) return;
    const proven = this.#jobs.flatMap((job) =>
      'receipt' in job.progress ? [{ job, receipt: job.progress.receipt }] : [],
    );
    for (const [tenant, own] of Map.groupBy(proven, ({ job }) => job.ref.tenant)) {
      try {
        const receipts = own.map(({ receipt }) => receipt);
        await submitReceipts({ store: this.#bucket.store, signer, randomBytes, now }, tenant, receipts);
      } catch (error) {
        for (const { job } of own) fail(job, failureOf(error));
      }
    }
  }

  /** And the claim of a creation that may look new to another one. */
  async #participantEntry({ manifest, progress, ref }: PurgeJob): Promise<CountedTarget[]> {
    const participantId = manifest?.participantId ?? ('receipt' in progress ? progress.receipt.participantId : null);
    if (participantId === null) return [];
    const isNew = mayBeRunning(this.#context.now() - createdAtOf(ref.recording));
    const [entry, claim] = await together(
      this.#bucket.participantTargets(participantId, ref),
      isNew ? this.#bucket.claimTargets(participantId, ref) : [],
    );
    return [...entry, ...claim];
  }

  #drafted(): Drafted[] {
    return this.#jobs.flatMap((job) => (job.progress.step === 'drafted' ? [{ job, draft: job.progress.draft }] : []));
  }

  /** Runs a step for each job that has not failed; an error fails that job alone. */
  async #each(step: (job: PurgeJob) => Promise<void>, jobs = this.#jobs): Promise<void> {
    const run = async (job: PurgeJob) => {
      try {
        await step(job);
      } catch (error) {
        fail(job, failureOf(error));
      }
    };
    await pMap(jobs.filter(isActive), run, { concurrency: STORE_CONCURRENCY });
  }

  /** Deletes in batches that all jobs share; a refused key fails its own job alone. */
  async #deleteBatch(
    targetsOf: (job: PurgeJob) => readonly CountedTarget[] | Promise<readonly CountedTarget[]>,
    jobs = this.#jobs,
  ): Promise<void> {
    const owners = new Map<string, PurgeJob>();
    const targets: CountedTarget[] = [];
    await this.#each(async (job) => {
      for (const target of await targetsOf(job)) {
        owners.set(target.key, job);
        targets.push(target);
      }
    }, jobs);
    if (targets.length === 0) return;
    try {
      const refused = new Map<string, string>();
      await this.#bucket.removeTargets(targets, ({ key, code }) => void refused.set(key, code));
      for (const target of targets) {
        const job = owners.get(target.key);
        const code = refused.get(target.key);
        if (job && code === undefined) count(job, target);
        else if (job && code !== undefined)
          fail(job, { code, operation: DELETION, kind: meaningOf(code) ?? 'unexpected' });
      }
    } catch (error) {
      const affected = [...new Set(owners.values())];
      // One key can make a store refuse a whole batch. A busy store gets no further requests: they would only add load.
      const isPoisoned = isStoreError(error) && !isOutage(error) && affected.length > 1;
      if (!isPoisoned) for (const job of affected) fail(job, failureOf(error));
      else for (const job of affected) await this.#deleteBatch(targetsOf, [job]);
    }
  }
}

/** Of a receipt that can be read again. */
const MAX_SUPERSEDED = 100;

/** The new receipt overwrites the earlier one, so it names the hash that the log has of it. */
function supersededBy(known: Receipt | undefined): Pick<Receipt, 'supersedes'> {
  const entry = known && entryOf(known);
  return entry ? { supersedes: [...(known.supersedes ?? []), entry.hash].slice(-MAX_SUPERSEDED) } : {};
}

function newJob(candidate: DeletionCandidate): PurgeJob {
  return {
    candidate,
    ref: candidate.state.ref,
    progress: { step: 'deleting' },
    manifest: undefined,
    deferred: undefined,
    deletedAtMs: 0,
    elapsedMs: () => 0,
    state: candidate.state,
    about: undefined,
    deleted: { objects: 0, versions: 0, bytes: candidate.endedBytes ?? 0 },
    overviewBytes: 0,
    receipt: undefined,
  };
}

/** Nothing was written about its deletion before: its receipt comes before its manifest is deleted. */
function isFirst(job: PurgeJob): boolean {
  return hadMedia(job) && job.manifest !== undefined;
}

function hadMedia({ candidate }: PurgeJob): boolean {
  return candidate.state.items.some(({ object }) => object === 'media');
}

/** Of what it has deleted so far, overviews not counted. */
function hadNoPart({ deleted, overviewBytes }: PurgeJob): boolean {
  return deleted.bytes === overviewBytes;
}

function isActive({ progress }: PurgeJob): boolean {
  return progress.step !== 'failed';
}

/** The first failure counts. */
function fail(job: PurgeJob, failure: Failure): void {
  if (isActive(job)) job.progress = { step: 'failed', failure };
}

/** Without one of these a recording that must be deleted would look as if it may be kept. */
const CAUSES: ReadonlySet<string> = new Set(['deleting', 'ahead']);
/** A restriction lasts as long as the media: pages of a listing from before and during a purge must not show these alone. */
const KEPT_BESIDE_MEDIA: ReadonlySet<string> = new Set(['manifest', 'restricted', ...CAUSES]);

function contents({ state }: PurgeJob): readonly CountedTarget[] {
  return state.items.filter(({ object }) => !KEPT_BESIDE_MEDIA.has(object));
}

function allButCause({ state }: PurgeJob): readonly CountedTarget[] {
  return state.items.filter(({ object }) => !CAUSES.has(object));
}

function cause({ state }: PurgeJob): readonly CountedTarget[] {
  return state.items.filter(({ object }) => CAUSES.has(object));
}

function count(job: PurgeJob, { object, isNoncurrent, sizeBytes = 0 }: CountedTarget): void {
  const { deleted } = job;
  if (isNoncurrent) deleted.versions += 1;
  else deleted.objects += 1;
  deleted.bytes += sizeBytes;
  if (object === 'overview') job.overviewBytes += sizeBytes;
}

function toOutcome({ ref, progress, deleted, receipt }: PurgeJob): PurgeOutcome {
  switch (progress.step) {
    case 'proven':
      return { ref, deleted, result: 'deleted', receipt: progress.receipt };
    case 'proven-before':
      return { ref, deleted, result: 'proven-before', receipt: progress.receipt };
    case 'was-empty':
      return { ref, deleted, result: 'was-empty' };
    case 'failed':
      return { ref, deleted, result: 'failed', failure: progress.failure, receipt };
    default:
      return { ref, deleted, result: 'failed', failure: { code: 'no-receipt' }, receipt };
  }
}
