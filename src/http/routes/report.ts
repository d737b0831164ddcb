// The auditor's report: whether everything of a tenant was deleted in time, as JSON and as a page.
import { createReport } from '../../recordings/report.ts';
import { reportPage } from '../../recordings/report-page.ts';
import { notValid } from '../input.ts';
import { operation } from '../operation.ts';
import { report, reportQuery } from '../schemas.ts';

const HTML = 'text/html';

export const reportOfTenant = operation('get', '/v1/report', {
  operationId: 'getReport',
  summary: 'See whether everything was deleted in time, and what is held until when',
  description:
    'For an auditor: a verdict and what it rests on, what was recorded and deleted in the period, deletions on request and ' +
    'late ones, what is still held and until when, what was compared and what not, and how to check it. It never says yes ' +
    'over something that it has not read. Without `from` and `to` it also compares the receipts with their log, so that a ' +
    'missing one is counted; over a part of that time only the proof shows it. `Accept: text/html`: the same as one page ' +
    'to print. It reads every held recording and every receipt of the period, so it may take minutes; the command ' +
    '`report` has no limit of time.',
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
