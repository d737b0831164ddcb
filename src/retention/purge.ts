// The irreversible act: deletes recordings wholly, proves it by a second listing, and leaves a receipt for each.
import pMap from 'p-map';
import type { DeletionReason } from '../domain/documents.ts';
import { type Manifest, parseManifest, parseReceipt, type Receipt, toBody } from '../domain/documents.ts';
import { newUniqueName, type RandomBytes, type RecordingRef } from '../domain/ids.ts';
import {
  ATTEMPTS_PREFIX,
  dueReceiptsKey,
  participantKey,
  receiptKey,
  recordingKey,
  recordingPrefix,
} from '../domain/keys.ts';
import { toIso } from '../domain/times.ts';
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
import { isStoreError } from '../storage/store-error.ts';
import { newReceiptChain, type ReceiptChain, type UnchainedReceipt } from './receipt-chain.ts';

export interface PurgeContext {
  readonly store: ObjectStore;
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  /** How long receipts and audit events are kept (policy 8.5). */
  readonly logRetentionMs: number;
}

/** A recording that has to go, as it was listed. */
export interface Doomed {
  readonly state: RecordingState;
  readonly reason: DeletionReason;
  readonly actor: string;
  readonly deadlineMs: number;
}

export type PurgeOutcome =
  | { readonly ref: RecordingRef; readonly receipt: Receipt; readonly deleted: DeletedCount }
  | { readonly ref: RecordingRef; readonly failure: string; readonly deleted: DeletedCount };

export interface DeletedCount {
  readonly objects: number;
  readonly versions: number;
  readonly bytes: number;
}

/** Store calls under way at once. */
export const STORE_CONCURRENCY = 32;
/** How often a purge starts over when a late part or a running complete brings something back. */
const MAX_ROUNDS = 5;
/** Words of a store that asks for patience. */
const BUSY = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'RequestTimeout',
  'TimeoutError',
  'ECONNREFUSED',
  'ECONNRESET',
]);
const KEPT_TO_THE_END = new Set(['manifest', 'deleting']);

/** One recording on its way through the steps; a failure takes it out of the steps that follow. */
interface Purging {
  readonly doomed: Doomed;
  readonly ref: RecordingRef;
  manifest: Manifest | undefined;
  /** What is to be written; undefined when an earlier purge left the receipt. */
  draft: UnchainedReceipt | undefined;
  receipt: Receipt | undefined;
  failure: string | undefined;
  /** What went wrong before the media were deleted. */
  unfinished: string | undefined;
  deletedAtMs: number;
  /** Everything under the recording's prefix that is still to be deleted. */
  state: RecordingState;
  readonly gone: { objects: number; versions: number; bytes: number };
}

/**
 * Purges recordings in the order that makes a crash harmless (design.md, "purge"): uploads aborted, media and all but
 * manifest and `deleting` deleted, listed again, receipt, participant's marker, manifest and `deleting`. Deletes are
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
  await each(all, (purging) => prepareReceipt(context, purging));
  await writeReceipts(context, all, chain);
  await deleteAcross(context.store, all, (purging) => participantTargets(context.store, purging, versioned));
  await deleteAcross(context.store, all, async (purging) => purging.state.items);
  return all.map(toOutcome);
}

function newPurging(doomed: Doomed): Purging {
  const gone = { objects: 0, versions: 0, bytes: 0 };
  const { state } = doomed;
  return {
    doomed,
    ref: state.ref,
    state,
    gone,
    manifest: undefined,
    draft: undefined,
    receipt: undefined,
    failure: undefined,
    unfinished: undefined,
    deletedAtMs: 0,
  };
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
    const together = versioned ? undefined : await listTogether(store, ATTEMPTS_PREFIX, prefixes);
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

/** The media go on time, whatever else of the recording cannot be dealt with: that fails it later, before its receipt. */
async function remembering(purging: Purging, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    purging.unfinished ??= failureOf(error);
  }
}

/** A manifest that cannot be read is kept and reported; its media are gone by now. */
function requireNothingUnread(purging: Purging): Promise<void> {
  if (purging.unfinished !== undefined) throw new PurgeFailure(purging.unfinished);
  if (purging.state.objects.manifest && !purging.manifest) throw new PurgeFailure('manifest-unreadable');
  return Promise.resolve();
}

/** A purge that an earlier one had all but finished keeps the receipt of that one, and adds what it found itself. */
async function prepareReceipt(context: PurgeContext, purging: Purging): Promise<void> {
  const { doomed, ref, manifest, gone } = purging;
  const hadMedia = doomed.state.items.some((item) => item.object === 'media');
  const known = hadMedia && manifest ? undefined : await readReceipt(context.store, ref);
  if (known && !hadMedia) {
    purging.receipt = known;
    return;
  }
  const leftCurrent = purging.state.items.filter((item) => item.isCurrent).length;
  const leftVersions = purging.state.items.length - leftCurrent;
  const leftBytes = purging.state.items.reduce((sum, item) => sum + item.sizeBytes, 0);
  const marker = manifest ? 1 : 0;
  purging.draft = {
    tenantId: ref.tenant,
    examId: ref.exam,
    attemptId: ref.attempt,
    recordingId: ref.recording,
    participantId: manifest?.participantId ?? known?.participantId ?? null,
    reason: known?.reason ?? doomed.reason,
    deadline: known?.deadline ?? toIso(doomed.deadlineMs),
    deletedAt: known?.deletedAt ?? toIso(purging.deletedAtMs),
    verifiedAt: toIso(context.now()),
    objects: gone.objects + leftCurrent + marker + (known?.objects ?? 0),
    versions: gone.versions + leftVersions + (known?.versions ?? 0),
    bytes: gone.bytes + leftBytes + (known?.bytes ?? 0),
    actor: known?.actor ?? doomed.actor,
  };
}

