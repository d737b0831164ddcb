// Comma-separated values (RFC 4180) that are safe to open in a spreadsheet.

/** A spreadsheet runs a cell that begins so, also in the wide forms of these signs (OWASP, "CSV injection"). */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const PLAIN = /^[\w.:-]*$/;

/** A line with its end. Numbers are never formulas; null is an empty cell. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(cellOf).join(',')}\r\n`;
}

function cellOf(value: string | number | null): string {
  if (typeof value === 'number') return String(value);
  const text = value ?? '';
  // An apostrophe makes it text, and shows that it was changed.
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return PLAIN.test(harmless) ? harmless : `"${harmless.replaceAll('"', '""')}"`;
}
