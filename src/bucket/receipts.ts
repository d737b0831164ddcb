// The proof of a deletion, which is a tombstone too.

import type { RecordingRef } from '../model/ids.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import { parseReceipt, type Receipt } from './documents.ts';
import { receiptKey } from './layout.ts';

/** Undefined where there is none, and where it cannot be read. */
export async function readReceipt(store: ObjectStore, ref: RecordingRef): Promise<Receipt | undefined> {
  const body = await store.get(receiptKey(ref));
  return body && parseReceipt(body, ref);
}
