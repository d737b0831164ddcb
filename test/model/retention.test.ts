// When a recording has to be gone.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Attempt } from '../../src/bucket/attempt.ts';
import { DAY_MS } from '../../src/model/durations.ts';
import { newRecordingId } from '../../src/model/ids.ts';
import { deletableFromMs, type RetentionPolicy, termOf } from '../../src/model/retention.ts';
import { assessedKey } from '../kit/keys.ts';

const timesMs = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) });
const durationsMs = fc.integer({ min: 1, max: 400 * DAY_MS });
const policies: fc.Arbitrary<RetentionPolicy> = fc.record({
  afterAssessmentMs: durationsMs,
  unassessedMs: durationsMs,
  byTenantMs: fc.array(fc.tuple(fc.constant('acme'), durationsMs), { maxLength: 1 }).map((orders) => new Map(orders)),
});

const createdAtMs = Date.UTC(2026, 0, 1);
const recording = newRecordingId(createdAtMs, randomBytes);
const days = (count: number) => createdAtMs + count * DAY_MS;
const plain: RetentionPolicy = {
  afterAssessmentMs: 30 * DAY_MS,
  unassessedMs: 20 * DAY_MS,
  byTenantMs: new Map(Object.entries({ acme: 14 * DAY_MS, greedy: 90 * DAY_MS })),
};

/** The deadline of a recording in an attempt that was assessed at these times. */
function deadlineOf(policy: RetentionPolicy, tenant: string, id: string, assessments: readonly number[]): number {
  const ref = { tenant, exam: 'math', attempt: 'a1' };
  const items = assessments.map((atMs) => ({ key: assessedKey(ref, atMs), sizeBytes: 0, lastModifiedMs: 0 }));
  return new Attempt(policy, ref, items).deadlineMs({ recording: id });
}

test.each([
  ['of what nobody assessed: creation plus the unassessed retention', 'other', [], days(20)],
  ['of what nobody assessed is earlier where a tenant ordered less', 'acme', [], days(14)],
  ['of what is assessed is earlier where a tenant ordered less', 'acme', [days(0)], days(14)],
  ['of what nobody assessed stays where a tenant ordered more', 'greedy', [], days(20)],
  ['of what is assessed stays where a tenant ordered more', 'greedy', [days(0)], days(30)],
  ['of what is assessed: first assessment plus the retention', 'other', [days(1) + 5, days(1), days(1) + 9], days(31)],
])('a deadline %s', (_, tenant, assessments, deadlineMs) => {
  expect(deadlineOf(plain, tenant, recording, assessments)).toBe(deadlineMs);
});

test('law: no setting keeps anything for more than 30 days, and no report, in whatever order, moves a deadline later', () => {
  const reports = fc.array(timesMs, { minLength: 1 });
  fc.assert(
    fc.property(policies, timesMs, reports, timesMs, (policy, createdMs, known, another) => {
      const id = newRecordingId(createdMs, randomBytes);
      const deadlineAfter = (assessments: readonly number[]) => deadlineOf(policy, 'acme', id, assessments);
      const deadlineMs = deadlineAfter(known);
      expect(deadlineAfter([])).toBeLessThanOrEqual(createdMs + 30 * DAY_MS);
      expect(deadlineMs).toBeLessThanOrEqual(Math.min(...known) + 30 * DAY_MS);
      expect(deadlineAfter([...known, another])).toBeLessThanOrEqual(deadlineMs);
      expect(deadlineAfter(known.toReversed())).toBe(deadlineMs);
    }),
  );
});

describe('the rule that set a deadline', () => {
  const ruleOf = (policy: RetentionPolicy, tenant: string, assessedAtMs?: number) =>
    termOf(policy, tenant, { createdAtMs, assessedAtMs }).rule;

  test.each([
    ['the general retention without an assessment', 'other', undefined, 'unassessed'],
    ['the general retention after one', 'other', days(1), 'after-assessment'],
    ["the tenant's order, where it is shorter", 'acme', days(1), 'tenant-order'],
    ['the general retention, where the order is longer', 'greedy', undefined, 'unassessed'],
  ])('is %s', (_, tenant, assessedAtMs, rule) => {
    expect(ruleOf(plain, tenant, assessedAtMs)).toBe(rule);
  });

  test('is the ceiling, where a setting were to lift it', () => {
    const lax = { ...plain, afterAssessmentMs: 31 * DAY_MS, unassessedMs: 31 * DAY_MS };
    for (const tenant of ['greedy', 'other']) {
      for (const assessedAtMs of [undefined, days(1)]) expect(ruleOf(lax, tenant, assessedAtMs)).toBe('ceiling');
    }
  });
});

test('a recording is deletable the margin before its deadline, and never before what that is counted from', () => {
  const term = termOf(plain, 'other', { createdAtMs });
  expect(deletableFromMs(term, DAY_MS)).toBe(days(19));
  expect(deletableFromMs(term, 0)).toBe(days(20));
  expect(deletableFromMs(term, 25 * DAY_MS)).toBe(createdAtMs);
});
