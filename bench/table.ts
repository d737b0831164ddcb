// Results as text: for the terminal, and as the tables of docs/benchmarks.md.
import type { Measurement } from './figures/figure.ts';
import type { Result } from './results.ts';

const HEAD = [
  'measurement',
  'this service',
  'comparison',
  'compared with',
  'ratio (this service ÷ comparison)',
  'goal',
  'goal met',
  'details',
];

export function terminalTable({ measurements, notes }: Result): string {
  const rows = [HEAD, ...measurements.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...notes.map((note) => `(${note})`)].map((line) => `  ${line}\n`).join('');
}

/** Without the columns that no measurement fills; a dash where a measurement has no comparison or goal. */
export function markdownTable({ measurements, notes }: Result): string {
  const cells = measurements.map(cellsOf);
  const used = HEAD.map((_, column) => cells.some((row) => row[column] !== ''));
  const rows = [HEAD, HEAD.map(() => '---'), ...cells].map((row) => row.filter((_, column) => used[column]));
  const lines = rows.map((row) => `| ${row.map((cell) => cell || '–').join(' | ')} |\n`);
  return [...lines, ...notes.map((note) => `\n${note}\n`)].join('');
}

function cellsOf({ what, unit, ours, peer, ratio, goal, details }: Measurement): string[] {
  return [
    what,
    `${readable(ours)} ${unit}`.trimEnd(),
    peer ? `${readable(peer.value)} ${unit}`.trimEnd() : '',
    peer?.name ?? '',
    ratio === undefined ? '' : `${readable(ratio)} ×`,
    goal?.text ?? '',
    goal ? (goal.holds ? 'yes' : 'no') : '',
    details ?? '',
  ];
}

/** Three digits are what such a measurement is good for. */
export function readable(value: number): string {
  // Of nothing that could be measured; JSON makes null of it.
  if (!Number.isFinite(value)) return 'none';
  if (value !== 0 && Math.abs(value) < 100) return String(Number(value.toPrecision(3)));
  return Math.round(value).toLocaleString('en');
}
