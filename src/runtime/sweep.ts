// `sweep`: one run of the deletion, for a cron job or a person.
import { parseArgs } from 'node:util';
import type { Logger } from '../http/logger.ts';
import type { SweepReport } from '../sweeper/report.ts';
import { SweepRefused, sweep } from '../sweeper/sweep.ts';
import { sweepContext } from './contexts.ts';
import type { Env } from './environment.ts';
import { createLogger } from './logging.ts';
import { openStore } from './open-store.ts';
import { createProgress } from './progress.ts';
import { readSettings } from './settings.ts';
import { listenForStop } from './stop-signal.ts';
import { startTracing } from './tracing.ts';

/** Exit code 0: all done; 1: something failed and stays due; 2: refused to run (settings, clock). */
export async function sweepCommand(argv: string[], env: Env): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { 'dry-run': { type: 'boolean' }, json: { type: 'boolean' } } });
  const settings = readSettings(env, { needsAuth: false });
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  const tracing = await startTracing(settings.traces, logger);
  const opened = await openStore({ settings, logger, owner: false, onRequest: tracing.onStoreRequest });
  const stop = listenForStop();
  const progress = createProgress(process.stderr);
  try {
    const context = { ...sweepContext(settings, opened), onProgress: progress.show };
    const options = { dryRun: values['dry-run'] === true, signal: stop.signal };
    const run = () => tracing.inSpan('sweep', () => sweep(context, options)).finally(progress.clear);
    return await reportSweep(run, { json: values.json === true, logger, output: process.stdout });
  } finally {
    await opened.close();
    await tracing.close();
    stop.dispose();
  }
}

export interface ReportOptions {
  readonly json: boolean;
  readonly logger: Logger;
  readonly output: { write(text: string): unknown };
}

/** Writes the report of a run; the exit code. */
export async function reportSweep(run: () => Promise<SweepReport>, options: ReportOptions): Promise<number> {
  const { json, logger, output } = options;
  try {
    const report = await run();
    output.write(json ? `${JSON.stringify(report)}\n` : toText(report));
    return report.failed > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof SweepRefused)) throw error;
    logger.error('the sweep refused to run', { code: error.code, detail: error.message });
    return 2;
  }
}

function toText(report: SweepReport): string {
  const { deleted, requestsPerRecording } = report;
  const verb = report.dryRun ? 'would be deleted' : 'deleted';
  const count = report.dryRun ? report.due : deleted.recordings;
  const each = requestsPerRecording === null ? '' : `, ${requestsPerRecording} a deletion`;
  const lines = [
    `${count} of ${report.due} due recordings ${verb} (${deleted.objects} objects, ${deleted.versions} versions, ${deleted.bytes} bytes); ` +
      `${report.kept} looked at and kept, ${report.failed} failed, ${report.overdue} overdue; ${report.requests} requests${each}`,
    ...(report.broughtForward > 0
      ? [`  ${report.broughtForward} attempts got an earlier entry: their tenants ordered a shorter retention`]
      : []),
    ...(report.dueSoonUnassessed ?? []).map(
      ({ tenant, count, earliest }) =>
        `  warning: ${tenant} loses ${count} unassessed recordings within 72 hours, the first by ${earliest}`,
    ),
    ...(report.dueSoonMore ? ['  warning: there are more of them'] : []),
    ...report.would.map(({ key, reason, deadline }) => `  ${key}  ${reason}, deadline ${deadline}`),
    ...report.problems.flatMap(({ code, operation, count: times, keys }) => [
      `  ${operation === null ? '' : `${operation}: `}${code}: ${times}`,
      ...keys.map((key) => `    ${key}`),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}
