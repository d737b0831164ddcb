// What the pages list is what there is: settings, exports, tests, decisions, and where their links lead.
import { existsSync, globSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CAPABILITIES, type Capability } from '../../src/objectstore/needs.ts';
import { FINDING_KINDS, NOT_CHECKED } from '../../src/verifier/findings.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

const read = (path: string) => readFile(join(ROOT, path), 'utf8');

const NAMES = /export (?:type )?\{([^}]*)\}|^export (?:type|interface) (\w+)/gm;
test.each([
  ['docs/sdk.md', ['packages/sdk/src/index.ts', 'packages/sdk/src/types.ts']],
  ['docs/exam-client.md', ['packages/exam-client/src/index.ts']],
  ['docs/reviewer-page.md', ['packages/review/src/index.ts']],
])('%s explains what %j export', async (page, modules) => {
  const [text = '', ...sources] = await Promise.all([page, ...modules].map(read));
  const exported = [...sources.join('\n').matchAll(NAMES)].flatMap(([, list, name = '']) => list?.split(',') ?? name);
  const names = exported.map((name) => name.replace('type ', '').trim());
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
});

test("the reviewer's page names every attribute, event, custom property and part of the player, and no other", async () => {
  const page = await read('docs/reviewer-page.md');
  const sources = await readAll(globSync('packages/review/src/*.ts', { cwd: ROOT }));
  const quoted = new Set(page.match(/(?<=`)[\w-]+(?=`)/g));
  const properties = new Set(sources.match(/--review-[\w-]+(?=:)/g));
  const [, list = ''] = /For more, style its parts.*?`: (.*)/.exec(page) ?? [];
  const parts = new Set(
    [...sources.matchAll(/\bpart: '([\w -]+)'|'(button play-button)'/g)].flatMap(([, a, b]) =>
      (a ?? b ?? '').split(' '),
    ),
  );
  expect(properties.size).toBeGreaterThan(8);
  expect(new Set([...quoted].filter((name) => name.startsWith('--')))).toEqual(properties);
  expect(parts.size).toBeGreaterThan(15);
  expect([...parts].filter((name) => !list.includes(`\`${name}\``))).toEqual([]);
  const words = new Set(sources.match(/[\w-]+/g));
  expect(namesOf(list, /(?<=`)[\w-]+(?=`)/g).filter((name) => !words.has(name))).toEqual([]);
  const events = [...sources.matchAll(/interface Review(?:Element)?Events[^{]*\{([\s\S]*?)\n\}/g)].flatMap(
    ([, body = '']) => [...body.matchAll(/^ {2}(\w+):/gm)].map(([, name = '']) => name),
  );
  expect(events.length).toBeGreaterThan(8);
  const rows = new Set([...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name));
  expect(events.filter((name) => !rows.has(name))).toEqual([]);
});

test.each(['needed', 'optional'])(
  'the page on stores lists what is %s, as the doctor judges, and nothing else',
  async (need) => {
    const capabilities: readonly Capability[] = Object.values(CAPABILITIES);
    const rows = capabilities.flatMap(({ name, operations, without, need: of }) => {
      const named = operations.map((operation) => `\`${operation}\``).join(', ') || '–';
      return of === need ? [`| ${name} | ${named} | ${without} |`] : [];
    });
    const head = `| ${need === 'needed' ? 'Needed' : 'Optional'} | S3's operations | Without it |\n|---|---|---|\n`;
    expect(await read('docs/stores.md')).toContain(`\n${head}${rows.join('\n')}\n\n`);
  },
);

