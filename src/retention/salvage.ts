// Uploads that their clients abandoned: completed with what had arrived, so that it can be reviewed.
import { recordingDeadline } from '../domain/deadlines.ts';
import { parseManifest } from '../domain/documents.ts';
import type { RecordingRef } from '../domain/ids.ts';
import { parseKey, recordingKey } from '../domain/keys.ts';
import { checkParts } from '../domain/parts.ts';
import { completedAtsOf, findRecording, readAttempt, targetsOf } from '../storage/attempt-state.ts';
import { completeUpload } from '../storage/completion.ts';
import type { OpenUpload } from '../storage/object-store.ts';
import { failureOf } from './failure.ts';
import type { Run } from './sweep-run.ts';

/**
 * Completes each upload to which nothing was added for `uploadIdleLimitMs`, when its parts are contiguous from the
 * first; the mark `truncated` is written before. One with a hole stays until its deadline and is told of; that is no
 * failure, because every client that breaks off may leave one. Costs what is open, not what is stored: a request or three
 * for each idle upload, in every sweep.
 */
export async function salvageAbandonedUploads(run: Run): Promise<void> {
  const { context, options, tally, startedAtMs } = run;
  for (const upload of [...(run.openUploads?.values() ?? [])].flat()) {
    if (options.signal?.aborted) return;
    if (startedAtMs - upload.initiatedMs < context.uploadIdleLimitMs) continue;
    const parsed = parseKey(upload.key);
    if (parsed?.type !== 'recording' || parsed.object !== 'media') {
      tally.problem('unknown-upload', upload.key);
      continue;
    }
    try {
      await salvage(run, parsed.ref, upload);
    } catch (error) {
      tally.problem(failureOf(error), upload.key);
    }
  }
}

async function salvage(run: Run, ref: RecordingRef, upload: OpenUpload): Promise<void> {
  const { context, options, tally, startedAtMs } = run;
  const { store, policy } = context;
  const parts = (await store.listParts(upload.key, upload.uploadId)) ?? [];
  const lastPartMs = parts.reduce((latest, part) => Math.max(latest, part.lastModifiedMs), 0);
  if (parts.length === 0 || startedAtMs - lastPartMs < context.uploadIdleLimitMs) return;

  const attempt = await readAttempt(store, ref);
  const objects = findRecording(attempt, ref.recording)?.objects ?? {};
  const deadlineMs = recordingDeadline(policy, ref.tenant, ref.recording, completedAtsOf(attempt));
  if (!objects.manifest || objects.deleting || objects.media || deadlineMs <= startedAtMs + context.leadMs) return;
  const body = await store.get(recordingKey(ref, 'manifest'));
  const manifest = body && parseManifest(body, ref);
  if (!manifest) return tally.problem('manifest-unreadable', recordingKey(ref, 'manifest'));
  if (manifest.uploadId !== upload.uploadId) return tally.note('upload-without-manifest', upload.key);
  if (!checkParts(parts, manifest.partSizeBytes).ok) return tally.note('upload-has-holes', upload.key);
  if (options.dryRun) return tally.salvaged();

  const mark = recordingKey(ref, 'truncated');
  await store.put(mark, new Uint8Array());
  const { result } = await completeUpload(context, ref, manifest, parts);
  if (result === 'stored') tally.salvaged();
  // Whoever deleted it meanwhile has taken away what would lead a sweep to the mark.
  if (result === 'gone' || result === 'deleted') {
    await store.delete(await targetsOf(store, mark, await run.isVersioned()));
  }
  if (result === 'not-a-recording') tally.note('salvaged-is-no-recording', upload.key);
}
