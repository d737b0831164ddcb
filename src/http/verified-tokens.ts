// Tokens that were verified a moment ago: an exam client asks with the same one again and again.
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { MINUTE_MS } from '../model/durations.ts';

/** Of the running exams: their principals take about 10 MB. */
const KEPT = 20_000;
/** How much longer than without this a token may outlive a key that its issuer took back; jose itself keeps keys for ten. */
const KEPT_FOR_MS = MINUTE_MS;

export interface Verified<Principal> {
  readonly principal: Principal;
  /** The token's `exp`, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

/**
 * Verifies a token once a minute, and always from its `exp` on. A token is known by its hash: none stays in memory, and
 * another by a single character is another. What `verify` refuses is not remembered.
 * @throws what `verify` throws
 */
export function rememberVerified<Principal>(
  verify: (token: string) => Promise<Verified<Principal>>,
  now: () => number,
): (token: string) => Promise<Principal> {
  const known = new LRUCache<string, { readonly principal: Principal; readonly untilMs: number }>({ max: KEPT });
  return async (token) => {
    const digest = hash('sha256', token);
    const verified = known.get(digest);
    if (verified && now() < verified.untilMs) return verified.principal;
    const { principal, expiresAtMs } = await verify(token);
    known.set(digest, { principal, untilMs: Math.min(expiresAtMs, now() + KEPT_FOR_MS) });
    return principal;
  };
}
