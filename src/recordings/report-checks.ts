// What a report compares with what, by which rules, what it never checks, and how its reader can check it.
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
    'For each deletion: the time of the deletion with the deadline. Both are in its receipt. The service computed that ' +
      'deadline when it deleted the recording; it is not computed again here.',
    'For each held recording: its deadline with the time of this report. The deadline was computed now, from the ' +
      'assessment of its attempt or, without one, from the beginning of the recording.',
    areSignaturesChecked
      ? 'For each receipt with a signature: the signature with what the receipt says, by the public keys of the service.'
      : 'No signature was checked, of a receipt or of the checkpoint: no key was given to the program that made this report.',
    ...(isLogCompared
      ? ['For each deletion in the log of receipts: whether there is a receipt of it, and whether it was late.']
      : []),
    'Not compared: the time at which an attempt was assessed, which the assessment system reported, with that system. ' +
      'Only its own records show whether that time was right.',
  ];
}

/** The policy, and the settings that hold. */
export function rulesOf(settings: Report['settings']): string[] {
  const { ceilingSeconds, deletionMarginSeconds, logRetentionSeconds, tenantOrderSeconds } = settings;
  const { afterAssessment, unassessed } = retentionOf(settings);
  return [
    `The privacy policy allows at most ${words(ceilingSeconds)} after the assessment of an attempt was completed (8.4), and ` +
      `${words(ceilingSeconds)} after recording, if it is never assessed (3.4). This is counted from when the recording began.`,
    `For this organisation the service is set to ${afterAssessment} after the assessment, and to ${unassessed} after ` +
      `recording, if it is never assessed.${tenantOrderSeconds === null ? '' : ` The organisation has ordered at most ${words(tenantOrderSeconds)}.`}`,
    'Restricting a recording (no playback) does not extend its deadline.',
    deletionMarginSeconds === 0
      ? 'The service begins to delete a recording at its deadline, so any outage then makes it late.'
      : `The service begins to delete a recording ${words(deletionMarginSeconds)} before its deadline. An outage that is shorter makes nothing late.`,
    `The policy keeps logs for 12 months (8.5). Here each receipt is kept for ${words(logRetentionSeconds)}, then deleted.`,
    'These are the settings of today; a receipt has the deadline that applied when its recording was deleted. When an ' +
      'organisation orders a shorter retention, it also holds for what is already recorded. What is older than that by ' +
      'then is past its new deadline, and is reported as late.',
  ];
}

/** How long recordings of the organisation are kept, in words: the shortest of what is set, ordered and allowed. */
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

/** What no report checks. */
export function neverChecked({ isLogCompared }: { readonly isLogCompared: boolean }): string[] {
  const what = isLogCompared
    ? 'Whether the log of receipts was written anew, without some of them.'
    : 'Whether a receipt is missing.';
  return [`${what} The checker of the proof finds that out.`, ...NEVER_CHECKED];
}

const NEVER_CHECKED: readonly string[] = [
  'Whether a receipt was removed before it came into the log. The operator checks that with `verify`.',
  'Whether the deadlines in receipts, and the times of assessment behind them, were right.',
  'How soon a deletion on request came after the request.',
  'Whether something that was deleted is in the store again. The operator checks that with `verify`.',
  'Recordings that began while this report was made. They may be missing.',
  'Uploads that belong to no recording. The operator checks them with `verify`.',
  'Copies outside of the store, such as exports and backups. The service does not control them.',
];

export const HOW_TO_CHECK: Readonly<Report['howToCheck']> = [
  {
    step: 'Download the receipts of each exam as a table, and compare in each line the time of the deletion with the deadline: the numbers should be those of this report. Do it soon, because receipts are deleted too: see “The rules”.',
    call: '`GET /v1/exams/{exam}/receipts?deletedAfter={from}&deletedBefore={to}` with `Accept: text/csv`, at the address of the service. Compare the columns `deletedAt` and `deadline`.',
  },
  {
    step: 'Compare the times of assessment with those in the assessment system.',
    call: '`GET /v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/access-log`, also of a recording that is gone: the event `assessed`.',
  },
  {
    step: 'Keep the checkpoint of this report where the operator cannot change it.',
    call: 'The text at “Checkpoint”, or the whole report as JSON, in a file `report.json`: `GET /v1/report`.',
  },
  {
    step: 'Download the public keys of the service once, early, and compare them with the operator by another way, such as the contract.',
    call: '`GET /.well-known/jwks.json` at the address of the service.',
  },
  {
    step: 'Download the proof and run the checker, which needs neither the service nor its operator: it finds every receipt that was changed or removed since this checkpoint; for earlier ones use earlier checkpoints.',
    call: '`GET /v1/proof`, then `receipt-verifier check proof.json --keys jwks.json --checkpoint report.json`. `docs/proof.md`, in the source of the service, says where the checker is.',
  },
  {
    step: 'Ask for a recording that a receipt names: the service should say that it is gone, with the same receipt.',
    call: '`GET /v1/exams/{exam}/attempts/{attempt}/recordings/{recording}`, answered with 410.',
  },
  {
    step: 'Ask the operator to check the whole store on the same day: the output should say that nothing is wrong.',
    call: 'The command `verify`.',
  },
];
