// The key that signs receipts, submissions to the log and checkpoints: Ed25519, as JWS (RFC 7515) and as signed notes.
import {
  type Checkpoint,
  CheckpointError,
  checkpointText,
  openCheckpoint,
  type PublicKeys,
  RECEIPT_TYPE,
  readPublicKeys,
  toNote,
} from '@proctoring-recordings/receipt-verifier';
import {
  CompactSign,
  type CryptoKey,
  calculateJwkThumbprint,
  compactVerify,
  decodeProtectedHeader,
  importJWK,
  type JWK,
} from 'jose';

/** The `typ` of each kind of signed document, so that a signature of one kind is not accepted for another. */
export const SIGNED_TYPES = { receipt: RECEIPT_TYPE, submission: 'proctoring-log-submission+jws' } as const;
export type SignedType = keyof typeof SIGNED_TYPES;

export interface Signer {
  /** A compact JWS whose payload is the document. */
  sign(type: SignedType, document: Uint8Array): Promise<string>;
  /**
   * The signed document. `unknown-key`: this process does not have the key, which another one may. `forged`: no one with
   * the key has signed it.
   */
  open(type: SignedType, jws: string): Promise<Uint8Array | 'unknown-key' | 'forged'>;
  /** The signed note of a checkpoint. */
  signCheckpoint(checkpoint: Checkpoint): Promise<string>;
  /** What a note says of the log of that name; `unknown-key` and `forged` as of `open`. */
  openCheckpoint(note: string, origin: string): Promise<Checkpoint | 'unknown-key' | 'forged'>;
  /** This key and those it replaced, by their RFC 7638 thumbprints. */
  readonly keys: PublicKeys;
  /** The same, as a JWKS (RFC 7517). */
  readonly publicJwks: { readonly keys: readonly JWK[] };
}

const ALGORITHM = 'EdDSA';

/**
 * `keys`: a JWKS of Ed25519 keys. The first one is private, and signs; the others, with or without their private part, are
 * those that it replaced. @throws TypeError when the first key cannot sign
 */
export async function createSigner(keys: readonly JWK[]): Promise<Signer> {
  const [own] = keys;
  if (own?.kty !== 'OKP' || own.crv !== 'Ed25519' || !own.d || !own.x) throw new TypeError('the first key cannot sign');
  const { crv, d, x } = own;
  const key = (await importJWK({ kty: 'OKP', crv, d, x }, ALGORITHM)) as CryptoKey;
  const publicKeys = await readPublicKeys({ keys: [...keys] });
  const kid = await calculateJwkThumbprint({ kty: 'OKP', crv, x });
  const publicKey = publicKeys.get(kid);
  if (!publicKey) throw new TypeError('the first key cannot sign');
  return {
    keys: publicKeys,
    publicJwks: { keys: [...publicKeys.values()].map(toPublicJwk) },
    sign: (type, document) =>
      new CompactSign(document).setProtectedHeader({ alg: ALGORITHM, kid, typ: SIGNED_TYPES[type] }).sign(key),
    async open(type, jws) {
      try {
        const header = decodeProtectedHeader(jws);
        if (header.typ !== SIGNED_TYPES[type] || header.kid === undefined) return 'forged';
        const known = publicKeys.get(header.kid);
        if (!known) return 'unknown-key';
        return (await compactVerify(jws, known.key, { algorithms: [ALGORITHM] })).payload;
      } catch {
        return 'forged';
      }
    },
    async openCheckpoint(note, origin) {
      try {
        return await openCheckpoint(note, origin, publicKeys);
      } catch (error) {
        if (error instanceof CheckpointError) return error.code === 'unknown-key' ? 'unknown-key' : 'forged';
        throw error;
      }
    },
    async signCheckpoint(checkpoint) {
      const text = Buffer.from(checkpointText(checkpoint));
      return toNote(checkpoint, publicKey.bytes, new Uint8Array(await crypto.subtle.sign('Ed25519', key, text)));
    },
  };
}

function toPublicJwk({ kid, bytes }: { kid: string; bytes: Uint8Array }): JWK {
  return { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(bytes).toString('base64url'), kid, use: 'sig', alg: ALGORITHM };
}
