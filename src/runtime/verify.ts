// `verify`: proves or disproves the promise for a person, an auditor or an alarm.
import { parseArgs } from 'node:util';
import { SweepRefused } from '../sweeper/sweep.ts';
import { FINDING_KINDS, NOT_SHOWN, type VerifyReport } from '../verifier/findings.ts';
import { verify } from '../verifier/verify.ts';
import { sweepContext } from './contexts.ts';
import type { Env } from './environment.ts';
import { createLogger } from './logging.ts';
import { openStore } from './open-store.ts';
import { readSettings } from './settings.ts';
import type { ReportOptions } from './sweep.ts';
import { startTracing } from './tracing.ts';

/** Exit code 0 only if nothing is wrong, or `--fix` put all of it right. */
export async function verifyCommand(argv: string[], env: Env): Promise<number> {
  const { values } = parseArgs({ args: argv, options: { fix: { type: 'boolean' }, json: { type: 'boolean' } } });
  const settings = readSettings(env, { needsAuth: false });
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  const tracing = await startTracing(settings.traces, logger);
  const opened = await openStore({ settings, logger, owner: false, onRequest: tracing.onStoreRequest });
  try {
    const context = sweepContext(settings, opened);
    const run = () => tracing.inSpan('verify', () => verify(context, { fix: values.fix === true }));
    return await reportVerify(run, { json: values.json === true, logger, output: process.stdout });
  } finally {
    await opened.close();
    await tracing.close();
  }
}

/** Writes the report of a run; the exit code. */
export async function reportVerify(run: () => Promise<VerifyReport>, options: ReportOptions): Promise<number> {
  const { json, logger, output } = options;
  try {
    const report = await run();
    output.write(json ? `${JSON.stringify(report)}\n` : toText(report));
    return report.wrong > 0 ? 1 : 0;
  } catch (error) {
    if (!(error instanceof SweepRefused)) throw error;
    logger.error('verify refused to run', { code: error.code, detail: error.message });
    return 2;
  }
}

/** A page for an auditor: the verdict, what was read, then a table. */
function toText(report: VerifyReport): string {
  const { attempts, recordings, bytes, receipts, auditEvents, requests } = report;
  const width = Math.max(...Object.keys(FINDING_KINDS).map((kind) => kind.length));
  const lines = [
    report.wrong === 0 ? 'Nothing is wrong.' : `${report.wrong} things are wrong.`,
    '',
    `Read from ${report.startedAt} to ${report.finishedAt}, with ${requests} requests:`,
    `${recordings} recordings (${bytes} bytes) of ${attempts} attempts, ${receipts} receipts of deletions, ${auditEvents} audit events.`,
    ...(report.uploadsUnlisted === null ? [] : [unlistedLine(report.uploadsUnlisted)]),
    ...report.kinds.map(({ kind, found, fixed }) => {
      const repaired = fixed > 0 ? ` (${fixed} put right)` : '';
      return `${String(found).padStart(8)}  ${kind.padEnd(width)}  ${FINDING_KINDS[kind]}${repaired}`;
    }),
    ...(report.findings.length > 0 ? ['', `${'what'.padEnd(width)}  now     where, and why`] : []),
    ...report.findings.map(
      ({ kind, key, detail, fixed }) => `${kind.padEnd(width)}  ${fixed ? 'right' : 'wrong'}   ${key}  (${detail})`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** What was not looked at is said. */
function unlistedLine(why: string): string {
  return why === NOT_SHOWN
    ? 'Stray uploads were looked for beside receipts only: this store shows no open upload of a folder.'
    : `Stray uploads were not looked for: open uploads could not be listed (${why}).`;
}
