// Until when a recording may be kept: pure functions of facts, the earliest of which counts.
import { DAY_MS } from './durations.ts';
import { createdAtOf } from './ids.ts';

/** Policy 8.4 and 3.4: nothing is kept longer than this, whatever a setting says. */
export const MAX_RETENTION_MS = 30 * DAY_MS;

export interface RetentionPolicy {
  /** From the completed assessment to the deadline, in milliseconds; at most `MAX_RETENTION_MS`. */
  readonly afterAssessmentMs: number;
  /** From creation to the deadline of a recording that nobody assesses, in milliseconds; at most `MAX_RETENTION_MS`. */
  readonly unassessedMs: number;
  /** Tenants that ordered a shorter retention (policy 2.2), in milliseconds: assessed or not, it bounds both. */
  readonly byTenantMs: ReadonlyMap<string, number>;
}

/** A tenant may order less than the general retention, never more. */
export function retentionAfterAssessmentMs(policy: RetentionPolicy, tenant: string): number {
  return atMostOrdered(policy, tenant, policy.afterAssessmentMs);
}

function atMostOrdered(policy: RetentionPolicy, tenant: string, retentionMs: number): number {
  return Math.min(policy.byTenantMs.get(tenant) ?? MAX_RETENTION_MS, retentionMs, MAX_RETENTION_MS);
}

/** The deadline that an assessment sets for every recording of its attempt. */
export function assessedDeadline(policy: RetentionPolicy, tenant: string, completedAtMs: number): number {
  return completedAtMs + retentionAfterAssessmentMs(policy, tenant);
}

/** The deadline of a recording that has no assessment. */
export function unassessedDeadline(policy: RetentionPolicy, tenant: string, createdAtMs: number): number {
  return createdAtMs + atMostOrdered(policy, tenant, policy.unassessedMs);
}

/** The assessment that counts: the first one, so that a deadline once set only ever moves earlier. */
export function firstAssessment(completedAtsMs: readonly number[]): number | undefined {
  return completedAtsMs.length === 0 ? undefined : completedAtsMs.reduce((a, b) => Math.min(a, b));
}

/** The time after which a recording must not exist, in milliseconds since the epoch. */
export function recordingDeadline(
  policy: RetentionPolicy,
  tenant: string,
  recording: string,
  completedAtsMs: readonly number[],
): number {
  const completedAtMs = firstAssessment(completedAtsMs);
  return completedAtMs === undefined
    ? unassessedDeadline(policy, tenant, createdAtOf(recording))
    : assessedDeadline(policy, tenant, completedAtMs);
}
