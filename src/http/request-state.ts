// What this layer knows of a request while it runs, kept beside Express's request object and typed.
import type { Request } from 'express';
import type { Principal } from './auth.ts';

export interface RequestState {
  readonly requestId: string;
  /** Where the request is traced. */
  traceId: string | undefined;
  /** The template of the route (`/v1/exams/{exam}/recordings`), never the path itself: paths hold ids. */
  route: string;
  /** What the token said, or why it was refused; undefined while nobody looked. */
  identity: Identity | undefined;
}

export type Identity =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly error: unknown };

export const UNMATCHED_ROUTE = 'unmatched';

const states = new WeakMap<Request, RequestState>();

export function beginRequestState(req: Request, requestId: string): RequestState {
  const state: RequestState = { requestId, traceId: undefined, route: UNMATCHED_ROUTE, identity: undefined };
  states.set(req, state);
  return state;
}

/** @throws Error when the request log, which begins the state, does not stand before everything else */
export function requestState(req: Request): RequestState {
  const state = states.get(req);
  if (!state) throw new Error('the request has no state');
  return state;
}

export function principalOf(state: RequestState): Principal | undefined {
  return state.identity?.ok ? state.identity.principal : undefined;
}
