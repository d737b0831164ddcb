// The proof of a deletion, which is a tombstone too.
import { parseReceipt, type Receipt } from '../domain/documents.ts';
import type { RecordingRef } from '../domain/ids.ts';
import { receiptKey } from '../domain/keys.ts';
import type { ObjectStore } from './object-store.ts';

/** Undefined where there is none, and where it cannot be read. */
export async function readReceipt(store: ObjectStore, ref: RecordingRef): Promise<Receipt | undefined> {
  const body = await store.get(receiptKey(ref));
  return body && parseReceipt(body, ref);
}
