// The doctor's report: the findings about a store, from trials and not from its name, and a table of them for people.
import type { CapabilityId } from '../objectstore/needs.ts';
import type { CheckResult, CheckStatus } from './check.ts';

export interface DoctorReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Undefined: the provider's own for the region. */
  readonly endpoint: string | undefined;
  readonly bucket: string;
  /** False when the store did not respond, or the doctor was stopped: then nothing is known, and `fit` is false. */
  readonly determined: boolean;
  /** False when any check failed: something that is needed is missing or not proven. */
  readonly fit: boolean;
  readonly checks: readonly CheckResult[];
  readonly profile: Profile;
}

/** The findings, by the id of the check. */
export type Profile = Readonly<Record<string, string>>;

/** The lines of the profile, in order. */
const PROFILE_LINES: ReadonlyMap<CapabilityId | 'part-numbers', string> = new Map([
  ['listing-order', 'listings in byte order'],
  ['upload-listing', 'uploads listed by folder'],
  ['object-tagging', 'tags'],
  ['versioning', 'versions'],
  ['batch-delete', 'batch delete'],
  ['conditional-writes', 'conditional writes'],
  ['small-parts', 'smallest part'],
  ['unequal-parts', 'equal parts'],
  ['part-numbers', 'highest part number tried'],
]);

/** What was skipped is unknown. */
export function profileOf(checks: readonly CheckResult[]): Profile {
  const valueFrom = (id: string) => checks.find((check) => check.id === id)?.value ?? 'unknown';
  return Object.fromEntries([...PROFILE_LINES.keys()].map((id) => [id, valueFrom(id)]));
}

const MARKS: Readonly<Record<CheckStatus, string>> = { ok: '✓', info: '–', warning: '!', failed: '✗' };
const MIN_REASON_COLUMNS = 30;

/** A mark, a name and a reason on each line, and below it what to do. `columns`: how wide the terminal is. */
export function toTable({ bucket, endpoint, determined, fit, checks, profile }: DoctorReport, columns = 100): string {
  const nameColumns = Math.max(...checks.map(({ name }) => name.length));
  const indent = ' '.repeat(nameColumns + 5);
  const reasonColumns = Math.max(MIN_REASON_COLUMNS, columns - indent.length);
  const lines = checks.flatMap(({ status, name, reason, remedy }) => {
    const [first = '', ...more] = wrap(reason, reasonColumns);
    const head = `${MARKS[status]}  ${name.padEnd(nameColumns)}  ${first}`;
    const advice = remedy === null || status === 'ok' ? [] : wrap(`→ ${remedy}`, reasonColumns);
    return [head, ...[...more, ...advice].map((line) => indent + line)];
  });
  const count = (wanted: CheckStatus) => checks.filter(({ status }) => status === wanted).length;
  const title = `Bucket ${bucket}${endpoint === undefined ? '' : ` at ${endpoint}`}`;
  if (!determined) {
    return `${[title, '', ...lines, '', 'It could not be determined whether the bucket is fit.'].join('\n')}\n`;
  }
  const does = [...PROFILE_LINES].map(([id, label]) => `   ${label}: ${profile[id]}`);
  const verdict = `The bucket ${fit ? 'is fit' : 'is NOT fit'}: ${count('failed')} failed, ${count('warning')} warned.`;
  return `${[title, '', ...lines, '', 'What this store does:', ...does, '', verdict].join('\n')}\n`;
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
