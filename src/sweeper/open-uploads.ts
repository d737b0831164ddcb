// Which uploads are open. Some stores list them, some list a part of them or none: then the manifests name them.
import { parseManifest } from '../bucket/documents.ts';
import { ATTEMPTS_PREFIX, attemptPrefix, parseKey, type RecordingObject, recordingKey } from '../bucket/layout.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import { isDispensable } from '../objectstore/needs.ts';
import { listAll, listAllMultipartUploads, type OpenUpload } from '../objectstore/object-store.ts';
import { listsUploadsByFolder } from '../objectstore/upload-listing.ts';
import { failureOf } from '../recordings/failure.ts';
import type { Tally } from './sweep-report.ts';
import type { Run, SweepContext, SweepOptions } from './sweep-run.ts';

/** The uploads that were open when a run began; a recording older than `settleMs` opened its upload before that. */
export interface OpenUploads {
  /**
   * `listing`: the store has listed them all. `manifests`: it cannot, and the manifests tell. `unknown`: it did not
   * answer, and this run draws no conclusion from there being none.
   */
  readonly source: 'listing' | 'manifests' | 'unknown';
  readonly byAttempt: ReadonlyMap<string, readonly OpenUpload[]>;
}

/**
 * One listing for all attempts. Of one that shows nothing it is first found out whether this store shows any: MinIO lists
 * uploads by an exact key alone. Before any attempt is listed: an upload that completes meanwhile is then seen as media.
 */
export async function findOpenUploads(
  context: SweepContext,
  tally: Tally,
  { dryRun = false }: SweepOptions,
): Promise<OpenUploads> {
  const { store } = context;
  try {
    const uploads = await Array.fromAsync(listAllMultipartUploads(store, ATTEMPTS_PREFIX));
    const byAttempt = Map.groupBy(uploads, ({ key }) => {
      const parsed = parseKey(key);
      return parsed?.type === 'recording' ? attemptPrefix(parsed.ref) : key;
    });
    const isProven = uploads.length > 0 || (!dryRun && (await listsUploadsByFolder(context)));
    return { source: isProven ? 'listing' : 'manifests', byAttempt };
  } catch (error) {
    if (isDispensable(error)) return { source: 'manifests', byAttempt: new Map() };
    tally.problem(failureOf(error), 'open uploads');
    return { source: 'unknown', byAttempt: new Map() };
  }
}

/** An upload that may have been abandoned. */
export interface Candidate {
  readonly ref: RecordingRef;
  readonly uploadId: string;
}

/** Uploads that were opened at least `uploadIdleLimitMs` ago. From manifests: one LIST for every 1000 keys of `attempts/`. */
export async function* candidatesOf(run: Run): AsyncGenerator<Candidate, void, undefined> {
  if (run.openUploads.source === 'manifests') yield* fromManifests(run);
  for (const upload of [...run.openUploads.byAttempt.values()].flat()) {
    const parsed = parseKey(upload.key);
    if (parsed?.type !== 'recording' || parsed.object !== 'media') {
      run.tally.problem({ code: 'unknown-upload' }, upload.key);
    } else if (isOld(run, openedAtOf(parsed.ref, upload))) {
      yield { ref: parsed.ref, uploadId: upload.uploadId };
    }
  }
}

async function* fromManifests(run: Run): AsyncGenerator<Candidate, void, undefined> {
  const { store } = run.context;
  let ref: RecordingRef | undefined;
  let objects = new Set<RecordingObject>();
  async function candidate(): Promise<Candidate | undefined> {
    const isOpen = objects.has('manifest') && !objects.has('media') && !objects.has('deleting');
    if (!ref || !isOpen || !isOld(run, createdAtOf(ref.recording))) return undefined;
    const key = recordingKey(ref, 'manifest');
    const body = await store.get(key);
    const manifest = body && parseManifest(body, ref);
    if (body && !manifest) run.tally.problem({ code: 'manifest-unreadable' }, key);
    return manifest && { ref, uploadId: manifest.uploadId };
  }
  for await (const { key } of listAll(store, ATTEMPTS_PREFIX)) {
    const parsed = parseKey(key);
    if (parsed?.type !== 'recording') continue;
    if (ref && ref.recording !== parsed.ref.recording) {
      const found = await candidate();
      if (found) yield found;
      objects = new Set();
    }
    ref = parsed.ref;
    objects.add(parsed.object);
  }
  const last = await candidate();
  if (last) yield last;
}

/** Not before its recording, whatever the store says, or does not say. */
function openedAtOf({ recording }: RecordingRef, { initiatedMs }: OpenUpload): number {
  return Math.max(createdAtOf(recording), Number.isNaN(initiatedMs) ? 0 : initiatedMs);
}

function isOld({ context, startedAtMs }: Run, timeMs: number): boolean {
  return startedAtMs - timeMs >= context.uploadIdleLimitMs;
}
