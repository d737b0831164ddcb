// Results as they are kept: a JSON document for each figure and store, from which tables and drawings are made.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import type { Measured } from './figures/figure.ts';
import type { Machine } from './machine.ts';
import type { StoreName } from './stores.ts';

export interface Result extends Measured {
  readonly figure: number;
  readonly title: string;
  readonly store: StoreName;
  readonly short: boolean;
  /** When it ended. */
  readonly at: string;
  readonly seconds: number;
  readonly machine: Machine;
  /** See `readLoad`, before anything of the bench ran. */
  readonly loadBefore: number;
}

/** Results of short runs lie apart, and are not committed: they say that the bench works, and nothing else. */
export function resultsFolder(short: boolean): URL {
  return new URL(short ? 'results/short/' : 'results/', import.meta.url);
}

export async function writeResult(result: Result): Promise<void> {
  const folder = resultsFolder(result.short);
  await mkdir(folder, { recursive: true });
  await writeFile(
    new URL(`figure-${result.figure}-${result.store}.json`, folder),
    `${JSON.stringify(result, null, 2)}\n`,
  );
}

/** All that is there, in the order of the figures. */
export async function readResults(short: boolean): Promise<Result[]> {
  const folder = resultsFolder(short);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const results = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(new URL(name, folder), 'utf8')) as Result),
  );
  return results.toSorted((a, b) => a.figure - b.figure);
}
