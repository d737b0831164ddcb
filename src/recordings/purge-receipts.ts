// What a purge proves: a receipt for each recording, and an event for whoever wants to know.
import { toBody } from '../bucket/documents.ts';
import { dueReceiptsKey, receiptKey } from '../bucket/layout.ts';
import { readReceipt } from '../bucket/receipts.ts';
import { HOUR_MS } from '../model/durations.ts';
import { deletionEvent } from '../model/events.ts';
import { newUniqueName } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { failureOf } from './failure.ts';
import { each, type PurgeContext, type Purging } from './purging.ts';
import type { ReceiptChain } from './receipt-chain.ts';

/** A process may have been suspended: what it listed before is not proven by now. */
const MAX_LISTING_AGE_MS = HOUR_MS;

/** A purge that an earlier one had all but finished keeps the receipt of that one, and adds what it found itself. */
export async function prepareReceipt(context: PurgeContext, purging: Purging): Promise<void> {
  const { doomed, ref, manifest, gone } = purging;
  const hadMedia = doomed.state.items.some((item) => item.object === 'media');
  // A manifest goes after the receipt: another purge has proven this deletion meanwhile.
  const isProven = manifest !== undefined && !purging.state.objects.manifest;
  const known = hadMedia && manifest && !isProven ? undefined : await readReceipt(context.store, ref);
  if (known && (!hadMedia || isProven)) {
    purging.receipt = known;
    return;
  }
  // Nobody has the id of a creation that died before its manifest, and no part of it ever came.
  purging.wasNothing = !known && doomed.state.items.length === 0 && gone.bytes === 0;
  if (purging.wasNothing) return;
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

/** The media are gone; before the receipt, so that a crash in between repeats the events, under the same ids. */
export async function announce({ outbox }: PurgeContext, all: readonly Purging[]): Promise<void> {
  if (!outbox) return;
  const ready = all.filter((purging) => !purging.failure);
  for (const [tenant, own] of Map.groupBy(ready, ({ ref }) => ref.tenant)) {
    try {
      await outbox.add(
        tenant,
        own.flatMap(({ draft }) => (draft ? [deletionEvent(draft)] : [])),
      );
    } catch (error) {
      for (const purging of own) purging.failure = failureOf(error);
    }
  }
}

/**
 * Index first: what says when the receipts expire is written before them, one object for all of a batch. Receipts that
 * an earlier run wrote stay as they are.
 */
export async function writeReceipts(
  context: PurgeContext,
  all: readonly Purging[],
  chain: ReceiptChain,
): Promise<void> {
  const { store } = context;
  let ready: Purging[] = [];
  const takeDrafts = () => {
    // Other chunks of the run may have had to be waited for.
    for (const purging of all) if (isOvertaken(context, purging)) purging.failure ??= { code: 'overtaken' };
    ready = all.filter(({ failure, draft }) => !failure && draft);
    return ready.flatMap(({ draft }) => draft ?? []);
  };
  try {
    const receipts = await chain.append(takeDrafts, ({ run, first, previous, last }) => {
      const keys = ready.map(({ ref }) => receiptKey(ref));
      const indexKey = dueReceiptsKey(context.now() + context.logRetentionMs, newUniqueName(context.randomBytes));
      return store.put(indexKey, toBody({ version: 1, run, first, previous, last: last ?? undefined, keys }));
    });
    for (const [place, purging] of ready.entries()) purging.receipt = receipts[place];
  } catch (error) {
    for (const purging of ready) purging.failure = failureOf(error);
    return;
  }
  await each(ready, async ({ ref, receipt }) => {
    if (receipt) await store.put(receiptKey(ref), toBody(receipt));
  });
}

/** Others may have deleted, proven and forgotten since it was listed: the next sweep lists it again. */
export function isOvertaken({ now }: PurgeContext, { deletedAtMs }: Purging): boolean {
  return now() - deletedAtMs > MAX_LISTING_AGE_MS;
}
