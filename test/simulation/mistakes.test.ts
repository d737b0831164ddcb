// The rules bite: each deliberate mistake is caught by its history, which breaks nothing without it.
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { MISTAKES } from './mistakes.ts';
import type { Batch, BatchResult, WorkerData } from './worker.ts';

/** The others take too many histories: most have a plain test in test/retention/overtaken.test.ts. */
const CAUGHT = MISTAKES.flatMap(({ name, caughtBy }) => (caughtBy === undefined ? [] : [{ name, caughtBy }]));

/** Runs histories in a thread of its own: a mistake is planted as the product is loaded. */
async function simulate(batches: readonly Batch[], mistake?: string): Promise<BatchResult[]> {
  const workerData: WorkerData = { mistake, shortens: false };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData });
  try {
    const results: BatchResult[] = [];
    for (const batch of batches) {
      const answer = new Promise<BatchResult>((resolve, reject) => {
        worker.removeAllListeners().once('message', resolve).once('error', reject);
      });
      worker.postMessage(batch);
      results.push(await answer);
    }
    return results;
  } finally {
    await worker.terminate();
  }
}

test.each(CAUGHT)('it is caught that $name (history $caughtBy)', async ({ name, caughtBy }) => {
  const [result] = await simulate([{ from: caughtBy, count: 1 }], name);
  expect(result?.failure?.seed).toBe(caughtBy);
});

test('every mistake still has its place in the source', () => {
  for (const { file, right } of MISTAKES) {
    expect(readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8').split(right)).toHaveLength(2);
  }
});

test('without a mistake the same histories break nothing', async () => {
  const results = await simulate(CAUGHT.map(({ caughtBy }) => ({ from: caughtBy, count: 1 })));
  expect(results.flatMap(({ failure }) => failure ?? [])).toEqual([]);
});

test('only a mistake that is known can be planted', async () => {
  await expect(simulate([{ from: 1, count: 1 }], 'none of the known')).rejects.toThrow('no mistake is called');
});
