// Who calls: verifies the bearer token and turns its claims into a principal.
import { createHash } from 'node:crypto';
import {
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { SECOND_MS } from '../model/durations.ts';
import { isId } from '../model/ids.ts';
import { HttpError } from './problem-codes.ts';
import { rememberVerified } from './verified-tokens.ts';

export interface Principal {
  readonly tenant: string;
  /** The token's subject, made opaque. */
  readonly actor: string;
  readonly scopes: ReadonlySet<string>;
  /** The exam and the attempt that the token is bound to; undefined: not bound. */
  readonly exam: string | undefined;
  readonly attempt: string | undefined;
}

/** @throws HttpError `token-missing`, `token-invalid`, `token-expired` (401) or `auth-unavailable` (503) */
export type Authenticator = (authorization: string | undefined) => Promise<Principal>;

export interface AuthOptions {
  /** One family of algorithms, never both: a public key must not be taken for a shared secret (RFC 8725, 3.1). */
  readonly keys: { readonly jwksUrl: URL } | { readonly sharedSecret: string };
  /** Checked where set. */
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly tenantClaim: string;
  readonly scopeClaim: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const MAX_TOKEN_BYTES = 8 * 1024;
const JWKS_TIMEOUT_MS = 5_000;
const PUBLIC_KEY_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const SHARED_SECRET_ALGORITHMS = ['HS256'];
/** No '@': a subject that is an e-mail address is not kept (policy 8.5). */
const OPAQUE_SUBJECT = /^[A-Za-z0-9][A-Za-z0-9_.:|-]{0,127}$/;
/** RFC 6750, 2.1: the scheme in any case, then a b64token. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const CHALLENGE = 'Bearer realm="proctoring-recordings"';

export function createAuthenticator(options: AuthOptions): Authenticator {
  const verify = createVerifier(options);
  const principalFor = rememberVerified(async (token) => {
    const payload = await verify(token);
    return { principal: principalOf(payload, options), expiresAtMs: (payload.exp ?? 0) * SECOND_MS };
  }, options.now);
  return async (authorization) => {
    const token = bearerTokenOf(authorization);
    if (token === undefined) {
      throw new HttpError('token-missing', 'Send an access token as "Authorization: Bearer <JWT>".', {
        headers: { 'WWW-Authenticate': CHALLENGE },
      });
    }
    if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw invalidToken('The token is longer than 8 KiB.');
    return principalFor(token);
  };
}

/** The token of an Authorization header; a token anywhere else is never looked at. */
export function bearerTokenOf(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}

function createVerifier(options: AuthOptions): (token: string) => Promise<JWTPayload> {
  const { keys, now } = options;
  const checks: JWTVerifyOptions = {
    requiredClaims: ['exp'],
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
    ...(options.audience === undefined ? {} : { audience: options.audience }),
  };
  if ('jwksUrl' in keys) {
    const getKey = remoteKeys(keys.jwksUrl);
    const algorithms = PUBLIC_KEY_ALGORITHMS;
    return (token) =>
      translated(
        async () => (await jwtVerify(token, getKey, { ...checks, algorithms, currentDate: new Date(now()) })).payload,
      );
  }
  const secret = importSecret(keys.sharedSecret);
  const algorithms = SHARED_SECRET_ALGORITHMS;
  return (token) =>
    translated(
      async () =>
        (await jwtVerify(token, await secret, { ...checks, algorithms, currentDate: new Date(now()) })).payload,
    );
}

/** Once: of its bytes jose would make a key for every token, which takes a third of the time of a verification. */
function importSecret(secret: string): ReturnType<typeof crypto.subtle.importKey> {
  const bytes = new TextEncoder().encode(secret);
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

/** jose keeps the keys and fetches them again for an unknown key id, at most every half minute. */
function remoteKeys(url: URL): JWTVerifyGetKey {
  const getKey = createRemoteJWKSet(url, { timeoutDuration: JWKS_TIMEOUT_MS });
  return async (header, token) => {
    try {
      return await getKey(header, token);
    } catch (error) {
      const isOfToken =
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys ||
        error instanceof errors.JOSENotSupported;
      if (isOfToken) throw error;
      throw new HttpError('auth-unavailable', 'Tokens cannot be checked at the moment. Try again.', { cause: error });
    }
  };
}

async function translated<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch (error) {
    if (error instanceof HttpError) throw error;
    if (error instanceof errors.JWTExpired) {
      throw new HttpError('token-expired', 'The token has expired. Ask for a new one.', {
        headers: { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token", error_description="expired"` },
        cause: error,
      });
    }
    if (error instanceof errors.JWTClaimValidationFailed) {
      throw invalidToken(`The token's claim "${error.claim}" is missing or not as expected.`, error);
    }
    throw invalidToken('The token could not be verified.', error);
  }
}

function invalidToken(message: string, cause?: unknown): HttpError {
  return new HttpError('token-invalid', message, {
    headers: { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` },
    cause,
  });
}

function principalOf(payload: JWTPayload, options: AuthOptions): Principal {
  const tenant = payload[options.tenantClaim];
  if (typeof tenant !== 'string' || !isId(tenant)) {
    throw invalidToken(`The token's claim "${options.tenantClaim}" is missing or not a valid id.`);
  }
  const exam = boundId(payload, 'exam');
  const attempt = boundId(payload, 'attempt');
  if (attempt !== undefined && exam === undefined) {
    throw invalidToken('The token is bound to an attempt, but not to its exam.');
  }
  return { tenant, actor: actorOf(payload.sub), scopes: scopesOf(payload, options.scopeClaim), exam, attempt };
}

function boundId(payload: JWTPayload, claim: 'exam' | 'attempt'): string | undefined {
  const value = payload[claim];
  if (value === undefined) return undefined;
  // Anything else must not be read as "not bound": that would widen the token.
  if (typeof value !== 'string' || !isId(value)) throw invalidToken(`The token's claim "${claim}" is not a valid id.`);
  return value;
}

function scopesOf(payload: JWTPayload, claim: string): Set<string> {
  const value = payload[claim];
  if (value === undefined) return new Set();
  const words: unknown[] | undefined =
    typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : undefined;
  if (!words?.every((word) => typeof word === 'string')) {
    throw invalidToken(`The token's claim "${claim}" is not a list of scopes.`);
  }
  return new Set(words.filter((word) => word !== ''));
}

function actorOf(subject: unknown): string {
  if (typeof subject !== 'string' || subject === '') return 'unknown';
  if (OPAQUE_SUBJECT.test(subject)) return subject;
  return `sha256:${createHash('sha256').update(subject).digest('hex').slice(0, 16)}`;
}
