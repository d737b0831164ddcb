// The pages that lead to others, or explain words and codes: they have all, and nothing that does not exist.
import { globSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { OWN_NAMES, SETTING_NAMES } from '../../src/config.ts';
import { ERROR_CODES } from '../../src/model/errors.ts';
import { startApi } from '../http/api.ts';
import { blocksOf, paste, ROOT, read } from './blocks.ts';

const quotedIn = (text: string) => new Set(text.match(/(?<=`)[^`\n]+(?=`)/g));

test('the index of the documentation leads to every page', async () => {
  const index = await read('docs/README.md');
  const pages = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md') && name !== 'README.md');
  expect(pages.filter((name) => !index.includes(`](${name}`))).toEqual([]);
});

test('every term of the glossary is explained once, in the order of the alphabet', async () => {
  const terms = [...(await read('docs/glossary.md')).matchAll(/^\| ([^|]+) \|/gm)]
    .map(([, term = '']) => term)
    .slice(1);
  expect(terms.length).toBeGreaterThan(60);
  expect(terms).toEqual([...new Set(terms)].sort());
});

test('every name of the code that the glossary gives exists', async () => {
  const sources = globSync('{src,packages/*/src}/**/*.ts', { cwd: ROOT });
  const code = (await Promise.all(sources.map((file) => readFile(join(ROOT, file), 'utf8')))).join('\n');
  const words = new Set(code.match(/[\w-]+/g));
  const names = [...quotedIn(await read('docs/glossary.md'))].filter((name) => /^[\w.()-]+$/.test(name));
  expect(names.length).toBeGreaterThan(70);
  const isKnown = (name: string) => name.match(/[\w-]+/g)?.every((word) => words.has(word));
  expect(names.filter((name) => !isKnown(name))).toEqual([]);
});

test('every code and every setting that the page on troubleshooting names exists', async () => {
  const quoted = [...quotedIn(await read('docs/troubleshooting.md'))];
  const settings = quoted.filter((name) => OWN_NAMES.test(name) || /^[A-Z]+(_[A-Z]+)+$/.test(name));
  expect(settings.filter((name) => !(SETTING_NAMES as readonly string[]).includes(name))).toEqual([]);
  const rows = [...(await read('docs/troubleshooting.md')).matchAll(/^\| ([^|]*) \|/gm)].map(([, cell = '']) => cell);
  const codes = rows.flatMap((cell) => cell.match(/(?<=`)[a-z]+(-[a-z]+)+(?=`)/g) ?? []);
  expect(codes.length).toBeGreaterThan(20);
  expect(codes.filter((code) => !(ERROR_CODES as readonly string[]).includes(code))).toEqual([]);
});

test('the command for troubleshooting shows the problem', async () => {
  const { url } = await startApi();
  const printed = await paste(await blocksOf('docs/troubleshooting.md', 'sh run'), { ...process.env, API: url });
  expect(printed).toContain('"code":"token-invalid"');
  expect(printed).toContain('curl failed: 22');
});
