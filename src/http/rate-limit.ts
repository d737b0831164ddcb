// How many requests a minute one caller may make: counted per token, or per address for those without a valid one.
import { createHash } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { MINUTE_MS } from '../model/durations.ts';
import { bearerTokenOf } from './auth.ts';
import { HttpError } from './problem-codes.ts';
import { principalOf, requestState } from './request-state.ts';

/**
 * Counted in this process: with several replicas a caller may make as many times more. It stands after `identify`, and
 * only a token that was verified gets a count of its own; a flood of made-up tokens shares the count of its address, and
 * never uses up that of others behind the same proxy.
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
      next(new HttpError('rate-limited', `At most ${requestsPerMinute} requests a minute. See Retry-After.`));
    },
    // Proxies are not trusted unless Express is told so; that a request passed one is no mistake to report.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
  });
}

function callerKey(req: Request): string {
  if (principalOf(requestState(req))) {
    const token = bearerTokenOf(req.headers.authorization) ?? '';
    return `token:${createHash('sha256').update(token).digest('hex')}`;
  }
  return `address:${ipKeyGenerator(req.ip ?? '')}`;
}
