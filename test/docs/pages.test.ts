// What the pages list is what there is: settings, exports, tests, decisions, and where their links lead.
import { existsSync } from 'node:fs';
import { glob, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { CAPABILITIES, type Capability } from '../../src/objectstore/needs.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

const read = (path: string) => readFile(join(ROOT, path), 'utf8');

const NAMES = /export (?:type )?\{([^}]*)\}|^export (?:type|interface) (\w+)/gm;
test.each([
  ['docs/sdk.md', ['packages/sdk/src/index.ts', 'packages/sdk/src/types.ts']],
  ['docs/exam-client.md', ['packages/exam-client/src/index.ts']],
])('%s explains what %j export', async (page, modules) => {
  const [text = '', ...sources] = await Promise.all([page, ...modules].map(read));
  const exported = [...sources.join('\n').matchAll(NAMES)].flatMap(([, list, name = '']) => list?.split(',') ?? name);
  const names = exported.map((name) => name.replace('type ', '').trim());
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
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

test('the index of decisions has all of them', async () => {
  const index = await read('docs/adr/README.md');
  for (const name of (await readdir(join(ROOT, 'docs/adr'))).filter((file) => /^\d/.test(file))) {
    const [, number, title] = /^# (\d+)\. (.*)/.exec(await read(`docs/adr/${name}`)) ?? [];
    expect(index).toContain(`| ${number} | [${title}](${name}) |`);
  }
});

test('every link within the project leads somewhere, and the security page names only files that exist', async () => {
  const security = [...(await read('SECURITY.md')).matchAll(/`((?:test|docs|src)\/[^`]+)`/g)];
  expect(security.length).toBeGreaterThan(10);
  expect(security.filter(([, path = '']) => !existsSync(join(ROOT, path)))).toEqual([]);
  const broken: string[] = [];
  let links = 0;
  for await (const page of glob(['*.md', 'docs/*.md', 'docs/adr/*.md'], { cwd: ROOT })) {
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
