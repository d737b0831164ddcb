// V8's young generation, each time in a process of its own: it does not grow while it is kept small, and streams free what passed.
import { spawnSync } from 'node:child_process';
import { expect, it } from '@jest/globals';

const MODULE = new URL('../../src/http/young-generation.ts', import.meta.url).href;

/** What a script prints, a number. */
function run(script: string): number {
  const imports = `import { getHeapSpaceStatistics } from 'node:v8'; import * as young from '${MODULE}';`;
  const args = ['--input-type=module', '--eval', imports + script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: {} });
  expect(stderr).toBe('');
  return Number(stdout);
}

/** In MiB, when much of it survives: how far it grows by itself is V8's affair, and the machine's. */
const sizeAfter = (act: string) =>
  run(`${act}
    for (let made = 0, kept = []; made < 2e6; made += 1) {
      kept.push([made]);
      if (kept.length > 2e4) kept = [];
    }
    console.log(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size / 2 ** 20);`);

/** The most MiB of buffers that lie about at once, while 200 MiB pass in chunks as they come from a socket. */
const mostBuffered = (through: string) =>
  run(`${through}
    async function* chunks() {
      for (let sent = 0; sent < 3200; sent += 1) {
        await new Promise(setImmediate);
        yield Buffer.alloc(65536);
      }
    }
    let most = 0;
    for await (const chunk of through(chunks())) most = Math.max(most, process.memoryUsage().arrayBuffers);
    console.log(most / 2 ** 20);`);

it('does not grow while it is kept small, and grows again afterwards', () => {
  const grown = sizeAfter('');
  expect(sizeAfter('young.keepYoungGenerationSmall();')).toBeLessThan(grown / 4);
  expect(sizeAfter('young.keepYoungGenerationSmall(); young.letYoungGenerationGrow();')).toBeGreaterThan(grown / 4);
});

it('what passed through a stream is freed while more passes', () => {
  const unfreed = mostBuffered('const through = (chunks) => chunks;');
  const freed = mostBuffered('young.keepYoungGenerationSmall(); const through = young.freeingAsTheyPass;');
  expect(freed).toBeLessThan(unfreed / 2);
});
