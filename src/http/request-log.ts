// One line for each request, under an id that the caller sees too.
import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Logger } from './logger.ts';
import { beginRequestState, principalOf } from './request-state.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** Asked every few seconds by machines: not worth a line, or a trace, each. */
export const QUIET_ROUTES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);

/** Comes first. Neither the path nor the query is logged: only the template of the route. */
export function requestLog(logger: Logger): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    const given = req.get('x-request-id');
    const state = beginRequestState(req, given !== undefined && REQUEST_ID.test(given) ? given : randomUUID());
    res.setHeader('X-Request-Id', state.requestId);
    res.once('close', () => {
      const durationMs = performance.now() - startedAt;
      const principal = principalOf(state);
      logger[QUIET_ROUTES.has(state.route) ? 'debug' : 'info']('request', {
        requestId: state.requestId,
        traceId: state.traceId,
        method: req.method,
        route: state.route,
        status: res.statusCode,
        durationMs: Math.round(durationMs * 10) / 10,
        tenant: principal?.tenant,
        actor: principal?.actor,
        aborted: res.writableFinished ? undefined : true,
      });
    });
    next();
  };
}
