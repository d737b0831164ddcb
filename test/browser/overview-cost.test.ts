// What the overview costs the candidate's computer: processor time of the whole browser, with it and without it in turn.
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { openSite, openTab } from './site.ts';

/** For figures: 60 s and 5 turns. */
const SECONDS = Number(process.env.TEST_BROWSER_COST_SECONDS ?? 20);
const TURNS = Number(process.env.TEST_BROWSER_COST_TURNS ?? 2);
const SETTLING_MS = 3_000;
/** Of Linux, on every platform that it runs on. */
const TICKS_PER_SECOND = 100;
const MOST_TIMES = 1.5;

const SIZES = [
  [320, 240],
  [1280, 720],
] as const;

/** In seconds, of a process and of all that it has started. */
async function processorSeconds(root: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  const processes = stats.flatMap((stat) => {
    // The name of the program, in brackets, may contain anything.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent = 0] = fields;
    return stat === ''
      ? []
      : [{ pid: Number.parseInt(stat, 10), parent, ticks: (fields[11] ?? 0) + (fields[12] ?? 0) }];
  });
  const tree = new Set([root]);
  for (let before = 0; before < tree.size; ) {
    before = tree.size;
    for (const { pid, parent } of processes) if (tree.has(parent)) tree.add(pid);
  }
  const ticks = processes.filter(({ pid }) => tree.has(pid)).reduce((sum, each) => sum + each.ticks, 0);
  return ticks / TICKS_PER_SECOND;
}

test.each(SIZES)('the overview of a camera of %d×%d costs little beside its recording', async (width, height) => {
  const site = await openSite();
  try {
    const shares = { with: [] as number[], without: [] as number[] };
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (const name of turn % 2 === 0 ? (['with', 'without'] as const) : (['without', 'with'] as const)) {
        const browser = await site.launch();
        const tab = await openTab(site, browser);
        await tab.start(`cost-${width}-${name}-${turn}`, { overview: name === 'with' });
        await tab.call('recordCamera', {}, { width: { exact: width }, height: { exact: height } });
        await wait(SETTLING_MS);
        const pid = browser.process()?.pid ?? 0;
        const [from, fromMs] = [await processorSeconds(pid), performance.now()];
        await wait(SECONDS * 1000);
        const share = ((await processorSeconds(pid)) - from) / ((performance.now() - fromMs) / 1000);
        shares[name].push(share);
        await tab.call('finish');
        await browser.close();
      }
    }
    const percent = (values: readonly number[]) => values.map((value) => (value * 100).toFixed(1)).join(' ');
    const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
    const [withIt, without] = [median(shares.with), median(shares.without)];
    process.stderr.write(
      `${width}×${height}, % of a core: with ${percent(shares.with)}; without ${percent(shares.without)}; ` +
        `medians differ by ${((withIt - without) * 100).toFixed(1)} points, ratio ${(withIt / without).toFixed(3)}\n`,
    );
    expect(without).toBeGreaterThan(0);
    expect(withIt / without).toBeLessThan(MOST_TIMES);
  } finally {
    await site.close();
  }
});
