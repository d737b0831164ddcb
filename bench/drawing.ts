// Results as drawings: bars for what stands beside a peer, lines for what grows. Plain SVG, readable on light and on dark.
import type { Growth, Measurement } from './figures/figure.ts';
import type { Result } from './results.ts';
import { readable } from './table.ts';

const WIDTH = 1160;
const LABEL_WIDTH = 700;
const BAR_WIDTH = 330;
const ROW = 22;
const PLOT_HEIGHT = 200;
const COLOURS = ['#2f81f7', '#8b949e', '#d29922', '#a371f7', '#3fb950'];
const STYLE = `text{font:13px system-ui,sans-serif;fill:#24292f}.head{font-weight:600}.axis{stroke:#8b949e}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}}`;

/** A piece of a drawing and how much of its height it takes. */
interface Piece {
  readonly height: number;
  readonly draw: (top: number) => string;
}

/** One figure, its stores below each other. */
export function drawFigure(results: readonly Result[]): string {
  const pieces = results.flatMap(({ title, store, measurements, growth }) => [
    heading(`${title}, on ${store}`),
    ...measurements.map(bars),
    ...(growth ? [lines(growth)] : []),
  ]);
  const placed = pieces.map(({ draw }, index) =>
    draw(pieces.slice(0, index).reduce((top, { height }) => top + height, 8)),
  );
  const height = pieces.reduce((sum, piece) => sum + piece.height, 16);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${inXml(results[0]?.title ?? '')}</title>
<style>${STYLE}</style>
${placed.join('\n')}
</svg>
`;
}

function heading(title: string): Piece {
  return { height: ROW * 1.5, draw: (top) => words(0, top + ROW, title, 'head') };
}

/** The longer of the two is as long as there is room; what has no peer is told in words. */
function bars({ what, unit, ours, peer }: Measurement): Piece {
  if (!peer)
    return {
      height: ROW,
      draw: (top) => words(0, top + 15, what) + words(LABEL_WIDTH, top + 15, withUnit(ours, unit)),
    };
  const most = Math.max(ours, peer.value) || 1;
  const bar = (top: number, label: string, value: number, colour: number) =>
    words(0, top + 14, label) +
    `<rect x="${LABEL_WIDTH}" y="${top + 2}" width="${((BAR_WIDTH * value) / most).toFixed(1)}" height="15" fill="${COLOURS[colour]}"/>` +
    words(LABEL_WIDTH + (BAR_WIDTH * value) / most + 6, top + 14, withUnit(value, unit));
  return {
    height: ROW * 2 + 8,
    draw: (top) => bar(top, what, ours, 0) + bar(top + ROW, `    ${peer.name}`, peer.value, 1),
  };
}

/** Both axes are logarithmic: what is flat is flat, and what grows with what is stored rises. */
function lines({ x, y, series }: Growth): Piece {
  const points = series.flatMap((line) => line.points);
  const scaleX = logScale(
    points.map(([at]) => at),
    40,
    LABEL_WIDTH + 100,
  );
  const scaleY = logScale(
    points.map(([, value]) => value),
    PLOT_HEIGHT,
    20,
  );
  const drawLine = (top: number, index: number) => {
    const { name, points: ofLine } = series[index] ?? { name: '', points: [] };
    const path = ofLine.map(([at, value]) => `${scaleX(at).toFixed(1)},${(top + scaleY(value)).toFixed(1)}`).join(' ');
    const colour = COLOURS[index % COLOURS.length];
    const legend = top + 30 + index * ROW;
    const last = ofLine.at(-1)?.[1] ?? Number.NaN;
    return (
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.5"/>` +
      `<rect x="${LABEL_WIDTH + 130}" y="${legend - 11}" width="12" height="12" fill="${colour}"/>` +
      words(LABEL_WIDTH + 148, legend, `${name}: ${readable(last)}`)
    );
  };
  const xs = [...new Set(points.map(([at]) => at))];
  return {
    height: PLOT_HEIGHT + 3 * ROW,
    draw: (top) =>
      words(0, top + 12, y) +
      `<path class="axis" fill="none" d="M40 ${top + 20}V${top + PLOT_HEIGHT + 5}H${LABEL_WIDTH + 110}"/>` +
      xs.map((at) => words(scaleX(at) - 14, top + PLOT_HEIGHT + 22, readable(at))).join('') +
      words(40, top + PLOT_HEIGHT + 42, x) +
      series.map((_, index) => drawLine(top, index)).join('\n'),
  };
}

function logScale(values: readonly number[], from: number, to: number): (value: number) => number {
  const least = Math.log(Math.max(Math.min(...values), 1e-3));
  const most = Math.log(Math.max(...values, 1e-3));
  const span = most - least || 1;
  return (value) => from + ((Math.log(Math.max(value, 1e-3)) - least) / span) * (to - from);
}

function withUnit(value: number, unit: string): string {
  return `${readable(value)} ${unit}`.trimEnd();
}

function words(x: number, y: number, content: string, kind?: string): string {
  const attribute = kind === undefined ? '' : ` class="${kind}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attribute} xml:space="preserve">${inXml(content)}</text>`;
}

function inXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
