// Sets the version of everything that is released together: node --conditions=source ci/release/set-version.ts 0.3.0
// package.json is the source of truth; `test/docs/version.test.ts` holds the rest to it. Run `npm run openapi` afterwards.
import { glob, readFile, writeFile } from 'node:fs/promises';

const ROOT = new URL('../../', import.meta.url);
const OWN = '@proctoring-recordings/';

interface Manifest {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const [version = ''] = process.argv.slice(2);
if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
  throw new Error(`"${version}" is not a version; give one such as 0.3.0 or 0.3.0-rc.1`);
}

function setIn(manifest: Manifest): void {
  manifest.version = version;
  for (const dependencies of [manifest.dependencies, manifest.devDependencies]) {
    for (const name of Object.keys(dependencies ?? {})) {
      if (dependencies && name.startsWith(OWN)) dependencies[name] = version;
    }
  }
}

async function change<T>(path: string, by: (document: T) => void): Promise<void> {
  const document = JSON.parse(await readFile(new URL(path, ROOT), 'utf8')) as T;
  by(document);
  await writeFile(new URL(path, ROOT), `${JSON.stringify(document, null, 2)}\n`);
}

for await (const path of glob(['package.json', 'packages/*/package.json'], { cwd: ROOT })) await change(path, setIn);
await change('package-lock.json', (lock: Manifest & { packages: Record<string, Manifest> }) => {
  lock.version = version;
  for (const [path, locked] of Object.entries(lock.packages)) if (/^(packages\/[^/]+)?$/.test(path)) setIn(locked);
});
const chart = new URL('helm/Chart.yaml', ROOT);
const lines = (await readFile(chart, 'utf8')).replace(/^version: .*/m, `version: ${version}`);
await writeFile(chart, lines.replace(/^appVersion: .*/m, `appVersion: "${version}"`));
// The files that `npm pack` writes, as the pages name them.
for await (const path of glob(['docs/*.md', 'packages/*/README.md'], { cwd: ROOT })) {
  const page = new URL(path, ROOT);
  const text = await readFile(page, 'utf8');
  const changed = text.replaceAll(
    /\b(proctoring-recordings-[a-z0-9-]+?-)\d+\.\d+\.\d+[0-9A-Za-z.-]*?(?=\.tgz)/g,
    `$1${version}`,
  );
  if (changed !== text) await writeFile(page, changed);
}
