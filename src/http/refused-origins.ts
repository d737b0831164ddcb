// Warns of pages that browsers keep from calling the service, because their origin is not in CORS_ORIGINS.
import type { Logger } from '../model/logger.ts';
import type { RequestHandler } from './request.ts';

/** A process logs and remembers at most this many origins, because anybody can send any. */
const MAX_ORIGINS = 100;
/** A scheme, the longest name of a host (RFC 1035, 2.3.4) and a port. */
const MAX_ORIGIN_LENGTH = 270;
/** A page that has none, such as a file that was opened from a disk. */
const NO_ORIGIN = 'null';

/** Logs each origin once. Only the preflight shows it, because the browser sends no request after a refused preflight. */
export function warnOfRefusedOrigins(allowed: readonly string[], logger: Logger): RequestHandler {
  const known = new Set(allowed);
  const maxKnown = known.size + MAX_ORIGINS;
  return (req, _res, next) => {
    const { origin, 'access-control-request-method': wanted } = req.headers;
    const isPreflight = req.method === 'OPTIONS' && origin !== undefined && wanted !== undefined;
    if (isPreflight && !known.has(origin) && known.size < maxKnown) {
      const page = readOrigin(origin);
      if (page) {
        known.add(origin);
        logger.warn('a page may not call: its origin is not in CORS_ORIGINS', { code: 'origin-not-allowed', ...page });
      }
    }
    next();
  };
}

/** The host with its port, and the scheme: the log contains no URLs. Undefined for a value that no browser sends. */
function readOrigin(origin: string): { readonly host: string; readonly detail?: string } | undefined {
  if (origin === NO_ORIGIN) return { host: NO_ORIGIN };
  const url = origin.length > MAX_ORIGIN_LENGTH ? null : URL.parse(origin);
  if (!url || url.origin !== origin) return undefined;
  return { host: url.host, detail: `the scheme is ${url.protocol.slice(0, -1)}` };
}
