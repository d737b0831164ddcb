// The example of the page for contributors, run where it says that it belongs.
import { runInThisContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { DAY_MS } from '../../src/model/durations.ts';
import { startApi } from '../http/api.ts';
import { startRetention } from '../sweeper/support.ts';
import { blocksOf, ROOT, typeCheck } from './blocks.ts';

const PAGE = 'CONTRIBUTING.md';
const GIVEN = { startRetention, startApi, DAY_MS, expect };

test('the example is typed, and its expectations hold', async () => {
  const [example = '', ...others] = await blocksOf(PAGE, 'ts');
  expect(others).toEqual([]);
  const imports = `
    import { expect } from '@jest/globals';
    import { DAY_MS } from '../../../src/model/durations.ts';
    import { startApi } from '../../../test/http/api.ts';
    import { startRetention } from '../../../test/sweeper/support.ts';`;
  await typeCheck([example + imports], { extends: `${ROOT}/tsconfig.json` });
  expect(example.match(/^expect\(/gm)).toHaveLength(3);
  await runInThisContext(`async ({ ${Object.keys(GIVEN).join(', ')} }) => {${example}\n}`)(GIVEN);
});
