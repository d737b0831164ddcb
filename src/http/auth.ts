// Verifies the bearer token, turns its claims into a principal, and checks what a principal may do.
import { hash } from 'node:crypto';
import {
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { id } from '../model/recording.ts';
import { createSetBackDetector } from '../model/set-back.ts';
import { startStopwatch } from '../model/stopwatch.ts';
import { invalidToken, readUnverified, signedPartOf } from './token-form.ts';

export const SCOPES = {
  'recordings:upload': 'Upload the recordings of an attempt',
  'recordings:review': 'See recordings and play them back',
  'assessments:write': 'Report that an attempt was assessed',
  'privacy:manage': 'Serve data subjects: see, export, erase, restrict',
} as const;
export type Scope = keyof typeof SCOPES;

export interface Principal {
  readonly tenant: string;
  /** The token's subject, made opaque. */
  readonly actor: string;
  readonly scopes: ReadonlySet<string>;
  /** The exam, the attempt and the participant that the token is bound to; undefined: not bound. */
  readonly exam: string | undefined;
  readonly attempt: string | undefined;
  readonly participant: string | undefined;
  /** Who calls, whatever the spelling of the token, and after its renewal too: what the rate limit counts. Opaque. */
  readonly id: string;
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

const JWKS_TIMEOUT_MS = 5_000;
/** After a failure the keys are not fetched again for this long, whatever the tokens: `Retry-After` of `auth-unavailable`. */
const JWKS_PAUSE_MS = 5 * SECOND_MS;
const PUBLIC_KEY_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const SHARED_SECRET_ALGORITHMS = ['HS256'];
/** No '@': a subject that is an e-mail address is not kept (policy 8.5). */
const OPAQUE_SUBJECT = /^[A-Za-z0-9][A-Za-z0-9_.:|-]{0,127}$/;
/** RFC 6750, 2.1: the scheme in any case, then a b64token. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Tokens of the running exams: their principals take about 10 MB. */
const TOKENS_KEPT = 20_000;
/**
 * An exam client calls with the same token again and again: it is verified once a minute, and always from its `exp` on.
 * After its issuer withdrew or replaced the key it may be accepted for that much longer than the key is kept.
 */
const TOKEN_KEPT_FOR_MS = MINUTE_MS;
/**
 * A key that the issuer withdrew, or replaced under the same id, is accepted for as long. Not shorter: while the issuer is down
 * nobody who was not verified in the last minute gets in after that.
 */
const KEYS_KEPT_FOR_MS = 5 * MINUTE_MS;

export function createAuthenticator(options: AuthOptions): Authenticator {
  const { now } = options;
  const verify = createVerifier(options);
  /**
   * By the hash of what is signed, so that the spellings of one token share an entry: of an ES256 signature anyone can make
   * a second one. Hashes, so that no token stays in memory. Refused tokens are not kept.
   */
  const verified = new LRUCache<string, Verified>({ max: TOKENS_KEPT });
  return async (authorization) => {
    // A token anywhere else is ignored.
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new ServiceError('token-missing', 'Send an access token as "Authorization: Bearer <JWT>".');
    }
    const tokenHash = hash('sha256', token);
    const signedHash = hash('sha256', signedPartOf(token));
    const known = verified.get(signedHash);
    // Another signature of the same text must be verified: it may be none.
    if (known?.tokenHash === tokenHash && isGood(known, now())) return known.principal;
    readUnverified(token, now());
    const payload = await verify(token);
    const principal = principalOf(payload, signedHash, options);
    const expiresMs = (payload.exp ?? 0) * SECOND_MS;
    verified.set(signedHash, { principal, tokenHash, expiresMs, elapsedMs: startStopwatch(now) });
    return principal;
  };
}

interface Verified {
  readonly principal: Principal;
  readonly tokenHash: string;
  readonly expiresMs: number;
  /** Since it was verified. */
  readonly elapsedMs: () => number;
}

function isGood({ expiresMs, elapsedMs }: Verified, nowMs: number): boolean {
  return nowMs < expiresMs && elapsedMs() < TOKEN_KEPT_FOR_MS;
}

function createVerifier({ keys, issuer, audience, now }: AuthOptions): (token: string) => Promise<JWTPayload> {
  const isRemote = 'jwksUrl' in keys;
  const getKey = isRemote ? remoteKeys(keys.jwksUrl, now) : sharedKey(keys.sharedSecret);
  const checks = {
    algorithms: isRemote ? PUBLIC_KEY_ALGORITHMS : SHARED_SECRET_ALGORITHMS,
    requiredClaims: ['exp'],
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
  return async (token) => {
    try {
      return (await jwtVerify(token, getKey, { ...checks, currentDate: new Date(now()) })).payload;
    } catch (error) {
      throw toRefusal(error);
    }
  };
}

/** Imported once: jose would import it for every token, which takes a third of the time of a verification. */
function sharedKey(secret: string): JWTVerifyGetKey {
  const bytes = new TextEncoder().encode(secret);
  const key = crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  return () => key;
}

/** A token that names no key of the issuer, or a type of key that jose does not know. */
const OF_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

/**
/**
 * jose keeps the keys and fetches them again for an unknown key id, at most every half minute: by the wall clock, so that one
 * that was set back would keep withdrawn keys, and new ones out, for as long as it was set back. After a failure it would
 * fetch them for every token. Keys that it has are used all the same.
 */
function remoteKeys(url: URL, now: () => number): JWTVerifyGetKey {
  let failedAtMs = Number.NEGATIVE_INFINITY;
  /** A clock that was set back does not lengthen it. */
  const isPaused = () => Math.abs(now() - failedAtMs) < JWKS_PAUSE_MS;
  const fetchKeys: FetchImplementation = async (...request) => {
    if (isPaused()) throw new Error('the keys could not be fetched a moment ago');
    return fetch(...request);
  };
  const options = { timeoutDuration: JWKS_TIMEOUT_MS, cacheMaxAge: KEYS_KEPT_FOR_MS, [customFetch]: fetchKeys };
  const fetchAnew = () => createRemoteJWKSet(url, options);
  const wasSetBack = createSetBackDetector(now);
  let getKey = fetchAnew();
  return async (header, token) => {
    if (wasSetBack()) getKey = fetchAnew();
    try {
      return await getKey(header, token);
    } catch (error) {
      if (OF_TOKEN.some((kind) => error instanceof kind)) throw error;
      if (!isPaused()) failedAtMs = now();
      const message = 'Tokens cannot be checked at the moment. Try again.';
      throw new ServiceError('auth-unavailable', message, {}, { cause: error });
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

/** The claims of a principal, under the names that the settings give. */
const CLAIMS = z
  .object({
    tenant: id,
    // An invalid id must not be read as "not bound": that would widen the rights of the token.
    exam: id.optional(),
    attempt: id.optional(),
    participant: id.optional(),
    scopes: z.union([z.string().transform((text) => text.split(' ')), z.array(z.string())]).default([]),
  })
  .refine(({ exam, attempt }) => attempt === undefined || exam !== undefined, {
    path: ['exam'],
    message: 'Must be there where "attempt" is',
  });

function principalOf(payload: JWTPayload, signedHash: string, { tenantClaim, scopeClaim }: AuthOptions): Principal {
  const { [tenantClaim]: tenant, [scopeClaim]: scopes, exam, attempt, participant } = payload;
  const claims = CLAIMS.safeParse({ tenant, exam, attempt, participant, scopes });
  if (!claims.success) {
    const [mistake] = claims.error.issues;
    const name = mistake?.path[0];
    const claim = name === 'tenant' ? tenantClaim : name === 'scopes' ? scopeClaim : String(name);
    throw invalidToken(`The token's claim "${claim}" is not as expected: ${mistake?.message}.`);
  }
  const { data } = claims;
  const subject = subjectOf(payload);
  return {
    tenant: data.tenant,
    actor: actorOf(subject),
    scopes: new Set(data.scopes.filter((scope) => scope !== '')),
    exam: data.exam,
    attempt: data.attempt,
    participant: data.participant,
    id: idOf(payload.iss, subject, data, signedHash),
  };
}

/** Some issuers write the number of a user as a number. */
function subjectOf({ sub }: { readonly sub?: unknown }): string | undefined {
  if (typeof sub === 'number') return String(sub);
  return typeof sub === 'string' && sub !== '' ? sub : undefined;
}

/**
 * A platform may be the one subject of the tokens of all its candidates, so what a token is bound to counts too. Without
 * a subject, an attempt and a participant, nothing shows which tokens belong together, so each signed token is a caller.
 */
function idOf(
  issuer: string | undefined,
  subject: string | undefined,
  { tenant, exam, attempt, participant }: z.infer<typeof CLAIMS>,
  signedHash: string,
): string {
  if (subject === undefined && attempt === undefined && participant === undefined) return `token:${signedHash}`;
  return `subject:${hash('sha256', JSON.stringify([issuer, tenant, subject, exam, attempt, participant]))}`;
}

function actorOf(subject: string | undefined): string {
  if (subject === undefined) return 'unknown';
  return OPAQUE_SUBJECT.test(subject) ? subject : `sha256:${hash('sha256', subject).slice(0, 16)}`;
}

/** Any one of the scopes is enough. @throws ServiceError `scope-missing` */
export function requireScope(principal: Principal, scopes: readonly Scope[]): void {
  if (scopes.some((scope) => principal.scopes.has(scope))) return;
  throw new ServiceError('scope-missing', `This call needs the scope ${scopes.join(' or ')}.`, { scopes });
}

/** A bound token reaches its own attempt and nothing wider. @throws ServiceError `wrong-attempt` */
export function requireAttempt(principal: Principal, { exam, attempt }: Readonly<Record<string, unknown>>): void {
  const isOwnExam = principal.exam === undefined || principal.exam === exam;
  const isOwnAttempt = principal.attempt === undefined || principal.attempt === attempt;
  if (isOwnExam && isOwnAttempt) return;
  throw new ServiceError('wrong-attempt', 'The token is bound to another exam or attempt than the path names.');
}

/** A token that is bound to a participant reaches that one and no other. @throws ServiceError `wrong-participant` */
export function requireParticipant(principal: Principal, participant: unknown): void {
  if (principal.participant === undefined || principal.participant === participant) return;
  throw new ServiceError('wrong-participant', 'The token is bound to another participant than the call is about.');
}
