// Until when a recording may be kept.
import { DAY_MS } from './durations.ts';

/** Policy 8.4 and 3.4: nothing is kept longer than this, whatever a setting says. */
export const MAX_RETENTION_MS = 30 * DAY_MS;

export interface RetentionPolicy {
  /** From the completed assessment to the deadline, in milliseconds; at most `MAX_RETENTION_MS`. */
  readonly afterAssessmentMs: number;
  /** From creation to the deadline of a recording that is not assessed, in milliseconds; at most `MAX_RETENTION_MS`. */
  readonly unassessedMs: number;
  /** Tenants that ordered a shorter retention (policy 2.2), in milliseconds: assessed or not, it bounds both. */
  readonly byTenantMs: ReadonlyMap<string, number>;
}

/**
 * The time after which a recording must not exist, in milliseconds since the epoch: counted from the first assessment of
 * its attempt, or without one from its creation. A tenant may order less than the general retention, never more.
 */
export function deadlineOf(
  policy: RetentionPolicy,
  tenant: string,
  from: { readonly createdAtMs?: number; readonly assessedAtMs?: number | undefined },
): number {
  const { createdAtMs = Number.NaN, assessedAtMs } = from;
  const generalMs = assessedAtMs === undefined ? policy.unassessedMs : policy.afterAssessmentMs;
  const retentionMs = Math.min(policy.byTenantMs.get(tenant) ?? MAX_RETENTION_MS, generalMs, MAX_RETENTION_MS);
  return (assessedAtMs ?? createdAtMs) + retentionMs;
}
