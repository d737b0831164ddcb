// The verdict of a report: yes only over what was read, in words of the privacy policy.
import { inWords, SECOND_MS } from '../model/durations.ts';
import { clocksDiffer } from '../model/times.ts';
import type { Report } from './report-schema.ts';

type Facts = Pick<Report, 'totals' | 'notChecked' | 'closest' | 'generatedAt' | 'storeClock'>;
type Reason = Report['verdict']['reasons'][number];

/** What such a report never checks. */
export const NEVER_CHECKED: readonly string[] = [
  'Whether a receipt is missing: take the proof away with `GET /v1/proof`, and check it with the program ' +
    '`receipt-verifier` and the checkpoints that you have kept.',
  'Whether what a receipt proves deleted is there again: the operator runs `verify`.',
  'Recordings that began while this report was made: they may be missing.',
  'Uploads that belong to no recording: `verify` searches them.',
  'Copies outside of the store, such as exports and backups: they are not under the control of this service.',
];

export const HOW_TO_CHECK: readonly string[] = [
  'Take the receipts of an exam with `GET /v1/exams/{exam}/receipts` and `Accept: text/csv`. Count them, and compare ' +
    '`deletedAt` with `deadline` in each line: the numbers are those of this report.',
  'Keep the checkpoint of this report. Take the proof with `GET /v1/proof`, and check it with `receipt-verifier`: it needs ' +
    'neither this service nor its operator, and finds every receipt that was changed or removed since.',
  'Ask for a recording that a receipt names: the service answers 410 with the same receipt.',
  'Ask why a single recording is held or gone with `GET …/recordings/{recording}/explanation`.',
  'Ask the operator for the output of `verify` of the same day: it says "Nothing is wrong" over the whole bucket.',
];

export function verdictOf(facts: Facts): Report['verdict'] {
  const broken = brokenOf(facts);
  const open = openOf(facts);
  const answer = broken.length > 0 ? 'no' : open.length > 0 ? 'unknown' : 'yes';
  const reasons = [...broken, ...open];
  return { question: 'Was everything deleted in time?', answer, summary: summaryOf(answer, facts, reasons), reasons };
}

function summaryOf(answer: Report['verdict']['answer'], facts: Facts, reasons: readonly Reason[]): string {
  const { deleted, held } = facts.totals;
  const why = reasons.map(({ sentence }) => sentence).join(' ');
  if (answer === 'no') return `No. ${why}`;
  const ofDeleted =
    deleted === 0
      ? 'No recording was deleted in this period.'
      : `${allOf(deleted, 'recording')} that ${were(deleted)} deleted in this period ${were(deleted)} deleted before ${deleted === 1 ? 'its' : 'their'} deadline.`;
  const ofHeld =
    held === 0
      ? 'No recording is held now.'
      : held === 1
        ? 'The one recording that is still held is not past its deadline.'
        : `None of the ${inDigits(held)} recordings that are still held is past its deadline.`;
  return answer === 'yes'
    ? `Yes. ${ofDeleted} ${ofHeld}`
    : `Not everything could be checked. ${why} Of what could be read: ${ofDeleted} ${ofHeld}`;
}

/** What breaks the promise. */
function brokenOf({ totals: { late, overdue }, closest }: Facts): Reason[] {
  const latest = inWords((closest?.lateSeconds ?? 0) * SECOND_MS);
  return [
    ...reasonIf(
      late > 0,
      'deleted-late',
      `${some(late, 'recording')} ${were(late)} deleted after the deadline, the latest ${latest} after it.`,
    ),
    ...reasonIf(
      overdue > 0,
      'overdue',
      `${some(overdue, 'recording')} ${overdue === 1 ? 'is' : 'are'} past the deadline and still there.`,
    ),
  ];
}

/** What keeps the answer from being yes. */
function openOf({ totals, notChecked, generatedAt, storeClock }: Facts): Reason[] {
  const receipts = numberOf(notChecked.unreadableReceipts);
  const changed = numberOf(notChecked.changedReceipts);
  const descriptions = numberOf(notChecked.unreadableDescriptions);
  const { unknownKeys, receiptsExpiredBefore: before } = notChecked;
  const isClockRight = storeClock !== null && !clocksDiffer(Date.parse(generatedAt), Date.parse(storeClock));
  const isNothingKnown = totals.begun + totals.deleted + totals.held === 0;
  return [
    ...reasonIf(
      isNothingKnown,
      'nothing-known',
      'Nothing is known of this organisation in this period, so there is nothing to confirm: is its name right?',
    ),
    ...reasonIf(receipts > 0, 'unreadable-receipts', `${some(receipts, 'receipt')} cannot be read.`),
    ...reasonIf(
      changed > 0,
      'changed-receipts',
      `${some(changed, 'receipt')} ${were(changed)} changed by somebody else: the signature is not over what is there.`,
    ),
    ...reasonIf(notChecked.isLogUnreadable, 'log-unreadable', 'The log of receipts is damaged.'),
    ...reasonIf(descriptions > 0, 'unreadable-descriptions', `${some(descriptions, 'held recording')} cannot be read.`),
    ...reasonIf(
      unknownKeys > 0,
      'unknown-keys',
      `${some(unknownKeys, 'object')} in the store ${were(unknownKeys)} not made by this service.`,
    ),
    ...reasonIf(
      before !== null,
      'receipts-expired',
      `Receipts from before ${before} have expired, and nothing is known of that part of the period.`,
    ),
    ...reasonIf(!isClockRight, 'clock', 'The clock of the service could not be confirmed by that of the store.'),
  ];
}

function reasonIf(applies: boolean, code: Reason['code'], sentence: string): Reason[] {
  return applies ? [{ code, sentence }] : [];
}

function numberOf({ items, leftOut }: { readonly items: readonly unknown[]; readonly leftOut: number }): number {
  return items.length + leftOut;
}

function some(number: number, noun: string): string {
  return `${inDigits(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function allOf(number: number, noun: string): string {
  return number === 1 ? `The one ${noun}` : `All ${some(number, noun)}`;
}

function were(number: number): string {
  return number === 1 ? 'was' : 'were';
}

/** `10,000` */
export function inDigits(number: number): string {
  return number.toLocaleString('en');
}
