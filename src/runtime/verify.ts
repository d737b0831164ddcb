// `verify`: checks whether the bucket has what it should, for a person, an auditor or an alert.
import type { Env } from '../config.ts';
import { FINDING_KINDS, NOT_SHOWN, type VerifyReport } from '../verifier/findings.ts';
import { verify } from '../verifier/verify.ts';
import { sweepContext } from './contexts.ts';
import { onStore, type Switches } from './store.ts';
import { reporting } from './sweep.ts';

/** Exit code 0 only if nothing is wrong, or `--fix` repaired all of it. */
export function verifyCommand(flags: Switches<'fix' | 'json'>, env: Env): Promise<number> {
  return onStore(env, ({ settings, logger, tracing, opened }) => {
    const context = sweepContext(settings, opened);
    const run = () => tracing.inSpan('verify', () => verify(context, { fix: flags.fix === true }));
    return reportVerify(run, { json: flags.json === true, logger, output: process.stdout });
  });
}

export const reportVerify = reporting('verify refused to run', toText, ({ wrong }: VerifyReport) => wrong > 0);

/** A page for an auditor: the verdict, what was read, then a table. */
function toText(report: VerifyReport): string {
  const { attempts, recordings, bytes, receipts, auditEvents, requests } = report;
  const width = Math.max(...Object.keys(FINDING_KINDS).map((kind) => kind.length));
  const lines = [
    report.wrong === 0 ? 'Nothing is wrong.' : `${report.wrong} things are wrong.`,
    '',
    `Read from ${report.startedAt} to ${report.finishedAt}, with ${requests} requests:`,
    `${recordings} recordings (${bytes} bytes) of ${attempts} attempts, ${receipts} receipts of deletions, ${auditEvents} audit events.`,
    latenessLine(report),
    ...(report.uploadsUnlisted === null ? [] : [unlistedLine(report.uploadsUnlisted)]),
    ...report.kinds.map(({ kind, found, fixed }) => {
      const repaired = fixed > 0 ? ` (${fixed} repaired)` : '';
      return `${String(found).padStart(8)}  ${kind.padEnd(width)}  ${FINDING_KINDS[kind]}${repaired}`;
    }),
    ...(report.findings.length > 0 ? ['', `${'what'.padEnd(width)}  now     where, and why`] : []),
    ...report.findings.map(
      ({ kind, key, detail, fixed }) => `${kind.padEnd(width)}  ${fixed ? 'right' : 'wrong'}   ${key}  (${detail})`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function latenessLine({ late, greatestLatenessSeconds }: VerifyReport): string {
  return late === 0
    ? 'By their receipts, all were deleted in time.'
    : `By their receipts, ${late} were deleted after their deadline, the latest ${greatestLatenessSeconds} s after it.`;
}

/** A note about stray uploads that could not be searched for. */
function unlistedLine(why: string): string {
  return why === NOT_SHOWN
    ? 'Stray uploads were searched for beside receipts only: this store lists no open uploads of a folder.'
    : `Stray uploads were not searched for: open uploads could not be listed (${why}).`;
}
