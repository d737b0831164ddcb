import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  assessedDeadline,
  firstAssessment,
  MAX_RETENTION_MS,
  type RetentionPolicy,
  recordingDeadline,
  retentionAfterAssessmentMs,
} from '../../src/domain/deadlines.ts';
import { DAY_MS } from '../../src/domain/durations.ts';
import { newRecordingId } from '../../src/domain/ids.ts';

const timesMs = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) });
const durationsMs = fc.integer({ min: 1, max: 400 * DAY_MS });
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .record({ afterAssessmentMs: durationsMs, unassessedMs: durationsMs, ordered: fc.option(durationsMs) })
  .map(({ ordered, ...policy }) => ({
    ...policy,
    byTenantMs: new Map(ordered === null ? [] : [['acme', ordered]]),
  }));

const plain: RetentionPolicy = {
  afterAssessmentMs: 30 * DAY_MS,
  unassessedMs: 20 * DAY_MS,
  byTenantMs: new Map([
    ['acme', 14 * DAY_MS],
    ['greedy', 90 * DAY_MS],
  ]),
};

describe('deadlines', () => {
  const createdAtMs = Date.UTC(2026, 0, 1);
  const recording = newRecordingId(createdAtMs, randomBytes);

  const days = (count: number) => createdAtMs + count * DAY_MS;
  test.each([
    ['without an assessment: creation and the unassessed retention', 'other', [], days(20)],
    ['a tenant’s order bounds that', 'acme', [], days(14)],
    ['and what is assessed', 'acme', [days(0)], days(14)],
    ['but only if it is shorter', 'greedy', [], days(20)],
    ['with assessments: the first of them and the retention', 'other', [days(1) + 5, days(1), days(1) + 9], days(31)],
  ])('%s', (_, tenant, assessments, deadlineMs) => {
    expect(recordingDeadline(plain, tenant, recording, assessments)).toBe(deadlineMs);
  });

  test('a tenant may order less, never more', () => {
    expect(retentionAfterAssessmentMs(plain, 'acme')).toBe(14 * DAY_MS);
    expect(retentionAfterAssessmentMs(plain, 'greedy')).toBe(30 * DAY_MS);
    expect(retentionAfterAssessmentMs(plain, 'other')).toBe(30 * DAY_MS);
  });

  test('law: once assessed, a deadline never moves later, whatever else is reported', () => {
    fc.assert(
      fc.property(policies, fc.array(timesMs, { minLength: 1 }), timesMs, (policy, known, another) => {
        const before = recordingDeadline(policy, 'acme', recording, known);
        expect(recordingDeadline(policy, 'acme', recording, [...known, another])).toBeLessThanOrEqual(before);
      }),
    );
  });

  test('law: no setting keeps anything longer than 30 days', () => {
    fc.assert(
      fc.property(policies, timesMs, timesMs, (policy, createdMs, completedAtMs) => {
        const id = newRecordingId(createdMs, randomBytes);
        expect(recordingDeadline(policy, 'acme', id, [])).toBeLessThanOrEqual(createdMs + MAX_RETENTION_MS);
        expect(recordingDeadline(policy, 'acme', id, [completedAtMs])).toBeLessThanOrEqual(
          completedAtMs + MAX_RETENTION_MS,
        );
      }),
    );
  });

  test('law: the order in which assessments are listed changes nothing', () => {
    fc.assert(
      fc.property(policies, fc.array(timesMs, { minLength: 1 }), (policy, known) => {
        expect(recordingDeadline(policy, 'acme', recording, [...known].reverse())).toBe(
          assessedDeadline(policy, 'acme', Math.min(...known)),
        );
      }),
    );
  });

  test('no assessment is none', () => expect(firstAssessment([])).toBeUndefined());
});