test.each([
  ['finds', '# Findings of verify', '## Not checked', Object.keys(FINDING_KINDS)],
  ['cannot check', '## Not checked', undefined, Object.keys(NOT_CHECKED)],
])('the page on findings explains all of what `verify` %s, and nothing else', async (_, from, to, codes) => {
  const page = await read('docs/verify-findings.md');
  const section = page.slice(page.indexOf(`${from}\n`), to === undefined ? undefined : page.indexOf(`\n${to}\n`));
  const firstCells = section.match(/^\| `.*?\|/gm) ?? [];
  expect(new Set(namesOf(firstCells.join('\n'), /(?<=`)[a-z-]+(?=`)/g))).toEqual(new Set(codes));
});

test('the index of decisions has all of them', async () => {
  const index = await read('docs/adr/README.md');
  for (const name of (await readdir(join(ROOT, 'docs/adr'))).filter((file) => /^\d/.test(file))) {
    const [, number, title] = /^# (\d+)\. (.*)/.exec(await read(`docs/adr/${name}`)) ?? [];
    expect(index).toContain(`| ${number} | [${title}](${name}) |`);
  }
});

const FILES = globSync('**/*.{md,ts,py}', {
  cwd: ROOT,
  exclude: (path) => /(^|\/)(node_modules|dist|coverage|data)$/.test(path),
});
/** The CHANGELOG also names files that no longer exist. */
const PAGES = FILES.filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md');
const SOURCES = FILES.filter((file) => /^(src|packages\/[^/]+\/src)\/.*\.ts$/.test(file));

/** A path from the root; it may have wildcards, and end before `.ts` or the title of a decision (`docs/adr/0010`). */
const PATH = /(?<![\w./-])(?:bench|ci|demo|docs|helm|packages|src|test)\/[\w.*/-]*[\w*]/g;
const COMMENT = /^\s*(?:\/\/|\/?\*).*$|\s\/\/ .*$|\/\*\*.*?\*\//gm;

async function readAll(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(read))).join('\n');
}

function namesOf(text: string, pattern: RegExp): string[] {
  return [...new Set(text.match(pattern))];
}

function exists(path: string): boolean {
  return existsSync(join(ROOT, path)) || globSync([path, `${path}.*`, `${path}-*`], { cwd: ROOT }).length > 0;
}

test('a comment cites only clauses of the policy that its page has, and pages that exist', async () => {
  const clauses = new Set([...(await read('docs/policy.md')).matchAll(/\d+\.\d+/g)].map(([clause]) => clause));
  const unknown: string[] = [];
  let cited = 0;
  for (const file of SOURCES) {
    const comments = ((await read(file)).match(COMMENT) ?? []).join('\n');
    for (const [, list = ''] of comments.matchAll(/policy ((?:\d+\.\d+(?:, | and )?)+)/g)) {
      for (const clause of list.match(/\d+\.\d+/g) ?? []) {
        cited += 1;
        if (!clauses.has(clause)) unknown.push(`${file}: policy ${clause}`);
      }
    }
    const pages = comments.match(/(?<![\w/.-])[\w-]+\.md\b/g) ?? [];
    unknown.push(...pages.filter((page) => !PAGES.includes(page)).map((page) => `${file}: ${page}`));
  }
  expect(unknown).toEqual([]);
  expect(cited).toBeGreaterThan(10);
});

test('every path that a page or a comment names exists', async () => {
  const missing: string[] = [];
  let paths = 0;
  for (const file of [...PAGES, ...SOURCES]) {
    const text = await read(file);
    const prose = file.endsWith('.md') ? text : (text.match(COMMENT) ?? []).join('\n');
    // What is built is there only after a build.
    const named = namesOf(prose, PATH).filter((path) => !path.includes('/dist/'));
    paths += named.length;
    missing.push(...named.filter((path) => !exists(path)).map((path) => `${file}: ${path}`));
  }
  expect(missing).toEqual([]);
  expect(paths).toBeGreaterThan(150);
});

test('every file, function, type and test that a page for developers names exists', async () => {
  const pages = PAGES.filter((page) => /^(ARCHITECTURE|CONTRIBUTING|SECURITY|docs\/adr\/.*)\.md$/.test(page));
  const quoted = namesOf(await readAll(pages), /(?<=`)[^`\n]+(?=`)/g);
  const code = await readAll(FILES.filter((file) => /\.(ts|py)$/.test(file) && !file.startsWith('test/docs/')));
  const words = new Set(code.match(/\w+/g));
  const files = quoted.filter((name) => /^[\w-]+(\/[\w-]+)*\.ts$/.test(name) && !exists(name));
  expect(files.filter((name) => !FILES.some((file) => file.endsWith(`/${name}`)))).toEqual([]);
  // `aFunction`, `AType`, `AType.member`
  const identifiers = quoted.filter((name) => /^#?[A-Za-z]*[a-z][A-Z]\w*(\.\w+)?$|^[A-Z][a-z]+(\.\w+)?$/.test(name));
  const isKnown = (name: string) => exists(name) || name.split('.').every((word) => words.has(word.replace('#', '')));
  expect(identifiers.filter((name) => !isKnown(name))).toEqual([]);
  expect(identifiers.length).toBeGreaterThan(50);
});

test('every link within the project leads somewhere', async () => {
  const broken: string[] = [];
  let links = 0;
  for (const page of PAGES) {
    for (const [, target = ''] of (await read(page)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      links += 1;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      const leads = existsSync(join(ROOT, file)) && (anchor === undefined || (await anchorsOf(file)).includes(anchor));
      if (!leads) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
  expect(links).toBeGreaterThan(50);
});

/** As the usual renderers make them of headings. */
async function anchorsOf(file: string): Promise<string[]> {
  const headings = [...(await read(file)).toLowerCase().matchAll(/^#+ (.*)$/gm)];
  return headings.map(([, text = '']) => text.replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
}
