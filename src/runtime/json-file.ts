// Reads a file of JSON that a setting or a flag names, and says what is wrong with it: nothing of its content is shown.
import { readFileSync, type Stats, statSync } from 'node:fs';

/** A secret that was pasted in place of a path: a document, a key of 32 bytes, or the secret of a webhook. */
const NO_PATH = /^[{["']|^[\w-]{43}=?$|^whsec_/;
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this user',
};

/** Far more than any such file has. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads UTF-8 text from a regular file, or a link to one. A pipe would block the start until somebody writes to it, and a
 * device may have no end.
 * @throws Error whose message completes "NAME: …", and calls the file `name`
 */
export function readTextFile(path: string, name = shown(path)): string {
  const content = readRegularFile(path, name);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    // Without `fatal`, different bytes would become the same replacement character.
    throw new Error(`${name} is not text in UTF-8`);
  }
}

function readRegularFile(path: string, name: string): Buffer {
  let found: Stats;
  try {
    found = statSync(path);
    if (found.isFile() && found.size <= MAX_BYTES) return readFileSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new Error(`${name} ${REASONS[code] ?? `cannot be read (${code})`}`);
  }
  if (found.isDirectory()) throw new Error(`${name} is a folder`);
  throw new Error(`${name} ${found.isFile() ? 'is larger than 1 MiB' : 'is not a regular file'}`);
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
