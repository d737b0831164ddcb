// The irreversible act: deletes recordings wholly, proves it by a second listing, and leaves a receipt for each.

import { type AttemptState, findRecording, type RecordingState, readAttempt, targetsOf } from '../bucket/attempt.ts';
import { parseManifest } from '../bucket/documents.ts';
import { attemptPrefix, participantKey, recordingKey } from '../bucket/layout.ts';
import type { AttemptRef } from '../model/ids.ts';
import { endUpload } from '../objectstore/end-upload.ts';
import { isDispensable } from '../objectstore/needs.ts';
import {
  type DeleteTarget,
  listAllMultipartUploads,
  type ObjectStore,
  type OpenUpload,
} from '../objectstore/object-store.ts';
import { StoreError } from '../objectstore/store-error.ts';
import { PurgeFailure } from './failure.ts';
import { announce, isOvertaken, prepareReceipt, writeReceipts } from './purge-receipts.ts';
import {
  DELETION,
  type Doomed,
  deleteAcross,
  each,
  newPurging,
  type PurgeContext,
  type PurgeOutcome,
  type Purging,
  remembering,
  toOutcome,
} from './purging.ts';
import { newReceiptChain, type ReceiptChain } from './receipt-chain.ts';

/** How often a purge starts over when a late part or a running complete brings something back. */
const MAX_ROUNDS = 5;
const KEPT_TO_THE_END = new Set(['manifest', 'deleting']);

/**
 * Purges recordings in the order that makes a crash harmless (ARCHITECTURE, "purge"): uploads ended, media and all but
 * manifest and `deleting` deleted, listed again, receipt, participant's marker, manifest, `deleting`. Deletes are
 * batched across recordings. The caller deletes due entries afterwards.
 *
 * Safe to repeat and to run twice at once. Never throws for one recording's sake: its outcome tells, and the rest goes on.
 */
export async function purgeRecordings(
  context: PurgeContext,
  doomed: readonly Doomed[],
  versioned: boolean,
  chain: ReceiptChain = newReceiptChain(context, 'request'),
): Promise<PurgeOutcome[]> {
  const all = doomed.map(newPurging);
  await each(all, (purging) => remembering(purging, () => readManifest(context.store, purging)));
  await each(all, (purging) => remembering(purging, () => endUploads(context.store, purging)));
  await deleteContents(context, all, versioned);
  await each(all, (purging) => requireNothingUnread(purging));
  await each(all, (purging) => requireRecentListing(context, purging));
  await each(all, (purging) => prepareReceipt(context, purging));
  await announce(context, all);
  await writeReceipts(context, all, chain);
  await deleteAcross(context.store, all, (purging) => participantTargets(context.store, purging, versioned));
  // `deleting` goes alone and last: a manifest whose deletion is refused must not become readable again.
  await deleteAcross(context.store, all, async ({ state }) =>
    state.items.filter(({ object }) => object !== 'deleting'),
  );
  await deleteAcross(context.store, all, async ({ state }) =>
    state.items.filter(({ object }) => object === 'deleting'),
  );
  return all.map(toOutcome);
}

async function readManifest(store: ObjectStore, purging: Purging): Promise<void> {
  if (!purging.state.objects.manifest) return;
  const body = await store.get(recordingKey(purging.ref, 'manifest'));
  purging.manifest = body && parseManifest(body, purging.ref);
}

/**
 * The manifest's own upload, which has all parts, whatever a listing shows; and those that a listing does show: a
 * creation whose reply was lost leaves an empty one.
 */
async function endUploads(store: ObjectStore, { ref, manifest, doomed, gone }: Purging): Promise<void> {
  const key = recordingKey(ref, 'media');
  const listed = doomed.areUploadsListed ? doomed.state.uploads : await listUploadsOf(store, key);
  const ids = new Set([...(manifest ? [manifest.uploadId] : []), ...listed.map(({ uploadId }) => uploadId)]);
  for (const uploadId of ids) gone.bytes += await endUpload(store, key, uploadId);
}

/** None where the store lists no open uploads. */
async function listUploadsOf(store: ObjectStore, key: string): Promise<OpenUpload[]> {
  try {
    return await Array.fromAsync(listAllMultipartUploads(store, key));
  } catch (error) {
    if (isDispensable(error)) return [];
    throw error;
  }
}

/** Deletes all but manifest and `deleting`, and lists again, until a listing of exactly the attempt shows nothing else. */
async function deleteContents(context: PurgeContext, all: readonly Purging[], versioned: boolean): Promise<void> {
  const { store } = context;
  let rest = all.filter((purging) => !purging.failure);
  for (let round = 0; rest.length > 0; round += 1) {
    for (const purging of rest) purging.deletedAtMs = context.now();
    await deleteAcross(store, rest, async (purging) => contentsOf(purging.state));
    const attemptOf = listingOnce(store, versioned);
    await each(rest, async (purging) => {
      const { ref } = purging;
      const found = findRecording(await attemptOf(ref), ref.recording);
      purging.state = found ?? { ref, objects: {}, items: [], uploads: [] };
      if (contentsOf(purging.state).length === 0) return;
      if (round === MAX_ROUNDS) throw new StoreError('unexpected', DELETION, 'objects-stay');
      await remembering(purging, () => endUploads(store, purging));
    });
    rest = rest.filter((purging) => !purging.failure && contentsOf(purging.state).length > 0);
  }
}

/** Recordings of one attempt share its listing. */
function listingOnce(store: ObjectStore, versions: boolean): (ref: AttemptRef) => Promise<AttemptState> {
  const listed = new Map<string, Promise<AttemptState>>();
  return (ref) => {
    const prefix = attemptPrefix(ref);
    const listing = listed.get(prefix) ?? readAttempt(store, ref, { versions });
    listed.set(prefix, listing);
    return listing;
  };
}

function contentsOf(state: RecordingState): RecordingState['items'] {
  return state.items.filter((item) => !KEPT_TO_THE_END.has(item.object));
}

/** A manifest that cannot be read is kept and reported; its media are gone by now. */
function requireNothingUnread(purging: Purging): Promise<void> {
  if (purging.unfinished !== undefined) purging.failure = purging.unfinished;
  else if (purging.state.objects.manifest && !purging.manifest) throw new PurgeFailure('manifest-unreadable');
  return Promise.resolve();
}

function requireRecentListing(context: PurgeContext, purging: Purging): Promise<void> {
  if (isOvertaken(context, purging)) throw new PurgeFailure('overtaken');
  return Promise.resolve();
}

async function participantTargets(store: ObjectStore, purging: Purging, versioned: boolean): Promise<DeleteTarget[]> {
  const { manifest, ref } = purging;
  return manifest ? targetsOf(store, participantKey(manifest.participantId, ref), versioned) : [];
}
