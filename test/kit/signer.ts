// Keys that tests sign with: one that is always the same, and a signer that never waits, for the simulator.
import { createHash, createPrivateKey, type KeyObject, sign, verify } from 'node:crypto';
import { checkpointText, fromBase64, toNote } from '@proctoring-recordings/receipt-verifier';
import type { JWK } from 'jose';
import { createSigner, SIGNED_TYPES, type Signer } from '../../src/bucket/signer.ts';
import { publicPart } from '../../src/runtime/signing-keys.ts';

/** A private key that is the same for the same name. */
export function privateJwk(name: string): JWK & { x: string; d: string } {
  const d = createHash('sha256').update(name).digest('base64url');
  return { kty: 'OKP', crv: 'Ed25519', x: publicPart(d), d };
}

export const testSigner: Signer = await createSigner([privateJwk('test')]);

/**
 * Signs as `signer` does, at once: the simulator's order of events must not depend on how long another thread takes. Knows
 * one key.
 */
export function createSyncSigner(signer: Signer, jwk: JWK): Signer {
  const key: KeyObject = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
  const [own] = signer.keys.values();
  if (!own) throw new Error('the signer has no key');
  const encode = (text: string | Uint8Array) => Buffer.from(text).toString('base64url');
  return {
    ...signer,
    async sign(type, document) {
      const input = `${encode(JSON.stringify({ alg: 'EdDSA', kid: own.kid, typ: SIGNED_TYPES[type] }))}.${encode(document)}`;
      return `${input}.${encode(sign(null, Buffer.from(input), key))}`;
    },
    async open(type, jws) {
      const [header = '', payload = '', signature = ''] = jws.split('.');
      const isOfType = Buffer.from(header, 'base64url').toString().includes(`"${SIGNED_TYPES[type]}"`);
      const input = Buffer.from(`${header}.${payload}`);
      if (!isOfType || !verify(null, input, key, Buffer.from(signature, 'base64url'))) return 'forged';
      return Buffer.from(payload, 'base64url');
    },
    async openCheckpoint(note, origin) {
      const end = note.indexOf('\n\n') + 1;
      const [name = '', size = '', root = ''] = note.slice(0, end).split('\n');
      const signature = Buffer.from(note.slice(end).trim().split(' ').at(-1) ?? '', 'base64').subarray(4);
      if (name !== origin || !verify(null, Buffer.from(note.slice(0, end)), key, signature)) return 'forged';
      return { origin, size: Number(size), root: fromBase64(root) };
    },
    async signCheckpoint(checkpoint) {
      return toNote(checkpoint, own.bytes, sign(null, Buffer.from(checkpointText(checkpoint)), key));
    },
  };
}
