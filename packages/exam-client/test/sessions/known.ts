// What today's client is known to break: a finding that is listed here fails no run. An entry goes when the client is better.
import type { Finding, Rule } from './oracle.ts';
import type { FaultKind } from './plan.ts';
import type { Outcome } from './session.ts';

interface Known {
  readonly rule: Rule;
  /** In sessions that had one of these faults; in every one with a wrong clock. */
  readonly after: readonly (FaultKind | 'wrong clock')[];
}

export const KNOWN: readonly Known[] = [];

export function isKnown({ rule }: Finding, { plan, happened }: Outcome): boolean {
  return KNOWN.some(
    (known) =>
      known.rule === rule &&
      known.after.some((cause) =>
        cause === 'wrong clock' ? plan.wallAheadMs !== 0 : happened.some(({ fault }) => fault.kind === cause),
      ),
  );
}
