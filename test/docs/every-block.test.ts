// Every code block of every page is run by a test, or has one of a few reasons why it cannot be, and then a test that checks it
// otherwise. A page that gains a block fails here until its row says which test runs it.
import { expect, test } from '@jest/globals';
import { blocksOf, PAGES, read } from './blocks.ts';

/** Why a block cannot be run by a test. What is checked instead is in the tests of its row. */
const REASONS = {
  installs: 'it installs or builds the project, which CI does before any test',
  ci: 'it is a step of CI, or starts one',
  docker: 'it needs Docker; ci/image builds and runs the image without it',
  cloud: 'it needs an account at a provider',
  release: 'it needs a release, and there is none yet',
  figure: 'it is a diagram or an excerpt of a format, and nothing to run',
} as const;

type Tests = readonly string[];
type Row = readonly [page: string, language: string, blocks: number, tests: Tests, ...notRun: (keyof typeof REASONS)[]];

const README = ['test/docs/readme.test.ts'];
const PACKAGES = ['test/docs/packages.test.ts'];
const SAMPLES = ['test/docs/samples.test.ts'];
const PLAIN = ['test/docs/plain-machines.test.ts'];
const PROVIDERS = ['test/docs/identity-providers.test.ts'];
const CLUSTER = ['test/cluster/pages.test.ts'];
const VALUES = ['test/helm/pages.test.ts', ...CLUSTER];

/** `notRun`: the reasons why some of these blocks, or of their lines, are not run as they are. */
const ROWS: readonly Row[] = [
  ['ARCHITECTURE.md', 'mermaid', 1, ['test/docs/imports.test.ts'], 'figure'],
  ['ARCHITECTURE.md', 'text', 1, ['test/docs/every-block.test.ts'], 'figure'],
  ['CONTRIBUTING.md', 'sh', 3, ['test/docs/commands.test.ts'], 'installs', 'ci'],
  ['CONTRIBUTING.md', 'ts', 1, ['test/docs/contributing.test.ts']],
  ['README.md', 'sh', 6, README, 'installs'],
  ['docs/benchmarks.md', 'sh', 1, ['test/docs/commands.test.ts'], 'installs', 'ci'],
  ['docs/exam-client.md', 'sh', 1, PACKAGES, 'installs'],
  ['docs/exam-client.md', 'ts', 3, PACKAGES],
  ['docs/html-page.md', 'html', 1, SAMPLES],
  ['docs/html-page.md', 'sh run', 1, ['test/browser/example-pages.test.ts']],
  ['docs/html-page.md', 'tsx', 1, SAMPLES],
  ['docs/identity-providers.md', 'js', 1, PROVIDERS],
  ['docs/identity-providers.md', 'json', 4, PROVIDERS],
  ['docs/identity-providers.md', 'sh', 4, PROVIDERS],
  ['docs/identity-providers.md', 'sh run', 1, PROVIDERS],
  ['docs/identity-providers.md', 'ts', 2, PROVIDERS],
  ['docs/integrations.md', 'sh', 6, README],
  ['docs/integrations.md', 'ts', 3, README],
  ['docs/operations.md', 'sh', 5, [...PLAIN, ...CLUSTER]],
  ['docs/operations.md', 'yaml', 1, VALUES],
  ['docs/privacy-desk.md', 'sh', 1, README],
  ['docs/privacy-desk.md', 'sh run', 14, README],
  ['docs/proof.md', 'sh', 7, ['test/docs/proof.test.ts'], 'installs'],
  ['docs/proof.md', 'sh run', 1, ['test/docs/proof.test.ts']],
  ['docs/releases.md', 'sh', 2, ['test/docs/releases.test.ts'], 'release', 'installs'],
  ['docs/reviewer-page.md', 'html', 1, SAMPLES],
  ['docs/reviewer-page.md', 'sh run', 1, ['test/browser/example-pages.test.ts']],
  ['docs/reviewer-page.md', 'ts', 1, [...PACKAGES, 'test/browser/example-pages.test.ts']],
  ['docs/running.md', 'crontab', 1, PLAIN, 'docker'],
  ['docs/running.md', 'sh', 1, README, 'docker'],
  ['docs/running.md', 'yaml', 1, ['test/helm/pages.test.ts']],
  ['docs/sdk.md', 'sh', 1, PACKAGES, 'installs'],
  ['docs/sdk.md', 'ts', 3, README],
  ['docs/simulation.md', 'text', 1, ['test/docs/every-block.test.ts'], 'figure'],
  ['docs/sizing.md', 'sh run', 1, ['test/docs/sizing.test.ts']],
  ['docs/troubleshooting.md', 'sh run', 1, ['test/docs/index.test.ts']],
  ['docs/tutorial-digitalocean.md', 'ini', 1, ['test/docs/tutorial.test.ts']],
  ['docs/tutorial-digitalocean.md', 'sh', 5, [...CLUSTER, 'test/helm/tutorial.test.ts'], 'cloud', 'docker'],
  ['docs/tutorial-digitalocean.md', 'sh run', 4, ['test/docs/tutorial.test.ts']],
  ['docs/tutorial-digitalocean.md', 'yaml', 2, ['test/helm/tutorial.test.ts', ...CLUSTER]],
  ['docs/webhooks.md', 'http', 1, ['test/docs/webhooks.test.ts']],
  ['docs/webhooks.md', 'json', 1, ['test/docs/webhooks.test.ts']],
  ['docs/webhooks.md', 'ts', 1, SAMPLES],
  ['docs/without-kubernetes.md', 'crontab', 1, PLAIN],
  ['docs/without-kubernetes.md', 'ini', 1, PLAIN],
  ['helm/README.md', 'sh', 1, CLUSTER, 'docker'],
  ['helm/README.md', 'yaml', 1, VALUES],
  ['packages/embedded-s3/README.md', 'sh', 1, PACKAGES, 'installs'],
  ['packages/embedded-s3/README.md', 'ts', 1, PACKAGES],
  ['packages/exam-client/README.md', 'sh', 1, PACKAGES, 'installs'],
  ['packages/exam-client/README.md', 'ts', 1, PACKAGES],
  ['packages/receipt-verifier/README.md', 'sh', 2, PACKAGES, 'installs'],
  ['packages/receipt-verifier/README.md', 'text', 1, ['test/docs/every-block.test.ts'], 'figure'],
  ['packages/receipt-verifier/README.md', 'ts', 1, PACKAGES],
  ['packages/review/README.md', 'html', 1, PACKAGES],
  ['packages/review/README.md', 'sh', 1, PACKAGES, 'installs'],
  ['packages/review/README.md', 'ts', 1, PACKAGES],
  ['packages/sdk/README.md', 'sh', 1, PACKAGES, 'installs'],
  ['packages/sdk/README.md', 'ts', 1, README],
  ['packages/uppy/README.md', 'sh', 1, PACKAGES, 'installs'],
  ['packages/uppy/README.md', 'ts', 1, PACKAGES],
];

