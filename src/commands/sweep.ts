// `sweep`: one run of the deletion, for a cron job or a person.
import { parseArgs } from 'node:util';
import { SweepRefused, sweep } from '../retention/sweep.ts';
import type { SweepReport } from '../retention/sweep-report.ts';
import { sweepContext } from './contexts.ts';
import type { Env } from './environment.ts';
import { createLogger } from './logging.ts';
import { openStore } from './open-store.ts';
import { readSettings } from './settings.ts';

/** Exit code 0: all done; 1: something failed and stays due; 2: refused to run (settings, clock). */
export async function sweepCommand(argv: string[], env: Env): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { 'dry-run': { type: 'boolean' }, json: { type: 'boolean' } } });
  const settings = readSettings(env, { needsAuth: false });
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  const opened = await openStore({ settings, logger, owner: false });
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  try {
    const context = { ...sweepContext(settings, opened), onProgress: showProgress };
    const report = await sweep(context, { dryRun: values['dry-run'] === true, signal: stopping.signal });
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : toText(report));
    return report.failed > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof SweepRefused)) throw error;
    logger.error('the sweep refused to run', { code: error.code, detail: error.message });
    return 2;
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop);
    await opened.close();
  }
}

function showProgress({ due, deleted, failed }: { due: number; deleted: number; failed: number }): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${deleted} of ${due} deleted, ${failed} failed `);
}

function toText(report: SweepReport): string {
  const { deleted } = report;
  const verb = report.dryRun ? 'would be deleted' : 'deleted';
  const count = report.dryRun ? report.due : deleted.recordings;
  const lines = [
    `${count} of ${report.due} due recordings ${verb} (${deleted.objects} objects, ${deleted.versions} versions, ${deleted.bytes} bytes); ` +
      `${report.kept} looked at and kept, ${report.failed} failed, ${report.overdue} overdue; ${report.requests} requests`,
    ...report.would.map(({ key, reason, deadline }) => `  ${key}  ${reason}, deadline ${deadline}`),
    ...report.problems.flatMap(({ code, count: times, keys }) => [
      `  ${code}: ${times}`,
      ...keys.map((key) => `    ${key}`),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}
