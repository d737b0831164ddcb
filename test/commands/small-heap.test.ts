// Which commands run in a small heap, and that an operator can give them another.
import { expect, it } from '@jest/globals';
import { install } from './process.ts';

/** Each start of Node says its pid and its heap's limit in MiB. */
const SAY_LIMIT = `--import="data:text/javascript,import v8 from 'node:v8';console.error('heap',process.pid,v8.getHeapStatistics().heap_size_limit/1048576)"`;

async function startsOf(command: string, nodeOptions = ''): Promise<{ pid: number; limitMib: number }[]> {
  const installation = await install({ NODE_OPTIONS: `${SAY_LIMIT} ${nodeOptions}` });
  const { code, stderr } = await installation.run(command, '--json');
  await installation.remove();
  expect(stderr).toContain('there is no store in DATA_DIR');
  expect(code).toBe(2);
  return [...stderr.matchAll(/heap (\d+) (\d+)/g)].map(([, pid, limit]) => ({
    pid: Number(pid),
    limitMib: Number(limit),
  }));
}

it.each(['sweep', 'verify'])('%s starts again in a small heap, under the same process id', async (command) => {
  const [first, second, ...more] = await startsOf(command);
  expect(more).toEqual([]);
  expect(second?.pid).toBe(first?.pid);
  expect(first?.limitMib).toBeGreaterThan(200);
  expect(second?.limitMib).toBeLessThan(200);
});

it('leaves a limit alone that the operator chose', async () => {
  const starts = await startsOf('sweep', '--max-old-space-size=300');
  expect(starts).toHaveLength(1);
  expect(starts[0]?.limitMib).toBeGreaterThanOrEqual(300);
});

it('is still bound where the operator chose the size of the young generation alone', async () => {
  const starts = await startsOf('sweep', '--max-semi-space-size=1');
  expect(starts).toHaveLength(2);
  expect(starts[1]?.limitMib).toBeLessThan(200);
});

it('leaves the other commands alone', async () => {
  expect(await startsOf('doctor')).toHaveLength(1);
});
