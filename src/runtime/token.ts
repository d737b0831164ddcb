// `token`: a JWT for trying things out, where a shared secret signs them.
import { parseArgs } from 'node:util';
import { type JWTPayload, SignJWT } from 'jose';
import { SCOPES } from '../http/access.ts';
import { parseDuration, SECOND_MS } from '../model/durations.ts';
import { isId } from '../model/ids.ts';
import { toIso } from '../model/times.ts';
import { readOrCreateSecret } from './auth-secret.ts';
import type { Env } from './environment.ts';
import { readSettings, type Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

/** Whole seconds: that is what a JWT can say. */
export async function signToken(secret: string, claims: JWTPayload, ttlMs: number, nowMs: number): Promise<string> {
  const issuedAtSeconds = Math.floor(nowMs / SECOND_MS);
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(issuedAtSeconds)
    .setExpirationTime(issuedAtSeconds + Math.floor(ttlMs / SECOND_MS))
    .sign(new TextEncoder().encode(secret));
}

/** Prints the token. @returns the exit code. @throws UsageError, SettingsError */
export async function tokenCommand(argv: string[], env: Env): Promise<number> {
  const options = readOptions(argv);
  const settings = readSettings(env);
  const nowMs = Date.now();
  const token = await signToken(await secretOf(settings), claimsOf(options, settings), options.ttlMs, nowMs);
  const document = { token, expiresAt: toIso(nowMs + options.ttlMs) };
  process.stdout.write(`${options.json ? JSON.stringify(document) : token}\n`);
  return 0;
}

interface TokenOptions {
  readonly tenant: string;
  readonly scope: string;
  readonly sub: string;
  readonly exam: string | undefined;
  readonly attempt: string | undefined;
  readonly ttlMs: number;
  readonly json: boolean;
}

function readOptions(argv: string[]): TokenOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      tenant: { type: 'string' },
      scope: { type: 'string' },
      sub: { type: 'string', default: 'token-command' },
      exam: { type: 'string' },
      attempt: { type: 'string' },
      ttl: { type: 'string', default: '1h' },
      json: { type: 'boolean', default: false },
    },
  });
  const { tenant, scope, sub, exam, attempt, ttl, json } = values;
  if (tenant === undefined) throw new UsageError('--tenant is missing');
  if (scope === undefined) throw new UsageError(`--scope is missing; scopes are ${Object.keys(SCOPES).join(', ')}`);
  for (const [name, value] of Object.entries({ tenant, exam, attempt })) {
    if (value !== undefined && !isId(value)) throw new UsageError(`--${name} is not a valid id`);
  }
  const unknown = scope.split(' ').filter((word) => word !== '' && !Object.hasOwn(SCOPES, word));
  if (unknown.length > 0) {
    throw new UsageError(`--scope: there is no ${unknown.join(', ')}; scopes are ${Object.keys(SCOPES).join(', ')}`);
  }
  if (attempt !== undefined && exam === undefined) throw new UsageError('--attempt needs --exam');
  const ttlMs = parseDuration(ttl);
  if (ttlMs === undefined || ttlMs === 0) throw new UsageError('--ttl must be a duration such as 1h or 10m');
  return { tenant, scope, sub, exam, attempt, ttlMs, json };
}

type ClaimValues = Pick<TokenOptions, 'tenant' | 'scope' | 'sub' | 'exam' | 'attempt'>;

/** Under the names that the settings give to claims. */
export function claimsOf(options: ClaimValues, { auth }: Settings): JWTPayload {
  return {
    sub: options.sub,
    [auth.tenantClaim]: options.tenant,
    [auth.scopeClaim]: options.scope,
    ...(options.exam === undefined ? {} : { exam: options.exam }),
    ...(options.attempt === undefined ? {} : { attempt: options.attempt }),
    ...(auth.issuer === undefined ? {} : { iss: auth.issuer }),
    ...(auth.audience === undefined ? {} : { aud: auth.audience }),
  };
}

async function secretOf({ auth, dataDir }: Settings): Promise<string> {
  switch (auth.keys.mode) {
    case 'shared-secret':
      return auth.keys.sharedSecret;
    case 'generated-secret':
      return readOrCreateSecret(dataDir);
    case 'jwks':
      throw new UsageError('tokens come from the issuer of AUTH_JWKS_URL; this command needs AUTH_SHARED_SECRET');
  }
}
