// The report as one HTML page for screens, phones and A4 paper, without scripts and without anything to load.
import { createHash } from 'node:crypto';
import { SECOND_MS } from '../model/durations.ts';
import { retentionOf, rulesOf } from './report-checks.ts';
import {
  about,
  type Cell,
  type Column,
  escaped,
  glaring,
  glaringCell,
  id,
  idCell,
  list,
  numberCell,
  prose,
  section,
  tabled,
  time,
  timeCell,
  timeSpan,
  words,
} from './report-html.ts';
import { MAX_ROWS } from './report-lists.ts';
import type { Report, ReportedDeletion, ReportedExam } from './report-schema.ts';
import { styleOf } from './report-style.ts';
import { inDigits, minuteOf } from './report-verdict.ts';

export function reportPage(report: Report): string {
  const { tenantId, number, period, verdict, generatedAt } = report;
  const organisation = `Organisation (tenant) ${tenantId}`;
  const style = styleOf(`${organisation}, report of ${minuteOf(generatedAt)} UTC`);
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escaped(policyOf(style))}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>Deletion report: ${escaped(tenantId)}, ${escaped(generatedAt.slice(0, 10))}</title><style>${style}</style></head><body><main>`,
    '<h1>Deletion of exam recordings</h1>',
    `<p><strong>${escaped(organisation)}</strong></p>`,
    `<p class="about">Period: from ${time(period.from)} to ${time(period.to)}. All times are UTC.</p><p class="about">Report ${id(number)}</p>`,
    `<section class="verdict ${verdict.answer}"><h2>${escaped(verdict.question)}</h2>`,
    `<p>${escaped(verdict.summary)}</p><p class="limit">${escaped(verdict.limit)}</p></section>`,
    figures(report),
    overdueOf(report),
    heldOf(report),
    restrictionsOf(report),
    notCheckedOf(report),
    section('What was compared', list(report.compared.map(prose))),
    examsOf(report),
    lateOf(report),
    reasonsOf(report),
    onRequestOf(report),
    section('The rules', list(rulesOf(report.settings).map(prose))),
    howToCheckOf(report),
    checkpointOf(report),
    footerOf(report),
    '</main></body></html>',
    '',
  ].join('\n');
}

function policyOf(style: string): string {
  const hash = createHash('sha256').update(style).digest('base64');
  return [`default-src 'none'`, `style-src 'sha256-${hash}'`, `base-uri 'none'`, `form-action 'none'`].join('; ');
}

function figures({ totals, closest, notChecked: { missingReceipts } }: Report): string {
  const { begun, deleted, held, late, onRequest, overdue } = totals;
  const { earliestDeletableFrom, earliestDeleteBy, latestDeleteBy, latestDeleteByIfAssessed } = totals;
  const looksOf = (number: number) => (number > 0 ? 'wrong' : '');
  const figure = (name: string, html: string, looks = '') =>
    `<div><dt>${escaped(name)}</dt><dd class="${looks}">${html}</dd></div>`;
  const entries = [
    figure('Deleted, according to receipts', inDigits(deleted)),
    ...(missingReceipts ? [figure('Deleted, without a readable receipt', inDigits(missingReceipts), 'wrong')] : []),
    figure('Deleted after the deadline', inDigits(late), looksOf(late)),
    ...(closest ? [figure(closestOf(closest), distance(closest), 'small')] : []),
    figure('Deleted on request', inDigits(onRequest)),
    figure('Still held', inDigits(held)),
    figure('Past the deadline now', inDigits(overdue), looksOf(overdue)),
    ...(earliestDeleteBy !== null && latestDeleteBy !== null
      ? [figure('Deadlines of what is held', timeSpan(earliestDeleteBy, latestDeleteBy), 'small')]
      : []),
    ...(latestDeleteByIfAssessed === null
      ? []
      : [figure('Latest deadline, if assessed later', time(latestDeleteByIfAssessed), 'small')]),
    ...(earliestDeletableFrom === null ? [] : [figure('May be deleted from', time(earliestDeletableFrom), 'small')]),
    figure('Started in the period', inDigits(begun)),
  ];
  return `<dl class="figures">${entries.join('')}</dl>`;
}

function closestOf({ lateSeconds }: ReportedDeletion): string {
  return lateSeconds > 0 ? 'Furthest past its deadline' : 'Closest to its deadline';
}

function distance({ deadline, deletedAt, lateSeconds }: ReportedDeletion): string {
  if (lateSeconds > 0) return `<span class="wrong">${words(lateSeconds)} after it</span>`;
  const beforeMs = Date.parse(deadline) - Date.parse(deletedAt);
  return beforeMs === 0 ? 'right at it' : `${words(beforeMs / SECOND_MS)} before it`;
}

function overdueOf({ overdue }: Report): string {
  if (overdue.items.length === 0) return '';
  const before = '<p class="wrong">These recordings should have been deleted by now, but are still stored.</p>';
  const columns: Column<Report['overdue']['items'][number]>[] = [
    { name: 'Deadline', cell: ({ deleteBy }) => timeCell(deleteBy) },
    ...ID_COLUMNS,
  ];
  return tabled('Past their deadline and still held', {
    columns,
    rows: overdue.items,
    before,
    after: leftOut(overdue.leftOut),
  });
}

function heldOf({ exams, examsLeftOut, totals, settings }: Report): string {
  const { held, beingDeleted, withoutDescription, unassessed, latestDeleteByIfAssessed } = totals;
  if (held === 0) return section('Still held', '<p>No recording is held.</p>');
  const { afterAssessment, unassessed: withoutAssessment } = retentionOf(settings);
  const kinds = [
    ['webcam', totals.webcam],
    ['screen', totals.screen],
    ['audio', totals.audio],
    ['unknown', totals.kindUnknown],
  ] as const;
  const byKind = kinds.filter(([, number]) => number > 0).map(([kind, number]) => `${kind} ${inDigits(number)}`);
  const notes = [
    `By kind: ${byKind.join(', ')}.`,
    ...(beingDeleted > 0 ? [`Being deleted (the next sweep confirms it): ${inDigits(beingDeleted)}.`] : []),
    ...(withoutDescription > 0
      ? [`Remains of recordings without a description (the next sweep deletes them): ${inDigits(withoutDescription)}.`]
      : []),
    'The service may delete a recording some time before its deadline: see “The rules”.',
    ...(latestDeleteByIfAssessed === null
      ? []
      : [
          `The deadline of an unassessed recording is not final (${inDigits(unassessed)} of those held). Currently it is ${withoutAssessment} ` +
            'after the start of the recording. If the attempt is assessed before that deadline, and this is reported while the ' +
            `recording is held, the new deadline is ${afterAssessment} after the assessment. The latest deadline that this can set for a ` +
            `recording held now is ${minuteOf(latestDeleteByIfAssessed)}. This includes five minutes by which the clock of the assessment ` +
            'system may be ahead.',
        ]),
    'The deadline of an assessed recording can only move to an earlier time.',
  ];
  const columns: Column<Omit<ReportedExam, 'examId'> & { examId?: string }>[] = [
    { name: 'Exam', cell: ({ examId = '' }) => idCell(examId) },
    numbers('Held', (sums) => numberCell(sums.held)),
    numbers('Past deadline', (sums) => glaringCell(sums.overdue)),
    { name: 'May be deleted from', cell: (sums) => timeCell(sums.earliestDeletableFrom) },
    { name: 'Earliest deadline', cell: (sums) => timeCell(sums.earliestDeleteBy) },
    { name: 'Latest deadline', cell: (sums) => timeCell(sums.latestDeleteBy) },
    numbers('Assessed', (sums) => numberCell(sums.assessed)),
    numbers('Unassessed', (sums) => numberCell(sums.unassessed)),
  ];
  return tabled('Still held, and until when', {
    columns,
    rows: exams.filter((exam) => exam.held > 0),
    total: { name: 'All exams', row: totals },
    after: examsLeft(examsLeftOut) + about(...notes),
  });
}

function restrictionsOf({ restrictions }: Report): string {
  if (restrictions.items.length === 0) return '';
  const columns: Column<Report['restrictions']['items'][number]>[] = [
    { name: 'Deadline', cell: ({ deleteBy }) => timeCell(deleteBy) },
    { name: 'Since', cell: ({ since }) => timeCell(since) },
    { name: 'Why', cell: ({ reason }) => ({ html: escaped(reason ?? 'cannot be read'), look: 'why' }) },
    { name: 'By (account)', cell: ({ actor }) => idCell(actor ?? 'cannot be read') },
    ...ID_COLUMNS,
  ];
  return tabled('Restricted: held without playback', {
    columns,
    rows: restrictions.items,
    after: `${leftOut(restrictions.leftOut)}<p>A restriction does not extend the deadline. If a recording is needed for longer, it must be exported before the service begins to delete it: see “The rules”.</p>`,
  });
}

function notCheckedOf({ notChecked, totals }: Report): string {
  const { unreadableReceipts, changedReceipts, isLogUnreadable, unreadableDescriptions, unknownKeys } = notChecked;
  const { receiptsExpiredBefore, unsignedReceipts, uncheckedSignatures, notes } = notChecked;
  const { missingReceipts, lateInLog, unloggedReceipts } = notChecked;
  const found = [
    ...unread('Receipts that cannot be read', unreadableReceipts),
    ...unread('Receipts that were changed or forged', changedReceipts),
    ...(isLogUnreadable
      ? [glaring('The log of receipts is damaged, or signed by a key that this service does not have.')]
      : []),
    ...(missingReceipts
      ? [glaring(`Deletions in the log of receipts without a readable receipt: ${inDigits(missingReceipts)}.`)]
      : []),
    ...(unloggedReceipts
      ? [glaring(`Signed receipts that should be in the log by now but are not: ${inDigits(unloggedReceipts)}.`)]
      : []),
    ...(lateInLog && lateInLog > totals.late
      ? [glaring(`Late deletions in the log without a receipt in this report: ${inDigits(lateInLog - totals.late)}.`)]
      : []),
    ...unread('Held recordings whose description cannot be read', unreadableDescriptions),
    ...(unknownKeys > 0 ? [glaring(`Objects that this service did not make: ${inDigits(unknownKeys)}.`)] : []),
    ...(receiptsExpiredBefore === null
      ? []
      : [
          glaring(
            `Deletions before ${minuteOf(receiptsExpiredBefore)}: their receipts have expired, so nothing is known about them.`,
          ),
        ]),
    ...(unsignedReceipts > 0
      ? [
          `Receipts without a signature: ${inDigits(unsignedReceipts)}. They prove something only to people who trust the store.`,
        ]
      : []),
    ...(uncheckedSignatures > 0
      ? [`Receipts whose signature was not checked, because the key was not given: ${inDigits(uncheckedSignatures)}.`]
      : []),
    ...notes.map(prose),
  ];
  return section('What was not checked', list(found), found.length < 15);
}

function unread(what: string, { items, leftOut: more }: Report['notChecked']['unreadableReceipts']): string[] {
  if (items.length === 0) return [];
  const names = items.map(({ examId, attemptId, recordingId }) => id(`${examId}/${attemptId}/${recordingId}`));
  const rest = more > 0 ? `, and ${inDigits(more)} more` : '';
  return [`${glaring(`${what}: ${inDigits(items.length + more)}.`)} ${names.join(', ')}${rest}.`];
}

function examsOf({ exams, examsLeftOut, totals }: Report): string {
  const columns: Column<Omit<ReportedExam, 'examId'> & { examId?: string }>[] = [
    { name: 'Exam', cell: ({ examId = '' }) => idCell(examId) },
    numbers('Deleted', (sums) => numberCell(sums.deleted)),
    numbers('Late', (sums) => glaringCell(sums.late)),
    ...(totals.onRequest > 0
      ? [numbers<Omit<ReportedExam, 'examId'>>('On request', (sums) => numberCell(sums.onRequest))]
      : []),
    numbers('Started', (sums) => numberCell(sums.begun)),
  ];
  const note =
    '“Started” counts recordings that started in the period and are still held or have a receipt. It does not count a ' +
    'recording that was lost without a receipt, or one that was aborted before any of it arrived.';
  return tabled('Recorded and deleted in the period, by exam', {
    columns,
    rows: exams.filter(({ begun, deleted }) => begun + deleted > 0),
    total: { name: 'All exams', row: totals },
    after: examsLeft(examsLeftOut) + about(note),
  });
}

function lateOf({ late }: Report): string {
  const title = 'Deleted after their deadline';
  if (late.items.length === 0) return section(title, '<p>None, according to the receipts of this period.</p>', true);
  const columns: Column<ReportedDeletion>[] = [
    { name: 'Late by', cell: ({ lateSeconds }) => ({ html: words(lateSeconds), look: 'wrong' }) },
    { name: 'Deadline', cell: ({ deadline }) => timeCell(deadline) },
    { name: 'Deleted', cell: ({ deletedAt }) => timeCell(deletedAt) },
    { name: 'Why', cell: whyCell },
    { name: 'By (account)', cell: ({ actor }) => idCell(actor) },
    ...ID_COLUMNS,
  ];
  return tabled(title, { columns, rows: late.items, after: leftOut(late.leftOut) });
}

function reasonsOf({ reasons, closest, totals }: Report): string {
  const title = 'Why recordings were deleted';
  const columns: Column<{ readonly reason?: ReportedDeletion['reason']; readonly deleted: number }>[] = [
    { name: 'Why (clause of the policy)', cell: ({ reason }) => ({ html: reason ? escaped(MEANING[reason]) : '' }) },
    numbers('Deleted', ({ deleted }) => numberCell(deleted)),
  ];
  const after = closest
    ? `<p>${closestOf(closest)}: recording ${id(closest.recordingId)} of exam ${id(closest.examId)}, with the deadline ` +
      `${time(closest.deadline, true)}, deleted at ${time(closest.deletedAt, true)}: ${distance(closest)}.</p>`
    : '';
  return tabled(title, { columns, rows: reasons, total: { name: 'All', row: totals }, after });
}

const MEANING: Readonly<Record<ReportedDeletion['reason'], string>> = {
  retention: 'Retention ended (8.4, 3.4)',
  erasure: 'Erasure (9.1)',
  'consent-withdrawn': 'Withdrawal of consent (9.2)',
  'controller-instruction': 'Instruction of the organisation (2.2)',
  aborted: 'Its upload was aborted',
  'not-a-recording': 'Its content was not a recording',
};

function howToCheckOf({ howToCheck }: Report): string {
  const steps = howToCheck.map(({ step, call }) => `<li>${prose(step)}<span class="call">${prose(call)}</span></li>`);
  return section('How to check this report', `<ol>${steps.join('')}</ol>`);
}

/** A checkpoint is a signed note: three lines, an empty line, and signatures. */
function checkpointOf({ checkpoint, notChecked }: Report): string {
  if (checkpoint === null) {
    const why = notChecked.isLogUnreadable
      ? 'The log of receipts is damaged, so this report has no checkpoint.'
      : 'There is no log of receipts, so this report has no checkpoint.';
    return section('Checkpoint', `<p>${why}</p>`, true);
  }
  const [log = '', entries = '', hash = '', , ...signatures] = checkpoint.trimEnd().split('\n');
  const named = [
    ['Log', log],
    ['Number of entries', entries],
    ['Root hash (over all entries)', hash],
    ...signatures.map((signature) => ['Signature', signature] as const),
  ] as const;
  const lines = named.map(([name, text]) => `<dt>${escaped(name)}</dt><dd>${id(text)}</dd>`).join('');
  const content =
    '<p>The state of the log of receipts when this report was made, signed by the service. These are its parts:</p>' +
    `<dl class="lines">${lines}</dl><p>Keep this text unchanged:</p><pre>${escaped(checkpoint)}</pre>`;
  return section('Checkpoint', content, true);
}

function onRequestOf({ onRequest }: Report): string {
  const title = 'Deleted on request';
  if (onRequest.items.length === 0) return section(title, '<p>None in this period.</p>', true);
  const columns: Column<ReportedDeletion>[] = [
    { name: 'Deleted', cell: ({ deletedAt }) => timeCell(deletedAt) },
    { name: 'Why', cell: whyCell },
    { name: 'By (account)', cell: ({ actor }) => idCell(actor) },
    {
      name: 'Exam / attempt / recording',
      cell: ({ examId, attemptId, recordingId }) => idCell(`${examId}/${attemptId}/${recordingId}`),
    },
  ];
  const after = about(
    'The account is from the token with which a system of the organisation made the request. An account name that is not an opaque id is shown as a hash: `sha256:…`.',
    'This report does not show how long a deletion took after its request. The access log of a recording has the time of ' +
      'the request: `GET /v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/access-log`, the event `erased`.',
  );
  return tabled(title, { columns, rows: onRequest.items, after: leftOut(onRequest.leftOut) + after });
}

function footerOf({ number, generatedAt, finishedAt, storeClock, serviceVersion }: Report): string {
  const clock =
    storeClock === null ? 'The store sent no time.' : `The clock of the store showed ${time(storeClock, true)}.`;
  return (
    `<footer><p>Report ${id(number)}, made by proctoring-recordings ${escaped(serviceVersion)} from ` +
    `${time(generatedAt, true)} to ${time(finishedAt, true)}, by the clock of the service. ${clock}</p></footer>`
  );
}

const ID_COLUMNS: readonly Column<{
  readonly examId: string;
  readonly attemptId: string;
  readonly recordingId: string;
}>[] = [
  { name: 'Exam', cell: ({ examId }) => idCell(examId) },
  { name: 'Attempt', cell: ({ attemptId }) => idCell(attemptId) },
  { name: 'Recording', cell: ({ recordingId }) => idCell(recordingId) },
];

function numbers<Row>(name: string, cell: (row: Row) => Cell): Column<Row> {
  return { name, cell, isOfNumbers: true };
}

function whyCell({ reason }: ReportedDeletion): Cell {
  return { html: escaped(MEANING[reason]), look: 'why' };
}

function leftOut(count: number): string {
  if (count === 0) return '';
  return `<p>This table shows ${inDigits(MAX_ROWS)} rows and leaves out ${inDigits(count)}. All are in the receipts: see “How to check this report”.</p>`;
}

function examsLeft(count: number): string {
  return count === 0 ? '' : `<p>Exams that are not listed: ${inDigits(count)}. The totals include them.</p>`;
}
