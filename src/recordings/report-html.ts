// The building blocks of a report's page: escaped text, times, lists, and tables that a phone shows as cards.
import { inWords, SECOND_MS } from '../model/durations.ts';
import { inDigits, minuteOf } from './report-verdict.ts';

/** A cell of a table. */
export interface Cell {
  readonly html: string;
  readonly look?: 'id' | 'number' | 'number wrong' | 'wrong' | 'why';
}

export interface Column<Row> {
  readonly name: string;
  readonly cell: (row: Row) => Cell;
  readonly isOfNumbers?: boolean;
}

interface Table<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** The last row: its name in the first column, and its values in the others. */
  readonly total?: { readonly name: string; readonly row: Row };
  readonly before?: string;
  readonly after?: string;
}

/** Columns that fit on a phone. */
const FEW = 2;
/** A table with at most this many rows is kept on one page of paper. */
const SHORT = 12;

/**
 * A section with a table. If the table is too wide, it can be scrolled with the keyboard. The ARIA roles are explicit,
 * because some screen readers do not recognize a table that is displayed as cards.
 */
export function tabled<Row>(title: string, { columns, rows, total, before = '', after = '' }: Table<Row>): string {
  const heads = columns.map(({ name, isOfNumbers }) => {
    const look = isOfNumbers ? ' class="number"' : '';
    return `<th scope="col" role="columnheader"${look}>${escaped(name)}</th>`;
  });
  const cellsOf = (row: Row) =>
    columns.map(({ name, cell }) => {
      const { html, look } = cell(row);
      const looks = look ? ` class="${look}"` : '';
      return `<td role="cell" data-of="${escaped(name)}"${looks}><span>${html}</span></td>`;
    });
  const line = (cells: readonly string[]) => `<tr role="row">${cells.join('')}</tr>`;
  const body = rows.map((row) => line(cellsOf(row))).join('\n');
  const foot = total
    ? `<tfoot role="rowgroup">${line([`<th scope="row" role="rowheader">${escaped(total.name)}</th>`, ...cellsOf(total.row).slice(1)])}</tfoot>`
    : '';
  const table =
    `<table role="table"${columns.length > FEW ? ' class="cards"' : ''}><thead role="rowgroup">${line(heads)}</thead>` +
    `<tbody role="rowgroup">${body}</tbody>${foot}</table>`;
  const scrolled = `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(title)}">${table}</div>`;
  return section(title, before + scrolled + after, rows.length <= SHORT);
}

export function section(title: string, content: string, isShort = false): string {
  return `<section${isShort ? ' class="short"' : ''}><h2>${escaped(title)}</h2>${content}</section>`;
}

/** A list; the items are HTML. */
export function list(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${item}</li>`).join('')}</ul>`;
}

export function about(...sentences: readonly string[]): string {
  return sentences.map((sentence) => `<p class="about">${prose(sentence)}</p>`).join('');
}

/** Escaped text in which backticks mark code, as in Markdown. */
export function prose(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

export function glaring(text: string): string {
  return `<strong class="wrong">${escaped(text)}</strong>`;
}

export function id(text: string): string {
  return `<span class="id">${escaped(text)}</span>`;
}

export function time(iso: string, withSeconds = false): string {
  const shown = withSeconds ? `${iso.slice(0, 10)} ${iso.slice(11, 19)}` : minuteOf(iso);
  return `<time class="time" datetime="${escaped(iso)}">${escaped(shown)}</time>`;
}

/** A span of times. If both are on one day, the day is shown once. */
export function timeSpan(from: string, to: string): string {
  const [start, end] = [minuteOf(from), minuteOf(to)];
  if (start === end) return time(from);
  if (start.slice(0, 10) !== end.slice(0, 10)) return `${time(from)} to ${time(to)}`;
  return `${time(from)} to <time class="time" datetime="${escaped(to)}">${escaped(end.slice(11))}</time>`;
}

export function idCell(text: string): Cell {
  return { html: escaped(text), look: 'id' };
}

export function timeCell(iso: string | null): Cell {
  return { html: iso === null ? '–' : time(iso) };
}

export function numberCell(number: number): Cell {
  return { html: inDigits(number), look: 'number' };
}

/** Of what must be 0. */
export function glaringCell(number: number): Cell {
  return { html: inDigits(number), look: number > 0 ? 'number wrong' : 'number' };
}

export function words(seconds: number): string {
  return inWords(seconds * SECOND_MS);
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
