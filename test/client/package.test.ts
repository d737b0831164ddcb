import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { build } from 'esbuild';

const MAX_BYTES = 15_000;

test('the client is one module without imports, below 15 kB gzipped', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [new URL('../../src/client/index.ts', import.meta.url).pathname],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    write: false,
    metafile: true,
  });
  const [file] = outputFiles;
  expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
  expect(Object.keys(metafile.inputs).filter((path) => !path.startsWith('src/client/'))).toEqual([]);
  expect(gzipSync(file?.contents ?? '', { level: 9 }).length).toBeLessThan(MAX_BYTES);
});
