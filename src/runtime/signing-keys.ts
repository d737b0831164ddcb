// Keys that sign receipts: read from SIGNING_KEYS_FILE, a JWKS, and made.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { z } from 'zod';
import { readJsonFile, readTextFile } from './json-file.ts';

const base64url32 = z.string().regex(/^[\w-]{43}$/);
const key = z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: base64url32, d: base64url32.optional() });
const file = z.object({ keys: z.array(key).min(1).max(100) });
/** RFC 8410: a private key of Ed25519, without its 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The first key signs. @throws Error that says what is wrong, and shows nothing of the file */
export function readSigningKeysFile(path: string): readonly JWK[] {
  const { data } = file.safeParse(readJsonFile(path));
  if (!data) throw new Error('must be a JWKS of Ed25519 keys, {"keys":[{"kty":"OKP","crv":"Ed25519","x":…,"d":…}]}');
  const [own] = data.keys;
  if (!own?.d) throw new Error('its first key must be a private one, with "d": it signs');
  for (const { x, d } of data.keys) {
    if (d !== undefined && publicPart(d) !== x) throw new Error('the "x" of a key is not the public part of its "d"');
  }
  if (new Set(data.keys.map(({ x }) => x)).size < data.keys.length) throw new Error('names a key twice');
  return data.keys.map(({ kty, crv, x, d }) => ({ kty, crv, x, ...(d !== undefined && { d }) }));
}

/** The keys that a new key replaces: a JWKS, or the file `signing-key` of a DATA_DIR. @throws Error as `readSigningKeysFile` */
export function readReplacedKeys(path: string): readonly JWK[] {
  const content = readTextFile(path).trim();
  if (!base64url32.safeParse(content).success) return readSigningKeysFile(path);
  return [{ kty: 'OKP', crv: 'Ed25519', x: publicPart(content), d: content }];
}

/** A JWKS with a new key first; `old` keys keep their public part, so that what they signed can still be checked. */
export async function newSigningKeys(old: readonly JWK[]): Promise<{ keys: JWK[] }> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { x = '', d = '' } = privateKey.export({ format: 'jwk' });
  const publicKeys = old.map(({ x = '' }) => ({ kty: 'OKP', crv: 'Ed25519', x }));
  return { keys: await Promise.all([{ kty: 'OKP', crv: 'Ed25519', x, d }, ...publicKeys].map(named)) };
}

async function named(jwk: JWK): Promise<JWK> {
  return { ...jwk, kid: await calculateJwkThumbprint(jwk) };
}

/** Of a private key of 32 bytes in base64url. */
export function publicPart(d: string): string {
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(d, 'base64url')]);
  const { x = '' } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
  return x;
}
