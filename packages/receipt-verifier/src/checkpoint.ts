// A checkpoint: size and root of a log at one time, as a signed note (C2SP tlog-checkpoint, signed-note).
import { sha256 } from '@noble/hashes/sha2.js';
import type { Detail } from './details.ts';
import { type Bytes, fromBase64, toBase64, utf8 } from './encoding.ts';
import type { PublicKeys } from './keys.ts';
import { Refusal } from './refusal.ts';
import { HASH_BYTES } from './tree.ts';

export interface Checkpoint {
  /** Which log: `proctoring-recordings/{tenant}`. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

const ORIGIN = 'proctoring-recordings/';
const BODY = /^(?<origin>[^\n]+)\n(?<size>0|[1-9]\d{0,14})\n(?<root>[A-Za-z0-9+/]{43}=)\n$/;
const SIGNATURE = /^— (?<name>[^ ]+) (?<signature>[A-Za-z0-9+/]+=*)$/;
/** Of a signature type: Ed25519. */
const ED25519 = 1;
const KEY_HASH_BYTES = 4;
const SIGNATURE_BYTES = 64;
const LONGEST_NOTE = 16_384;

export function originOf(tenant: string): string {
  return ORIGIN + tenant;
}

/** The text that is signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** The signed note: `signature` is Ed25519 over `checkpointText`, by the key of these bytes. */
export function toNote(checkpoint: Checkpoint, publicKey: Uint8Array, signature: Uint8Array): string {
  const signed = toBase64(Uint8Array.of(...keyHash(checkpoint.origin, publicKey), ...signature));
  return `${checkpointText(checkpoint)}\n— ${checkpoint.origin} ${signed}\n`;
}

export type CheckpointProblem = 'malformed' | 'other-log' | 'not-signed' | 'unknown-key';

export class CheckpointError extends Refusal {
  override readonly name = 'CheckpointError';
  readonly code: CheckpointProblem;

  constructor(code: CheckpointProblem, detail: Detail) {
    super(detail);
    this.code = code;
  }
}

/**
 * The checkpoint of a note that one of the keys has signed for this log. Signatures of others, such as witnesses, may stand
 * beside it. @throws CheckpointError
 */
export async function openCheckpoint(note: string, origin: string, keys: PublicKeys): Promise<Checkpoint> {
  const { checkpoint, text, signatures } = readNote(note);
  if (checkpoint.origin !== origin) {
    throw new CheckpointError('other-log', ['otherLog', checkpoint.origin, origin]);
  }
  const own = signatures.filter(({ name }) => name === origin);
  const states = await Promise.all(own.map(({ signature }) => stateOf(utf8(text), origin, signature, keys)));
  if (states.includes('signed')) return checkpoint;
  if (states.includes('unknown-key')) throw new CheckpointError('unknown-key', ['noteOfUnknownKey']);
  throw new CheckpointError('not-signed', ['noteNotSigned']);
}

interface Note {
  readonly checkpoint: Checkpoint;
  /** What is signed. */
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly signature: string }[];
}

/** Parses a signed note. Its signatures are not verified. @throws CheckpointError */
export function readNote(note: string): Note {
  if (typeof note !== 'string' || note.length > LONGEST_NOTE) throw malformed(['noteTooLong']);
  const end = note.indexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) throw malformed(['noteWithoutSignature']);
  const text = note.slice(0, end + 1);
  const { groups } = BODY.exec(text) ?? {};
  if (!groups) throw malformed(['noteWithoutLines']);
  const checkpoint = { origin: groups.origin ?? '', size: Number(groups.size), root: rootFrom(groups.root ?? '') };
  const lines = note.slice(end + 2, -1).split('\n');
  return { checkpoint, text, signatures: lines.map(signatureFrom) };
}

function signatureFrom(line: string): Note['signatures'][number] {
  const { name = '', signature = '' } = SIGNATURE.exec(line)?.groups ?? {};
  if (name === '') throw malformed(['noteUnreadable']);
  return { name, signature };
}

/** `unknown-key`: the hash of its key is that of none in the set. */
async function stateOf(
  text: Bytes,
  origin: string,
  encoded: string,
  keys: PublicKeys,
): Promise<'signed' | 'forged' | 'unknown-key'> {
  let bytes: Bytes;
  try {
    bytes = fromBase64(encoded);
  } catch {
    return 'forged';
  }
  if (bytes.length !== KEY_HASH_BYTES + SIGNATURE_BYTES) return 'forged';
  const named = [...keys.values()].filter((one) => keyHash(origin, one.bytes).every((byte, at) => byte === bytes[at]));
  for (const { key } of named) {
    if (await crypto.subtle.verify('Ed25519', key, bytes.slice(KEY_HASH_BYTES), text)) return 'signed';
  }
  return named.length === 0 ? 'unknown-key' : 'forged';
}

function keyHash(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(Uint8Array.of(...utf8(`${name}\n`), ED25519, ...publicKey)).subarray(0, KEY_HASH_BYTES);
}

function rootFrom(text: string): Uint8Array {
  try {
    const root = fromBase64(text);
    if (root.length === HASH_BYTES) return root;
  } catch {
    // Told below.
  }
  throw malformed(['noteWithoutHash']);
}

function malformed(detail: Detail): CheckpointError {
  return new CheckpointError('malformed', detail);
}
