// No page tells anybody to install what does not exist: until the first release everything is built from a clone. Whoever
// registers a name that the pages give would run on the machines of those who follow them.
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';

const ROOT = new URL('../..', import.meta.url).pathname;
const PAGES = globSync(['*.md', 'docs/**/*.md', 'helm/**/*.md', 'packages/*/README.md', 'helm/templates/NOTES.txt'], {
  cwd: ROOT,
});
const FROM_A_REGISTRY = [
  /\b(?:npm|pnpm|yarn|bun) +(?:install|i|add)(?: +-\S+)* +@?proctoring-recordings\b(?!\S*\.tgz)/,
  /\b(?:npx|npm exec|pnpm dlx|bunx)(?: +-\S+)* +\S*proctoring-recordings/,
  /\b(?:npx|npm exec) +receipt-verifier/,
  /\bdocker +(?:pull|run)\b[^\n]*\/proctoring-recordings/,
  /\bhelm +(?:install|upgrade|pull|repo add)\b[^\n]*oci:\/\//,
];

test.each([
  'npm install @proctoring-recordings/sdk',
  'npm i --save-dev proctoring-recordings',
  'npx @proctoring-recordings/receipt-verifier check proof.json',
  'npx receipt-verifier check proof.json',
  'docker pull registry.example/proctoring-recordings',
  'helm upgrade --install recordings oci://registry.example/charts/proctoring-recordings',
])('"%s" would be found', (line) => {
  expect(FROM_A_REGISTRY.some((pattern) => pattern.test(line))).toBe(true);
});

test.each([
  'npm install ../recordings/proctoring-recordings-sdk-0.2.0.tgz',
  'npm pack -w @proctoring-recordings/sdk',
  'helm upgrade --install proctoring-recordings helm --namespace exams',
  'docker run --read-only proctoring-recordings',
])('"%s" may be there', (line) => {
  expect(FROM_A_REGISTRY.some((pattern) => pattern.test(line))).toBe(false);
});

test('no page installs a package, an image or a chart from a registry', async () => {
  const found: string[] = [];
  for (const page of PAGES) {
    const lines = (await readFile(`${ROOT}/${page}`, 'utf8')).split('\n');
    for (const line of lines) if (FROM_A_REGISTRY.some((pattern) => pattern.test(line))) found.push(`${page}: ${line}`);
  }
  expect(found).toEqual([]);
  expect(PAGES.length).toBeGreaterThan(20);
});
