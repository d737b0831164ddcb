// The types that the package ships are those of the API.
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { SDK_TYPES, sdkTypes } from '../../../ci/write-sdk-types.ts';

test('the types are those of openapi.json: `npm run openapi` changes nothing', async () => {
  expect(await readFile(SDK_TYPES, 'utf8')).toBe(await sdkTypes());
});