/** A fence may be indented, in a list. The language is empty where a fence has none. */
function languagesIn(text: string): string[] {
  const languages: string[] = [];
  let open = '';
  for (const line of text.split('\n')) {
    const [, fence = '', language = ''] = /^[\s>]*(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (open === '' && fence !== '') languages.push(language.trim());
    if (open === '') open = fence;
    else if (fence.startsWith(open) && language === '') open = '';
  }
  return languages;
}

/** Lines of blocks that are marked by their indentation alone. */
function indentedBlocksIn(text: string): string[] {
  const prose = text.replaceAll(/^([ >]*)(`{3,}|~{3,})[\s\S]*?^\1\2$/gm, '');
  // What continues an item of a list is indented too.
  return [...prose.matchAll(/(?<=^(?![ ]*(?:[-*+]|\d+[.)]) )(?! )[^\n]*\n\n)(?: {4}|\t).*/gm)].map(([line]) => line);
}

test('a block is found by its fence or its indentation', () => {
  expect(languagesIn('a\n\n```sh run\nx\n```\n\n- item\n\n  ```\n  y\n  ```\n\n~~~~yaml\n```\n~~~~\n')).toEqual([
    'sh run',
    '',
    'yaml',
  ]);
  expect(
    indentedBlocksIn('Do this:\n\n    npm ci\n    npm test\n\n- item\n\n    of it\n\n```sh\n\n    x\n```\n'),
  ).toEqual(['    npm ci']);
});

test('a block to paste leaves an interactive zsh, which knows no comments, at its prompt', async () => {
  const found: string[] = [];
  for (const page of PAGES) {
    for (const block of [...(await blocksOf(page, 'sh')), ...(await blocksOf(page, 'sh run'))]) {
      const comments = block.match(/(?<=^|\s)#\s.*$/gm) ?? [];
      // A quote is waited on. On the first page nothing at all shall look wrong.
      const wrong = comments.filter((comment) => page === 'README.md' || /['"`]/.test(comment));
      found.push(...wrong.map((comment) => `${page}: ${comment}`));
    }
  }
  expect(found).toEqual([]);
});

test('every block of every page has a row, and every row has its blocks', async () => {
  const found: Record<string, number> = {};
  for (const page of PAGES) {
    for (const language of languagesIn(await read(page))) {
      const key = `${page} ${language}`;
      found[key] = (found[key] ?? 0) + 1;
    }
  }
  expect(found).toEqual(Object.fromEntries(ROWS.map(([page, language, blocks]) => [`${page} ${language}`, blocks])));
});

test.each(ROWS)('the blocks of %s in %s (%d) are read by the tests of the row', async (page, language, _, tests) => {
  for (const path of tests) {
    const source = await read(path);
    const named = [page, language].filter((text) => !new RegExp(`['"\`]${text}(?:\\\\n|['"\`])`).test(source));
    const [, name = ''] = /^packages\/(.*)\/README\.md$/.exec(page) ?? [];
    const isNamed = source.includes('readmeOf') && source.includes(`'${name}'`);
    expect({ path, missing: isNamed ? named.filter((text) => text !== page) : named }).toEqual({ path, missing: [] });
  }
});

test('every reason is the reason of a block', () => {
  const given = new Set(ROWS.flatMap(([, , , , ...notRun]) => notRun));
  expect([...given].sort()).toEqual(Object.keys(REASONS).sort());
});

test('no page has a block that only its indentation marks: a fence names its language', async () => {
  const found: string[] = [];
  for (const page of PAGES) found.push(...indentedBlocksIn(await read(page)).map((line) => `${page}: ${line}`));
  expect(found).toEqual([]);
});
