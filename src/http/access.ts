// What a caller may do: how often it may call, the scope that a call needs, and the attempt that a token is bound to.
import type { Request, RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { MINUTE_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import type { Authenticator, Principal } from './auth.ts';
import { type RequestState, requestState } from './request.ts';

export const SCOPES = {
  'recordings:upload': 'Upload the recordings of an attempt',
  'recordings:review': 'See recordings and play them back',
  'assessments:write': 'Report that an attempt was assessed',
  'privacy:manage': 'Serve data subjects: see, export, erase, restrict',
} as const;
export type Scope = keyof typeof SCOPES;

/** Verifies the token. It refuses nothing yet, so that the rate limit counts refused callers too. */
export function identify(authenticate: Authenticator): RequestHandler {
  return async (req, _res, next) => {
    const state = requestState(req);
    try {
      state.principal = await authenticate(req.headers.authorization);
    } catch (error) {
      state.refusal = error;
    }
    next();
  };
}

/**
 * Counted in this process: with several replicas a caller may make as many times more. Comes after `identify`, and only a
 * verified token gets a count of its own; a flood of made-up tokens shares the count of its address, and never uses up that
 * of others behind the same proxy.
 */
export function limitRate(requestsPerMinute: number): RequestHandler {
  return rateLimit({
    windowMs: MINUTE_MS,
    limit: requestsPerMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'requests-per-minute',
    keyGenerator: callerKey,
    handler: (_req, _res, next) => {
      next(new ServiceError('rate-limited', `At most ${requestsPerMinute} requests a minute. See Retry-After.`));
    },
    // Proxies are not trusted unless Express is set so; a request that passed one is not reported as a mistake.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
  });
}

function callerKey(req: Request): string {
  const { principal } = requestState(req);
  return principal ? `token:${principal.tokenHash}` : `address:${ipKeyGenerator(req.ip ?? '')}`;
}

/** @throws what the authenticator threw */
export function requirePrincipal({ principal, refusal }: RequestState): Principal {
  if (principal) return principal;
  throw refusal;
}

/** Any one of the scopes is enough. @throws ServiceError `scope-missing` */
export function requireScope(principal: Principal, scopes: readonly Scope[]): void {
  if (scopes.some((scope) => principal.scopes.has(scope))) return;
  throw new ServiceError('scope-missing', `This call needs the scope ${scopes.join(' or ')}.`, { scopes });
}

/** A bound token reaches its own attempt and nothing wider. @throws ServiceError `wrong-attempt` */
export function requireAttempt(principal: Principal, exam: unknown, attempt: unknown): void {
  const isOwnExam = principal.exam === undefined || principal.exam === exam;
  const isOwnAttempt = principal.attempt === undefined || principal.attempt === attempt;
  if (isOwnExam && isOwnAttempt) return;
  throw new ServiceError('wrong-attempt', 'The token is bound to another exam or attempt than the path names.');
}
