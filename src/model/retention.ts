// Until when a recording may be kept, by which rule, and from when on it may already be gone.
import { DAY_MS, SECOND_MS } from './durations.ts';

/** Policy 8.4 and 3.4: nothing is kept longer than this, whatever a setting says. */
export const MAX_RETENTION_MS = 30 * DAY_MS;

/** From creation to the latest deadline: of a recording that is assessed just before that of an unassessed one. */
export const MAX_LIFE_MS = 2 * MAX_RETENTION_MS;

export interface RetentionPolicy {
  /** From the completed assessment to the deadline, in milliseconds; at most `MAX_RETENTION_MS`. */
  readonly afterAssessmentMs: number;
  /** From creation to the deadline of a recording that is not assessed, in milliseconds; at most `MAX_RETENTION_MS`. */
  readonly unassessedMs: number;
  /** Tenants that ordered a shorter retention (policy 2.2), in milliseconds: assessed or not, it bounds both. */
  readonly byTenantMs: ReadonlyMap<string, number>;
}

/**
 * What set a deadline: the general retention after an assessment or without one, the shorter one that the tenant has
 * ordered, or the ceiling, which no setting lifts.
 */
export const RETENTION_RULES = ['after-assessment', 'unassessed', 'tenant-order', 'ceiling'] as const;
export type RetentionRule = (typeof RETENTION_RULES)[number];

/** How long a recording is kept, and why. Times are in milliseconds since the epoch. */
export interface Term {
  /** From when on it is counted: the first assessment of its attempt, or without one its creation. */
  readonly fromMs: number;
  readonly retentionMs: number;
  readonly rule: RetentionRule;
  /** The time after which the recording must not exist. */
  readonly deadlineMs: number;
}

/** The shortest of what applies; a tenant may order less than the general retention, never more. */
export function termOf(
  policy: RetentionPolicy,
  tenant: string,
  from: { readonly createdAtMs?: number; readonly assessedAtMs?: number | undefined },
): Term {
  const { createdAtMs = Number.NaN, assessedAtMs } = from;
  const orderedMs = policy.byTenantMs.get(tenant);
  const bounds: readonly Bound[] = [
    assessedAtMs === undefined
      ? { rule: 'unassessed', retentionMs: policy.unassessedMs }
      : { rule: 'after-assessment', retentionMs: policy.afterAssessmentMs },
    ...(orderedMs === undefined ? [] : [{ rule: 'tenant-order', retentionMs: orderedMs } as const]),
    { rule: 'ceiling', retentionMs: MAX_RETENTION_MS },
  ];
  const { rule, retentionMs } = bounds.reduce((a, b) => (b.retentionMs < a.retentionMs ? b : a));
  const fromMs = assessedAtMs ?? createdAtMs;
  return { fromMs, retentionMs, rule, deadlineMs: fromMs + retentionMs };
}

/** Whether a retention that was ordered once explains a deadline: orders are whole seconds. */
export function isOfOrder(deadlineMs: number, createdAtMs: number): boolean {
  return (deadlineMs - createdAtMs) % SECOND_MS === 0;
}

type Bound = Pick<Term, 'rule' | 'retentionMs'>;

/** From this time on a sweep deletes it: the deletion margin before its deadline, and not before what that is counted from. */
export function deletableFromMs({ fromMs, deadlineMs }: Term, leadMs: number): number {
  return Math.max(fromMs, deadlineMs - leadMs);
}
