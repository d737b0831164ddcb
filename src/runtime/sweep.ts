// `sweep`, one run for a cron job or a person, and the sweeps inside `serve`.
import type { Registry } from 'prom-client';
import type { Env } from '../config.ts';
import type { Logger } from '../model/logger.ts';
import { findDueSoon } from '../sweeper/due-soon.ts';
import type { SweepReport } from '../sweeper/report.ts';
import type { SweepContext } from '../sweeper/run.ts';
import { SweepRefused, sweep } from '../sweeper/sweep.ts';
import { sweepContext } from './contexts.ts';
import { dueSoonMetric, sweepMetrics } from './metrics.ts';
import { progressLine, type Terminal } from './progress.ts';
import { startSchedule } from './schedule.ts';
import { listenForStop } from './shutdown.ts';
import { type CommandContext, type OpenedStore, onStore, type Switches } from './store.ts';

/** Exit code 0: all done; 1: something failed and stays due; 2: refused to run (settings, clock). */
export function sweepCommand(flags: Switches<'dry-run' | 'json'>, env: Env): Promise<number> {
  return onStore(env, async ({ settings, logger, tracing, opened }) => {
    using stop = listenForStop();
    const progress = createProgress(process.stderr);
    const context = { ...sweepContext(settings, opened), onProgress: progress.show };
    const options = { dryRun: flags['dry-run'] === true, signal: stop.signal };
    const run = () => tracing.inSpan('sweep', () => sweep(context, options)).finally(progress.clear);
    return await reportSweep(run, { json: flags.json === true, logger, output: process.stdout });
  });
}

export interface ReportOptions {
  readonly json: boolean;
  readonly logger: Logger;
  readonly output: { write(text: string): unknown };
}

export const reportSweep = reporting('the sweep refused to run', toText, ({ failed }: SweepReport) => failed > 0);

/** Runs a command and writes its report. Resolves with the exit code: 1 where `isWrong`, 2 where it refused to run. */
export function reporting<R>(refused: string, textOf: (report: R) => string, isWrong: (report: R) => boolean) {
  return async (run: () => Promise<R>, { json, logger, output }: ReportOptions): Promise<number> => {
    try {
      const report = await run();
      output.write(json ? `${JSON.stringify(report)}\n` : printable(textOf(report)));
      return isWrong(report) ? 1 : 0;
    } catch (error) {
      if (!(error instanceof SweepRefused)) throw error;
      logger.error(refused, { code: error.code, detail: error.message });
      return 2;
    }
  };
}

/** Keys of a bucket may write over a terminal. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, '\uFFFD');
}

/** What a failed inspection hides may be due. */
function verdictOf({ due, deleted, failed, dryRun }: SweepReport): string {
  if (due > 0) {
    return `${dryRun ? due : deleted.recordings} of ${counted(due, 'due recording')} ${dryRun ? 'would be deleted' : 'deleted'}.`;
  }
  return failed > 0 ? 'Nothing was deleted. What failed may have been due.' : 'No recording was due.';
}

