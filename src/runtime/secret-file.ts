// Secrets that the service generates: each once, in a file of the data folder that only its owner can read.
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { inDataDir } from './start-errors.ts';

export const SECRET_FILES = ['auth-secret', 's3-service-key', 's3-upload-key', 'signing-key'] as const;

const SECRET_BYTES = 32;
/** 32 bytes in base64url. */
const SECRET_PATTERN = /^[\w-]{43}$/;

/**
 * The secret of a file in the data folder; made when there is none. Safe to call twice, and from two processes at once:
 * both get the first one.
 * @throws Error when the file holds something else, or cannot be read or written
 */
export async function readOrCreateSecret(
  dataDir: string,
  name: (typeof SECRET_FILES)[number] = 'auth-secret',
): Promise<string> {
  const path = join(dataDir, name);
  const secret = await inDataDir(dataDir, readOrCreate(dataDir, path));
  if (secret === undefined) throw new Error(`${path} was deleted while it was being made`);
  return secret;
}

async function readOrCreate(dataDir: string, path: string): Promise<string | undefined> {
  return (await readSecret(path)) ?? (await createSecret(dataDir, path));
}

async function readSecret(path: string): Promise<string | undefined> {
  const content = await readFile(path, 'utf8').catch(unlessCode('ENOENT'));
  if (content === undefined) return undefined;
  const secret = content.trim();
  if (SECRET_PATTERN.test(secret)) return secret;
  throw new Error(`${path} does not hold a secret of this service; delete it to have another made`);
}

/** A draft is written to the disk and then linked: a reader sees all of it, and link(2) never replaces another file. */
async function createSecret(dataDir: string, path: string): Promise<string | undefined> {
  await mkdir(dataDir, { recursive: true });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await using file = await open(draft, 'wx', 0o600);
    await file.writeFile(`${randomBytes(SECRET_BYTES).toString('base64url')}\n`);
    await file.sync();
    await link(draft, path).catch(unlessCode('EEXIST'));
  } finally {
    await unlink(draft).catch(unlessCode('ENOENT'));
  }
  return readSecret(path);
}

function unlessCode(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
  };
}
