// Which commands run in a small heap, and that an operator can give them another.
import { expect, test } from '@jest/globals';
import { ensureSmallHeap } from '../../src/commands/small-heap.ts';
import { install } from './process.ts';

/** Each start of Node says its pid and its heap's limit in MiB. */
const SAY_LIMIT = `--import="data:text/javascript,import v8 from 'node:v8';console.error('heap',process.pid,v8.getHeapStatistics().heap_size_limit/1048576)"`;

async function startsOf(command: string): Promise<{ pid: number; limitMib: number }[]> {
  const installation = await install({ NODE_OPTIONS: SAY_LIMIT });
  const { code, stderr } = await installation.run(command, '--json');
  await installation.remove();
  expect(stderr).toContain('there is no store in DATA_DIR');
  expect(code).toBe(2);
  return [...stderr.matchAll(/heap (\d+) (\d+)/g)].map(([, pid, limit]) => ({
    pid: Number(pid),
    limitMib: Number(limit),
  }));
}

test.each(['sweep', 'verify'])('%s starts again in a small heap, under the same process id', async (command) => {
  const [first, second, ...more] = await startsOf(command);
  expect(more).toEqual([]);
  expect(second?.pid).toBe(first?.pid);
  expect(first?.limitMib).toBeGreaterThan(200);
  expect(second?.limitMib).toBeLessThan(200);
});

test('leaves the other commands alone', async () => {
  expect(await startsOf('doctor')).toHaveLength(1);
});

test.each([
  ['--max-old-space-size=300', 0],
  ['--max_old_space_size=300', 0],
  ['--max-semi-space-size=1', 1],
])('with NODE_OPTIONS=%s it starts again %d times', (NODE_OPTIONS, times) => {
  const started: (readonly string[])[] = [];
  ensureSmallHeap({ NODE_OPTIONS }, (_file, args) => started.push(args));
  expect(started).toHaveLength(times);
});
