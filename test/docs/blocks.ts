// The code blocks of a page, and a shell to paste them into.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = new URL('../..', import.meta.url).pathname;

/** A file, by its path from the root. */
export const read = (path: string) => readFile(join(ROOT, path), 'utf8');

/** Those of a language, or of a language with a flag: `sh run`. */
export async function blocksOf(page: string, language: string): Promise<string[]> {
  const text = await read(page);
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block = '']) => block,
  );
}

/** What a program printed. @throws when it fails */
export async function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd = ROOT): Promise<string> {
  return (await promisify(execFile)(file, args, { cwd, env })).stdout;
}

/** Pastes every block into one shell, in order. */
export function paste(script: readonly string[], env: NodeJS.ProcessEnv, cwd?: string): Promise<string> {
  return run('bash', ['--norc', '-euo', 'pipefail', '-c', script.join('\necho\n')], env, cwd);
}
