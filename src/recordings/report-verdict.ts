// The verdict of a report. It is yes only if everything was read, and uses the terms of the privacy policy.
import { inWords, SECOND_MS } from '../model/durations.ts';
import { clocksDiffer } from '../model/times.ts';
import type { Report } from './report-schema.ts';

interface Facts
  extends Pick<Report, 'totals' | 'notChecked' | 'closest' | 'checkpoint' | 'generatedAt' | 'storeClock'> {
  /** Whether the service has, or had, a signing key. Then a receipt without a signature may have been stripped of it. */
  readonly isSigning: boolean;
}
type Reason = Report['verdict']['reasons'][number];

export function verdictOf(facts: Facts): Report['verdict'] {
  const broken = brokenOf(facts);
  const open = openOf(facts);
  const answer = broken.length > 0 ? 'no' : open.length > 0 ? 'unknown' : 'yes';
  const reasons = [...broken, ...open];
  const summary = summaryOf(answer, facts, reasons);
  return { question: 'Was everything deleted in time?', answer, summary, limit: limitOf(facts), reasons };
}

function summaryOf(answer: Report['verdict']['answer'], facts: Facts, reasons: readonly Reason[]): string {
  const why = reasons.map(({ sentence }) => sentence).join(' ');
  const held = ofHeldIn(facts);
  if (answer === 'no') return `No. ${why}${facts.totals.overdue > 0 ? '' : ` ${held}`}`;
  const deleted = ofDeletedIn(facts);
  if (answer === 'yes') return `Yes, according to the receipts. ${deleted} ${held}`;
  return `Not everything could be checked. ${why} What could be read shows the following. ${deleted} ${held}`;
}

function ofDeletedIn({ totals: { deleted } }: Facts): string {
  if (deleted === 0) return 'No receipt shows a deletion in this period.';
  const receipts = deleted === 1 ? 'The one receipt' : `Each of the ${inDigits(deleted)} receipts`;
  return `${receipts} of this period shows that the recording was deleted by its deadline.`;
}

function ofHeldIn({ totals: { held }, generatedAt }: Facts): string {
  const at = `at ${minuteOf(generatedAt)} UTC`;
  if (held === 0) return `No recording was held ${at}.`;
  if (held === 1) return `The one recording held ${at} is not past its deadline.`;
  return `None of the ${inDigits(held)} recordings held ${at} is past its deadline.`;
}

/** What the report cannot show. */
function limitOf({ checkpoint, notChecked }: Facts): string {
  if (notChecked.missingReceipts !== null) {
    return 'The receipts were compared with the log of the service itself. Whoever controls the service could have rewritten that log. Only the checker of the proof would show that: see “How to check this report”.';
  }
  return checkpoint === null && !notChecked.isLogUnreadable
    ? 'This report cannot show whether a receipt is missing, and there is no log of receipts that could.'
    : 'This report cannot show whether a receipt is missing. The checker of the proof can: see “How to check this report”.';
}

/** What breaks the promise. */
function brokenOf({ totals: { late, overdue }, closest, notChecked }: Facts): Reason[] {
  const lateInLog = notChecked.lateInLog ?? 0;
  const latest = inWords((closest?.lateSeconds ?? 0) * SECOND_MS);
  return [
    ...reasonIf(
      late > 0,
      'deleted-late',
      late === 1
        ? `1 recording was deleted ${latest} after its deadline.`
        : `${inDigits(late)} recordings were deleted after their deadlines, by up to ${latest}.`,
    ),
    ...reasonIf(
      lateInLog > late,
      'late-in-log',
      `The log of receipts shows ${some(lateInLog, 'deletion')} after the deadline.`,
    ),
    ...reasonIf(
      overdue > 0,
      'overdue',
      `${some(overdue, 'recording')} ${overdue === 1 ? 'is past its' : 'are past their'} deadline and still stored.`,
    ),
  ];
}

