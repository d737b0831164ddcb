// The bench: every figure on every store, as a table, as JSON and as a drawing.
// npm run bench -- [--short] [--figure 1]… [--store embedded|ceph] [--stored 1000,4000] [--file-mib 150] [--ceph-port 8733]
import { parseArgs } from 'node:util';
import { examStart } from './figures/exam-start.ts';
import type { Figure } from './figures/figure.ts';
import { oneTenant } from './figures/one-tenant.ts';
import { partUrls } from './figures/part-urls.ts';
import { readsAndSize } from './figures/reads-and-size.ts';
import { signing } from './figures/signing.ts';
import { sweep } from './figures/sweep.ts';
import { throughService } from './figures/through-service.ts';
import { readLoad, readMachine } from './machine.ts';
import { report } from './report.ts';
import { type Result, writeResult } from './results.ts';
import { openStore, type StoreName } from './stores.ts';
import { terminalTable } from './table.ts';

const FIGURES: readonly Figure[] = [partUrls, examStart, throughService, sweep, readsAndSize, signing, oneTenant];

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    figure: { type: 'string', multiple: true },
    store: { type: 'string' },
    'file-mib': { type: 'string', default: '150' },
    stored: { type: 'string', default: '1000,4000' },
    'ceph-port': { type: 'string', default: '8733' },
  },
});
const wanted = FIGURES.filter(({ number }) => values.figure?.includes(String(number)) ?? true);
const { short } = values;
const fileMib = Number(values['file-mib']);
const stored = values.stored.split(',').map(Number);
const machine = await readMachine();

for (const figure of wanted) {
  for (const name of figure.stores.filter((store) => (values.store ?? store) === store)) {
    await measure(figure, name);
  }
}

async function measure(figure: Figure, name: StoreName): Promise<void> {
  process.stdout.write(`\nFigure ${figure.number}, ${figure.title}, on ${name}\n`);
  const loadBefore = readLoad();
  await using store = await openStore(name, Number(values['ceph-port']));
  const startedAtMs = performance.now();
  const say = (line: string) => process.stdout.write(`  ${line}\n`);
  const measured = await figure.measure({ store, short, say, stored, fileMib });
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  const { number, title } = figure;
  const at = new Date().toISOString();
  const result: Result = { figure: number, title, store: name, short, at, seconds, machine, loadBefore, ...measured };
  await writeResult(result);
  await report(short);
  process.stdout.write(terminalTable(result));
}
