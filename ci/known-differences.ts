// node ci/known-differences.ts STORE RESULTS: compares the failed tests (jest's --json) with ci/known-differences/STORE.txt.
// There, a line that begins with `#` gives the reason for the tests below it, and every test needs a reason. A line that
// begins with `~` is a test that fails only sometimes.
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
const unrun = testResults.filter(({ assertionResults }) => assertionResults.length === 0);
for (const { message } of unrun) console.log(`FAILED on ${store}, before its first test: ${message.slice(0, 500)}`);
const known = await readFile(new URL(`known-differences/${store}.txt`, import.meta.url), 'utf8');
const expected = new Map<string, string>();
const uncertain = new Set<string>();
let reason = '';
for (const line of known.split('\n').filter((each) => each !== '')) {
  if (line.startsWith('# ')) reason = line.slice(2);
  else if (reason === '') throw new Error(`${store}.txt gives no reason for "${line}"`);
  else {
    const name = line.replace(/^~ /, '');
    if (name !== line) uncertain.add(name);
    expected.set(name, reason);
  }
}
const failed = new Set(tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName));
const fresh = [...failed].filter((name) => !expected.has(name));
const passing = [...expected.keys()].filter((name) => !failed.has(name) && !uncertain.has(name));
for (const name of fresh) console.log(`FAILED on ${store}, and not known: ${name}`);
for (const name of passing) console.log(`FAILED to fail on ${store}, take it off the list: ${name}`);
for (const [why, names] of Map.groupBy(failed, (name) => expected.get(name) ?? 'not known')) {
  console.log(`${store}, ${names.length} tests: ${why}`);
}
const passed = tests.filter(({ status }) => status === 'passed').length;
console.log(`${store}: ${passed} tests passed, ${failed.size} failed, ${expected.size} of them known`);
process.exitCode = fresh.length + passing.length + unrun.length > 0 || tests.length === 0 ? 1 : 0;
