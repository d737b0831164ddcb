// The page on sizing and cost: its tables are what its command prints, from the prices that it names, and agree with the others.
import { expect, test } from '@jest/globals';
import { costOf, demandOf, type Prices } from '../../docs/examples/cost.ts';
import { SETTINGS } from '../../src/config.ts';
import { blocksOf, paste, read } from './blocks.ts';

const PAGE = 'docs/sizing.md';
const GIB_IN_GB = 1.073741824;
const prices = async () => JSON.parse(await read('docs/examples/prices.json')) as Prices[];

test('its tables are what the command prints', async () => {
  const printed = await paste(await blocksOf(PAGE, 'sh run'), process.env);
  expect(printed.trim().split('\n').length).toBeGreaterThan(10);
  expect(await read(PAGE)).toContain(`\n${printed.trim()}\n`);
});

test('a value that is no number is refused', async () => {
  const command = ['node docs/examples/cost.ts --hours two'];
  await expect(paste(command, process.env)).rejects.toThrow('every option takes a number');
});

test('the prices of the page are those of the calculation', async () => {
  const text = await read(PAGE);
  for (const { provider, source, storagePerGbMonth, perMillionA, perMillionB, egressPerGb } of await prices()) {
    const [row = ''] = text.match(new RegExp(`^\\| ${provider} \\| [^|]+ a Gi?B-month .*$`, 'm')) ?? [];
    expect(row).toContain(source.replace('docs/', ''));
    const [storage = '', requests = '', egress = ''] = row.split('|').slice(2);
    const gb = (cell: string) => (Number.parseFloat(cell) || 0) / (cell.includes('GiB') ? GIB_IN_GB : 1);
    expect(storagePerGbMonth).toBeCloseTo(gb(storage), 5);
    expect(egressPerGb).toBeCloseTo(gb(egress), 5);
    const perMillion = requests.match(/[\d.]+/g)?.map(Number) ?? [0, 0];
    expect([perMillionA, perMillionB]).toEqual(perMillion);
  }
});

test('a million recordings of an hour cost what the page on operations calculates', async () => {
  const text = await read('docs/operations.md');
  const [, a = '', b = ''] =
    /^\| \*\*sum\*\* \| \*\*([^*]*)\*\* \| \*\*([^*]*)\*\* \|$/im.exec(text.slice(text.indexOf('Per million'))) ?? [];
  const [list] = await prices();
  if (!list) throw new Error('no prices');
  for (const [kbps, sum] of [
    [300, a],
    [2500, b],
  ] as const) {
    const exam = {
      candidates: 1e6,
      hours: 1,
      bitrates: [kbps],
      assessedAfterDays: 10,
      retentionDays: 30,
      watched: 0.1,
      line: 5,
    };
    // That page rounds a recording to 130 MB and 1.1 GB.
    expect(costOf(demandOf(exam), list).sum / Number(sum.replace(',', ''))).toBeCloseTo(1, 1);
  }
});

test('the figures in its prose follow from the calculation', async () => {
  const exam = {
    candidates: 1000,
    hours: 2,
    bitrates: [332, 500],
    assessedAfterDays: 10,
    retentionDays: 30,
    watched: 0.1,
    line: 5,
  };
  const { megabitsASecond, partsASecond, partsUnderWay } = demandOf(exam);
  const text = await read(PAGE);
  expect(text).toContain(
    `${megabitsASecond.toFixed(0)} Mbit/s for the store and ${partsASecond.toFixed(0)} small calls`,
  );
  expect(text).toContain(`is therefore ${partsUnderWay.toFixed(0)}. A tenant has three quarters`);
  const atOnce = Number(SETTINGS.MAX_CONTENT_UPLOADS.default);
  const places = atOnce * 0.75;
  expect(await read('docs/settings.md')).toMatch(/A tenant \w+( \w+)? three quarters of/);
  expect(text).toContain(`${places} of ${atOnce} at the default`);
  expect(Math.ceil(partsUnderWay / places)).toBe(7);
  expect(text).toContain(`takes ${((5 * 1024 * 1024 * 8) / 5e6).toFixed(1)} s at 5 Mbit/s`);
});

test.each([
  ['docs/benchmarks.md', '## 3. ', '## 4. ', ['144 MiB', '6.7 ms']],
  ['docs/benchmarks.md', '## 10. ', '## 11. ', ['2,847 URLs/s']],
  ['docs/operations.md', '## Capacity and cost', 'end of file', ['159 MiB at most | 21 s', '161 MiB at most | 24 s']],
  ['docs/running.md', '## Memory', 'end of file', ['118 MiB']],
])('the figures that it quotes of %s are there, from %j on', async (file, from, to, figures) => {
  const section = (await read(file)).split(from)[1]?.split(to)[0] ?? '';
  for (const figure of figures) expect(section).toContain(figure);
  const text = await read(PAGE);
  for (const figure of figures) expect(text).toContain(/^[\d.,]+( MiB| ms)?/.exec(figure)?.[0]);
});
