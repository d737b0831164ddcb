// The doctor's report for people: a mark, a name and a reason on each line, and below it what to do.
import type { CheckResult, CheckStatus } from './check.ts';
import type { DoctorReport } from './doctor.ts';
import { PROFILE_LINES } from './profile.ts';

const MARKS: Readonly<Record<CheckStatus, string>> = { ok: '✓', info: '–', warning: '!', failed: '✗' };
const MIN_REASON_COLUMNS = 30;

/** `columns`: how wide the terminal is. */
export function toTable({ bucket, endpoint, fit, checks, profile }: DoctorReport, columns = 100): string {
  const nameColumns = Math.max(...checks.map(({ name }) => name.length));
  const indent = ' '.repeat(nameColumns + 5);
  const reasonColumns = Math.max(MIN_REASON_COLUMNS, columns - indent.length);
  const lines = checks.flatMap(({ status, name, reason, remedy }) => {
    const [first = '', ...more] = wrap(reason, reasonColumns);
    const head = `${MARKS[status]}  ${name.padEnd(nameColumns)}  ${first}`;
    const advice = remedy === null || status === 'ok' ? [] : wrap(`→ ${remedy}`, reasonColumns);
    return [head, ...[...more, ...advice].map((line) => indent + line)];
  });
  const counts = (['failed', 'warning'] as const).map((status) => count(checks, status));
  const verdict = fit ? 'is fit' : 'is NOT fit';
  const title = `Bucket ${bucket}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
  const does = [...PROFILE_LINES].map(([id, label]) => `   ${label}: ${profile[id]}`);
  return `${[title, '', ...lines, '', 'What this store does:', ...does, '', `The bucket ${verdict}: ${counts[0]} failed, ${counts[1]} to look at.`].join('\n')}\n`;
}

function count(checks: readonly CheckResult[], status: CheckStatus): number {
  return checks.filter((check) => check.status === status).length;
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
