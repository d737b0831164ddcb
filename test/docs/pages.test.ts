// What the pages list is what there is: settings, exports, tests, decisions, and where their links lead.
import { existsSync } from 'node:fs';
import { glob, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { SETTING_NAMES } from '../../src/commands/setting-names.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

function read(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8');
}

test('every setting is explained, once, and none that there is not', async () => {
  const rows = (await read('docs/settings.md')).split('\n').filter((line) => line.startsWith('| `'));
  const documented = rows.flatMap((row) => row.split(' | ')[0]?.match(/[A-Z][A-Z0-9_]+/g) ?? []);
  expect(documented.sort()).toEqual([...SETTING_NAMES].sort());
});

test.each([
  ['src/sdk/index.ts', 'docs/sdk.md'],
  ['src/client/index.ts', 'docs/exam-client.md'],
])('what %s exports is explained in %s', async (index, page) => {
  const text = await read(page);
  const own = [...(await read(index)).matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, names = '']) =>
    names.split(','),
  );
  const all = index.includes('sdk')
    ? [...(await read('src/sdk/types.ts')).matchAll(/^export (?:type|interface) (\w+)/gm)]
    : [];
  const names = [...own.map((name) => name.replace('type ', '').trim()), ...all.map(([, name = '']) => name)];
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
});

test('the security page names tests that there are', async () => {
  const named = [...(await read('SECURITY.md')).matchAll(/`((?:test|docs|src)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('the index of decisions has all of them', async () => {
  const index = await read('docs/adr/README.md');
  for (const name of (await readdir(join(ROOT, 'docs/adr'))).filter((file) => /^\d/.test(file))) {
    const [, number, title] = /^# (\d+)\. (.*)/.exec(await read(`docs/adr/${name}`)) ?? [];
    expect(index).toContain(`| ${number} | [${title}](${name}) |`);
  }
});

test('every link within the project leads somewhere', async () => {
  const broken: string[] = [];
  let links = 0;
  for await (const page of glob(['*.md', 'docs/*.md', 'docs/adr/*.md'], { cwd: ROOT })) {
    for (const [, target = ''] of (await read(page)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      links += 1;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, file))) broken.push(`${page}: ${target}`);
      else if (anchor !== undefined && !(await anchorsOf(file)).has(anchor)) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
  expect(links).toBeGreaterThan(50);
});

/** As the usual renderers make them of headings. */
async function anchorsOf(file: string): Promise<Set<string>> {
  const headings = [...(await read(file)).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase());
  return new Set(headings.map((heading) => heading.replace(/[^\w\- ]/g, '').replaceAll(' ', '-')));
}
