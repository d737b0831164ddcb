// Uploads that their clients abandoned: completed with what had arrived, so that it can be reviewed.

import { completedAtsOf, findRecording, readAttempt, targetsOf } from '../bucket/attempt.ts';
import { parseManifest } from '../bucket/documents.ts';
import { recordingKey } from '../bucket/layout.ts';
import { createdAtOf } from '../model/ids.ts';
import { checkParts } from '../model/parts.ts';
import { recordingDeadline } from '../model/retention.ts';
import { MAX_CLOCK_SKEW_MS } from '../model/times.ts';
import { endUpload } from '../objectstore/end-upload.ts';
import { failureOf } from '../recordings/failure.ts';
import { completeUpload } from '../recordings/finalize.ts';
import { type Candidate, candidatesOf } from './open-uploads.ts';
import type { Run } from './sweep-run.ts';

/**
 * Completes each upload to which nothing was added for `uploadIdleLimitMs`, when its parts are contiguous from the
 * first; the mark `truncated` is written before. One with a hole stays until its deadline and is told of; that is no
 * failure, because every client that breaks off may leave one. Costs what is open, not what is stored, where the store
 * lists open uploads: a request or three for each idle upload, in every sweep.
 */
export async function salvageAbandonedUploads(run: Run): Promise<void> {
  for await (const candidate of candidatesOf(run)) {
    if (run.options.signal?.aborted) return;
    try {
      await salvage(run, candidate);
    } catch (error) {
      run.tally.problem(failureOf(error), recordingKey(candidate.ref, 'media'));
    }
  }
}

async function salvage(run: Run, { ref, uploadId }: Candidate): Promise<void> {
  const { context, options, tally, startedAtMs } = run;
  const { store, policy } = context;
  const key = recordingKey(ref, 'media');
  const parts = (await store.listParts(key, uploadId)) ?? [];
  // One without a time, or with one from before its recording, may have come just now.
  const sinceMs = createdAtOf(ref.recording) - MAX_CLOCK_SKEW_MS;
  if (parts.some(({ lastModifiedMs }) => !(lastModifiedMs >= sinceMs))) return tally.note('part-without-time', key);
  const lastPartMs = parts.reduce((latest, part) => Math.max(latest, part.lastModifiedMs), 0);
  if (parts.length > 0 && startedAtMs - lastPartMs < context.uploadIdleLimitMs) return;

  const attempt = await readAttempt(store, ref);
  const objects = findRecording(attempt, ref.recording)?.objects ?? {};
  // Its creation died, or its reply was lost, or its recording is gone: nobody will ever send a part of it.
  const isCreated = startedAtMs - createdAtOf(ref.recording) > context.settleMs;
  if (!objects.manifest && isCreated && !options.dryRun) await endUpload(store, key, uploadId);
  if (parts.length === 0) return;
  const deadlineMs = recordingDeadline(policy, ref.tenant, ref.recording, completedAtsOf(attempt));
  if (!objects.manifest || objects.deleting || objects.media || deadlineMs <= startedAtMs + context.leadMs) return;
  const body = await store.get(recordingKey(ref, 'manifest'));
  const manifest = body && parseManifest(body, ref);
  if (!manifest) return tally.problem({ code: 'manifest-unreadable' }, recordingKey(ref, 'manifest'));
  if (manifest.uploadId !== uploadId) return tally.note('upload-without-manifest', key);
  if (!checkParts(parts, manifest.partSizeBytes).ok) return tally.note('upload-has-holes', key);
  if (options.dryRun) return tally.salvaged();

  const mark = recordingKey(ref, 'truncated');
  await store.put(mark, new Uint8Array());
  const { result } = await completeUpload(context, ref, manifest, parts);
  if (result === 'stored') tally.salvaged();
  // Whoever deleted it meanwhile has taken away what would lead a sweep to the mark.
  if (result === 'gone' || result === 'deleted') {
    await store.delete(await targetsOf(store, mark, await run.isVersioned()));
  }
  if (result === 'not-a-recording') tally.note('salvaged-is-no-recording', key);
}
