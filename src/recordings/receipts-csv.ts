// Receipts as comma-separated values, for a spreadsheet: a line for each, written as they are read.
import { idsOf, type Receipt } from '../bucket/documents.ts';
import type { ReceiptScope } from '../bucket/receipt-list.ts';
import { inSeconds, latenessOf } from '../bucket/receipts.ts';
import { csvLine } from '../model/csv.ts';
import { type ReceiptFilter, type ReceiptsContext, readReceipts } from './receipts.ts';

/** `lateSeconds`: 0 when it was in time. `state`: `deleted`, or `unreadable`, and then the other cells are empty. */
const COLUMNS = [
  'tenantId',
  'examId',
  'attemptId',
  'recordingId',
  'state',
  'participantId',
  'reason',
  'actor',
  'deadline',
  'deletedAt',
  'verifiedAt',
  'lateSeconds',
  'objects',
  'versions',
  'bytes',
  'run',
  'sequence',
  'previous',
  'keptUntil',
  'jws',
] as const;
type Line = { readonly [Name in (typeof COLUMNS)[number]]?: string | number | null | undefined };

/**
 * Without `namesUnreadable` the line of an unreadable receipt has no ids.
 * @throws StoreError; what was written until then is no whole file, and the connection is cut.
 */
export async function* receiptsCsv(
  context: ReceiptsContext,
  scope: ReceiptScope,
  filter: ReceiptFilter,
  { namesUnreadable }: { readonly namesUnreadable: boolean },
): AsyncGenerator<string, void, undefined> {
  yield csvLine(COLUMNS);
  for await (const batch of readReceipts(context, scope, filter)) {
    const lines = batch.map(({ ref, receipt }) => {
      if (typeof receipt !== 'string') return lineOf(receipt);
      return { ...(namesUnreadable && idsOf(ref)), state: 'unreadable' };
    });
    if (lines.length > 0) yield lines.map((line: Line) => csvLine(COLUMNS.map((name) => line[name] ?? null))).join('');
  }
}

function lineOf({ chain, ...receipt }: Receipt): Line {
  return { ...receipt, ...chain, state: 'deleted', lateSeconds: inSeconds(latenessOf(receipt)) };
}
