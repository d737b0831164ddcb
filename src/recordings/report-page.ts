// The report as one page for people: no scripts, nothing that it would load; for a screen, a dark one, and A4 paper.
import { createHash } from 'node:crypto';
import { inWords, SECOND_MS } from '../model/durations.ts';
import { MAX_ROWS } from './report-lists.ts';
import type { Report, ReportedDeletion } from './report-schema.ts';
import { inDigits } from './report-verdict.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #fff; --shade: #f6f8fa;
  --yes: #116329; --yes-back: #dafbe1; --no: #a40e26; --no-back: #ffebe9; --unknown: #7a4d00; --unknown-back: #fff3cd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9ba4ae; --line: #3d444d; --paper: #0d1117; --shade: #161b22;
  --yes: #6fdd8b; --yes-back: #12301c; --no: #ff9492; --no-back: #3c1618; --unknown: #f0c36d; --unknown-back: #332810; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.25rem 0 .5rem; font-size: 1.15rem; }
p { margin: .4rem 0; }
.about { color: var(--soft); }
.verdict { margin: 1.5rem 0 0; padding: 1rem 1.25rem; border: 2px solid; border-radius: .5rem; }
.verdict h2 { margin: 0 0 .25rem; font-size: 1rem; font-weight: 600; }
.verdict p { margin: .25rem 0 0; font-size: 1.15rem; line-height: 1.45; }
.yes { color: var(--yes); background: var(--yes-back); }
.no { color: var(--no); background: var(--no-back); }
.unknown { color: var(--unknown); background: var(--unknown-back); }
.wrong { color: var(--no); font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; padding: 0; }
.figures div { padding: .6rem .8rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--shade); }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
.figures .small { font-size: .95rem; font-weight: 500; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .87rem; }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { background: var(--shade); font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.id { font: .92em/1.4 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
td.id, td.why { min-width: 8rem; }
td.why, h1, p { overflow-wrap: anywhere; }
.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot th, tfoot td { border-top: 2px solid var(--line); font-weight: 600; }
li { margin: .2rem 0; }
code { font: .92em ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
footer pre { white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .87rem; }
@page { size: A4; margin: 15mm 14mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --shade: #f2f2f2;
    --yes: #0b4f20; --yes-back: #fff; --no: #8f0a1f; --no-back: #fff; --unknown: #5f3c00; --unknown-back: #fff; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h1 { font-size: 17pt; } h2 { margin-top: 14pt; font-size: 12.5pt; break-after: avoid; }
  table { font-size: 8pt; } th, td { padding: 2.5pt 3.5pt; }
  .time { white-space: normal; } td.id, td.why { min-width: 0; }
  .scroll { overflow: visible; }
  thead { display: table-header-group; } tfoot { display: table-row-group; }
  tr, .verdict, .figures div { break-inside: avoid; }
  .verdict p { font-size: 12pt; } .figures dd { font-size: 13pt; } .figures .small { font-size: 9.5pt; }
}
`;

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

export function reportPage(report: Report): string {
  const { tenantId, period, verdict } = report;
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escaped(POLICY)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>Deletion report: ${escaped(tenantId)}, ${escaped(dayOf(period.to))}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>Deletion of exam recordings: ${escaped(tenantId)}</h1>`,
    `<p class="about">Period: from ${time(period.from)} to ${time(period.to)}. All times are UTC.</p>`,
    `<section class="verdict ${verdict.answer}"><h2>${escaped(verdict.question)}</h2>`,
    `<p>${escaped(verdict.summary)}</p></section>`,
    figures(report),
    promise(report),
    overdueOf(report),
    lateOf(report),
    examsOf(report),
    deletionsOf(report),
    onRequestOf(report),
    heldOf(report),
    restrictionsOf(report),
    notCheckedOf(report),
    section('How to check this report', list(report.howToCheck)),
    footerOf(report),
    '</main></body></html>',
    '',
  ].join('\n');
}

function figures({ totals }: Report): string {
  const { begun, deleted, held, late, overdue, earliestDeleteBy, latestDeleteBy } = totals;
  const classOf = (number: number) => (number > 0 ? ' class="wrong"' : '');
  const entries = [
    `<div><dt>Recordings begun</dt><dd>${inDigits(begun)}</dd></div>`,
    `<div><dt>Deleted</dt><dd>${inDigits(deleted)}</dd></div>`,
    `<div><dt>Deleted after the deadline</dt><dd${classOf(late)}>${inDigits(late)}</dd></div>`,
    `<div><dt>Still held</dt><dd>${inDigits(held)}</dd></div>`,
    `<div><dt>Past the deadline now</dt><dd${classOf(overdue)}>${inDigits(overdue)}</dd></div>`,
    ...(earliestDeleteBy === null || latestDeleteBy === null
      ? []
      : [
          `<div><dt>To be deleted by</dt><dd class="small">${day(earliestDeleteBy)} to ${day(latestDeleteBy)}</dd></div>`,
        ]),
  ];
  return `<dl class="figures">${entries.join('')}</dl>`;
}

function promise({ settings }: Report): string {
  const { afterAssessmentSeconds, unassessedSeconds, tenantOrderSeconds, ceilingSeconds } = settings;
  const { deletionMarginSeconds, logRetentionSeconds } = settings;
  const least = (seconds: number) => words(Math.min(seconds, tenantOrderSeconds ?? seconds, ceilingSeconds));
  return section(
    'The rules that were checked',
    list([
      `The privacy policy allows at most ${words(ceilingSeconds)} after the assessment of an attempt was completed (8.4), and ` +
        `${words(ceilingSeconds)} after it was made for a recording that nobody assesses (3.4). A restriction allows no more.`,
      `Set for this organisation: ${least(afterAssessmentSeconds)} after the assessment, ${least(unassessedSeconds)} after it was ` +
        `made without one${tenantOrderSeconds === null ? '' : ', as the organisation has ordered where that is less'}.`,
      `Deletion begins ${words(deletionMarginSeconds)} before the deadline, so that an outage breaks no promise.`,
      `The receipt of each deletion is kept for ${words(logRetentionSeconds)}, as logs are (8.5), then deleted.`,
      'These are the settings of today. A deadline in a receipt is the one that applied when its recording was deleted. A ' +
        'shorter retention applies at once: what had been held for longer by then is reported as late.',
    ]),
  );
}

function overdueOf({ overdue }: Report): string {
  if (overdue.items.length === 0) return '';
  const rows = overdue.items.map((row) => [...idCells(row), timeCell(row.deleteBy)]);
  const before = '<p class="wrong">These recordings had to be gone by now, and are still there.</p>';
  const head = [...ID_HEAD, 'Had to be deleted by'];
  return tabled('Past their deadline, and still held', { head, rows, before, after: leftOut(overdue.leftOut) });
}

function lateOf({ late }: Report): string {
  if (late.items.length === 0) return '';
  const head = [...ID_HEAD, 'Deadline', 'Deleted', 'Late by', 'Why, by whom'];
  const rows = late.items.map((row) => [
    ...idCells(row),
    timeCell(row.deadline),
    timeCell(row.deletedAt),
    `<td class="wrong">${words(row.lateSeconds)}</td>`,
    whyCell(row),
  ]);
  return tabled('Deleted after their deadline', { head, rows, after: leftOut(late.leftOut) });
}

function examsOf({ exams, examsLeftOut, totals }: Report): string {
  const rowOf = (sums: Omit<Report['exams'][number], 'examId'>) => [
    ...[sums.begun, sums.webcam, sums.screen, sums.audio, sums.kindUnknown, sums.deleted, sums.onRequest].map(
      numberCell,
    ),
    glaringCell(sums.late),
  ];
  const head = [
    'Exam',
    ...['Begun', 'Webcam', 'Screen', 'Audio', 'Kind unknown', 'Deleted', 'On request', 'Late'].map(ofNumbers),
  ];
  const rows = exams.map((exam) => [idCell(exam.examId), ...rowOf(exam)]);
  const about = '<p class="about">The kind of a recording is known while it is held: a receipt does not have it.</p>';
  const foot = ['<th scope="row">All exams</th>', ...rowOf(totals)];
  const title = 'Recorded and deleted in the period, by exam';
  return tabled(title, { head, rows, foot, after: examsLeft(examsLeftOut) + about });
}

function deletionsOf({ reasons, closest, totals }: Report): string {
  if (closest === null)
    return section('Why recordings were deleted', '<p>No recording was deleted in this period.</p>');
  const rows = reasons
    .toSorted((a, b) => b.deleted - a.deleted)
    .map(({ reason, deleted }) => [`<td>${escaped(MEANING[reason])}</td>`, numberCell(deleted)]);
  const after =
    `<p>Of all deletions the one that ${closest.lateSeconds > 0 ? 'went furthest past' : 'came closest to'} its deadline: ` +
    `recording ${id(closest.recordingId)} of exam ${id(closest.examId)}, deleted at ${time(closest.deletedAt)}, ` +
    `${distance(closest)} its deadline ${time(closest.deadline)}.</p>`;
  const foot = ['<th scope="row">All</th>', numberCell(totals.deleted)];
  return tabled('Why recordings were deleted', { head: ['Why', ofNumbers('Deleted')], rows, foot, after });
}

function distance({ deadline, deletedAt, lateSeconds }: ReportedDeletion): string {
  if (lateSeconds > 0) return `<span class="wrong">${words(lateSeconds)} after</span>`;
  return `${words((Date.parse(deadline) - Date.parse(deletedAt)) / SECOND_MS)} before`;
}

function onRequestOf({ onRequest }: Report): string {
  if (onRequest.items.length === 0) return section('Deleted on request', '<p>None in this period.</p>');
  const head = [...ID_HEAD, 'Deleted', 'Why, by whom'];
  const rows = onRequest.items.map((row) => [...idCells(row), timeCell(row.deletedAt), whyCell(row)]);
  return tabled('Deleted on request', { head, rows, after: leftOut(onRequest.leftOut) });
}

function heldOf({ exams, examsLeftOut, totals }: Report): string {
  const { held, beingDeleted, withoutDescription } = totals;
  if (held === 0) return section('Still held', '<p>No recording is held.</p>');
  const rowOf = (sums: Omit<Report['exams'][number], 'examId'>) => [
    ...[sums.held, sums.assessed, sums.unassessed].map(numberCell),
    timeCell(sums.earliestDeleteBy),
    timeCell(sums.latestDeleteBy),
    glaringCell(sums.overdue),
  ];
  const head = [
    'Exam',
    ...['Held', 'Assessed', 'Unassessed'].map(ofNumbers),
    'First deleted by',
    'Last deleted by',
    ofNumbers('Past deadline'),
  ];
  const rows = exams.filter((exam) => exam.held > 0).map((exam) => [idCell(exam.examId), ...rowOf(exam)]);
  const notes = [
    ...(beingDeleted > 0 ? [`Being deleted, and proven by the next sweep: ${inDigits(beingDeleted)}.`] : []),
    ...(withoutDescription > 0 ? [`Left over, and deleted by the next sweep: ${inDigits(withoutDescription)}.`] : []),
    'An assessment that is reported from now on sets a new deadline for its attempt; it never moves one to a later time than the rules above allow.',
  ];
  const foot = ['<th scope="row">All exams</th>', ...rowOf(totals)];
  const about = notes.map((note) => `<p class="about">${escaped(note)}</p>`).join('');
  return tabled('Still held, and until when', { head, rows, foot, after: examsLeft(examsLeftOut) + about });
}

function restrictionsOf({ restrictions }: Report): string {
  if (restrictions.items.length === 0) return '';
  const head = [...ID_HEAD, 'Since', 'Why, by whom', 'Deleted by'];
  const rows = restrictions.items.map((row) => [
    ...idCells(row),
    timeCell(row.since),
    `<td class="why">${escaped(row.reason ?? 'cannot be read')}<br>${id(row.actor ?? '')}</td>`,
    timeCell(row.deleteBy),
  ]);
  return tabled('Restricted: held, and not played', { head, rows, after: leftOut(restrictions.leftOut) });
}

function notCheckedOf({ notChecked }: Report): string {
  const {
    unreadableReceipts,
    changedReceipts,
    isLogUnreadable,
    unreadableDescriptions,
    unknownKeys,
    receiptsExpiredBefore,
    unsignedReceipts,
    notes,
  } = notChecked;
  const found = [
    ...unread('Receipts that cannot be read', unreadableReceipts),
    ...unread('Receipts that somebody else has changed or made', changedReceipts),
    ...(isLogUnreadable ? [glaring('The log of receipts is damaged.')] : []),
    ...unread('Held recordings whose description cannot be read', unreadableDescriptions),
    ...(unknownKeys > 0 ? [glaring(`Objects that this service did not make: ${inDigits(unknownKeys)}.`)] : []),
    ...(receiptsExpiredBefore === null
      ? []
      : [
          glaring(
            `Deletions before ${shown(receiptsExpiredBefore)}: their receipts have expired, and nothing is known.`,
          ),
        ]),
    ...(unsignedReceipts > 0
      ? [`Receipts without a signature: ${inDigits(unsignedReceipts)}. They prove as much as the store is trusted.`]
      : []),
    ...notes.map(prose),
  ];
  return section('What was not checked', `<ul>${found.map((item) => `<li>${item}</li>`).join('')}</ul>`);
}

function unread(what: string, { items, leftOut: more }: Report['notChecked']['unreadableReceipts']): string[] {
  if (items.length === 0) return [];
  const names = items.map(({ examId, attemptId, recordingId }) => id(`${examId}/${attemptId}/${recordingId}`));
  const rest = more > 0 ? `, and ${inDigits(more)} more` : '';
  return [`${glaring(`${what}: ${inDigits(items.length + more)}.`)} ${names.join(', ')}${rest}.`];
}

function glaring(text: string): string {
  return `<strong class="wrong">${escaped(text)}</strong>`;
}

function footerOf({ generatedAt, finishedAt, storeClock, serviceVersion, checkpoint }: Report): string {
  const clock =
    storeClock === null ? 'The store sent no time.' : `The clock of the store said ${time(storeClock, true)}.`;
  const proof =
    checkpoint === null
      ? ''
      : ` Checkpoint of the log of receipts, to be kept:</p><pre>${escaped(checkpoint)}</pre><p>`;
  return (
    `<footer><p>Made by proctoring-recordings ${escaped(serviceVersion)}, from ${time(generatedAt, true)} to ` +
    `${time(finishedAt, true)}, by the clock of the service. ${clock}${proof}</p></footer>`
  );
}

const MEANING: Readonly<Record<ReportedDeletion['reason'], string>> = {
  retention: 'Its time was over (retention)',
  erasure: 'Erasure requested (erasure)',
  'consent-withdrawn': 'Consent withdrawn (consent-withdrawn)',
  'controller-instruction': 'Instruction of the organisation (controller-instruction)',
  aborted: 'Its upload was given up (aborted)',
  'not-a-recording': 'Its content was no recording (not-a-recording)',
};

const ID_HEAD = ['Exam', 'Attempt', 'Recording'];

function idCells(row: { readonly examId: string; readonly attemptId: string; readonly recordingId: string }): string[] {
  return [row.examId, row.attemptId, row.recordingId].map(idCell);
}

function idCell(text: string): string {
  return `<td class="id">${escaped(text)}</td>`;
}

function whyCell({ reason, actor }: ReportedDeletion): string {
  return `<td class="why">${escaped(reason)}<br>${id(actor)}</td>`;
}

function timeCell(iso: string | null): string {
  return `<td>${iso === null ? '–' : time(iso)}</td>`;
}

function numberCell(number: number): string {
  return `<td class="number">${inDigits(number)}</td>`;
}

function glaringCell(number: number): string {
  return number > 0 ? `<td class="number wrong">${inDigits(number)}</td>` : numberCell(number);
}

interface Heading {
  readonly text: string;
  readonly isOfNumbers: true;
}

function ofNumbers(text: string): Heading {
  return { text, isOfNumbers: true };
}

interface Table {
  readonly head: readonly (string | Heading)[];
  /** Cells, in HTML. */
  readonly rows: readonly (readonly string[])[];
  readonly foot?: readonly string[];
  readonly before?: string;
  readonly after?: string;
}

/** A section with a table, which can be scrolled without a mouse where it is too wide. */
function tabled(title: string, { head, rows, foot, before = '', after = '' }: Table): string {
  const headings = head.map((heading) =>
    typeof heading === 'string'
      ? `<th scope="col">${escaped(heading)}</th>`
      : `<th scope="col" class="number">${escaped(heading.text)}</th>`,
  );
  const lines = rows.map((cells) => `<tr>${cells.join('')}</tr>`).join('\n');
  const end = foot ? `<tfoot><tr>${foot.join('')}</tr></tfoot>` : '';
  const table = `<table><thead><tr>${headings.join('')}</tr></thead><tbody>${lines}</tbody>${end}</table>`;
  const scrolled = `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(title)}">${table}</div>`;
  return section(title, before + scrolled + after);
}

function leftOut(count: number): string {
  if (count === 0) return '';
  return `<p>Here are ${inDigits(MAX_ROWS)}; left out: ${inDigits(count)}. All are in the receipts as CSV: see the end of this page.</p>`;
}

function examsLeft(count: number): string {
  return count === 0 ? '' : `<p>Exams without a row of their own: ${inDigits(count)}. The totals have them.</p>`;
}

function section(title: string, content: string): string {
  return `<section><h2>${escaped(title)}</h2>${content}</section>`;
}

function list(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${prose(item)}</li>`).join('')}</ul>`;
}

/** Escaped text in which `code` means what it means in Markdown. */
function prose(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function id(text: string): string {
  return `<span class="id">${escaped(text)}</span>`;
}

function time(iso: string, withSeconds = false): string {
  return `<time class="time" datetime="${escaped(iso)}">${escaped(shown(iso, withSeconds))}</time>`;
}

function shown(iso: string, withSeconds = false): string {
  return `${dayOf(iso)} ${iso.slice(11, withSeconds ? 19 : 16)}`;
}

function day(iso: string): string {
  return `<time class="time" datetime="${escaped(iso)}">${escaped(dayOf(iso))}</time>`;
}

function dayOf(iso: string): string {
  return iso.slice(0, 10);
}

function words(seconds: number): string {
  return inWords(seconds * SECOND_MS);
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
