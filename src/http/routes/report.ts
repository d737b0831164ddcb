// The auditor's report: whether everything of a tenant was deleted in time, as JSON and as a page.
import { createReport } from '../../recordings/report.ts';
import { reportPage } from '../../recordings/report-page.ts';
import { notValid } from '../input.ts';
import { operation } from '../operation.ts';
import { report, reportQuery } from '../schemas.ts';

const HTML = 'text/html';

export const reportOfTenant = operation('get', '/v1/report', {
  operationId: 'getReport',
  summary: 'Get the report for auditors',
  description:
    'Answers whether everything was deleted on time: a verdict with its reasons, what was recorded and deleted in the ' +
    'period, deletions on request, late deletions, what is still held and until when, what was and was not compared, and ' +
    'how to check the result. The verdict is never "yes" if something could not be read.\n\n' +
    'Without `from` and `to` the report also compares the receipts with the log and counts missing ones. For a shorter ' +
    'period only the proof shows them. With `Accept: text/html` the response is a page to print. The call reads every held ' +
    'recording and every receipt of the period, which may take minutes. The command `report` has no time limit.',
  scopes: ['privacy:manage'],
  isOfTenant: true,
  query: reportQuery,
  problems: ['exports-busy'],
  success: { description: 'The report.', schema: report, alsoAs: HTML },
  async handle({ ctx, ref: { tenant }, query: { from, to }, isOther }) {
    const period = {
      fromMs: from === undefined ? undefined : Date.parse(from),
      toMs: to === undefined ? undefined : Date.parse(to),
    };
    if (period.fromMs !== undefined && period.fromMs >= ctx.now()) {
      throw notValid('query', [{ path: 'from', message: 'Must be before now' }]);
    }
    const made = await ctx.exportPlaces.whileMaking(tenant, () => createReport(ctx, tenant, period));
    if (!isOther) return made;
    const day = made.generatedAt.slice(0, 10);
    return { contentType: HTML, fileName: `deletion-report-${tenant}-${day}.html`, chunks: chunksOf(reportPage(made)) };
  },
});

async function* chunksOf(page: string): AsyncGenerator<string, void, undefined> {
  yield page;
}
