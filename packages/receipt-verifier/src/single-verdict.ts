// The verdict on one receipt, or on one step between checkpoints, in the form of that on a whole proof.
import { inWords } from './details.ts';
import { leadSecondsOf } from './entry.ts';
import type { ReceiptReport, Refused, StepReport } from './single-report.ts';
import { type Circumstances, counted, sentenceOf, type Verdict } from './verdict.ts';
import type { Words } from './words/en.ts';

type Own = Pick<Circumstances, 'areKeysFromFile'>;

export function verdictOfReceipt(report: ReceiptReport | Refused, own: Own, words: Words): Verdict {
  if ('refusal' in report) return refused(words.receiptFails, report, words);
  const { claims, place, isExpected } = report;
  const isGenuine = place !== 'missing' && isExpected;
  const isLate = leadSecondsOf(claims) < 0;
  return {
    holds: isGenuine && !isLate,
    headline: !isGenuine ? words.receiptFails : isLate ? words.receiptLate : words.receiptHolds,
    subject: `${words.receiptSigned} ${words.receiptOf(claims.tenantId, claims.examId, claims.attemptId)}`,
    findings: [
      ...(isExpected ? [] : [finding(words.problems['receipt-of-another-tenant'])]),
      ...(place === 'missing' ? [finding(words.receiptNotInLog)] : []),
      ...(isLate ? [finding(words.problems.late)] : []),
    ],
    latest: { title: words.deletionTitle, sentence: sentenceOf(claims, words) },
    checked: place === 'missing' ? [] : [place === 'logged' ? words.receiptInLog : words.receiptWaiting],
    notChecked: [...(own.areKeysFromFile ? [words.keysFromFile] : []), words.beyondReceipt],
  };
}

export function verdictOfStep(report: StepReport | Refused, words: Words): Verdict {
  if ('refusal' in report) return refused(words.consistencyFails, report, words);
  const { tenant, olderSize, newerSize, result } = report;
  const [older, newer] = [counted(olderSize, words.entry, words), counted(newerSize, words.entry, words)];
  const holds = result === 'only-added-to';
  return {
    holds,
    headline: holds ? words.consistencyHolds : words.consistencyFails,
    subject: words.consistencyOf(tenant, older, newer),
    findings: holds ? [] : [finding(words.steps[result](older, newer, String(olderSize)))],
    latest: null,
    checked: holds ? [words.onlyAddedTo] : [],
    notChecked: [words.beyondStep],
  };
}

function refused(headline: string, { refusal }: Refused, words: Words): Verdict {
  const isOfUnknownKey = refusal[0] === 'unknownKey' || refusal[0] === 'noteOfUnknownKey';
  const findings = [finding(inWords([refusal], words.details), isOfUnknownKey ? [words.newKey] : [])];
  return { holds: false, headline, subject: '', findings, latest: null, checked: [], notChecked: [] };
}

function finding(title: string, more: readonly string[] = []): Verdict['findings'][number] {
  return { title, details: [], more };
}
