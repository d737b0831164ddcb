// Who calls: verifies the bearer token and turns its claims into a principal.
import { createHash, hash } from 'node:crypto';
import {
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { isId } from '../model/ids.ts';

export interface Principal {
  readonly tenant: string;
  /** The token's subject, made opaque. */
  readonly actor: string;
  readonly scopes: ReadonlySet<string>;
  /** The exam and the attempt that the token is bound to; undefined: not bound. */
  readonly exam: string | undefined;
  readonly attempt: string | undefined;
  /** The SHA-256 of the token, in hex. */
  readonly tokenHash: string;
}

/** @throws ServiceError `token-missing`, `token-invalid`, `token-expired` (401) or `auth-unavailable` (503) */
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

/** Tokens of the running exams: their principals take about 10 MB. */
const TOKENS_KEPT = 20_000;
/** How much longer a token may be accepted after its issuer withdrew the key; jose itself keeps keys for ten minutes. */
const TOKEN_KEPT_FOR_MS = MINUTE_MS;

export function createAuthenticator(options: AuthOptions): Authenticator {
  const verify = createVerifier(options);
  const principalFor = rememberVerified(async (token, tokenHash) => {
    const payload = await verify(token);
    return { principal: principalOf(payload, tokenHash, options), expiresAtMs: (payload.exp ?? 0) * SECOND_MS };
  }, options.now);
  return async (authorization) => {
    // A token anywhere else is ignored.
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new ServiceError('token-missing', 'Send an access token as "Authorization: Bearer <JWT>".');
    }
    if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw invalidToken('The token is longer than 8 KiB.');
    return principalFor(token);
  };
}

interface Verified<P> {
  readonly principal: P;
  /** The token's `exp`, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/**
 * Verifies a token once a minute, and always from its `exp` on: an exam client calls with the same one again and again. A
 * token is known by its hash, so that none stays in memory. What `verify` refuses is not remembered.
 * @throws what `verify` throws
 */
export function rememberVerified<P>(
  verify: (token: string, tokenHash: string) => Promise<Verified<P>>,
  now: () => number,
): (token: string) => Promise<P> {
  const known = new LRUCache<string, { readonly principal: P; readonly untilMs: number }>({ max: TOKENS_KEPT });
  return async (token) => {
    const tokenHash = hash('sha256', token);
    const verified = known.get(tokenHash);
    if (verified && now() < verified.untilMs) return verified.principal;
    const { principal, expiresAtMs } = await verify(token, tokenHash);
    known.set(tokenHash, { principal, untilMs: Math.min(expiresAtMs, now() + TOKEN_KEPT_FOR_MS) });
    return principal;
  };
}

function createVerifier(options: AuthOptions): (token: string) => Promise<JWTPayload> {
  const { keys, now } = options;
  const checks: JWTVerifyOptions = {
    requiredClaims: ['exp'],
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
    ...(options.audience === undefined ? {} : { audience: options.audience }),
  };
  const isRemote = 'jwksUrl' in keys;
  const algorithms = isRemote ? PUBLIC_KEY_ALGORITHMS : SHARED_SECRET_ALGORITHMS;
  const getKey = isRemote ? remoteKeys(keys.jwksUrl) : sharedKey(keys.sharedSecret);
  return async (token) => {
    try {
      return (await jwtVerify(token, getKey, { ...checks, algorithms, currentDate: new Date(now()) })).payload;
    } catch (error) {
      throw toRefusal(error);
    }
  };
}

/** Imported once: from its bytes jose would import a key for every token, a third of the time of a verification. */
function sharedKey(secret: string): JWTVerifyGetKey {
  const bytes = new TextEncoder().encode(secret);
  const key = crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  return () => key;
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
      throw new ServiceError(
        'auth-unavailable',
        'Tokens cannot be checked at the moment. Try again.',
        {},
        { cause: error },
      );
    }
  };
}

function toRefusal(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error instanceof errors.JWTExpired) {
    return new ServiceError('token-expired', 'The token has expired. Ask for a new one.', {}, { cause: error });
  }
  return error instanceof errors.JWTClaimValidationFailed
    ? invalidToken(`The token's claim "${error.claim}" is missing or not as expected.`, error)
    : invalidToken('The token could not be verified.', error);
}

function invalidToken(message: string, cause?: unknown): ServiceError {
  return new ServiceError('token-invalid', message, {}, { cause });
}

function principalOf(payload: JWTPayload, tokenHash: string, options: AuthOptions): Principal {
  const tenant = payload[options.tenantClaim];
  if (typeof tenant !== 'string' || !isId(tenant)) {
    throw invalidToken(`The token's claim "${options.tenantClaim}" is missing or not a valid id.`);
  }
  const exam = boundId(payload, 'exam');
  const attempt = boundId(payload, 'attempt');
  if (attempt !== undefined && exam === undefined) {
    throw invalidToken('The token is bound to an attempt, but not to its exam.');
  }
  const scopes = scopesOf(payload, options.scopeClaim);
  return { tenant, actor: actorOf(payload.sub), scopes, exam, attempt, tokenHash };
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
