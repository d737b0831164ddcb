// `report`: the auditor's report of a tenant, as text, as JSON, or as a page in a file.
import { open, writeFile } from 'node:fs/promises';
import { type Env, SettingsError } from '../config.ts';
import { isId } from '../model/ids.ts';
import { createReport } from '../recordings/report.ts';
import { reportPage } from '../recordings/report-page.ts';
import type { Report, ReportedDeletion } from '../recordings/report-schema.ts';
import { readingContext } from './contexts.ts';
import { onStore } from './store.ts';

export interface ReportFlags {
  readonly tenant: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly html?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Exit code 0: everything was deleted in time, and all was read. 1: not so. @throws SettingsError for flags that mean nothing */
export function reportCommand({ tenant, from, to, html, json }: ReportFlags, env: Env): Promise<number> {
  const problems = isId(tenant) ? [] : ['--tenant is not a valid id'];
  const [fromMs, toMs] = [timeOf('from', from, problems), timeOf('to', to, problems)];
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) problems.push('--from must be before --to');
  if (fromMs !== undefined && fromMs >= Date.now()) problems.push('--from must be before now');
  if (html !== undefined && json) problems.push('--html and --json are two forms: choose one');
  if (problems.length > 0) throw new SettingsError(problems.join('\n'));
  return onStore(env, async ({ settings, opened }) => {
    // First of all: reading may take minutes.
    if (html !== undefined) await requireWritable(html);
    const report = await createReport(readingContext(settings, opened), tenant, { fromMs, toMs });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report));
    if (html !== undefined) await writeFile(html, reportPage(report));
    return report.verdict.answer === 'yes' ? 0 : 1;
  });
}

/** What the file holds stays until there is a report. @throws SettingsError */
async function requireWritable(path: string): Promise<void> {
  try {
    await (await open(path, 'a')).close();
  } catch (error) {
    throw new SettingsError(`--html: ${path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?$/;

function timeOf(name: string, text: string | undefined, problems: string[]): number | undefined {
  if (text === undefined) return undefined;
  const timeMs = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs))
    problems.push(`--${name} must be a day such as 2026-11-02, or a time such as 2026-11-02T09:00:00Z`);
  return timeMs;
}

/** The verdict, and the totals behind it. */
export function reportText({ number, tenantId, period, verdict, totals, closest, notChecked }: Report): string {
  const { begun, deleted, late, onRequest, held, assessed, unassessed, overdue } = totals;
  const { earliestDeletableFrom, earliestDeleteBy, latestDeleteBy, latestDeleteByIfAssessed, restricted } = totals;
  const numbers: readonly (readonly [string, number])[] = [
    ['Recordings started', begun],
    ['Deleted', deleted],
    ['  after their deadline', late],
    ['  on request', onRequest],
    ['Held now', held],
    ['  assessed', assessed],
    ['  unassessed', unassessed],
    ['  restricted', restricted],
    ['  past their deadline', overdue],
  ];
  const times: readonly (readonly [string, string | null])[] = [
    ['May be deleted from', earliestDeletableFrom],
    ['Earliest deadline', earliestDeleteBy],
    ['Latest deadline', latestDeleteBy],
    ['  if assessed later', latestDeleteByIfAssessed],
  ];
  const lines = [
    `${verdict.question} ${verdict.summary}`,
    verdict.limit,
    '',
    `Report ${number}`,
    `Organisation (tenant) ${tenantId}, from ${period.from} to ${period.to}`,
    ...numbers.map(([name, count]) => `${name.padEnd(24)}${String(count).padStart(10)}`),
    ...times.flatMap(([name, at]) => (at === null ? [] : [`${name.padEnd(24)}${at}`])),
    ...(closest
      ? [`${closestOf(closest)}: ${closest.recordingId}, deleted ${closest.deletedAt}, deadline ${closest.deadline}`]
      : []),
    '',
    'Not checked:',
    `  Receipts without a signature: ${notChecked.unsignedReceipts}.`,
    `  Receipts whose signature was not checked: ${notChecked.uncheckedSignatures}.`,
    ...(notChecked.missingReceipts === null
      ? []
      : [
          `  Deletions in the log of receipts without a readable receipt: ${notChecked.missingReceipts}.`,
          `  Late deletions in the log without a receipt in this report: ${Math.max((notChecked.lateInLog ?? 0) - late, 0)}.`,
        ]),
    ...notChecked.notes.map((note) => `  ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

function closestOf({ lateSeconds }: ReportedDeletion): string {
  return lateSeconds > 0 ? 'Furthest past its deadline' : 'Closest to its deadline';
}
