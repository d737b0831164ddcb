// Abandoned uploads: found, and completed with the parts that had arrived, so that they can be reviewed.
import pMap from 'p-map';
import { type Attempt, isKept } from '../bucket/attempt.ts';
import type { Manifest } from '../bucket/documents.ts';
import { type ListedUpload, listsUploads, openUploads } from '../bucket/inventory.ts';
import { inBatches } from '../bucket/listing.ts';
import { attemptId, createdAtOf, type RecordingRef } from '../model/ids.ts';
import { checkParts } from '../model/parts.ts';
import { MAX_CLOCK_SKEW_MS } from '../model/times.ts';
import { isDispensable } from '../objectstore/needs.ts';
import { endUpload, STORE_CONCURRENCY, type UploadedPart } from '../objectstore/object-store.ts';
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
}

/**
 * Completes each upload to which nothing was added for `uploadIdleLimitMs`, when its parts are contiguous from the first;
 * the marker `truncated` is written before. One with a hole stays until its deadline and is reported; that is no failure,
 * because every client that breaks off may leave one. Costs what is open, not what is stored, where the store lists open
 * uploads: one to three requests for each idle upload, in every sweep.
 */
export async function recoverAbandonedUploads(run: SweepRun, open: OpenUploads): Promise<void> {
  const tryToRecover = (candidate: Candidate) =>
    run.guard(run.bucket.mediaKey(candidate.ref), () => recover(run, candidate));
  for await (const batch of inBatches(candidatesOf(run, open), STORE_CONCURRENCY)) {
    if (run.isStopped) return;
    await pMap(batch, tryToRecover);
  }
}

/** Uploads that were opened at least `uploadIdleLimitMs` ago. From manifests: one LIST for every 1000 keys of attempts. */
async function* candidatesOf(run: SweepRun, open: OpenUploads): AsyncGenerator<Candidate, void, undefined> {
  const isOld = (timeMs: number) => run.startedAtMs - timeMs >= run.context.uploadIdleLimitMs;
  if (open.source === 'manifests') {
    for await (const { recordings } of run.bucket.attemptsIn({})) {
      for (const state of recordings) {
        const { ref, objects } = state;
        if (!isKept(state) || objects.media || !isOld(createdAtOf(ref.recording))) continue;
        const manifest = await readManifest(run, ref);
        if (manifest) yield { ref, uploadId: manifest.uploadId };
      }
    }
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

async function readManifest({ bucket, tally }: SweepRun, ref: RecordingRef): Promise<Manifest | undefined> {
  const manifest = await bucket.read(ref, 'manifest');
  if (manifest !== 'unreadable') return manifest;
  tally.problem({ code: 'manifest-unreadable' }, bucket.recordingName(ref));
  return undefined;
}

async function recover(run: SweepRun, { ref, uploadId }: Candidate): Promise<void> {
  const { bucket, context, options, tally, startedAtMs } = run;
  const note = (code: string) => tally.note({ code }, bucket.mediaKey(ref));
  const parts = (await context.store.listParts(bucket.mediaKey(ref), uploadId)) ?? [];
  // One without a time, or with one from before its recording, may have arrived just now.
  const sinceMs = createdAtOf(ref.recording) - MAX_CLOCK_SKEW_MS;
  if (parts.some(({ lastModifiedMs }) => !(lastModifiedMs >= sinceMs))) return note('part-without-time');
  const lastPartMs = parts.reduce((latest, part) => Math.max(latest, part.lastModifiedMs), 0);
  if (parts.length > 0 && startedAtMs - lastPartMs < context.uploadIdleLimitMs) return;

  const attempt = await bucket.attempt(ref);
  const state = attempt.recording(ref.recording);
  // Its creation died, or its response was lost, or its recording is deleted: no client will ever send a part of it.
  const isCreated = !run.isYoung(startedAtMs - createdAtOf(ref.recording));
  if (!state?.objects.manifest && isCreated && !options.dryRun)
    await endUpload(context.store, bucket.mediaKey(ref), uploadId);
  if (parts.length === 0 || !state || state.objects.media) return;
  if (!attempt.isLive(state, startedAtMs + context.leadMs)) return;
  const manifest = await readManifest(run, ref);
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