/** What keeps the answer from being yes. */
function openOf({ totals, notChecked, generatedAt, storeClock, isSigning }: Facts): Reason[] {
  const receipts = numberOf(notChecked.unreadableReceipts);
  const changed = numberOf(notChecked.changedReceipts);
  const descriptions = numberOf(notChecked.unreadableDescriptions);
  const missing = notChecked.missingReceipts ?? 0;
  const unlogged = notChecked.unloggedReceipts ?? 0;
  const { unknownKeys, receiptsExpiredBefore: before } = notChecked;
  const isClockRight = storeClock !== null && !clocksDiffer(Date.parse(generatedAt), Date.parse(storeClock));
  const isNothingKnown = totals.begun + totals.deleted + totals.held === 0;
  return [
    ...reasonIf(
      isNothingKnown,
      'nothing-known',
      'Nothing is known about this organisation in this period, so there is nothing to confirm. Check its name.',
    ),
    ...reasonIf(receipts > 0, 'unreadable-receipts', `${some(receipts, 'receipt')} cannot be read.`),
    ...reasonIf(
      changed > 0,
      'changed-receipts',
      `${some(changed, 'receipt')} ${were(changed)} changed by somebody else: the signature does not match the content.`,
    ),
    ...reasonIf(
      isSigning && notChecked.unsignedReceipts > 0,
      'unsigned-receipts',
      `${some(notChecked.unsignedReceipts, 'receipt')} ${have(notChecked.unsignedReceipts)} no signature, although this service signs receipts. ${notChecked.unsignedReceipts === 1 ? 'It is' : 'They are'} from before it did, or ${were(notChecked.unsignedReceipts)} changed.`,
    ),
    ...reasonIf(
      notChecked.uncheckedSignatures > 0,
      'unchecked-signatures',
      `${some(notChecked.uncheckedSignatures, 'receipt')} ${have(notChecked.uncheckedSignatures)} a signature by a key that was not given, so the signature could not be checked.`,
    ),
    ...reasonIf(
      missing > 0,
      'missing-receipts',
      `The log of receipts has ${some(missing, 'entry', 'entries')} without a readable receipt.`,
    ),
    ...reasonIf(
      unlogged > 0,
      'unlogged-receipts',
      `${some(unlogged, 'signed receipt')} ${were(unlogged)} never added to the log, or the log has lost ${unlogged === 1 ? 'it' : 'them'}.`,
    ),
    ...reasonIf(
      notChecked.isLogUnreadable,
      'log-unreadable',
      'The log of receipts is damaged, or signed by a key that this service does not have.',
    ),
    ...reasonIf(descriptions > 0, 'unreadable-descriptions', `${some(descriptions, 'held recording')} cannot be read.`),
    ...reasonIf(
      unknownKeys > 0,
      'unknown-keys',
      `${some(unknownKeys, 'object')} in the store ${were(unknownKeys)} not made by this service.`,
    ),
    ...reasonIf(
      before !== null,
      'receipts-expired',
      `Receipts from before ${before} have expired, so nothing is known about that part of the period.`,
    ),
    ...reasonIf(!isClockRight, 'clock', 'The clock of the service could not be confirmed by the clock of the store.'),
  ];
}

function reasonIf(applies: boolean, code: Reason['code'], sentence: string): Reason[] {
  return applies ? [{ code, sentence }] : [];
}

function numberOf({ items, leftOut }: { readonly items: readonly unknown[]; readonly leftOut: number }): number {
  return items.length + leftOut;
}

function some(number: number, noun: string, nouns = `${noun}s`): string {
  return `${inDigits(number)} ${number === 1 ? noun : nouns}`;
}

function have(number: number): string {
  return number === 1 ? 'has' : 'have';
}

function were(number: number): string {
  return number === 1 ? 'was' : 'were';
}

/** `10,000` */
export function inDigits(number: number): string {
  return number.toLocaleString('en');
}

/** `2026-12-01 09:03` of a time in UTC. */
export function minuteOf(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}
