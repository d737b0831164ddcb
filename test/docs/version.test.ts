// Everything that is released together has the version of package.json.
import { glob, readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';

const ROOT = new URL('../..', import.meta.url).pathname;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

const readText = (path: string) => readFile(`${ROOT}/${path}`, 'utf8');
const readJson = async <T>(path: string): Promise<T> => JSON.parse(await readText(path));

function ownDependencies({ dependencies, devDependencies }: Manifest): [string, string][] {
  return Object.entries({ ...dependencies, ...devDependencies }).filter(([name]) =>
    name.startsWith('@proctoring-recordings/'),
  );
}

test('packages, lock, chart and API have the version of package.json', async () => {
  const root = await readJson<Manifest>('package.json');
  const found: Record<string, string> = {};
  const paths = await Array.fromAsync(glob('packages/*/package.json', { cwd: ROOT }));
  expect(paths.length).toBeGreaterThan(4);
  const lock = await readJson<{ version: string; packages: Record<string, Manifest> }>('package-lock.json');
  for (const path of ['package.json', ...paths]) {
    const manifest = await readJson<Manifest>(path);
    found[path] = manifest.version;
    const locked = lock.packages[path.replace(/\/?package\.json$/, '')];
    found[`${path} in the lock`] = locked?.version ?? 'missing';
    for (const [name, version] of ownDependencies(manifest)) found[`${name} in ${path}`] = version;
    for (const [name, version] of locked ? ownDependencies(locked) : [])
      found[`${name} in the lock of ${path}`] = version;
  }
  found['package-lock.json'] = lock.version;
  const chart = parse(await readText('helm/Chart.yaml')) as { version: string; appVersion: string };
  found['version of the chart'] = chart.version;
  found['appVersion of the chart'] = chart.appVersion;
  found['info.version of openapi.json'] = (await readJson<{ info: { version: string } }>('openapi.json')).info.version;
  expect(Object.entries(found).filter(([, version]) => version !== root.version)).toEqual([]);
  expect(Object.keys(found).length).toBeGreaterThan(20);
});
