// What a caller may do: the scope that a call asks for, and the sitting that a token is bound to.
import type { RequestHandler } from 'express';
import type { Authenticator, Principal } from './auth.ts';
import { HttpError } from './problem-codes.ts';
import { type RequestState, requestState } from './request-state.ts';

export const SCOPES = {
  'recordings:upload': 'Upload the recordings of an attempt',
  'recordings:review': 'See recordings and play them back',
  'assessments:write': 'Report that an attempt was assessed',
  'privacy:manage': 'Answer data subjects: see, export, erase, restrict',
} as const;
export type Scope = keyof typeof SCOPES;

/** Looks at the token once. It refuses nothing yet, so that the rate limit counts refused callers too. */
export function identify(authenticate: Authenticator): RequestHandler {
  return async (req, _res, next) => {
    const state = requestState(req);
    try {
      state.identity = { ok: true, principal: await authenticate(req.headers.authorization) };
    } catch (error) {
      state.identity = { ok: false, error };
    }
    next();
  };
}

/** @throws what the authenticator threw */
export function requirePrincipal(state: RequestState): Principal {
  if (state.identity?.ok) return state.identity.principal;
  throw state.identity?.error ?? new HttpError('token-missing', 'This call needs an access token.');
}

/** Any one of the scopes is enough. @throws HttpError `scope-missing` */
export function requireScope(principal: Principal, scopes: readonly Scope[]): void {
  if (scopes.some((scope) => principal.scopes.has(scope))) return;
  throw new HttpError('scope-missing', `This call needs the scope ${scopes.join(' or ')}.`, {
    headers: { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"` },
    data: { scopes },
  });
}

/** A bound token reaches its own sitting and nothing wider. @throws HttpError `wrong-attempt` */
export function requireSitting(principal: Principal, exam: string | undefined, attempt: string | undefined): void {
  const isOwnExam = principal.exam === undefined || principal.exam === exam;
  const isOwnAttempt = principal.attempt === undefined || principal.attempt === attempt;
  if (isOwnExam && isOwnAttempt) return;
  throw new HttpError('wrong-attempt', 'The token is bound to another exam or attempt than the path names.');
}
