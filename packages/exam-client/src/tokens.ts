// The access token: asked from the page when it is first needed, before it expires, and after it was refused.
import { now, type SessionClock, serviceTime } from './clock.ts';
import { Unavailable } from './errors.ts';
import type { Waits } from './retry.ts';

const TOKEN_WITHIN_MS = 60_000;
/** A token is renewed this long before it expires, or earlier by a tenth of its life if that is shorter. */
const RENEWED_BEFORE_MS = 60_000;
/** A page that keeps returning a token which is about to expire is not asked more often than this. */
const RENEWED_EVERY_MS = 30_000;

interface Token {
  readonly value: Promise<string>;
  readonly askedAtMs: number;
}

export class Tokens {
  readonly #getToken: () => Promise<string>;
  readonly #clock: SessionClock;
  readonly #waits: Waits;
  #token: Token | undefined;

  constructor(getToken: () => Promise<string>, clock: SessionClock, waits: Waits) {
    this.#getToken = getToken;
    this.#clock = clock;
    this.#waits = waits;
  }

  /** @throws Unavailable `unauthorized` when the page gives no token */
  async get(): Promise<string> {
    const token = this.#token ?? this.#ask();
    const value = await this.#valueOf(token);
    const isNew = now() - token.askedAtMs < RENEWED_EVERY_MS;
    if (isNew || !this.#isExpiring(value, token.askedAtMs)) return value;
    return this.#valueOf(this.#token === token ? this.#ask() : (this.#token ?? this.#ask()));
  }

  /** The service has refused it. */
  async refuse(value: string): Promise<void> {
    const token = this.#token;
    if (token && (await token.value.catch(() => value)) === value && this.#token === token) this.#token = undefined;
  }

  #ask(): Token {
    const value = this.#waits.notice(askToken(this.#getToken), 'unauthorized');
    const token = { value, askedAtMs: now() };
    this.#token = token;
    return token;
  }

  async #valueOf(token: Token): Promise<string> {
    try {
      return await token.value;
    } catch (error) {
      if (this.#token === token) this.#token = undefined;
      throw new Unavailable('unauthorized', String(error));
    }
  }

  /** By the service's clock. False while that is unknown, and for a token that is no JWT (RFC 7519): then a 401 tells. */
  #isExpiring(value: string, askedAtMs: number): boolean {
    const expiresAtMs = expiryMs(value);
    const { state } = this.#clock;
    if (expiresAtMs === undefined || state.offsetMs === undefined) return false;
    const lifeMs = expiresAtMs - serviceTime(askedAtMs, state);
    return expiresAtMs - serviceTime(now(), state) < Math.min(RENEWED_BEFORE_MS, lifeMs / 10);
  }
}

function expiryMs(token: string): number | undefined {
  try {
    const payload = token.split('.')[1] ?? '';
    const { exp } = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))) as { exp?: unknown };
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/** @throws what `getToken` throws, and Error when it returns what no header can hold, such as an error page */
async function askToken(getToken: () => Promise<string>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('getToken took too long.')), TOKEN_WITHIN_MS);
  });
  const token = (
    await Promise.race([Promise.resolve().then(getToken), tooLate]).finally(() => clearTimeout(timer))
  ).trim();
  if (!/^[!-~]+$/.test(token)) throw new TypeError('getToken returned no token.');
  return token;
}
