// The verdict on receipts without their place in the log, in the form of that on a whole proof.
import type { ReceiptsReport } from './receipts-report.ts';
import { counted, DETAILS_SHOWN, groupsOf, inDigits, latestIn, sentenceOf, type Verdict } from './verdict.ts';
import type { Words } from './words/en.ts';

export function verdictOfReceipts(report: ReceiptsReport, words: Words): Verdict {
  const { receipts, claims, latest, findings } = report;
  const isOne = receipts === 1;
  const said = isOne ? words.oneReceipt : words.severalReceipts;
  const isGenuine = findings.every(({ problem }) => problem === 'late');
  return {
    holds: findings.length === 0,
    headline: findings.length === 0 ? said.signed : isGenuine ? said.late : said.fail,
    subject: subjectOf(report, words),
    findings: groupsOf(findings, words),
    latest:
      latest && (isOne ? { title: words.deletionTitle, sentence: sentenceOf(latest, words) } : latestIn(report, words)),
    checked: isOne ? [] : sentencesOf(claims, words),
    notChecked: [said.notInLog, words.beyondReceipt],
  };
}

function subjectOf({ receipts, claims }: ReceiptsReport, words: Words): string {
  const [first] = claims;
  if (!first) return '';
  if (receipts === 1) return words.receiptOf(first.tenantId, first.examId, first.attemptId);
  const tenants = [...new Set(claims.map(({ tenantId }) => tenantId))].slice(0, DETAILS_SHOWN).join(', ');
  return words.receiptsSigned(inDigits(claims.length, words), counted(receipts, words.receipt, words), tenants);
}

function sentencesOf(claims: ReceiptsReport['claims'], words: Words): string[] {
  const more = claims.length - DETAILS_SHOWN;
  const shown = claims.slice(0, DETAILS_SHOWN).map((receipt) => sentenceOf(receipt, words));
  return more > 0 ? [...shown, words.more(inDigits(more, words))] : shown;
}
