// Each corruption is planted alone in a bucket with everything in it: `verify` names it, and `--fix` keeps nothing longer.
import { readFile } from 'node:fs/promises';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FINDING_KINDS, type FindingKind } from '../../src/verifier/findings.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { newRandom } from '../simulation/random.ts';
import { type Built, build, LATER_MS, OPTIONS } from './bucket.ts';
import { CORRUPTIONS } from './corruptions.ts';
import { expectNothingLonger, promises } from './promises.ts';

/** How often each is planted, twice in `ci/full`: where it strikes is drawn from the seed. */
const SEEDS = process.env.TEST_ALL ? [1, 2] : [1];

let service: TestService;
let bucket: Built;
let restore: () => void;

beforeAll(async () => {
  service = startTestService(OPTIONS);
  bucket = await build(service);
  restore = service.testStore.snapshot?.() ?? (() => {});
});

afterEach(() => restore());

/** What was planted is not young any more. */
async function later<T>(act: () => Promise<T>): Promise<T> {
  service.clock.step(LATER_MS);
  try {
    return await act();
  } finally {
    service.clock.step(-LATER_MS);
  }
}

/** One that is being uploaded. */
const UNMARKED = [{ what: 'unmarked', count: 1 }];

test('nothing is wrong with the bucket before, then and later', async () => {
  expect(await service.verify()).toMatchObject({ findings: [], wrong: 0, tooYoung: 1, notChecked: UNMARKED });
  expect(await later(() => service.verify({ fix: true }))).toMatchObject({ findings: [], wrong: 0, tooYoung: 0 });
});

describe.each(CORRUPTIONS)('$name', ({ name, found, plant }) => {
  const isFound = 'undetectable' in found ? 'is not detectable' : `is found as ${found.join(' and ')}`;
  test.each(SEEDS)(`${isFound}, and --fix keeps nothing longer (%d)`, async (seed) => {
    await plant(bucket, newRandom(seed, ...Buffer.from(name)));
    await later(async () => {
      const kinds = (await service.verify()).findings.map(({ kind }) => kind);
      if ('undetectable' in found) expect(kinds).toEqual([]);
      else expect(kinds).toEqual(expect.arrayContaining([...found]));
      const before = await promises(service);
      const report = await service.verify({ fix: true });
      await expectNothingLonger(service, before);
      // Each repair of something that has an attempt is in the audit trail.
      const repairs = (await service.keys('audit/')).filter((key) => key.includes('-repaired-'));
      const isAudited = report.kinds.some(({ kind, fixed }) => fixed > 0 && AUDITED.has(kind));
      if (isAudited) expect(repairs.length).toBeGreaterThan(0);
    });
  });
});

const AUDITED: ReadonlySet<FindingKind> = new Set([
  ...(['no-due-entry', 'deletion-stuck', 'assessing-left', 'wrong-tags', 'marker-missing'] as const),
  ...(['stray-marker', 'media-without-manifest', 'receipt-without-expiry'] as const),
]);

test('there are enough of them, each with a name of its own, and of every kind of finding', () => {
  expect(CORRUPTIONS.length).toBeGreaterThanOrEqual(100);
  expect(new Set(CORRUPTIONS.map(({ name }) => name)).size).toBe(CORRUPTIONS.length);
  const kinds = new Set(CORRUPTIONS.flatMap(({ found }) => ('undetectable' in found ? [] : found)));
  // One that is past its deadline is found whatever is planted; test/verifier/logs.test.ts waits for
  // what no sweep took, and has no key.
  const others = ['overdue', 'log-key-missing', 'log-submission-waiting'];
  expect(Object.keys(FINDING_KINDS).filter((kind) => !kinds.has(kind as FindingKind))).toEqual(others);
});

test('SECURITY.md has those that are not detectable, with the reason', async () => {
  const page = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8');
  const hidden = CORRUPTIONS.flatMap(({ name, found }) =>
    'undetectable' in found ? [[name, found.undetectable]] : [],
  );
  const [, section = ''] = page.split('## What `verify` cannot see');
  const rows = [...(section.split('\n## ')[0]?.matchAll(/^\| (.+) \| (.+) \|$/gm) ?? [])].slice(1);
  expect(rows.map(([, name, reason]) => [name, reason])).toEqual(hidden);
});
