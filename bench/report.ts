// Writes what the results say: a drawing for each figure and, of full runs, the tables of docs/benchmarks.md.
import { readFile, writeFile } from 'node:fs/promises';
import { drawFigure } from './drawing.ts';
import { type Result, readResults, resultsFolder } from './results.ts';
import { markdownTable } from './table.ts';

const NAMES = { ceph: 'Ceph', embedded: 'the embedded store', memory: 'a store in memory' };
const DOCUMENT = new URL('../docs/benchmarks.md', import.meta.url);
const BEGIN = '<!-- written by bench/report.ts: begin -->\n';
const END = '<!-- end -->';

export async function report(short: boolean): Promise<void> {
  const figures = Map.groupBy(await readResults(short), ({ figure }) => figure);
  for (const [figure, results] of figures) {
    await writeFile(new URL(`figure-${figure}.svg`, resultsFolder(short)), drawFigure(results));
  }
  if (short) return;
  const document = await readFile(DOCUMENT, 'utf8');
  const [before, after] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (before < 0 || after < before) throw new Error('docs/benchmarks.md has no place for the tables');
  const sections = [...figures.values()].map(sectionOf).join('\n');
  await writeFile(DOCUMENT, document.slice(0, before + BEGIN.length) + sections + document.slice(after));
}

function sectionOf(results: readonly Result[]): string {
  const [{ figure, title } = { figure: 0, title: '' }] = results;
  const tables = results.map((result) => {
    const { store, machine, loadBefore, at, seconds } = result;
    const place = `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}`;
    const run = `The run ended at ${at.slice(0, 16)}Z and took ${seconds} s. The load average before the run was ${loadBefore}.`;
    return `**On ${NAMES[store]}.** Machine: ${place}. ${run}\n\n${markdownTable(result)}`;
  });
  return `## ${figure}. ${title}\n\n![${title}](../bench/results/figure-${figure}.svg)\n\n${tables.join('\n')}`;
}
