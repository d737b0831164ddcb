// The receipts of a tenant, an exam or an attempt as a listing shows them: whose they are and when they were written.
import type { RecordingRef } from '../model/ids.ts';
import { listAll, type ObjectStore } from '../objectstore/object-store.ts';
import { keyOf, parseKey, prefixOf } from './layout.ts';

export interface ReceiptScope {
  readonly tenant: string;
  readonly exam?: string | undefined;
  readonly attempt?: string | undefined;
}

export interface ListedReceipt {
  readonly ref: RecordingRef;
  /** By the store's clock. Never before the deletion that it proves, but for what clocks differ by. */
  readonly writtenMs: number;
}

/** In order of exam, attempt and creation, a LIST for each 1000, from the one after `after` on. @throws StoreError */
export async function* listReceipts(
  store: ObjectStore,
  { tenant, exam, attempt }: ReceiptScope,
  { after, onUnknownKey }: { after?: RecordingRef | undefined; onUnknownKey?: (() => void) | undefined } = {},
): AsyncGenerator<ListedReceipt, void, undefined> {
  // A part after one that is missing would name another folder.
  const prefix = prefixOf('receipt', { tenant, exam, attempt: exam === undefined ? undefined : attempt });
  for await (const { key, lastModifiedMs } of listAll(store, prefix, after && keyOf('receipt', after))) {
    const parsed = parseKey(key);
    if (parsed?.type === 'receipt') yield { ref: parsed.ref, writtenMs: lastModifiedMs };
    else onUnknownKey?.();
  }
}
