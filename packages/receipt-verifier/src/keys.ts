// The public keys that receipts and checkpoints are checked with: a JWKS of Ed25519 keys (RFC 7517, RFC 8037).
import { type CryptoKey, calculateJwkThumbprint, importJWK, type JSONWebKeySet, type JWK } from 'jose';
import { fromBase64Url } from './encoding.ts';

export interface PublicKey {
  /** Its RFC 7638 thumbprint, whatever the set calls it. */
  readonly kid: string;
  readonly bytes: Uint8Array;
  readonly key: CryptoKey;
}

export type PublicKeys = ReadonlyMap<string, PublicKey>;

/** Keys of other kinds are left out. @throws TypeError when no key of the set can be used */
export async function readPublicKeys({ keys }: JSONWebKeySet): Promise<PublicKeys> {
  const usable = keys.filter(({ kty, crv, x }) => kty === 'OKP' && crv === 'Ed25519' && typeof x === 'string');
  if (usable.length === 0) throw new TypeError('the set has no Ed25519 key');
  const read = await Promise.all(usable.map(readPublicKey));
  return new Map(read.map((key) => [key.kid, key]));
}

async function readPublicKey({ x = '' }: JWK): Promise<PublicKey> {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x };
  const key = (await importJWK(jwk, 'EdDSA')) as CryptoKey;
  return { kid: await calculateJwkThumbprint(jwk), bytes: fromBase64Url(x), key };
}
