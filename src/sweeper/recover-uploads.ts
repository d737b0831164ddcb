// Abandoned uploads: found, and completed with the parts that had arrived, so that they can be reviewed.
import { pMapIterable, pMapSkip } from 'p-map';
import { type Attempt, isKept, type RecordingState } from '../bucket/attempt.ts';
import type { Manifest } from '../bucket/documents.ts';
import { type ListedUpload, listsUploads, openUploads } from '../bucket/inventory.ts';
import { actOnEach, inBatches } from '../bucket/listing.ts';
import { attemptId, createdAtOf, type RecordingRef } from '../model/ids.ts';
import { checkParts } from '../model/parts.ts';
import { MAX_CLOCK_SKEW_MS } from '../model/times.ts';
import { isDispensable } from '../objectstore/needs.ts';
import { endUpload, type UploadedPart } from '../objectstore/object-store.ts';
import { failureOf } from '../recordings/failure.ts';
import { finalizeRecording } from '../recordings/finalize.ts';
import type { SweepRun } from './run.ts';

/** The uploads that were open when a run began; a recording past the grace period opened its upload before that. */
export interface OpenUploads {
  /**
   * `listing`: the store has listed them all. `manifests`: it cannot, and the manifests name them. `unknown`: it did not
   * respond, and this run concludes nothing from there being none.
   */
  readonly source: 'listing' | 'manifests' | 'unknown';
  readonly all: readonly ListedUpload[];
  readonly byAttempt: ReadonlyMap<string, readonly ListedUpload[]>;
}

/**
 * One listing for all attempts. Where it shows nothing, the store is tried with an upload of one's own: MinIO lists
 * uploads by an exact key alone. Call it before any attempt is listed: an upload that completes meanwhile is then seen as
 * media.
 */
export async function findOpenUploads({ context, tally, options }: SweepRun): Promise<OpenUploads> {
  try {
    const all = await Array.fromAsync(openUploads(context.store));
    const isProven = all.length > 0 || (!options.dryRun && (await listsUploads(context)));
    const byAttempt = Map.groupBy(all, ({ ref }) => (ref ? attemptId(ref) : ''));
    return { source: isProven ? 'listing' : 'manifests', all, byAttempt };
  } catch (error) {
    if (isDispensable(error)) return { source: 'manifests', all: [], byAttempt: new Map() };
    tally.problem(failureOf(error), 'open uploads');
    return { source: 'unknown', all: [], byAttempt: new Map() };
  }
}

interface Candidate {
  readonly ref: RecordingRef;
  readonly uploadId: string;
  /** Where it is what has led to the upload. */
  readonly manifest?: Manifest | undefined;
}

/** No part of it has arrived for `uploadIdleLimitMs`. */
interface IdleUpload extends Candidate {
  readonly parts: readonly UploadedPart[];
}

interface ListedIdleUpload extends IdleUpload {
  readonly listAttempt: () => Promise<Attempt>;
}

/** Uploads recovered at once, each by one request after the other. After an outage there may be ten thousand. */
const UPLOADS_AT_ONCE = 100;
const AT_ONCE = { concurrency: UPLOADS_AT_ONCE };

/**
 * Completes each upload to which nothing was added for `uploadIdleLimitMs`, when its parts are contiguous from the first;
 * the marker `truncated` is written before. One with a hole stays until its deadline and is reported; that is no failure,
 * because every client that breaks off may leave one. Costs what is open, not what is stored, where the store lists open
 * uploads: in every sweep one request for each idle upload, and a GET and a share of a listing for each that stays.
 */
export async function recoverAbandonedUploads(run: SweepRun, open: OpenUploads): Promise<void> {
  const idle = pMapIterable(candidatesOf(run, open), (candidate) => skipFailed(run, candidate, partsOfIdle), AT_ONCE);
  const recoverOne = (upload: ListedIdleUpload) => skipFailed(run, upload, recover);
  await actOnEach(withAttempts(run, idle), recoverOne, AT_ONCE);
}

/** Undefined results are skipped by a walk, and so is what failed, which is reported. */
async function skipFailed<T extends Pick<Candidate, 'ref'>, Result>(
  run: SweepRun,
  candidate: T,
  act: (run: SweepRun, candidate: T) => Promise<Result | undefined>,
): Promise<Result | typeof pMapSkip> {
  return (await run.guard(run.bucket.mediaKey(candidate.ref), () => act(run, candidate))) ?? pMapSkip;
}

/** Uploads that were opened at least `uploadIdleLimitMs` ago. From manifests: one LIST for every 1000 keys of attempts. */
async function* candidatesOf(run: SweepRun, open: OpenUploads): AsyncGenerator<Candidate, void, undefined> {
  const isOld = (timeMs: number) => run.startedAtMs - timeMs >= run.context.uploadIdleLimitMs;
  if (open.source === 'manifests') {
    const fromManifest = async (_: SweepRun, { ref }: RecordingState) => {
      const manifest = await readManifest(run, ref);
      return manifest && { ref, uploadId: manifest.uploadId, manifest };
    };
    yield* pMapIterable(uncompleted(run, isOld), (state) => skipFailed(run, state, fromManifest), AT_ONCE);
  }
  for (const { key, ref, isMedia, uploadId, initiatedMs } of open.all) {
    if (!ref || !isMedia) {
      run.tally.problem({ code: 'unknown-upload' }, key);
      continue;
    }
    // Not before its recording, whatever the store says, or does not say.
    const openedAtMs = Math.max(createdAtOf(ref.recording), Number.isNaN(initiatedMs) ? 0 : initiatedMs);
    if (isOld(openedAtMs)) yield { ref, uploadId };
  }
}

