// A report in words that ask for no knowledge of logs or signatures: the verdict first.
import { type DetailPart, inWords } from './details.ts';
import { leadSecondsOf } from './entry.ts';
import type { ProofProblem } from './problems.ts';
import type { ProofReport } from './proof.ts';
import type { ReceiptClaims } from './receipt.ts';
import type { Words } from './words/en.ts';

export interface Verdict {
  readonly holds: boolean;
  readonly headline: string;
  /** Of whom and when; empty where nothing can be believed. */
  readonly subject: string;
  readonly checked: readonly string[];
  readonly notChecked: readonly string[];
  readonly latest: { readonly title: string; readonly sentence: string } | null;
  readonly findings: readonly {
    readonly title: string;
    readonly details: readonly string[];
    readonly more: readonly string[];
  }[];
}

export interface Circumstances {
  /** They came with the proof, and not from elsewhere. */
  readonly areKeysFromFile: boolean;
  readonly nowMs: number;
}

export const DETAILS_SHOWN = 10;
/** A file of this age leaves out what somebody who reads the verdict may take for included. */
const OLD_MS = 86_400_000;
const SECOND = ['second', 1_000] as const;
const UNITS = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], SECOND] as const;

export function verdictOf(report: ProofReport, circumstances: Circumstances, words: Words): Verdict {
  const { tenant, exportedAt, findings } = report;
  const holds = findings.length === 0;
  const isProof = tenant !== '';
  return {
    holds,
    headline: headlineOf(findings, words),
    subject: isProof ? words.whose(tenant, inFull(exportedAt, words)) : words.notAProof,
    checked: isProof ? checkedOf(report, words) : [],
    notChecked: isProof ? notCheckedOf(report, circumstances, words) : [],
    latest: latestIn(report, words),
    findings: groupsOf(findings, words),
  };
}

/** A proof may be genuine, and show that the promise was broken. */
function headlineOf(findings: ProofReport['findings'], words: Words): string {
  if (findings.length === 0) return words.holds;
  return findings.every(({ problem }) => problem === 'late') ? words.late : words.fails;
}

/** Which question a problem answers with no; those of the file leave nothing to ask. */
const QUESTIONS: Readonly<
  Record<ProofProblem, 'file' | 'log' | 'held' | 'kept' | 'receipts' | 'complete' | 'deadlines'>
> = {
  'file-malformed': 'file',
  'file-of-another-tenant': 'file',
  'file-from-future': 'file',
  'checkpoint-missing': 'log',
  'checkpoint-not-valid': 'log',
  'checkpoint-of-unknown-key': 'log',
  'entries-changed': 'log',
  'entry-unreadable': 'log',
  'entry-out-of-time': 'log',
  'held-checkpoint-not-valid': 'held',
  'held-checkpoint-of-unknown-key': 'held',
  'log-cut-off': 'held',
  'log-rewritten': 'held',
  'held-receipt-missing': 'kept',
  'held-receipt-not-valid': 'kept',
  'held-receipt-of-unknown-key': 'kept',
  'receipt-not-valid': 'receipts',
  'receipt-of-unknown-key': 'receipts',
  'receipt-of-another-tenant': 'receipts',
  'receipt-not-in-log': 'receipts',
  'receipt-contradicts-entry': 'receipts',
  'receipts-disagree': 'receipts',
  'receipt-twice': 'receipts',
  'receipt-replaced': 'receipts',
  'receipt-from-future': 'receipts',
  'receipt-kept-too-long': 'receipts',
  'receipt-not-signed': 'receipts',
  'receipt-unreadable': 'receipts',
  'receipt-missing': 'complete',
  late: 'deadlines',
};

function deniedBy({ findings }: ProofReport): ReadonlySet<(typeof QUESTIONS)[ProofProblem]> {
  return new Set(findings.map(({ problem }) => QUESTIONS[problem]));
}

/** A question is answered with yes only where there was something that could have answered it with no. */
function checkedOf(report: ProofReport, words: Words): string[] {
  const { checkpoint, entries, heldSize, heldCheckpoints, heldReceipts, receipts, notYetLogged } = report;
  const denied = deniedBy(report);
  const isLogSigned = checkpoint !== null && !denied.has('log');
  const isOfLog = denied.has('receipts') || (isLogSigned && notYetLogged < receipts);
  const askedReceipts = isOfLog ? words.askedReceipts : words.askedSignatures;
  const covered = counted(Math.min(heldSize ?? 0, entries), words.entry, words);
  const checkpoints = counted(heldCheckpoints, words.checkpoint, words);
  const hasHeld = heldSize !== null || denied.has('held');
  const askedDeadlines = denied.has('receipts') ? words.askedSignedDeadlines : words.askedDeadlines;
  return [
    ...(isLogSigned || denied.has('log')
      ? [words.answered(words.askedLog(counted(entries, words.entry, words)), isLogSigned)]
      : []),
    ...(hasHeld ? [words.answered(words.askedHeld(checkpoints, covered), !denied.has('held'))] : []),
    ...(heldReceipts > 0
      ? [words.answered(words.askedKept(counted(heldReceipts, words.receipt, words)), !denied.has('kept'))]
      : []),
    ...(receipts > 0 || denied.has('receipts')
      ? [words.answered(askedReceipts(counted(receipts, words.receipt, words)), !denied.has('receipts'))]
      : []),
    ...(isLogSigned || denied.has('complete') ? [words.answered(words.askedComplete, !denied.has('complete'))] : []),
    ...(receipts > 0 || denied.has('deadlines') ? [words.answered(askedDeadlines, !denied.has('deadlines'))] : []),
  ];
}

