// The public keys that receipts and checkpoints are checked with: a JWKS of Ed25519 keys (RFC 7517, RFC 8037).
import { type CryptoKey, calculateJwkThumbprint } from 'jose';
import { type Bytes, fromBase64Url } from './encoding.ts';

export interface PublicKey {
  /** Its RFC 7638 thumbprint, whatever the set calls it. */
  readonly kid: string;
  readonly bytes: Uint8Array;
  readonly key: CryptoKey;
}

export type PublicKeys = ReadonlyMap<string, PublicKey>;

const KEY_BYTES = 32;
const MOST_KEYS = 1_000;

/** Whether this browser or Node can check Ed25519 signatures at all. */
export async function hasEd25519(): Promise<boolean> {
  try {
    await crypto.subtle.importKey('raw', new Uint8Array(KEY_BYTES), 'Ed25519', false, ['verify']);
    return true;
  } catch {
    return false;
  }
}

/** The Ed25519 keys of a set; others are left out. @throws TypeError when there is none, or one is no key */
export async function readPublicKeys(set: unknown): Promise<PublicKeys> {
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined;
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) throw new TypeError('this is not a set of keys (JWKS)');
  const usable = keys.map(coordinateOf).filter((x) => x !== undefined);
  if (usable.length === 0) throw new TypeError('the set has no Ed25519 key');
  const read = await Promise.all(usable.map(readPublicKey));
  return new Map(read.map((key) => [key.kid, key]));
}

/** Of an Ed25519 key; undefined for others. */
function coordinateOf(jwk: unknown): string | undefined {
  const { kty, crv, x } = (jwk ?? {}) as Record<string, unknown>;
  return kty === 'OKP' && crv === 'Ed25519' && typeof x === 'string' ? x : undefined;
}

async function readPublicKey(x: string): Promise<PublicKey> {
  const bytes = keyBytesOf(x);
  const key = await crypto.subtle.importKey('raw', bytes, 'Ed25519', true, ['verify']);
  return { kid: await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x }), bytes, key };
}

function keyBytesOf(x: string): Bytes {
  try {
    const bytes = fromBase64Url(x);
    if (bytes.length === KEY_BYTES) return bytes;
  } catch {
    // Told below.
  }
  throw new TypeError('a key of the set cannot be read');
}
