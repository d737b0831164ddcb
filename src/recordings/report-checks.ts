// The explanations in a report: what was compared, the rules, what is never checked, and how its reader can check it.
import { inWords, SECOND_MS } from '../model/durations.ts';
import type { Report } from './report-schema.ts';

export function comparedWith({
  areSignaturesChecked,
  isLogCompared,
}: {
  readonly areSignaturesChecked: boolean;
  readonly isLogCompared: boolean;
}): string[] {
  return [
    'For each deletion, its time was compared with its deadline. Both are in the receipt. The service computed that ' +
      'deadline when it deleted the recording; this report does not compute it again.',
    'For each held recording, its deadline was compared with the time of this report. The deadline was computed now, from ' +
      'the assessment of the attempt or, without an assessment, from the start of the recording.',
    areSignaturesChecked
      ? 'For each receipt with a signature, the signature was checked against the content, with the public keys of the service.'
      : 'No signature was checked, neither of a receipt nor of the checkpoint: the program that made this report had no key.',
    ...(isLogCompared
      ? [
          'For each deletion in the log of receipts, this report checked whether its receipt exists and whether it was late.',
        ]
      : []),
    'The time of an assessment was not compared with the assessment system that reported it. Only the records of that ' +
      'system show whether the time was right.',
  ];
}

/** The rules of the policy, and the current settings. */
export function rulesOf(settings: Report['settings']): string[] {
  const { ceilingSeconds, deletionMarginSeconds, logRetentionSeconds, tenantOrderSeconds } = settings;
  const { afterAssessment, unassessed } = retentionOf(settings);
  return [
    `The privacy policy allows at most ${words(ceilingSeconds)} after the assessment of an attempt was completed (clause 8.4). ` +
      `Without an assessment, it allows ${words(ceilingSeconds)} after the start of the recording (clause 3.4).`,
    `For this organisation, the service is set to ${afterAssessment} after the assessment, or ${unassessed} after the start ` +
      `of the recording if there is no assessment.${tenantOrderSeconds === null ? '' : ` The organisation has ordered at most ${words(tenantOrderSeconds)}.`}`,
    'A restriction (no playback) does not extend the deadline of a recording.',
    deletionMarginSeconds === 0
      ? 'The service begins to delete a recording at its deadline, so any outage at that time makes the deletion late.'
      : `The service begins to delete a recording ${words(deletionMarginSeconds)} before its deadline, so a shorter outage does not make the deletion late.`,
    `The policy allows logs to be kept for 12 months (clause 8.5). This service keeps each receipt for ${words(logRetentionSeconds)}, then deletes it.`,
    'These are the settings at the time of this report. A receipt has the deadline that applied when its recording was ' +
      'deleted. If an organisation orders a shorter retention, it also applies to existing recordings. Those that are ' +
      'already older are then past their new deadline, and are reported as late.',
  ];
}

/** How long recordings of the organisation are kept, in words: the shortest of the setting, the tenant's order and the limit. */
export function retentionOf(settings: Report['settings']): {
  readonly afterAssessment: string;
  readonly unassessed: string;
} {
  const { afterAssessmentSeconds, unassessedSeconds, tenantOrderSeconds, ceilingSeconds } = settings;
  const least = (seconds: number) => words(Math.min(seconds, tenantOrderSeconds ?? seconds, ceilingSeconds));
  return { afterAssessment: least(afterAssessmentSeconds), unassessed: least(unassessedSeconds) };
}

function words(seconds: number): string {
  return inWords(seconds * SECOND_MS);
}

/** What a report cannot check. */
export function neverChecked({ isLogCompared }: { readonly isLogCompared: boolean }): string[] {
  const what = isLogCompared
    ? 'Whether the log of receipts was rewritten without some of them.'
    : 'Whether a receipt is missing.';
  return [`${what} The checker of the proof shows that.`, ...NEVER_CHECKED];
}

const NEVER_CHECKED: readonly string[] = [
  'Whether a receipt was removed before it was added to the log. The operator checks that with `verify`.',
  'Whether the deadlines in receipts, and the times of assessment behind them, were right.',
  'How long a deletion on request took after the request.',
  'Whether something deleted is in the store again. The operator checks that with `verify`.',
  'Recordings that started while this report was being made. They may be missing.',
  'Uploads that belong to no recording. The operator checks them with `verify`.',
  'Copies outside the store, such as exports and backups. The service does not control them.',
];

export const HOW_TO_CHECK: Readonly<Report['howToCheck']> = [
  {
    step: 'Download the receipts of each exam as a table. In each line, compare the time of the deletion with the deadline. The totals should match this report. Do this soon, because receipts are deleted too: see “The rules”.',
    call: '`GET /v1/exams/{exam}/receipts?deletedAfter={from}&deletedBefore={to}` with `Accept: text/csv`, at the address of the service. Compare the columns `deletedAt` and `deadline`.',
  },
  {
    step: 'Compare the assessment times with those in the assessment system.',
    call: '`GET /v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/access-log`, which is also available for a deleted recording. Look for the event `assessed`.',
  },
  {
    step: 'Keep the checkpoint of this report where the operator cannot change it.',
    call: 'Save the text under “Checkpoint”, or the whole report as JSON, in a file `report.json`: `GET /v1/report`.',
  },
  {
    step: 'Download the public keys of the service once, early. Confirm them with the operator over another channel, such as the contract.',
    call: '`GET /.well-known/jwks.json` at the address of the service.',
  },
  {
    step: 'Download the proof and run the checker, which needs neither the service nor its operator. It finds every receipt that was changed or removed since this checkpoint. For earlier changes, use earlier checkpoints.',
    call: '`GET /v1/proof`, then `receipt-verifier check proof.json --keys jwks.json --checkpoint report.json`. `docs/proof.md` in the source of the service describes the checker.',
  },
  {
    step: 'Request a recording that a receipt names. The response should say that it was deleted, with the same receipt.',
    call: '`GET /v1/exams/{exam}/attempts/{attempt}/recordings/{recording}`. The response should be 410.',
  },
  {
    step: 'Ask the operator to check the whole store on the same day. The output should say that nothing is wrong.',
    call: 'The command `verify`.',
  },
];
