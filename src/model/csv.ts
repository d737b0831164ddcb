// Comma-separated values (RFC 4180) that are safe to open in a spreadsheet.

/**
 * A spreadsheet runs a cell that begins with such a sign, also with its wide form (OWASP, "CSV injection"). Cells begin
 * where the text does, and in some countries behind a semicolon, whatever the quotes: so behind whatever may separate or
 * quote cells, or is left out at their beginning.
 */
const FORMULAS = /(?<=^|[\s\p{C};,|"'])(?=[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])/gu;
const PLAIN = /^[\w.:-]*$/;

/** A line with its end. Numbers are never formulas; null is an empty cell. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`;
}

function cellOf(value: string | number | null): string {
  if (typeof value === 'number') return String(value);
  const text = value ?? '';
  // An apostrophe makes it text, and shows that it was changed.
  const harmless = text.replace(FORMULAS, "'");
  return PLAIN.test(harmless) ? harmless : `"${harmless.replaceAll('"', '""')}"`;
}
