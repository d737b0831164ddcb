// node ci/known-differences.ts STORE RESULTS: holds the tests that failed (jest's --json) to ci/known-differences/STORE.txt.
import { readFile } from 'node:fs/promises';

interface Results {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const [, , store = '', results = ''] = process.argv;
const { testResults } = JSON.parse(await readFile(results, 'utf8')) as Results;
const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
if (tests.length === 0) throw new Error(`no test ran on ${store}: ${testResults[0]?.message ?? 'no results'}`);
const known = (await readFile(new URL(`known-differences/${store}.txt`, import.meta.url), 'utf8')).split('\n');
const expected = new Set(known.filter((line) => line !== '' && !line.startsWith('#')));
const failed = new Set(tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName));
const fresh = [...failed].filter((name) => !expected.has(name));
const passing = [...expected].filter((name) => !failed.has(name));
for (const name of fresh) console.log(`FAILED on ${store}, and not known: ${name}`);
for (const name of passing) console.log(`FAILED to fail on ${store}, take it off the list: ${name}`);
const passed = tests.filter(({ status }) => status === 'passed').length;
console.log(`${store}: ${passed} tests passed, ${failed.size} failed, ${expected.size} of them known`);
process.exitCode = fresh.length + passing.length > 0 ? 1 : 0;
