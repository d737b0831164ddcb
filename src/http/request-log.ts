// One line and one measurement for each request, under an id that the caller sees too.
import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { Histogram, type Registry } from 'prom-client';
import type { Logger } from './logger.ts';
import { beginRequestState, principalOf } from './request-state.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** From a part URL (milliseconds) to a recording streamed through (minutes). */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];
/** Asked every few seconds by machines: not worth a line each. */
const QUIET_ROUTES = new Set(['/livez', '/readyz', '/metrics']);

/** Comes first. Neither the path nor the query is logged or measured: only the template of the route. */
export function requestLog(logger: Logger, metrics: Registry): RequestHandler {
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [metrics],
  });
  return (req, res, next) => {
    const startedAt = performance.now();
    const given = req.get('x-request-id');
    const state = beginRequestState(req, given !== undefined && REQUEST_ID.test(given) ? given : randomUUID());
    res.setHeader('X-Request-Id', state.requestId);
    res.once('close', () => {
      const durationMs = performance.now() - startedAt;
      const principal = principalOf(state);
      durations.observe({ method: req.method, route: state.route, status: res.statusCode }, durationMs / 1000);
      logger[QUIET_ROUTES.has(state.route) ? 'debug' : 'info']('request', {
        requestId: state.requestId,
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
