// When the sweeper has to come to an attempt at the latest.

import { type AttemptState, completedAtsOf } from '../bucket/attempt.ts';
import { assessedDeadline, firstAssessment, type RetentionPolicy, recordingDeadline } from '../model/retention.ts';

/** For a recording, or for the facts of an attempt that has none left; undefined where there is nothing at all. */
export function nextDeadline(policy: RetentionPolicy, attempt: AttemptState): number | undefined {
  const completedAtsMs = completedAtsOf(attempt);
  const deadlines = attempt.recordings.map(({ ref }) =>
    recordingDeadline(policy, ref.tenant, ref.recording, completedAtsMs),
  );
  const completedAtMs = firstAssessment(completedAtsMs);
  if (deadlines.length === 0 && completedAtMs !== undefined) {
    deadlines.push(assessedDeadline(policy, attempt.ref.tenant, completedAtMs));
  }
  return deadlines.length === 0 ? undefined : deadlines.reduce((a, b) => Math.min(a, b));
}
