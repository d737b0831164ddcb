// The diagram of ARCHITECTURE.md is held to the imports of src/ and packages/, of types too; and who may import what.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';

const ROOT = new URL('../..', import.meta.url).pathname;
const SCOPE = '@proctoring-recordings/';

/** Libraries, and the files that alone may import them. */
const LIBRARIES = [
  // Any at all: who installs one of these two installs one package.
  [/^(?!src\/|packages\/)/, /^(?!packages\/(exam-client|sdk)\/)/],
  [/^@(aws-sdk|smithy)\//, /^src\/objectstore\/s3\//],
  [/^(express|multer|cors|helmet)$/, /^src\/http\//],
  [/^prom-client$/, /^src\/((http|runtime)\/|\w+\.ts$)/],
  [/^@opentelemetry\//, /^src\/(runtime\/|\w+\.ts$)/],
] as const;

/** Imports that are not allowed and are still there: to be removed one by one, and none to be added. */
const KNOWN: Readonly<Record<'arrows' | 'circles' | 'keys' | 'libraries', readonly string[]>> = {
  arrows: [
    'packages/sdk/src/types.ts → src/http/problem-codes.ts',
    'packages/sdk/src/types.ts → src/http/schemas.ts',
    'src/bucket/outbox.ts → src/bucket/documents.ts',
    'src/objectstore/s3/object-store.ts → src/bucket/layout.ts',
    'src/objectstore/s3/tagging.ts → src/bucket/layout.ts',
    'src/objectstore/upload-listing.ts → src/bucket/layout.ts',
    'src/verifier/verify-attempts.ts → src/sweeper/in-batches.ts',
    'src/verifier/verify-attempts.ts → src/sweeper/next-deadline.ts',
    'src/verifier/verify-receipts.ts → src/sweeper/ask-in-order.ts',
    'src/verifier/verify-receipts.ts → src/sweeper/in-batches.ts',
    'src/verifier/verify-run.ts → src/sweeper/run.ts',
    'src/verifier/verify.ts → src/sweeper/ask-in-order.ts',
    'src/verifier/verify.ts → src/sweeper/in-batches.ts',
    'src/verifier/verify.ts → src/sweeper/run.ts',
    'src/verifier/verify.ts → src/sweeper/sweep.ts',
  ],
  circles: [
    'src/recordings/create.ts → src/recordings/idempotency.ts',
    'src/recordings/idempotency.ts → src/recordings/create.ts',
    'src/runtime/otlp-tracing.ts → src/runtime/tracing.ts',
    'src/runtime/tracing.ts → src/runtime/otlp-tracing.ts',
    'src/sweeper/due-soon.ts → src/sweeper/run.ts',
    'src/sweeper/open-uploads.ts → src/sweeper/report.ts',
    'src/sweeper/open-uploads.ts → src/sweeper/run.ts',
    'src/sweeper/report.ts → src/sweeper/due-soon.ts',
    'src/sweeper/run.ts → src/sweeper/open-uploads.ts',
    'src/sweeper/run.ts → src/sweeper/report.ts',
  ],
  keys: [
    'src/recordings/access-log.ts → src/bucket/layout.ts',
    'src/recordings/assess.ts → src/bucket/layout.ts',
    'src/recordings/complete.ts → src/bucket/layout.ts',
    'src/recordings/proxied-upload.ts → src/bucket/layout.ts',
    'src/recordings/create.ts → src/bucket/layout.ts',
    'src/recordings/delete.ts → src/bucket/layout.ts',
    'src/recordings/erase-participant.ts → src/bucket/layout.ts',
    'src/recordings/export-archive.ts → src/bucket/layout.ts',
    'src/recordings/export.ts → src/bucket/layout.ts',
    'src/recordings/finalize.ts → src/bucket/layout.ts',
    'src/recordings/idempotency.ts → src/bucket/layout.ts',
    'src/recordings/list.ts → src/bucket/layout.ts',
    'src/recordings/list.ts → src/bucket/layout.ts',
    'src/recordings/playback.ts → src/bucket/layout.ts',
    'src/recordings/purge-receipts.ts → src/bucket/layout.ts',
    'src/recordings/purge.ts → src/bucket/layout.ts',
    'src/recordings/read.ts → src/bucket/layout.ts',
    'src/recordings/restriction.ts → src/bucket/layout.ts',
    'src/recordings/upload.ts → src/bucket/layout.ts',
    'src/sweeper/bring-forward.ts → src/bucket/layout.ts',
    'src/sweeper/due-soon.ts → src/bucket/layout.ts',
    'src/sweeper/due-status.ts → src/bucket/layout.ts',
    'src/sweeper/expiry.ts → src/bucket/layout.ts',
    'src/sweeper/open-uploads.ts → src/bucket/layout.ts',
    'src/sweeper/salvage.ts → src/bucket/layout.ts',
    'src/sweeper/sweep-attempt.ts → src/bucket/layout.ts',
    'src/sweeper/report.ts → src/bucket/layout.ts',
    'src/sweeper/sweep.ts → src/bucket/layout.ts',
    'src/verifier/verify-attempts.ts → src/bucket/layout.ts',
    'src/verifier/verify-receipts.ts → src/bucket/layout.ts',
    'src/verifier/verify-run.ts → src/bucket/layout.ts',
    'src/verifier/verify.ts → src/bucket/layout.ts',
    'src/webhooks/dispatcher.ts → src/bucket/layout.ts',
  ],
  libraries: [
    'packages/sdk/src/types.ts → zod',
    'src/runtime/open-store.ts → @aws-sdk/client-s3',
    'src/runtime/otlp-tracing.ts → express',
    'src/runtime/tracing.ts → express',
  ],
};

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

function offenders(
  imports: readonly Import[],
  isOffender: (of: Import) => boolean,
  known: readonly string[],
): string[] {
  const found = new Set(imports.filter(isOffender).map(show));
  return [...found].filter((line) => !known.includes(line)).sort();
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
  expect(offenders(OURS, leavesArrows, KNOWN.arrows)).toEqual([]);
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
  expect(offenders(inside, ({ file, target }) => leadsTo(target, file), KNOWN.circles)).toEqual([]);
});

test('only src/bucket imports the functions that make keys and read them', () => {
  const functions = [...read('src/bucket/layout.ts').matchAll(/^export function (\w+)/gm)].map(([, name = '']) => name);
  expect(functions).not.toEqual([]);
  const importsKeys = ({ file, names, target }: Import) =>
    folderOf(file) !== 'bucket' &&
    folderOf(target) === 'bucket' &&
    (names.includes('*') || names.split(/\W+/).some((name) => functions.includes(name)));
  expect(offenders(OURS, importsKeys, KNOWN.keys)).toEqual([]);
});

test.each(LIBRARIES)('%s is imported by %s alone', (library, importers) => {
  const isForeign = ({ file, target }: Import) => library.test(target) && !importers.test(file);
  expect(offenders(IMPORTS, isForeign, KNOWN.libraries)).toEqual([]);
});
