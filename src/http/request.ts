// The state of a request while it runs, and its report when it has ended: a log line, a count, a duration. All have the
// template of the route, never a path, a query or an id.
import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { Counter, Histogram, type Registry } from 'prom-client';
import { SECOND_MS } from '../model/durations.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import type { Principal } from './auth.ts';

export type { RequestHandler } from 'express';

export interface RequestState {
  readonly requestId: string;
  /** Set where requests are traced. */
  traceId?: string;
  /** The template of the route (`/v1/exams/{exam}/recordings`), never the path itself: paths hold ids. */
  route: string;
  /** The principal of a verified token. */
  principal?: Principal;
  /** Why the token was refused. */
  refusal?: unknown;
  /** The code of the problem that was sent. */
  refusedWith?: ErrorCode;
}

export type Method = 'get' | 'post' | 'put' | 'delete';
export type Handler = (req: Request, res: Response, state: RequestState) => Promise<void> | void;

/** What a path serves, by method. */
export type Handlers = Partial<Record<Method, Handler>>;

export const UNMATCHED_ROUTE = 'unmatched';
/** Probes come every few seconds: they are neither logged nor traced. */
export const QUIET_ROUTES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** From a part URL (milliseconds) to a recording streamed through (minutes). */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];
const SERVED_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

const states = new WeakMap<Request, RequestState>();

/** @throws Error when `trackRequests` is not in front of everything else */
export function requestState(req: Request): RequestState {
  const state = states.get(req);
  if (!state) throw new Error('the request has no state');
  return state;
}

/**
 * Comes first. Responses are `no-store` unless their handler says otherwise: problems outside of /v1 would be kept by
 * caches (RFC 9110, 15.1). One for each registry.
 */
export function trackRequests(logger: Logger, metrics: Registry, now: () => number): RequestHandler {
  const { requests, durations } = requestMetrics(metrics);
  return (req, res, next) => {
    const startedAt = performance.now();
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    const state: RequestState = { requestId, route: UNMATCHED_ROUTE };
    states.set(req, state);
    res.setHeader('X-Request-Id', requestId);
    res.setHeader('Cache-Control', 'no-store');
    // Node would send the time too, by a clock of its own.
    res.setHeader('Date', new Date(now()).toUTCString());
    res.once('close', () => {
      const durationMs = performance.now() - startedAt;
      const { route, traceId, principal } = state;
      const method = methodOf(req);
      // A caller that disconnected before the response began has seen no status.
      requests.inc({ method, route, status: res.headersSent ? String(res.statusCode) : 'aborted' });
      durations.observe({ method, route }, durationMs / SECOND_MS);
      logger[QUIET_ROUTES.has(route) ? 'debug' : 'info']('request', {
        requestId,
        traceId,
        method: req.method,
        route,
        status: res.statusCode,
        code: state.refusedWith,
        durationMs: Math.round(durationMs * 10) / 10,
        tenant: principal?.tenant,
        actor: principal?.actor,
        aborted: res.writableFinished ? undefined : true,
      });
    });
    next();
  };
}

/** Registers the metrics of HTTP. */
export function requestMetrics(metrics: Registry) {
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests that ended, by the status of their response',
    labelNames: ['method', 'route', 'status'],
    registers: [metrics],
  });
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its response',
    labelNames: ['method', 'route'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [metrics],
  });
  return { requests, durations };
}

/** `_OTHER` (OpenTelemetry) for a method that no route has: callers must not be able to create new time series. */
export function methodOf({ method }: Pick<Request, 'method'>): string {
  return SERVED_METHODS.has(method) ? method : '_OTHER';
}
