// The file with the whole proof of a tenant, and how it is read: it is JSON that anybody may have written.
import type { JSONWebKeySet } from 'jose';
import { listOfTexts, MalformedError, membersOf, textOrNull, time } from './shape.ts';

/** The file that `GET /v1/proof` and the command `proof` write. */
export interface ProofFile {
  readonly version: 1;
  readonly tenant: string;
  readonly exportedAt: string;
  /** The latest signed checkpoint; null where the log has no entry yet. */
  readonly checkpoint: string | null;
  /** Every entry of the log, in order. */
  readonly entries: readonly string[];
  /** Every signed receipt that is still kept. */
  readonly receipts: readonly string[];
  /** Receipts without a signature, by the id of their recording: written before the service had a key. */
  readonly unsigned: readonly string[];
  /** Receipts that cannot be read, by their key. */
  readonly unreadable: readonly string[];
  /** What the service says its keys are: worth something only where they agree with a copy of one's own. */
  readonly keys: JSONWebKeySet;
}

/** Of ids, as the service takes them. */
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** All of the file but its keys, which nothing in it can vouch for. @throws MalformedError */
export function readProofFile(value: unknown): Omit<ProofFile, 'version' | 'keys'> {
  const file = membersOf(value, ['fileNoObject']);
  if (file.version !== 1) throw new MalformedError(['otherVersion']);
  if (typeof file.tenant !== 'string' || !TENANT.test(file.tenant)) throw new MalformedError(['noTenant']);
  return {
    tenant: file.tenant,
    exportedAt: time(file.exportedAt, 'exportedAt'),
    checkpoint: textOrNull(file.checkpoint, 'checkpoint'),
    entries: listOfTexts(file.entries, 'entries'),
    receipts: listOfTexts(file.receipts, 'receipts'),
    unsigned: listOfTexts(file.unsigned, 'unsigned'),
    unreadable: listOfTexts(file.unreadable, 'unreadable'),
  };
}
