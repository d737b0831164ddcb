// Lifecycle rules: one that clears stray uploads is a second net; one that expires recordings breaks the promise early.

import {
  ATTEMPTS_PREFIX,
  AUDIT_PREFIX,
  DUE_PREFIX,
  PARTICIPANTS_PREFIX,
  RECEIPTS_PREFIX,
} from '../../bucket/layout.ts';
import { DAY_MS } from '../../model/durations.ts';
import { CAPABILITIES } from '../../objectstore/needs.ts';
import type { LifecycleRuleSummary } from '../../objectstore/s3/bucket-inspection.ts';
import { failed, fixing, info, ok, type Verdict, warning } from '../check.ts';
import type { CheckContext } from '../context.ts';
import type { DoctorCheck } from './doctor-check.ts';

export const STRAY_UPLOAD_RULE_ID = 'proctoring-recordings-stray-uploads';
/** Longer than any recording that is not assessed is kept (30 days), so that no upload that counts is ever aborted. */
export const STRAY_UPLOAD_DAYS = 31;
/** A store counts from the upload's start: a rule of one day could abort an exam that is still being recorded. */
const MIN_STRAY_UPLOAD_DAYS = 2;

export const LIFECYCLE_CHECKS: readonly DoctorCheck[] = [
  {
    id: 'stray-uploads',
    name: CAPABILITIES['stray-uploads'].name,
    async run({ inspection, place, fix }) {
      const before = strayVerdict(await inspection.lifecycleRules(), place.keyPrefix);
      if (before.status === 'ok' || !fix) return before;
      const rule = { id: STRAY_UPLOAD_RULE_ID, prefix: place.keyPrefix, days: STRAY_UPLOAD_DAYS };
      const unfixed = await fixing(before, () => inspection.setStrayUploadRule(rule));
      if (unfixed) return unfixed;
      const after = strayVerdict(await inspection.lifecycleRules(), place.keyPrefix);
      return after.status === 'ok'
        ? ok(`Set now: uploads are aborted ${STRAY_UPLOAD_DAYS} days after they began.`)
        : after;
    },
  },
  {
    id: 'expiration',
    name: 'no rule that expires too early',
    async run(context) {
      const rules = await context.inspection.lifecycleRules();
      return expirationVerdict(rules, context);
    },
  },
];

function strayVerdict(rules: readonly LifecycleRuleSummary[], keyPrefix: string): Verdict {
  const uploads = keyPrefix + ATTEMPTS_PREFIX;
  const matching = rules.filter(({ prefix }) => uploads.startsWith(prefix));
  const tooSoon = matching.find(
    ({ abortUploadsDays = MIN_STRAY_UPLOAD_DAYS }) => abortUploadsDays < MIN_STRAY_UPLOAD_DAYS,
  );
  if (tooSoon) {
    return warning(
      `Rule "${tooSoon.id}" aborts uploads after ${tooSoon.abortUploadsDays} day: it could end one that is still live.`,
      `Set it to ${STRAY_UPLOAD_DAYS} days.`,
    );
  }
  const rule = matching.find(({ abortUploadsDays, isNarrowed }) => abortUploadsDays !== undefined && !isNarrowed);
  if (rule) return ok(`Rule "${rule.id}" aborts uploads ${rule.abortUploadsDays} days after they began.`);
  return warning(
    'No rule aborts uploads that were never completed; the sweeper does, and there is no second net.',
    `Run doctor --fix: it adds a rule of ${STRAY_UPLOAD_DAYS} days, more than the 30 that a recording is kept, so that no live upload is aborted.`,
  );
}

function expirationVerdict(rules: readonly LifecycleRuleSummary[], { place, settings }: CheckContext): Verdict {
  const { unassessedMs, afterAssessmentMs } = settings.policy;
  const recordingDays = Math.ceil((unassessedMs + afterAssessmentMs) / DAY_MS);
  const logDays = Math.ceil(settings.logRetentionMs / DAY_MS);
  const kept = [
    ...[ATTEMPTS_PREFIX, PARTICIPANTS_PREFIX, DUE_PREFIX].map((area) => ({
      area,
      what: 'recordings',
      days: recordingDays,
    })),
    ...[RECEIPTS_PREFIX, AUDIT_PREFIX].map((area) => ({ area, what: 'receipts and audit events', days: logDays })),
  ];
  for (const { id, prefix, expirationDays, expiresAtDate, isNarrowed } of rules) {
    if (expirationDays === undefined && !expiresAtDate) continue;
    const hit = kept.find(
      ({ area, days }) =>
        overlap(prefix, place.keyPrefix + area) && (expirationDays === undefined || expirationDays < days),
    );
    if (!hit) continue;
    const when = expirationDays === undefined ? 'at a fixed date' : `after ${expirationDays} days`;
    const reason = `Rule "${id}" expires ${isNarrowed ? 'some ' : ''}${hit.what} ${when}, which may be before their time (up to ${hit.days} days), and leaves no receipt.`;
    const remedy = 'Take this rule away: the sweeper deletes on time; no lifecycle rule can (it counts from creation).';
    return isNarrowed ? warning(reason, remedy) : failed(reason, remedy);
  }
  return rules.length === 0 ? info('There are no lifecycle rules.') : ok('No rule expires anything before its time.');
}

/** Whether some key can begin with both. */
function overlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}
