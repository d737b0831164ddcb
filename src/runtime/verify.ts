// `verify`: checks whether the bucket has what it should, for a person, an auditor or an alert.
import type { Env } from '../config.ts';
import { formatDuration, SECOND_MS } from '../model/durations.ts';
import { FINDING_KINDS, NOT_CHECKED, NOT_SHOWN, type VerifyReport } from '../verifier/findings.ts';
import type { VerifyProgress } from '../verifier/run.ts';
import { verify } from '../verifier/verify.ts';
import { sweepContext } from './contexts.ts';
import { progressLine, type Terminal } from './progress.ts';
import { onStore, type Switches } from './store.ts';
import { counted as count, reporting } from './sweep.ts';

/** Exit code 0 only if nothing is wrong, or `--fix` repaired all of it. */
export function verifyCommand(flags: Switches<'fix' | 'json'>, env: Env): Promise<number> {
  return onStore(env, ({ settings, logger, tracing, opened }) => {
    const context = sweepContext(settings, opened);
    const isJson = flags.json === true;
    const progress = verifyProgress(isJson ? { write: () => {} } : process.stderr);
    const options = {
      fix: flags.fix === true,
      onProgress: progress.show,
      onRepaired: (code: string, key: string) => logger.info('repaired', { code, detail: key }),
    };
    const run = () => tracing.inSpan('verify', () => verify(context, options)).finally(progress.clear);
    return reportVerify(run, { json: isJson, logger, output: process.stdout });
  });
}

export const reportVerify = reporting('verify refused to run', toText, ({ wrong }: VerifyReport) => wrong > 0);

/** How far a reading is; with `--fix` there are three. */
export const verifyProgress = (terminal: Terminal) =>
  progressLine(
    terminal,
    ({ recordings, receipts, auditEvents }: VerifyProgress) =>
      `read ${count(recordings, 'recording')}, ${count(receipts, 'receipt')}, ${count(auditEvents, 'audit event')}`,
  );

/** A page for an auditor: the verdict, what was read and what was not checked, then a table. */
function toText(report: VerifyReport): string {
  const { attempts, recordings, bytes, receipts, auditEvents, requests } = report;
  const width = Math.max(...Object.keys(FINDING_KINDS).map((kind) => kind.length));
  const lines = [
    verdict(report),
    '',
    `Read from ${report.startedAt} to ${report.finishedAt}, with ${count(requests, 'request')} to the store:`,
    `${count(recordings, 'recording')} (${count(bytes, 'byte')}) of ${count(attempts, 'attempt')}, ` +
      `${count(receipts, 'receipt')} of ${receipts === 1 ? 'a deletion' : 'deletions'}, ${count(auditEvents, 'audit event')}.`,
    latenessLine(report),
    ...(report.uploadsUnlisted === null ? [] : [unlistedLine(report.uploadsUnlisted)]),
    ...(report.notChecked.length > 0 ? ['Counted, but not checked or not fully checked:'] : []),
    ...report.notChecked.map(({ what, count: number }) => `${String(number).padStart(8)}  ${NOT_CHECKED[what]}`),
    ...(report.kinds.length > 0 ? ['Findings:'] : []),
    ...report.kinds.map(({ kind, found, fixed }) => {
      const repaired = fixed > 0 ? ` (${fixed} repaired)` : '';
      return `${String(found).padStart(8)}  ${kind.padEnd(width)}  ${FINDING_KINDS[kind]}${repaired}`;
    }),
    ...(report.findings.length > 0 ? ['', `${'finding'.padEnd(width)}  now     key, and why`] : []),
    ...report.findings.map(
      ({ kind, key, detail, fixed }) => `${kind.padEnd(width)}  ${fixed ? 'right' : 'wrong'}   ${key}  (${detail})`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** The first line says what it is about: "nothing is wrong" is said of nothing that was not read. */
function verdict({ wrong, checked, tooYoung, settleSeconds }: VerifyReport): string {
  const age = formatDuration(settleSeconds * SECOND_MS);
  const young =
    tooYoung === 0
      ? ''
      : `; ${tooYoung} ${tooYoung === 1 ? 'is' : 'are'} younger than ${age} and ${tooYoung === 1 ? 'was' : 'were'} only counted`;
  const of = `${count(checked, 'recording')} that ${checked === 1 ? 'was' : 'were'} checked`;
  if (wrong === 0) return `Nothing is wrong with the ${of}${young}.`;
  return `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong, with ${count(checked, 'recording')} checked${young}.`;
}

/** Of receipts that were read: the others are counted as such. */
function latenessLine({ receipts, late, greatestLatenessSeconds }: VerifyReport): string {
  if (receipts === 0) return 'There are no receipts, so nothing is known about deletions.';
  return late === 0
    ? 'According to the receipts that were read, every deletion was in time.'
    : `According to the receipts that were read, ${late} ${late === 1 ? 'was' : 'were'} deleted after the deadline, the latest ${greatestLatenessSeconds} s after it.`;
}

/** A note about stray uploads that could not be searched for. */
function unlistedLine(why: string): string {
  return why === NOT_SHOWN
    ? 'Stray uploads were searched for only beside receipts, because this store cannot list the open uploads of a folder.'
    : `Stray uploads were not searched for, because open uploads could not be listed (${why}).`;
}
