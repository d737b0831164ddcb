// The Express application: what every request passes, and the calls that are served.
import cors from 'cors';
import express, { type Express, type Request, type RequestHandler } from 'express';
import { MemoryStore, type Options, rateLimit } from 'express-rate-limit';
import helmet from 'helmet';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { createSetBackDetector } from '../model/set-back.ts';
import type { Authenticator, Principal } from './auth.ts';
import { DailyLimits } from './daily-limits.ts';
import type { Serving } from './operation.ts';
import { type Every, everyInterval } from './pace.ts';
import { problemHandler } from './problems.ts';
import { warnOfRefusedOrigins } from './refused-origins.ts';
import { type Handler, type Handlers, type Method, requestState, trackRequests } from './request.ts';
import { RESPONSE_HEADERS } from './response.ts';
import { type DemoPage, demoRoutes } from './routes/demo.ts';
import { OPERATIONS } from './routes/index.ts';
import { type ServiceDependencies, serviceRoutes } from './routes/service.ts';

export interface HttpDependencies extends Omit<Serving, 'dailyLimits' | 'every'>, ServiceDependencies {
  readonly authenticate: Authenticator;
  readonly logger: Logger;
  /** For a bound caller, for an unbound one (no attempt, no participant), and for all callers of a tenant. Undefined: no limit. */
  readonly rateLimitPerMinute: number | undefined;
  readonly unboundRateLimitPerMinute: number | undefined;
  readonly tenantRateLimitPerMinute?: number | undefined;
  /** Looks at the pace of bodies. Default: by the process's own timers. */
  readonly every?: Every;
  /** Origins whose pages may call; none when empty. */
  readonly corsOrigins: readonly string[];
  /** Traces each request; undefined: none is. */
  readonly trace?: RequestHandler | undefined;
  /** Undefined: there is no such page. */
  readonly demo?: DemoPage | undefined;
}

const CORS_MAX_AGE_SECONDS = 600;

export function createApp(deps: HttpDependencies): Express {
  const app = express();
  app.disable('x-powered-by');
  // Each resource has one path: case matters, no trailing slash, no nested query objects.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', 'simple');
  // `response.ts` sets the tags of reads; other responses have none.
  app.disable('etag');

  app.use(trackRequests(deps.logger, deps.metrics, deps.recordings.now));
  if (deps.trace) app.use(deps.trace);
  app.use(securityHeaders());
  mountAll(app, serviceRoutes(deps));
  if (deps.demo) mountAll(app, demoRoutes(deps.demo));

  app.use('/v1', warnOfRefusedOrigins(deps.corsOrigins, deps.logger));
  if (deps.corsOrigins.length > 0) app.use('/v1', allowOrigins(deps.corsOrigins));
  app.use('/v1', identify(deps.authenticate));
  const { tenantRateLimitPerMinute, every = everyInterval } = deps;
  app.use('/v1', limitRate(deps));
  if (tenantRateLimitPerMinute !== undefined) app.use('/v1', limitTenantRate(tenantRateLimitPerMinute));
  const serving: Serving = { ...deps, every, dailyLimits: new DailyLimits(deps.recordings.now) };
  const calls: Record<string, Handlers> = {};
  for (const { path, method, handlerOf } of OPERATIONS) calls[path] = { ...calls[path], [method]: handlerOf(serving) };
  mountAll(app, calls);

  app.use(() => {
    throw new ServiceError('not-found', 'There is nothing at this path. See /docs.');
  });
  app.use(problemHandler(deps.logger));
  return app;
}

/** Serves paths: the methods that each has, and 405 for all others. */
function mountAll(app: Express, routes: Readonly<Record<string, Handlers>>): void {
  for (const [template, handlers] of Object.entries(routes)) {
    const route = app.route(template.replace(/\{(\w+)\}/g, ':$1'));
    const methods = Object.entries(handlers) as [Method, Handler][];
    for (const [method, handler] of methods) {
      route[method]((req, res) => {
        const state = requestState(req);
        state.route = template;
        return handler(req, res, state);
      });
    }
    const allow = methods
      .flatMap(([method]) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
      .join(', ');
    route.all((req, res) => {
      requestState(req).route = template;
      res.setHeader('Allow', allow);
      if (req.method !== 'OPTIONS') throw new ServiceError('method-not-allowed', `This path has ${allow}.`);
      res.status(204).end();
    });
  }
}

/** Responses are data: no page may show, embed or run them. /docs and /demo set policies of their own. */
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

/** Verifies the token. It refuses nothing yet: a call of the API does, and other paths need no token. */
function identify(authenticate: Authenticator): RequestHandler {
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
 * Counts each principal, in this process: with several replicas a caller may make as many times more. A request whose token
 * is refused has no count, because the one of its address would be shared with everybody behind the same proxy, who must be
 * told what is wrong with a token. It costs no more than the response that there are too many: no body is read for it, the
 * store is not asked.
 */
function limitRate({
  rateLimitPerMinute,
  unboundRateLimitPerMinute,
}: Pick<HttpDependencies, 'rateLimitPerMinute' | 'unboundRateLimitPerMinute'>): RequestHandler {
  const limitOf = (req: Request) => {
    const { principal } = requestState(req);
    return principal && (isUnbound(principal) ? unboundRateLimitPerMinute : rateLimitPerMinute);
  };
  return countMinutes({
    limit: (req) => limitOf(req) ?? 0,
    skip: (req) => limitOf(req) === undefined,
    standardHeaders: 'draft-8',
    identifier: 'requests-per-minute',
    keyGenerator: (req) => requestState(req).principal?.id ?? '',
    handler: (req, _res, next) => {
      next(new ServiceError('rate-limited', `At most ${limitOf(req)} requests a minute. See Retry-After.`));
    },
  });
}

/** A server calls for many candidates; a token that is bound is one candidate's. */
function isUnbound({ attempt, participant }: Principal): boolean {
  return attempt === undefined && participant === undefined;
}

/** Counts the principals of a tenant together: ten thousand of them share the process with all other tenants. */
function limitTenantRate(requestsPerMinute: number): RequestHandler {
  return countMinutes({
    limit: requestsPerMinute,
    // The headers are about the count of the principal.
    standardHeaders: false,
    keyGenerator: (req) => requestState(req).principal?.tenant ?? '',
    handler: (_req, res, next) => {
      res.setHeader('Retry-After', String(MINUTE_MS / SECOND_MS));
      const message = `All callers of your tenant have at most ${requestsPerMinute} requests a minute. See Retry-After.`;
      next(new ServiceError('rate-limited', message));
    },
  });
}

/** By the wall clock, as the library counts: a minute that was begun before the clock was set back would last until it is over. */
function countMinutes(options: Partial<Options>): RequestHandler {
  const store = new MemoryStore();
  const wasSetBack = createSetBackDetector(() => Date.now());
  const limit = rateLimit({
    skip: (req) => requestState(req).principal === undefined,
    ...options,
    store,
    windowMs: MINUTE_MS,
    legacyHeaders: false,
    // Express trusts no proxy by default; the library must not report a forwarded request as a mistake.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
  });
  return (req, res, next) => {
    if (wasSetBack()) void store.resetAll();
    return limit(req, res, next);
  };
}
