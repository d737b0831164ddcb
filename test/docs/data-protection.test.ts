// What the page for the data-protection officer says is kept is what the bucket holds, before and after an erasure.
import { expect, test } from '@jest/globals';
import { RECORDING_OBJECTS } from '../../src/bucket/layout.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { startRetention } from '../sweeper/support.ts';
import { read } from './blocks.ts';

const PAGE = 'docs/data-protection.md';

test("the page's table has every kind of object of the bucket, and nothing else", async () => {
  const layout = await read('src/bucket/layout.ts');
  const [, tree = ''] = /const TREE = \{([\s\S]*?)\} as const/.exec(layout) ?? [];
  const roots = new Set([...tree.matchAll(/'([a-z-]+)\//g)].map(([, root = '']) => root));
  const table = (await read(PAGE)).split('## What is kept')[1]?.split('Outside the bucket')[0] ?? '';
  const named = new Set([...table.matchAll(/^\| `([a-z-]+)\/…/gm)].map(([, root = '']) => root));
  expect([...named].sort()).toEqual([...roots, 'doctor'].sort());
  for (const file of Object.values(RECORDING_OBJECTS)) {
    expect(table).toMatch(new RegExp(`[\`/]${file.replace('.', '\\.')}\``));
  }
});

test('after an erasure what is left are proofs, and entries of the queue that go by their time', async () => {
  const service = startRetention();
  const ref = await service.record();
  const rootsLeft = async () => [...new Set((await service.keys()).map((key) => key.split('/')[0] ?? ''))].sort();
  await service.after(2 * HOUR_MS).sweep();
  await service.erase(ref);
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('participants/')).toEqual([]);
  service.clock.advance(2 * HOUR_MS);
  await service.sweep();
  expect(await rootsLeft()).toEqual(['due', 'log', 'log-queue', 'receipts']);
  expect((await service.keys('due/')).filter((key) => key.includes(ref.recording))).toHaveLength(1);
  service.clock.advance(31 * DAY_MS);
  await service.sweep();
  expect((await service.keys('due/')).filter((key) => key.includes(ref.recording))).toEqual([]);
  expect(await service.keys('log-queue/')).toEqual([]);
  service.clock.advance(366 * DAY_MS);
  await service.sweep();
  await service.sweep();
  expect(await rootsLeft()).toEqual(['log']);
});
