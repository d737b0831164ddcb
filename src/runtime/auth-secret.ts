// The shared secret of a start without any set-up: made once, kept in the data folder, readable by its owner only.
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE_NAME = 'auth-secret';
const SECRET_BYTES = 32;
/** 32 bytes in base64url. */
const SECRET_PATTERN = /^[\w-]{43}$/;

/**
 * The secret of a data folder; made when there is none. Safe to call twice, and from two processes at once: both get
 * the one that came first.
 * @throws Error when the file holds something else, or cannot be read or written
 */
export async function readOrCreateSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, FILE_NAME);
  return (await readSecret(path)) ?? (await createSecret(dataDir, path));
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(path, 'utf8')).trim();
    if (SECRET_PATTERN.test(secret)) return secret;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  throw new Error(`${path} does not hold a secret of this service; delete it to have another made`);
}

/** Written beside and then linked: whoever reads sees all of it, and a link never replaces the one that is there. */
async function createSecret(dataDir: string, path: string): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
  const secret = await readSecret(path);
  if (secret === undefined) throw new Error(`${path} was deleted while it was being made`);
  return secret;
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