/** The verdict, a table of counts, and what needs attention. */
function toText(report: SweepReport): string {
  const { deleted, late, kept, failed, overdue, dryRun } = report;
  const rows: readonly (readonly [string, string])[] = [
    [
      'Deleted',
      `${counted(deleted.objects, 'object')}, ${counted(deleted.versions, 'version')}, ${counted(deleted.bytes, 'byte')}`,
    ],
    ['Late', late === 0 ? '0' : `${late}, the latest ${report.greatestLatenessSeconds} s after its deadline`],
    ['Not due, kept', `${kept}`],
    ['Failed', `${failed}`],
    ['Overdue', `${overdue}`],
    ['Store requests', `${report.requests}`],
  ];
  const lines = [
    verdictOf(report),
    ...rows.map(([label, value]) => `  ${label.padEnd(16)}${value}`),
    ...(report.provenBefore > 0
      ? [`${counted(report.provenBefore, 'recording')} had already been deleted by another sweep or by a request.`]
      : []),
    ...(report.empty > 0 ? [`${counted(report.empty, 'recording')} had been created but contained nothing.`] : []),
    ...(report.salvaged > 0
      ? [`${counted(report.salvaged, 'abandoned upload')} ${dryRun ? 'would be completed' : 'completed'}.`]
      : []),
    ...(report.broughtForward > 0
      ? [
          `${counted(report.broughtForward, 'attempt')} ${dryRun ? 'would get' : 'got'} an earlier deadline, because RETENTION_BY_TENANT is shorter now.`,
        ]
      : []),
    ...(report.dueSoonUnassessed ?? []).map(
      ({ tenant, count, earliest }) =>
        `Warning: ${counted(count, 'unassessed recording')} of ${tenant} will be deleted within 72 hours, the first by ${earliest}.`,
    ),
    ...(report.dueSoonMore ? ['Warning: there are more of them.'] : []),
    ...report.would.map(({ key, reason, deadline }) => `  ${key}  ${reason}, deadline ${deadline}`),
    ...report.problems.flatMap(({ code, operation, count, keys }) => [
      `Problem: ${operation === null ? '' : `${operation}: `}${code} (${count})`,
      ...keys.map((key) => `  ${key}`),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

/** A number and its noun: "1 recording", "2 recordings". */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Shows the progress of a sweep. */
export const createProgress = (terminal: Terminal) =>
  progressLine(
    terminal,
    ({ due, deleted, failed }: { due: number; deleted: number; failed: number }) =>
      `${deleted} of ${due} deleted, ${failed} failed`,
  );

export interface ScheduleContext extends Pick<CommandContext, 'settings' | 'logger' | 'tracing'> {
  readonly opened: Partial<Pick<OpenedStore, 'clockGuard'>> & {
    connect(): Pick<SweepContext, 'store' | 'requestCount'>;
  };
}

/** Undefined with SWEEP_SCHEDULE=off; recordings that will be deleted unassessed are still counted. */
export function startSweeps({ settings, opened, logger, tracing }: ScheduleContext, metrics: Registry) {
  const connection = opened.connect();
  const read = settings.sweepSchedule === undefined ? () => findDueSoon(sweepContext(settings, connection)) : undefined;
  const dueSoon = dueSoonMetric(metrics, { logger, now: Date.now, read });
  if (settings.sweepSchedule === undefined) return undefined;
  const onSwept = sweepMetrics(metrics);
  async function run(signal: AbortSignal): Promise<void> {
    const startedAtMs = performance.now();
    try {
      const context = sweepContext(settings, { ...connection, ...opened.clockGuard?.beginRun() });
      // What these cost grows with what is stored.
      const isHourly = dueSoon.isStale();
      const options = { signal, dueSoon: isHourly, fromFuture: isHourly };
      const report = await tracing.inSpan('sweep', () => sweep(context, options));
      onSwept(report, performance.now() - startedAtMs);
      if (report.dueSoonUnassessed) dueSoon.set({ unassessed: report.dueSoonUnassessed, more: report.dueSoonMore });
      logSwept(logger, report);
    } catch (error) {
      const isRefused = error instanceof SweepRefused;
      onSwept(isRefused ? 'refused' : 'failed', performance.now() - startedAtMs);
      const code = isRefused ? error.code : 'sweep-failed';
      // The guard has logged it, once.
      if (code === 'clock-stepped') return;
      logger.error('the sweep did not run', { code, detail: error instanceof Error ? error.message : String(error) });
    }
  }

  return startSchedule(settings.sweepSchedule, async (signal) => {
    await run(signal);
    while (opened.clockGuard?.isRight() === false && !signal.aborted) {
      // The next moment of the schedule may come after deadlines.
      await opened.clockGuard.untilRight(signal);
      if (!signal.aborted) await run(signal);
    }
  });
}

/** An error while something stays due, a warning when something was deleted late. */
export function logSwept(logger: Logger, report: SweepReport): void {
  const { startedAt, finishedAt, due, deleted, late, greatestLatenessSeconds, provenBefore, empty } = report;
  const { kept, failed, overdue, oldestOverdueSeconds, requests, requestsPerRecording } = report;
  const proven = { due, ...deleted, late, greatestLatenessSeconds, provenBefore, empty };
  const rest = { kept, failed, overdue, oldestOverdueSeconds, requests, requestsPerRecording };
  const level = late > 0 ? 'warn' : 'info';
  logger[failed > 0 ? 'error' : level]('swept', { startedAt, finishedAt, ...proven, ...rest });
}
