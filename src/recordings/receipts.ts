// The receipts of an exam, of a participant and of a tenant: page by page, and all of them as they are read.
import pMap, { pMapIterable } from 'p-map';
import { Bucket } from '../bucket/bucket.ts';
import { type DeletionReason, type DocumentIds, idsOf, type Receipt } from '../bucket/documents.ts';
import { inBatches } from '../bucket/listing.ts';
import { type ListedReceipt, listReceipts as listKeys, type ReceiptScope } from '../bucket/receipt-list.ts';
import { agreesWithItsSignature } from '../bucket/receipt-log.ts';
import { createdAtOf, type RecordingRef } from '../model/ids.ts';
import { CLOCKS_AGREE_WITHIN_MS } from '../model/times.ts';
import type { RecordingsContext } from './context.ts';
import { readCursor, writeCursor } from './page-cursor.ts';

/** What the receipts of a tenant are read with; the commands have no more. */
export type ReceiptsContext = Pick<RecordingsContext, 'store' | 'policy' | 'now' | 'randomBytes' | 'signer'>;

export interface ReceiptFilter {
  /** Only what was deleted at this time or after it. */
  readonly deletedAfterMs?: number | undefined;
  /** Only what was deleted before this time. */
  readonly deletedBeforeMs?: number | undefined;
  readonly reason?: DeletionReason | undefined;
  readonly participantId?: string | undefined;
}

export interface ReceiptQuery extends ReceiptFilter {
  /** At most this many, 1 to 200, unreadable ones included. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export type UnreadableReceipt = Omit<DocumentIds, 'tenantId'>;

export interface ReceiptPage {
  readonly items: Receipt[];
  /** Receipts that exist and cannot be read, or were changed; whether they match the filter is not known. */
  readonly unreadable: UnreadableReceipt[];
  readonly nextCursor: string | null;
}

/** GETs, and keys that a page looks through: a rare filter gives short pages, never a slow request. */
const MAX_READ_A_PAGE = 1000;
const MAX_KEYS_A_PAGE = 20_000;
/** Receipts read together, and how many such batches are in memory of what goes through all of them. */
const BATCH = 32;
const BATCHES_AT_ONCE = 3;

/**
 * By exam, attempt and creation. What cannot match by the dates that a listing shows is not read; no index leads from a
 * participant, or a reason, to a receipt. A page may have less than `limit`, or nothing, and still have a next one.
 * @throws ServiceError `invalid-request` for a cursor of another list
 */
export async function listReceipts(
  context: ReceiptsContext,
  scope: ReceiptScope,
  { limit, cursor, ...filter }: ReceiptQuery,
): Promise<ReceiptPage> {
  const after = cursor === undefined ? undefined : readCursor(cursor, scope);
  const items: Receipt[] = [];
  const unreadable: UnreadableReceipt[] = [];
  let read = 0;
  let passed = 0;
  const endAt = (ref: RecordingRef) => ({ items, unreadable, nextCursor: writeCursor(ref) });
  // Most of what is read for a rare filter has no place in the page.
  const isRare = filter.participantId !== undefined || filter.reason !== undefined;
  const size = isRare ? Math.max(limit, BATCH) : limit;
  for await (const batch of inBatches(listKeys(context.store, scope, { after }), size)) {
    for (const { ref, receipt } of await readAll(context, batch, filter)) {
      if (receipt !== undefined) read += 1;
      if (typeof receipt === 'string') unreadable.push(idsWithoutTenant(ref));
      else if (receipt && matches(receipt, filter)) items.push(receipt);
      if (items.length + unreadable.length === limit) return endAt(ref);
    }
    passed += batch.length;
    const last = batch.at(-1);
    if (last && (read >= MAX_READ_A_PAGE || passed >= MAX_KEYS_A_PAGE)) return endAt(last.ref);
  }
  return { items, unreadable, nextCursor: null };
}

export interface ReadReceipt {
  readonly ref: RecordingRef;
  /** `changed`: it says something else than what was signed. */
  readonly receipt: Receipt | 'unreadable' | 'changed';
  /** Whether it has a signature that could not be verified because the key is not known. */
  readonly isUnchecked: boolean;
}

/**
 * All that match, and all that cannot be read, as they are consumed; a few in memory. `onListed` gets each that exists,
 * whether it matches or not. @throws StoreError
 */
export async function* readReceipts(
  context: ReceiptsContext,
  scope: ReceiptScope,
  filter: ReceiptFilter,
  on: { readonly onListed?: (ref: RecordingRef) => void; readonly onUnknownKey?: () => void } = {},
): AsyncGenerator<ReadReceipt[], void, undefined> {
  const read = async (batch: readonly ListedReceipt[]) => {
    for (const { ref } of batch) on.onListed?.(ref);
    return (await readAll(context, batch, filter)).flatMap(({ ref, receipt, isUnchecked }) => {
      if (receipt === undefined || (typeof receipt !== 'string' && !matches(receipt, filter))) return [];
      return [{ ref, receipt, isUnchecked }];
    });
  };
  const batches = inBatches(listKeys(context.store, scope, on), BATCH);
  yield* pMapIterable(batches, read, { concurrency: BATCHES_AT_ONCE });
}

/** Undefined: it cannot match, or has expired since it was listed. */
function readAll(context: ReceiptsContext, listed: readonly ListedReceipt[], filter: ReceiptFilter) {
  // Whether one was changed is judged here: a list says so.
  const bucket = new Bucket({ ...context, signer: undefined });
  return pMap(listed, async (one) => {
    const receipt = mayMatch(one, filter) ? await bucket.readReceipt(one.ref) : undefined;
    const isSigned = receipt !== undefined && receipt !== 'unreadable' && receipt.jws !== undefined;
    const { signer } = context;
    const agreement = isSigned && signer ? await agreesWithItsSignature(signer, receipt) : 'unknown-key';
    return {
      ref: one.ref,
      receipt: agreement === 'forged' ? ('changed' as const) : receipt,
      isUnchecked: isSigned && agreement === 'unknown-key',
    };
  });
}

/** A recording is deleted after its creation, and before its receipt is written, but for what clocks differ by. */
function mayMatch({ ref, writtenMs }: ListedReceipt, { deletedAfterMs, deletedBeforeMs }: ReceiptFilter): boolean {
  if (deletedAfterMs !== undefined && writtenMs + CLOCKS_AGREE_WITHIN_MS < deletedAfterMs) return false;
  const createdAtMs = createdAtOf(ref.recording);
  // An id of a time to come says nothing.
  const isKnown = createdAtMs <= writtenMs + CLOCKS_AGREE_WITHIN_MS;
  return !(isKnown && deletedBeforeMs !== undefined && createdAtMs - CLOCKS_AGREE_WITHIN_MS >= deletedBeforeMs);
}

function matches(receipt: Receipt, filter: ReceiptFilter): boolean {
  const { deletedAfterMs = Number.NEGATIVE_INFINITY, deletedBeforeMs = Number.POSITIVE_INFINITY } = filter;
  const deletedAtMs = Date.parse(receipt.deletedAt);
  return (
    deletedAtMs >= deletedAfterMs &&
    deletedAtMs < deletedBeforeMs &&
    receipt.reason === (filter.reason ?? receipt.reason) &&
    receipt.participantId === (filter.participantId ?? receipt.participantId)
  );
}

export function idsWithoutTenant(ref: RecordingRef): UnreadableReceipt {
  const { tenantId: _, ...ids } = idsOf(ref);
  return ids;
}
