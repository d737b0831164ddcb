// What can be said of a token without a key: its form and its times. Checked before any signature, which costs far more.
import { decodeJwt, type JWTPayload } from 'jose';
import { DAY_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import { MAX_TIME_MS } from '../model/times.ts';

const MAX_TOKEN_BYTES = 8 * 1024;
/** RFC 7515, 7.1: header, payload and signature in base64url without padding. */
const COMPACT = /^([\w-]+\.[\w-]+)\.[\w-]+$/;
const TIME_CLAIMS = ['exp', 'nbf', 'iat'] as const;
const MAX_TIME_S = MAX_TIME_MS / SECOND_MS;
/** Nothing withdraws a token before its `exp`: one that lives for longer than a year is a mistake, or a risk. */
export const MAX_TOKEN_LIFE_MS = 366 * DAY_MS;

/** The part of a token that is signed: it is the same in every spelling of the token that verifies. */
export function signedPartOf(token: string): string {
  return token.slice(0, token.lastIndexOf('.'));
}

/**
 * What the token claims, believed by nobody yet. An expired one is told so even when its signature would not verify: its
 * holder can read `exp` there too, and a client that renews its token needs no other reason.
 * @throws ServiceError `token-invalid`, `token-expired`
 */
export function readUnverified(token: string, nowMs: number): JWTPayload {
  if (token.length > MAX_TOKEN_BYTES) throw invalidToken('The token is longer than 8 KiB.');
  if (!COMPACT.test(token) || !token.split('.').every(isCanonical)) {
    throw invalidToken('The token is not a JWT in base64url, without padding and with its unused bits zero.');
  }
  const payload = payloadOf(token);
  for (const claim of TIME_CLAIMS) requireTime(claim, payload[claim]);
  if (payload.exp === undefined) throw invalidToken('The token\'s claim "exp" is missing.');
  const leftMs = payload.exp * SECOND_MS - nowMs;
  if (leftMs > MAX_TOKEN_LIFE_MS) {
    throw invalidToken(
      'The token\'s claim "exp" is not as expected: it is more than a year ahead. Make a new one in time.',
    );
  }
  if (leftMs > 0) return payload;
  throw new ServiceError('token-expired', 'The token has expired. Ask for a new one.');
}

/** Other spellings of the same bytes would be other tokens to whoever compares text (RFC 4648, 3.5). */
function isCanonical(base64url: string): boolean {
  return Buffer.from(base64url, 'base64url').toString('base64url') === base64url;
}

function payloadOf(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch (error) {
    throw invalidToken('The payload of the token is not a JSON object.', error);
  }
}

/** JSON has numbers such as 1e400, which are read as infinite: a token with such an `exp` would never expire. */
function requireTime(claim: (typeof TIME_CLAIMS)[number], value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 0 && value <= MAX_TIME_S)) return;
  const expected = 'it must be a number of seconds since 1970, such as 1793000000: no text, and no milliseconds';
  throw invalidToken(`The token's claim "${claim}" is not as expected: ${expected}.`);
}

export function invalidToken(message: string, cause?: unknown): ServiceError {
  return new ServiceError('token-invalid', message, {}, { cause });
}
