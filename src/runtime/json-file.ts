// Reads a file of JSON that a setting or a flag names, and says what is wrong with it: nothing of its content is shown.
import { readFileSync } from 'node:fs';

/** A secret that was pasted in place of a path: a document, a key of 32 bytes, or the secret of a webhook. */
const NO_PATH = /^[{["']|^[\w-]{43}=?$|^whsec_/;
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a folder',
};

/** @throws Error whose message completes "NAME: …", and calls the file `name` */
export function readTextFile(path: string, name = shown(path)): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new Error(`${name} ${REASONS[code] ?? `cannot be read (${code})`}`);
  }
}

/** @throws Error whose message completes "NAME: …" */
export function readJsonFile(path: string): unknown {
  const text = readTextFile(path);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${shown(path)} is not JSON`);
  }
}

function shown(path: string): string {
  return NO_PATH.test(path) ? 'the file (whose name looks like a secret, and is not shown)' : path;
}