function notCheckedOf(report: ProofReport, { areKeysFromFile, nowMs }: Circumstances, words: Words): string[] {
  const ageMs = nowMs - Date.parse(report.exportedAt);
  const { checkpoint, entries, heldSize, heldUnsigned, expired, replaced, notYetLogged } = report;
  const hasNoLog = checkpoint === null && !deniedBy(report).has('log');
  const uncovered = entries - (heldSize ?? 0);
  const receipts = (count: number) => counted(count, words.receipt, words);
  return [
    ...(areKeysFromFile ? [words.keysFromFile] : []),
    ...(hasNoLog ? [words.noLog] : []),
    ...(heldSize === null ? [words.notHeld] : []),
    ...(heldSize !== null && uncovered > 0 ? [words.notCovered(counted(uncovered, words.entry, words))] : []),
    ...(heldUnsigned > 0 ? [words.heldUnsigned(receipts(heldUnsigned))] : []),
    ...(ageMs > OLD_MS ? [words.since(lasting(ageMs, words))] : []),
    ...(notYetLogged > 0 ? [words.notYetLogged(receipts(notYetLogged))] : []),
    ...(expired > 0 ? [words.expired(receipts(expired))] : []),
    ...(replaced > 0 ? [words.replaced(receipts(replaced))] : []),
    words.beyond,
  ];
}

export function latestIn({ latest }: Pick<ProofReport, 'latest'>, words: Words): NonNullable<Verdict['latest']> {
  if (!latest) return { title: words.closestTitle, sentence: words.noneDeleted };
  const title = leadSecondsOf(latest) < 0 ? words.latestTitle : words.closestTitle;
  return { title, sentence: sentenceOf(latest, words) };
}

/** When a recording was deleted, against its deadline. */
export function sentenceOf(claims: ReceiptClaims, words: Words): string {
  const leadMs = leadSecondsOf(claims) * 1_000;
  const [sentence, lead] =
    leadMs < 0 ? [words.after, lasting(-leadMs, words, Math.ceil)] : [words.before, lasting(leadMs, words)];
  return sentence(claims.recordingId, inFull(claims.deletedAt, words), lead, inFull(claims.deadline, words));
}

export function groupsOf(findings: ProofReport['findings'], words: Words): Verdict['findings'] {
  const byProblem = new Map<ProofProblem, (readonly DetailPart[])[]>();
  for (const { problem, parts } of findings) {
    const details = byProblem.get(problem) ?? [];
    details.push(parts);
    byProblem.set(problem, details);
  }
  return [...byProblem].map(([problem, details]) => {
    const shown = details.slice(0, DETAILS_SHOWN);
    const more = details.length - shown.length;
    return {
      title: words.found(words.problems[problem], inDigits(details.length, words)),
      details: shown.flatMap((parts) => (parts.length === 0 ? [] : [inWords(parts, words.details)])),
      more: [
        ...(more > 0 ? [words.more(inDigits(more, words))] : []),
        ...(problem.endsWith('of-unknown-key') ? [words.newKey] : []),
      ],
    };
  });
}

/** Such as `30 November 2026 at 12:00 UTC`. */
export function inFull(time: string, { locale }: Words): string {
  const format = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  return `${format.format(new Date(time))} UTC`;
}

/** In the two largest units, such as `2 days, 3 hours`. */
function lasting(durationMs: number, { locale }: Words, round = Math.floor): string {
  const largest = UNITS.findIndex(([, unitMs]) => durationMs >= unitMs);
  const [, smallestMs] = UNITS[largest + 1] ?? SECOND;
  let leftMs = Math.max(round(durationMs / smallestMs) * smallestMs, 1_000);
  const parts: string[] = [];
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(leftMs / unitMs);
    leftMs -= count * unitMs;
    const format = new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' });
    if (count > 0 && parts.length < 2) parts.push(format.format(count));
  }
  return parts.join(', ');
}

export function counted(count: number, [one = '', several = '']: readonly string[], words: Words): string {
  return `${inDigits(count, words)} ${count === 1 ? one : several}`;
}

export function inDigits(count: number, { locale }: Words): string {
  return new Intl.NumberFormat(locale).format(count);
}
