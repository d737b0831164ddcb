// What today's client is known to break: a finding that is listed here fails no run. An entry goes when the client is better.
import type { Finding, Rule } from './oracle.ts';
import type { FaultKind } from './plan.ts';
import type { Outcome } from './session.ts';

interface Known {
  readonly rule: Rule;
  /** In sessions that had one of these faults; in every one with a wrong clock, or where the service hands out no URLs. */
  readonly after: readonly (FaultKind | 'wrong clock' | 'uploads by proxy')[];
}

export const KNOWN: readonly Known[] = [
  // Times are the page's wall clock, and the consent time is.
  { rule: 'wrong start', after: ['wrong clock', 'clock steps', 'sleep'] },
  { rule: 'wrong end', after: ['wrong clock', 'clock steps', 'sleep'] },
  { rule: 'needless failure', after: ['wrong clock', 'clock steps'] },
  { rule: 'false gap', after: ['clock steps', 'sleep'] },
  { rule: 'wrong duration', after: ['sleep'] },
  // Only more than 90 s without a timer are a gap.
  { rule: 'missing gap', after: ['sleep', 'suspended', 'recorder gives nothing'] },
  { rule: 'not told', after: ['recorder fails', 'recorder gives nothing'] },
  // A disk that does not answer is waited for; bytes that cannot be read now are taken for lost.
  { rule: 'bytes lost', after: ['disk hangs'] },
  { rule: 'silent end', after: ['disk hangs'] },
  { rule: 'kept after withdrawal', after: ['disk hangs'] },
  { rule: 'needless failure', after: ['disk full', 'disk refuses'] },
  // The call with a whole file has no time limit.
  { rule: 'silent end', after: ['uploads by proxy'] },
  // A gap is noted at its end: a page that dies in it has none.
  { rule: 'missing gap', after: ['muted', 'camera pulled'] },
  // A leftover whose bytes were all indexed when its row was written last ends where it began.
  { rule: 'wrong end', after: ['crash', 'reload', 'machine killed', 'disk hangs'] },
];

export function isKnown({ rule }: Finding, { plan, happened }: Outcome): boolean {
  return KNOWN.some(
    (known) =>
      known.rule === rule &&
      known.after.some((cause) => {
        if (cause === 'wrong clock') return plan.wallAheadMs !== 0;
        if (cause === 'uploads by proxy') return plan.uploadMode === 'proxy';
        return happened.some(({ fault }) => fault.kind === cause);
      }),
  );
}
