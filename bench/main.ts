// The bench: every figure on every store, as a table, as JSON and as a drawing.
// npm run bench -- [--short] [--figure 1]… [--store embedded|ceph] [--baseline FOLDER] [--stored 1000,4000] [--file-mib 150]
// [--ceph-port 8733]
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { examStart } from './figures/exam-start.ts';
import type { Figure } from './figures/figure.ts';
import { oldAndNew } from './figures/old-and-new.ts';
import { oneTenant } from './figures/one-tenant.ts';
import { partUrls } from './figures/part-urls.ts';
import { price } from './figures/price.ts';
import { readsAndSize } from './figures/reads-and-size.ts';
import { roundTrips } from './figures/round-trips.ts';
import { signing } from './figures/signing.ts';
import { sweep } from './figures/sweep.ts';
import { throughService } from './figures/through-service.ts';
import { year } from './figures/year.ts';
import { readLoad, readMachine } from './machine.ts';
import { report } from './report.ts';
import { type Result, writeResult } from './results.ts';
import { openStore, type StoreName } from './stores.ts';
import { terminalTable } from './table.ts';

const FIGURES: readonly Figure[] = [
  roundTrips,
  price,
  examStart,
  year,
  oldAndNew,
  sweep,
  throughService,
  oneTenant,
  readsAndSize,
  partUrls,
  signing,
];

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    figure: { type: 'string', multiple: true },
    store: { type: 'string' },
    baseline: { type: 'string' },
    'file-mib': { type: 'string', default: '150' },
    stored: { type: 'string', default: '1000,4000' },
    'ceph-port': { type: 'string', default: '8733' },
  },
});
const wanted = FIGURES.filter(({ number }) => values.figure?.includes(String(number)) ?? true);
const { short } = values;
// npm changes to the folder of the bench, and tells from which one it was called.
const baseline = values.baseline && resolve(process.env.INIT_CWD ?? '.', values.baseline);
const fileMib = Number(values['file-mib']);
const stored = values.stored.split(',').map(Number);
const machine = await readMachine();

for (const figure of wanted) {
  if (figure.needs === 'baseline' && baseline === undefined) {
    process.stdout.write(`\nFigure ${figure.number}, ${figure.title}: left out, because it needs --baseline\n`);
    continue;
  }
  for (const name of figure.stores.filter((store) => store === 'memory' || (values.store ?? store) === store)) {
    await measure(figure, name);
  }
}

async function measure(figure: Figure, name: StoreName): Promise<void> {
  process.stdout.write(`\nFigure ${figure.number}, ${figure.title}, on ${name}\n`);
  const loadBefore = readLoad();
  await using store = await openStore(name, Number(values['ceph-port']));
  const startedAtMs = performance.now();
  const say = (line: string) => process.stdout.write(`  ${line}\n`);
  const measured = await figure.measure({ store, short, say, baseline, stored, fileMib });
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  const { number, title } = figure;
  const at = new Date().toISOString();
  const result: Result = { figure: number, title, store: name, short, at, seconds, machine, loadBefore, ...measured };
  await writeResult(result);
  await report(short);
  process.stdout.write(terminalTable(result));
}
