// Signs access tokens for the recordings service with a key of your own, and publishes the public key that verifies them.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, type JWTPayload, SignJWT } from 'jose';

export type Signer = Awaited<ReturnType<typeof createSigner>>;

/** `pem`: a P-256 private key. `sign` takes a lifetime such as `15m`; serve `jwks` at the address in `AUTH_JWKS_URL`. */
export async function createSigner(issuer: string, audience: string, pem: string) {
  const privateKey = createPrivateKey(pem);
  const publicKey = await exportJWK(createPublicKey(privateKey));
  const kid = await calculateJwkThumbprint(publicKey);
  const jwks = { keys: [{ ...publicKey, kid, alg: 'ES256', use: 'sig' }] };
  const sign = (claims: JWTPayload, lifetime: string) => {
    const token = new SignJWT(claims).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime(lifetime);
    return token.setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  };
  return { jwks, sign };
}
