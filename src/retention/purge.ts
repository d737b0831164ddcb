// The irreversible act: deletes recordings wholly, proves it by a second listing, and leaves a receipt for each.
import { parseManifest } from '../domain/documents.ts';
import type { RecordingRef } from '../domain/ids.ts';
import { ATTEMPTS_PREFIX, participantKey, recordingKey, recordingPrefix } from '../domain/keys.ts';
import {
  attemptStateOf,
  currentItems,
  listItems,
  listItemVersions,
  type RecordingState,
  targetsOf,
} from '../storage/attempt-state.ts';
import { listTogether } from '../storage/list-together.ts';
import {
  type DeleteTarget,
  type ListedObject,
  listAllMultipartUploads,
  type ObjectStore,
} from '../storage/object-store.ts';
import { PurgeFailure } from './failure.ts';
import { announce, isOvertaken, prepareReceipt, writeReceipts } from './purge-receipts.ts';
import {
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
 * Purges recordings in the order that makes a crash harmless (ARCHITECTURE, "purge"): uploads aborted, media and all but
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
  await each(all, (purging) => remembering(purging, () => abortUploads(context.store, purging)));
  await each(all, (purging) => remembering(purging, () => readManifest(context.store, purging)));
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

async function abortUploads(store: ObjectStore, purging: Purging): Promise<void> {
  let { uploads } = purging.state;
  for (let round = 0; uploads.length > 0; round += 1) {
    if (round === MAX_ROUNDS) throw new PurgeFailure('uploads-stay-open');
    for (const { key, uploadId } of uploads) {
      const parts = (await store.listParts(key, uploadId)) ?? [];
      await store.abortMultipartUpload(key, uploadId);
      purging.gone.bytes += parts.reduce((sum, part) => sum + part.sizeBytes, 0);
    }
    uploads = await Array.fromAsync(listAllMultipartUploads(store, recordingPrefix(purging.ref)));
  }
}

async function readManifest(store: ObjectStore, purging: Purging): Promise<void> {
  if (!purging.state.objects.manifest) return;
  const body = await store.get(recordingKey(purging.ref, 'manifest'));
  purging.manifest = body && parseManifest(body, purging.ref);
}

/** Deletes all but manifest and `deleting`, and lists again, until a listing shows nothing else. */
async function deleteContents(context: PurgeContext, all: readonly Purging[], versioned: boolean): Promise<void> {
  const { store } = context;
  let rest = all.filter((purging) => !purging.failure);
  for (let round = 0; rest.length > 0; round += 1) {
    for (const purging of rest) purging.deletedAtMs = context.now();
    await deleteAcross(store, rest, async (purging) => contentsOf(purging.state));
    const prefixes = rest.filter((purging) => !purging.failure).map(({ ref }) => recordingPrefix(ref));
    // One alone is listed by itself: a request of one tenant reads no page that goes on into another's keys.
    const together =
      versioned || prefixes.length < 2 ? undefined : await listTogether(store, ATTEMPTS_PREFIX, prefixes);
    await each(rest, async (purging) => {
      const listed = together?.get(recordingPrefix(purging.ref));
      purging.state = await listRecording(store, purging.ref, versioned, listed);
      if (contentsOf(purging.state).length === 0) return;
      if (round === MAX_ROUNDS) throw new PurgeFailure('objects-stay');
      await abortUploads(store, {
        ...purging,
        state: {
          ...purging.state,
          uploads: await Array.fromAsync(listAllMultipartUploads(store, recordingPrefix(purging.ref))),
        },
      });
    });
    rest = rest.filter((purging) => !purging.failure && contentsOf(purging.state).length > 0);
  }
}

function contentsOf(state: RecordingState): RecordingState['items'] {
  return state.items.filter((item) => !KEPT_TO_THE_END.has(item.object));
}

async function listRecording(
  store: ObjectStore,
  ref: RecordingRef,
  versioned: boolean,
  listed: readonly ListedObject[] | undefined,
): Promise<RecordingState> {
  const prefix = recordingPrefix(ref);
  const items = listed ? currentItems(listed) : await (versioned ? listItemVersions : listItems)(store, prefix);
  return attemptStateOf(ref, items).recordings[0] ?? { ref, objects: {}, items: [], uploads: [] };
}

/** A manifest that cannot be read is kept and reported; its media are gone by now. */
function requireNothingUnread(purging: Purging): Promise<void> {
  if (purging.unfinished !== undefined) throw new PurgeFailure(purging.unfinished);
  if (purging.state.objects.manifest && !purging.manifest) throw new PurgeFailure('manifest-unreadable');
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