/** Recordings without media that are older than that. */
async function* uncompleted(
  run: SweepRun,
  isOld: (timeMs: number) => boolean,
): AsyncGenerator<RecordingState, void, undefined> {
  for await (const { recordings } of run.bucket.attemptsIn({})) {
    yield* recordings.filter(
      (state) => isKept(state) && !state.objects.media && isOld(createdAtOf(state.ref.recording)),
    );
  }
}

/** The parts of an upload that has been idle; undefined of one that is in use. */
async function partsOfIdle(run: SweepRun, candidate: Candidate): Promise<IdleUpload | undefined> {
  const { bucket, context, tally, startedAtMs } = run;
  const { ref, uploadId } = candidate;
  const parts = (await context.store.listParts(bucket.mediaKey(ref), uploadId)) ?? [];
  // One without a time, or with one from before its recording, may have arrived just now.
  const sinceMs = createdAtOf(ref.recording) - MAX_CLOCK_SKEW_MS;
  if (parts.some(({ lastModifiedMs }) => !(lastModifiedMs >= sinceMs))) {
    tally.note({ code: 'part-without-time' }, bucket.mediaKey(ref));
    return undefined;
  }
  const lastPartMs = parts.reduce((latest, part) => Math.max(latest, part.lastModifiedMs), 0);
  if (parts.length > 0 && startedAtMs - lastPartMs < context.uploadIdleLimitMs) return undefined;
  return { ...candidate, parts };
}

/**
 * Attempts are listed after the parts of their uploads: an upload that completes meanwhile is seen as media. Neighbours share
 * listings; one that shows no manifest is not believed, because the upload of such a recording is ended.
 */
async function* withAttempts(
  run: SweepRun,
  idle: AsyncIterable<IdleUpload>,
): AsyncGenerator<ListedIdleUpload, void, undefined> {
  const { bucket } = run;
  for await (const batch of inBatches(idle, UPLOADS_AT_ONCE)) {
    if (run.isStopped) return;
    const together = await bucket.listTogether(batch.map(({ ref }) => ref));
    const listAttempt = async (ref: RecordingRef) => {
      const shared = together(ref);
      return shared?.recording(ref.recording)?.objects.manifest ? shared : bucket.attempt(ref);
    };
    yield* batch.map((upload) => ({ ...upload, listAttempt: () => listAttempt(upload.ref) }));
  }
}

async function readManifest({ bucket, tally }: SweepRun, ref: RecordingRef): Promise<Manifest | undefined> {
  const manifest = await bucket.read(ref, 'manifest');
  if (manifest !== 'unreadable') return manifest;
  tally.problem({ code: 'manifest-unreadable' }, bucket.recordingName(ref));
  return undefined;
}

async function recover(
  run: SweepRun,
  { ref, uploadId, parts, manifest: known, listAttempt }: ListedIdleUpload,
): Promise<void> {
  const { bucket, context, options, tally, startedAtMs } = run;
  const note = (code: string) => tally.note({ code }, bucket.mediaKey(ref));
  const attempt = await listAttempt();
  const state = attempt.recording(ref.recording);
  // Its creation died, or its response was lost, or its recording is deleted: no client will ever send a part of it.
  const isCreated = !run.isYoung(startedAtMs - createdAtOf(ref.recording));
  if (!state?.objects.manifest && isCreated && !options.dryRun)
    await endUpload(context.store, bucket.mediaKey(ref), uploadId);
  if (parts.length === 0 || !state || state.objects.media) return;
  if (!attempt.isLive(state, startedAtMs + context.leadMs)) return;
  const manifest = known ?? (await readManifest(run, ref));
  if (!manifest) return;
  if (manifest.uploadId !== uploadId) return note('upload-without-manifest');
  if (!checkParts(parts, manifest.partSizeBytes).ok) return note('upload-has-holes');
  if (options.dryRun) return tally.count('salvaged');
  if (await complete(run, attempt, ref, manifest, parts)) tally.count('salvaged');
}

/** Whether it is stored now. */
async function complete(
  { bucket, context, tally }: SweepRun,
  attempt: Attempt,
  ref: RecordingRef,
  manifest: Manifest,
  parts: readonly UploadedPart[],
): Promise<boolean> {
  await bucket.mark(ref, 'truncated');
  const completed = await context.store.completeMultipartUpload(bucket.mediaKey(ref), manifest.uploadId, parts);
  const finalized = await finalizeRecording(context, ref, { parts: completed ? parts : [], known: attempt });
  const { result } = finalized;
  if (result === 'not-a-recording') tally.note({ code: 'salvaged-is-no-recording' }, bucket.mediaKey(ref));
  if (result === 'stored' && finalized.marker?.container === 'unrecognized') {
    tally.note({ code: 'salvaged-is-unrecognized' }, bucket.mediaKey(ref));
  }
  // A deletion meanwhile has taken away the queue entries that would lead a sweep to the marker.
  if (result === 'absent' || result === 'deleted') await bucket.withdraw(ref, 'truncated');
  return result === 'stored';
}
