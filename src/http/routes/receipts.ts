// Proofs that can be taken away: the receipts of an exam and of a participant, as pages of JSON and as one file.
import type { z } from 'zod';
import type { ReceiptScope } from '../../bucket/receipt-list.ts';
import { ServiceError } from '../../model/errors.ts';
import type { RecordingsContext } from '../../recordings/context.ts';
import { listReceipts, type ReceiptFilter } from '../../recordings/receipts.ts';
import { receiptsCsv } from '../../recordings/receipts-csv.ts';
import { operation } from '../operation.ts';
import type { Streamed } from '../response.ts';
import { receiptList, receiptsOfExamQuery, receiptsOfParticipantQuery } from '../schemas.ts';

const CSV = 'text/csv';
const DEFAULT_LIMIT = 50;
const SUCCESS = {
  description: 'One page. `nextCursor` is null on the last page. As CSV: all receipts in one file.',
  schema: receiptList,
  alsoAs: CSV,
};
const ABOUT_FORMS =
  'Receipts are deleted after twelve months (`LOG_RETENTION`). With `Accept: text/csv` the response is one file with a ' +
  'header row and all matching receipts. Values that a spreadsheet would run as a formula begin with an apostrophe. The ' +
  'file is streamed: if the connection breaks, it is incomplete.';

export const receiptsOfExam = operation('get', '/v1/exams/{exam}/receipts', {
  operationId: 'listExamReceipts',
  summary: 'List the deletion receipts of an exam',
  description:
    'Sorted by attempt, then by creation time. A page reads at most a thousand receipts, so a filtered page may be short ' +
    `or empty although there is a next one: continue until \`nextCursor\` is null. An unknown exam is not an error: the list is empty. ${ABOUT_FORMS}`,
  scopes: ['privacy:manage'],
  query: receiptsOfExamQuery,
  problems: ['exports-busy'],
  success: SUCCESS,
  async handle({ ctx, ref: { tenant, exam }, query, isOther }) {
    const { attempt } = query;
    const scope = { tenant, exam, attempt };
    if (isOther) return fileOf(ctx, scope, query, filterOf(query), ['receipts', exam, attempt]);
    const page = await listReceipts(ctx, scope, pageOf(query));
    return { ...page, unreadableCount: page.unreadable.length };
  },
});

export const receiptsOfParticipant = operation('get', '/v1/participants/{participant}/receipts', {
  operationId: 'listParticipantReceipts',
  summary: 'List the deletion receipts of a participant',
  description:
    'Sorted by exam, attempt and creation time. There is no index: the call reads all receipts of the tenant, or of one ' +
    'exam with `exam`, a thousand per page. A page may be empty although there is a next one: continue until `nextCursor` ' +
    'is null. An unknown participant is not an error: the list is empty. A recording whose description was unreadable when ' +
    `it was deleted is not listed. ${ABOUT_FORMS}`,
  scopes: ['privacy:manage'],
  query: receiptsOfParticipantQuery,
  problems: ['exports-busy'],
  success: SUCCESS,
  async handle({ ctx, principal, ref: { tenant, participant }, query, isOther }) {
    const scope = { tenant, exam: query.exam };
    // What cannot be read may be of another participant.
    const namesUnreadable = principal.participant === undefined;
    if (isOther) {
      const filter = { ...filterOf(query), participantId: participant };
      return fileOf(ctx, scope, query, filter, ['receipts', participant, query.exam], namesUnreadable);
    }
    const page = await listReceipts(ctx, scope, { ...pageOf(query), participantId: participant });
    return { ...page, unreadable: namesUnreadable ? page.unreadable : [], unreadableCount: page.unreadable.length };
  },
});

type Query = Omit<z.output<typeof receiptsOfExamQuery>, 'attempt'>;

function pageOf(query: Query) {
  return { ...filterOf(query), limit: query.limit ?? DEFAULT_LIMIT, cursor: query.cursor };
}

function filterOf({ deletedAfter, deletedBefore, reason }: Query): ReceiptFilter {
  const toMs = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time));
  return { deletedAfterMs: toMs(deletedAfter), deletedBeforeMs: toMs(deletedBefore), reason };
}

/** @throws ServiceError `invalid-request` for what only pages have */
function fileOf(
  ctx: RecordingsContext,
  scope: ReceiptScope,
  query: Query,
  filter: ReceiptFilter,
  names: readonly (string | undefined)[],
  namesUnreadable = true,
): Streamed {
  const paged = (['limit', 'cursor'] as const).filter((name) => query[name] !== undefined);
  if (paged.length > 0) {
    const errors = paged.map((path) => ({ path, message: 'Is for pages of JSON: the CSV has all receipts' }));
    throw new ServiceError('invalid-request', `The CSV has no pages: leave out ${paged.join(' and ')}.`, { errors });
  }
  const chunks = ctx.exportPlaces.during(scope.tenant, receiptsCsv(ctx, scope, filter, { namesUnreadable }));
  return { contentType: CSV, fileName: `${names.filter((name) => name !== undefined).join('-')}.csv`, chunks };
}
