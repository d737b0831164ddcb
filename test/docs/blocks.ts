// The code blocks of a page, a shell to paste them into, and a compiler for those in TypeScript.
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterThisTest } from '../kit/cleanup.ts';

export const ROOT = new URL('../..', import.meta.url).pathname;

/** Every page that somebody reads, by its path from the root. CHANGELOG.md also names what no longer exists. */
export const PAGES: readonly string[] = globSync(['*.md', 'docs/**/*.md', '{bench,helm}/*.md', 'packages/*/*.md'], {
  cwd: ROOT,
  exclude: (path) => path === 'CHANGELOG.md',
}).sort();

/** A file, by its path from the root. */
export const read = (path: string) => readFile(join(ROOT, path), 'utf8');

/** Those of a language, or of a language with a flag: `sh run`. */
export async function blocksOf(page: string, language: string): Promise<string[]> {
  const text = await read(page);
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block = '']) => block,
  );
}

/** The command lines of a block, without the comments that end or fill them. */
export function linesOf(block: string): string[] {
  return block.split('\n').flatMap((line) => line.replace(/(^|\s+)#.*$/, '') || []);
}

/** What a program printed. @throws when it fails */
export async function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd = ROOT): Promise<string> {
  return (await promisify(execFile)(file, args, { cwd, env })).stdout;
}

/** Pastes every block into one shell, in order. */
export function paste(script: readonly string[], env: NodeJS.ProcessEnv, cwd?: string): Promise<string> {
  return run('bash', ['--norc', '-euo', 'pipefail', '-c', script.join('\necho\n')], env, cwd);
}

/** Compiles each example as a module of its own, within the project. @throws Error with what the compiler says */
export async function typeCheck(examples: readonly string[], config: object): Promise<void> {
  const place = await mkdtemp(join(ROOT, 'node_modules/.examples-'));
  afterThisTest(() => rm(place, { recursive: true, force: true }));
  await mkdir(join(place, 'src'));
  for (const [index, example] of examples.entries()) await writeFile(join(place, `src/${index}.ts`), example);
  await writeFile(join(place, 'tsconfig.json'), JSON.stringify({ include: ['src'], ...config }));
  const args = ['--noEmit', '-p', place];
  await run(join(ROOT, 'node_modules/.bin/tsc'), args, process.env).catch(({ stdout }) => {
    throw new Error(stdout);
  });
}
