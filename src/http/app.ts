// The Express application: what every request passes, and the calls that are served.
import cors from 'cors';
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Registry } from 'prom-client';
import { identify } from './access.ts';
import type { Authenticator } from './auth.ts';
import type { Logger } from './logger.ts';
import { measureRequests } from './metrics.ts';
import type { Method, Operation, Serving } from './operation.ts';
import { problemHandler } from './problem.ts';
import { HttpError } from './problem-codes.ts';
import { limitRate } from './rate-limit.ts';
import { requestLog } from './request-log.ts';
import { requestState } from './request-state.ts';
import { RESPONSE_HEADERS } from './response-headers.ts';
import { type DemoPage, demoRoutes } from './routes/demo.ts';
import { OPERATIONS } from './routes/index.ts';
import { type Readiness, serviceRoutes } from './routes/service.ts';

export interface HttpDependencies extends Serving {
  readonly authenticate: Authenticator;
  readonly logger: Logger;
  /** Undefined: no limit. */
  readonly rateLimitPerMinute: number | undefined;
  /** Origins whose pages may call; none when empty. */
  readonly corsOrigins: readonly string[];
  /** Gets this layer's measurements; one application for each registry. */
  readonly metrics: Registry;
  /** Traces each request; undefined: none is. */
  readonly trace?: RequestHandler | undefined;
  /** Undefined: there is no such page. */
  readonly demo?: DemoPage | undefined;
  isReady(): Promise<Readiness>;
}

const CORS_MAX_AGE_SECONDS = 600;

export function createApp(deps: HttpDependencies): Express {
  const app = express();
  app.disable('x-powered-by');
  // One path for one thing: no other case, no trailing slash, no nested query objects.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', 'simple');
  // Reads alone have one, of our own (`etag.ts`).
  app.disable('etag');

  app.use(requestLog(deps.logger));
  app.use(noStore);
  app.use(measureRequests(deps.metrics));
  if (deps.trace) app.use(deps.trace);
  app.use(securityHeaders());
  for (const [path, handler] of serviceRoutes(deps)) mount(app, path, new Map([['get', handler]]));
  if (deps.demo) for (const [path, handlers] of demoRoutes(deps.demo)) mount(app, path, handlers);

  if (deps.corsOrigins.length > 0) app.use('/v1', allowOrigins(deps.corsOrigins));
  app.use('/v1', identify(deps.authenticate));
  if (deps.rateLimitPerMinute !== undefined) app.use('/v1', limitRate(deps.rateLimitPerMinute));
  for (const [path, operations] of Map.groupBy(OPERATIONS, (operation) => operation.path)) {
    mount(app, path, new Map(operations.map((operation) => [operation.method, handlerOf(operation, deps)])));
  }

  app.use(() => {
    throw new HttpError('not-found', 'There is nothing at this path. See /docs.');
  });
  app.use(problemHandler(deps.logger));
  return app;
}

function handlerOf(operation: Operation, serving: Serving): RequestHandler {
  return (req, res) => operation.respond(serving, req, res);
}

/** Serves a path: its methods, and 405 for all others. */
function mount(app: Express, template: string, handlers: ReadonlyMap<Method, RequestHandler>): void {
  const path = template.replace(/\{(\w+)\}/g, ':$1');
  const route = app.route(path);
  route.all((req, _res, next) => {
    requestState(req).route = template;
    next();
  });
  for (const [method, handler] of handlers) route[method](handler);
  const allow = [...handlers.keys()].flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
  route.all((req, res) => {
    res.setHeader('Allow', allow.join(', '));
    if (req.method !== 'OPTIONS') throw new HttpError('method-not-allowed', `This path has ${allow.join(', ')}.`);
    res.status(204).end();
  });
}

/** Answers are data: no page may show, embed or run them. /docs and /demo set policies of their own. */
function securityHeaders(): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
    },
    referrerPolicy: { policy: 'no-referrer' },
    xFrameOptions: { action: 'deny' },
  });
}

function allowOrigins(origins: readonly string[]): RequestHandler {
  return cors({
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-None-Match', 'X-Request-Id'],
    exposedHeaders: Object.keys(RESPONSE_HEADERS),
    maxAge: CORS_MAX_AGE_SECONDS,
  });
}

/** What may be kept says so itself: a page, a document. Problems outside of /v1 would be kept otherwise (RFC 9110, 15.1). */
const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader('Cache-Control', 'no-store');
  next();
};