export async function readReceipt(store: ObjectStore, ref: RecordingRef): Promise<Receipt | undefined> {
  const body = await store.get(receiptKey(ref));
  return body && parseReceipt(body, ref);
}

/**
 * Index first: what says when the receipts expire is written before them, one object for all of a batch. Receipts that
 * an earlier run wrote stay as they are.
 */
async function writeReceipts(context: PurgeContext, all: readonly Purging[], chain: ReceiptChain): Promise<void> {
  const { store } = context;
  const ready = all.filter((purging) => !purging.failure && purging.draft);
  if (ready.length === 0) return;
  // The places in the chain are taken at once: other chunks of the run write theirs at the same time.
  const { run, next: first, previous } = chain;
  for (const purging of ready) if (purging.draft) purging.receipt = chain.add(purging.draft);
  const keys = ready.map((purging) => receiptKey(purging.ref));
  const indexKey = dueReceiptsKey(context.now() + context.logRetentionMs, newUniqueName(context.randomBytes));
  try {
    await store.put(indexKey, toBody({ version: 1, run, first, previous, keys }));
  } catch (error) {
    for (const purging of ready) purging.failure = failureOf(error);
    return;
  }
  await each(ready, async ({ ref, receipt }) => {
    if (receipt) await store.put(receiptKey(ref), toBody(receipt));
  });
}

async function participantTargets(store: ObjectStore, purging: Purging, versioned: boolean): Promise<DeleteTarget[]> {
  const { manifest, ref } = purging;
  return manifest ? targetsOf(store, participantKey(manifest.participantId, ref), versioned) : [];
}

/** Runs a step for each recording that has not failed; what it throws fails that recording alone. */
async function each(all: readonly Purging[], step: (purging: Purging) => Promise<void>): Promise<void> {
  await pMap(
    all.filter((purging) => !purging.failure),
    async (purging) => {
      try {
        await step(purging);
      } catch (error) {
        purging.failure = failureOf(error);
      }
    },
    { concurrency: STORE_CONCURRENCY },
  );
}

/** Deletes in batches shared by all recordings; a refused key fails its own recording alone. */
async function deleteAcross(
  store: ObjectStore,
  all: readonly Purging[],
  targetsFor: (purging: Purging) => Promise<readonly (DeleteTarget & { sizeBytes?: number; isCurrent?: boolean })[]>,
): Promise<void> {
  const owners = new Map<string, Purging>();
  const targets: (DeleteTarget & { sizeBytes?: number; isCurrent?: boolean })[] = [];
  await each(all, async (purging) => {
    for (const target of await targetsFor(purging)) {
      owners.set(target.key, purging);
      targets.push(target);
    }
  });
  if (targets.length === 0) return;
  try {
    const failures = await store.delete(targets.map(({ key, versionId }) => ({ key, versionId })));
    const refused = new Set(failures.map(({ key }) => key));
    for (const failure of failures) {
      const purging = owners.get(failure.key);
      if (purging) purging.failure ??= failure.code;
    }
    for (const target of targets) if (!refused.has(target.key)) count(owners.get(target.key), target);
  } catch (error) {
    const affected = new Set(owners.values());
    // One key can make a store refuse a whole batch. Not when the store is merely busy: that would be an amplifier.
    const isPoisoned = isStoreError(error) && !BUSY.has(error.storeCode) && affected.size > 1;
    if (!isPoisoned) for (const purging of affected) purging.failure ??= failureOf(error);
    else for (const purging of affected) await deleteAcross(store, [purging], targetsFor);
  }
}

function count(purging: Purging | undefined, target: { sizeBytes?: number; isCurrent?: boolean }): void {
  if (!purging) return;
  if (target.isCurrent === false) purging.gone.versions += 1;
  else purging.gone.objects += 1;
  purging.gone.bytes += target.sizeBytes ?? 0;
}

function toOutcome({ ref, receipt, failure, gone }: Purging): PurgeOutcome {
  if (failure !== undefined || !receipt) return { ref, failure: failure ?? 'no-receipt', deleted: gone };
  return { ref, receipt, deleted: gone };
}

class PurgeFailure extends Error {
  override readonly name = 'PurgeFailure';
}

/** A failure's stable code: the store's own word, or why this purge gave up. */
export function failureOf(error: unknown): string {
  if (isStoreError(error)) return error.storeCode;
  if (error instanceof PurgeFailure) return error.message;
  return `unexpected-${(error as Partial<Error> | undefined)?.name ?? 'error'}`;
}
