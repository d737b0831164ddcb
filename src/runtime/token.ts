// `token`: makes a JWT for trials, signed with the shared secret.
import { type JWTPayload, SignJWT } from 'jose';
import { type Env, readSettings, type Settings, SettingsError } from '../config.ts';
import { SCOPES } from '../http/auth.ts';
import { MAX_TOKEN_LIFE_MS } from '../http/token-form.ts';
import { parseDuration } from '../model/durations.ts';
import { isId } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { readOrCreateSecret } from './secret-file.ts';

export async function signToken(secret: string, claims: JWTPayload, ttlMs: number, nowMs: number): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(new Date(nowMs))
    .setExpirationTime(new Date(nowMs + ttlMs))
    .sign(Buffer.from(secret));
}

interface TokenClaims {
  readonly tenant: string;
  readonly scope: string;
  readonly sub: string;
  readonly exam?: string | undefined;
  readonly attempt?: string | undefined;
  readonly participant?: string | undefined;
}

export interface TokenFlags extends TokenClaims {
  readonly ttl: string;
  readonly json?: boolean | undefined;
}

/** Prints the token. @returns the exit code. @throws SettingsError */
export async function tokenCommand(flags: TokenFlags, env: Env): Promise<number> {
  const ttlMs = parseDuration(flags.ttl) ?? 0;
  const problems = problemsOf(flags);
  if (ttlMs === 0 || ttlMs > MAX_TOKEN_LIFE_MS) {
    problems.push('--ttl must be a duration such as 1h or 10m, of a year at most');
  }
  if (problems.length > 0) throw new SettingsError(problems.join('\n'));
  const settings = readSettings(env);
  const nowMs = Date.now();
  const token = await signToken(await secretOf(settings), claimsOf(flags, settings), ttlMs, nowMs);
  const document = { token, expiresAt: toIso(nowMs + ttlMs) };
  process.stdout.write(`${flags.json ? JSON.stringify(document) : token}\n`);
  return 0;
}

function problemsOf({ tenant, scope, exam, attempt, participant }: TokenClaims): string[] {
  const ids = Object.entries({ tenant, exam, attempt, participant });
  const problems = ids.flatMap(([name, id]) => (id === undefined || isId(id) ? [] : `--${name} is not a valid id`));
  const unknown = scope.split(' ').filter((word) => word !== '' && !Object.hasOwn(SCOPES, word));
  if (unknown.length > 0) {
    problems.push(`--scope: there is no ${unknown.join(', ')}; scopes are ${Object.keys(SCOPES).join(', ')}`);
  }
  if (attempt !== undefined && exam === undefined) problems.push('--attempt needs --exam');
  return problems;
}

/** The claims, under the names that the settings give. */
export function claimsOf(
  { sub, tenant, scope, exam, attempt, participant }: TokenClaims,
  { auth }: Settings,
): JWTPayload {
  return {
    sub,
    [auth.tenantClaim]: tenant,
    [auth.scopeClaim]: scope,
    ...(exam !== undefined && { exam }),
    ...(attempt !== undefined && { attempt }),
    ...(participant !== undefined && { participant }),
    ...(auth.issuer !== undefined && { iss: auth.issuer }),
    ...(auth.audience !== undefined && { aud: auth.audience }),
  };
}

/** The secret that checks tokens, made and kept in the data folder where none is set. @throws SettingsError with JWKS */
export async function secretOf({ auth: { keys }, dataDir }: Settings): Promise<string> {
  if (keys.mode === 'jwks') {
    throw new SettingsError('AUTH_JWKS_URL: tokens come from its issuer; this command needs AUTH_SHARED_SECRET');
  }
  return keys.mode === 'shared-secret' ? keys.sharedSecret : readOrCreateSecret(dataDir);
}
