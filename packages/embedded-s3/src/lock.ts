// Keeps a second process (or a second start in this one) away from a data folder that is in use.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const FILE = 'lock.sqlite';
/** SQLite's result code for a database that another connection has locked. */
const SQLITE_BUSY = 5;

/**
 * Takes the lock of a folder and returns the function that releases it. The lock is that of an empty SQLite database:
 * the operating system releases it when its process ends, however it ends. The file stays: its removal could
 * remove the lock of another process.
 * @throws Error when it is held
 */
export function lockFolder(folder: string): () => void {
  const database = new DatabaseSync(join(folder, FILE));
  try {
    // A journal on a full disk could not be written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error;
    throw new Error(`The data folder ${folder} is in use already`);
  }
  return () => database.close();
}
