// What assessments were answered with, as the audit trail tells it.
import type { AssessmentRecord, Attempt } from '../bucket/attempt.ts';
import { readAuditEvents } from '../bucket/audit-trail.ts';
import { HOUR_MS } from '../model/durations.ts';
import { CLOCKS_AGREE_WITHIN_MS } from '../model/times.ts';
import type { VerifyRun } from './run.ts';

/** An event and its act, or the events of two requests at once, are at most this far apart: a request lasts an hour at most. */
export const AT_ONCE_MS = HOUR_MS + CLOCKS_AGREE_WITHIN_MS;

export interface Promised {
  readonly completedMs: number;
  readonly deadlineMs: number;
}

/** The detail of an event `assessed`, as `assessAttempt` writes it. */
export function promiseIn(detail: string): Promised | undefined {
  const [, completed = '', deadline = ''] = /^completed ([^,\s]+), deadline ([^,\s]+)/.exec(detail) ?? [];
  const [completedMs, deadlineMs] = [Date.parse(completed), Date.parse(deadline)];
  return Number.isNaN(completedMs) || Number.isNaN(deadlineMs) ? undefined : { completedMs, deadlineMs };
}

/**
 * Whether an event tells of this assessment: two LISTs for each day since. Where the attempt has no recordings, nothing
 * hangs on it.
 */
export async function isAudited(
  run: VerifyRun,
  { recordings: [first] }: Attempt,
  { completedAtMs }: Pick<AssessmentRecord, 'completedAtMs'>,
): Promise<boolean> {
  if (!first) return true;
  for await (const { event } of readAuditEvents(run.bucket.store, first.ref, run.eventTimes(completedAtMs))) {
    if (event.event === 'assessed' && promiseIn(event.detail ?? '')?.completedMs === completedAtMs) return true;
  }
  return false;
}
