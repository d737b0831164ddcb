// What the HTTP layer measures: requests by method, route and status; the template of the route, never a path or an id.
import type { Request, RequestHandler, Response } from 'express';
import { Counter, Histogram, type Registry } from 'prom-client';
import { requestState } from './request-state.ts';

/** From a part URL (milliseconds) to a recording streamed through (minutes). */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];
const SERVED_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** Comes after the request log, which begins the request's state. One for each registry. */
export function measureRequests(metrics: Registry): RequestHandler {
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests that ended, by what they were answered',
    labelNames: ['method', 'route', 'status'],
    registers: [metrics],
  });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['method', 'route'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [metrics],
  });
  return (req, res, next) => {
    const startedAt = performance.now();
    res.once('close', () => {
      const { route } = requestState(req);
      const method = methodOf(req);
      requests.inc({ method, route, status: statusOf(res) });
      durations.observe({ method, route }, (performance.now() - startedAt) / 1000);
    });
    next();
  };
}

/** `_OTHER` (the word of OpenTelemetry) for what no route has: a caller must not be able to make new series. */
export function methodOf({ method }: Pick<Request, 'method'>): string {
  return SERVED_METHODS.has(method) ? method : '_OTHER';
}

/** A caller that went away before it was answered has seen no status. */
function statusOf(res: Response): string {
  return res.headersSent ? String(res.statusCode) : 'aborted';
}
