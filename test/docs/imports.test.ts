// The diagram of ARCHITECTURE.md is held to the imports of src/ and packages/, of types too; and who may import what.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';

const ROOT = new URL('../..', import.meta.url).pathname;
const SCOPE = '@proctoring-recordings/';

/** Libraries, and the files that alone may import them. */
const LIBRARIES = [
  // Any at all: who installs one of these installs one package.
  [/^(?!src\/|packages\/|node:)/, /^(?!packages\/(exam-client|review|sdk|uppy)\/)/],
  // What checks proofs needs little: a hash, and what reads a JWS.
  [/^(?!src\/|packages\/|node:|jose$|@noble\/hashes\/)/, /^(?!packages\/receipt-verifier\/)/],
  // It runs in a page too, but for its command.
  [/^node:/, /^(?!packages\/receipt-verifier\/src\/(?!cli\.ts|command\.ts))/],
  [/^@noble\//, /^packages\/receipt-verifier\//],
  [/^@(aws-sdk|smithy)\//, /^src\/objectstore\/s3\//],
  [/^(express|multer|cors|helmet)$/, /^src\/http\//],
  [/^prom-client$/, /^src\/((http|runtime)\/|\w+\.ts$)/],
  [/^@opentelemetry\//, /^src\/(runtime\/|\w+\.ts$)/],
] as const;

interface Import {
  readonly file: string;
  /** What the import takes by name. */
  readonly names: string;
  /** The path of a file from the root, or the name of a library. */
  readonly target: string;
}

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const show = ({ file, target }: Import) => `${file} → ${target}`;

// Biome formats imports in this one way.
const IMPORT = /^(?:import|export) (?:([^;'"]*?) from )?'([^']+)'|\bimport\('([^']+)'\)/gm;
const IMPORTS: readonly Import[] = globSync('{src,packages/*/src}/**/*.ts', { cwd: ROOT }).flatMap((file) =>
  [...read(file).matchAll(IMPORT)].map(([, names = '*', from, dynamic]) => {
    const specifier = from ?? dynamic ?? '';
    if (specifier.startsWith('.')) return { file, names, target: join(dirname(file), specifier) };
    if (!specifier.startsWith(SCOPE)) return { file, names, target: specifier };
    return { file, names, target: `packages/${specifier.slice(SCOPE.length)}/src/index.ts` };
  }),
);
const OURS = IMPORTS.filter(({ target }) => /^(src|packages)\//.test(target));

/** What lies in src/ itself, such as the binary, counts as runtime. */
function folderOf(path: string): string {
  return /^(?:src|packages)\/([^/]+)\//.exec(path)?.[1] ?? 'runtime';
}

const [, DIAGRAM = ''] = /```mermaid\nflowchart[^\n]*\n([^`]*)```/.exec(read('ARCHITECTURE.md')) ?? [];
/** `a & b --> c & d` is four arrows. */
const ARROWS = DIAGRAM.split('\n').flatMap((line) => {
  const [from = [], to = []] = line.split('-->').map((side) => side.trim().split(' & '));
  return from.flatMap((source) => to.map((target) => [source, target] as const));
});

/** Whether arrows lead from one end to the other. */
function reachable(arrows: readonly (readonly [string, string])[]): (from: string, to: string) => boolean {
  const next = Map.groupBy(arrows, ([from]) => from);
  const reached = new Map<string, Set<string>>();
  function visit(from: string, seen: Set<string>): Set<string> {
    for (const [, to] of next.get(from) ?? []) if (!seen.has(to)) visit(to, seen.add(to));
    return seen;
  }
  return (from, to) => {
    const seen = reached.get(from) ?? visit(from, new Set());
    reached.set(from, seen);
    return seen.has(to);
  };
}

function offenders(imports: readonly Import[], isOffender: (of: Import) => boolean): string[] {
  return [...new Set(imports.filter(isOffender).map(show))].sort();
}

test('the diagram shows every folder', () => {
  const shown = new Set(DIAGRAM.match(/[\w-]+/g));
  const folders = new Set(IMPORTS.map(({ file }) => folderOf(file)));
  expect([...folders].filter((folder) => !shown.has(folder))).toEqual([]);
  expect(folders.size).toBeGreaterThan(10);
});

test('a folder imports what its arrows lead to, and nothing else', () => {
  const isAllowed = reachable(ARROWS);
  const leavesArrows = ({ file, target }: Import) => {
    const [from, to] = [folderOf(file), folderOf(target)];
    return from !== to && !isAllowed(from, to);
  };
  expect(offenders(OURS, leavesArrows)).toEqual([]);
});

test('every arrow has an import behind it, and none leads back', () => {
  const found = new Set(OURS.map(({ file, target }) => `${folderOf(file)} --> ${folderOf(target)}`));
  const leadsTo = reachable(ARROWS);
  const wrong = ARROWS.filter(([from, to]) => !found.has(`${from} --> ${to}`) || leadsTo(to, from));
  expect(wrong.map((arrow) => arrow.join(' --> '))).toEqual([]);
});

test('no file imports itself by way of others', () => {
  // The test of the arrows finds the circles that leave a folder.
  const inside = OURS.filter(({ file, target }) => folderOf(file) === folderOf(target));
  const leadsTo = reachable(inside.map(({ file, target }) => [file, target] as const));
  expect(offenders(inside, ({ file, target }) => leadsTo(target, file))).toEqual([]);
});

test('only src/bucket imports the functions that make keys and read them', () => {
  const functions = [...read('src/bucket/layout.ts').matchAll(/^export function (\w+)/gm)].map(([, name = '']) => name);
  expect(functions).not.toEqual([]);
  const importsKeys = ({ file, names, target }: Import) =>
    folderOf(file) !== 'bucket' &&
    folderOf(target) === 'bucket' &&
    (names.includes('*') || names.split(/\W+/).some((name) => functions.includes(name)));
  expect(offenders(OURS, importsKeys)).toEqual([]);
});

const SOURCES = globSync('src/**/*.ts', { cwd: ROOT }).filter((file) => !file.startsWith('src/demo-page/'));
const codeOf = (file: string) => read(file).replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
const filesWith = (pattern: RegExp, allowed: RegExp) =>
  SOURCES.filter((file) => !allowed.test(file) && pattern.test(codeOf(file)));

test('only src/bucket writes the folders of the bucket into a key', () => {
  expect(filesWith(/['"`](attempts|participants|due|receipts|audit|outbox|log|log-queue)\//, /^src\/bucket\//)).toEqual(
    [],
  );
});

test('only what handles each refusal calls the delete of a store', () => {
  expect(filesWith(/store\.delete\(/, /^src\/(bucket|objectstore|doctor)\//)).toEqual([]);
});

test.each(LIBRARIES)('%s is imported by %s alone', (library, importers) => {
  const isForeign = ({ file, target }: Import) => library.test(target) && !importers.test(file);
  expect(offenders(IMPORTS, isForeign)).toEqual([]);
});
