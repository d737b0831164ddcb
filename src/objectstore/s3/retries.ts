// Retries by the SDK: after throttling when the gate says so, after all else by the SDK's standard strategy.
import { AsyncLocalStorage } from 'node:async_hooks';
import { StandardRetryStrategy, type StandardRetryStrategyOptions } from '@smithy/core/retry';
import type { RetryErrorInfo, RetryStrategyV2, RetryToken, StandardRetryToken } from '@smithy/types';
import type { Gate, Turn } from '../gate.ts';
import { isThrottled, storeCodeOf } from './responses.ts';
import { isSentOnce } from './sent-once.ts';

/** Attempts at a call that fails for another reason than throttling. */
export const MAX_ATTEMPTS = 5;

/** The turn of the request that this code sends. */
export const turns = new AsyncLocalStorage<Turn>();

interface Token extends RetryToken {
  readonly standard: StandardRetryToken;
  /** Retries after throttling: the budget of the standard strategy was not charged for them. */
  readonly throttled: number;
}

export class StoreRetries implements RetryStrategyV2 {
  readonly #gate: Gate;
  readonly #standard: StandardRetryStrategy;

  /** @param backoff the pauses of the standard strategy; default: the SDK's */
  constructor(gate: Gate, backoff?: StandardRetryStrategyOptions['backoff']) {
    this.#gate = gate;
    this.#standard = new StandardRetryStrategy({ maxAttempts: MAX_ATTEMPTS, ...(backoff && { backoff }) });
  }

  async acquireInitialRetryToken(scope: string): Promise<Token> {
    return tokenOf(await this.#standard.acquireInitialRetryToken(scope), 0);
  }

  async refreshRetryTokenForRetry(token: Token, info: RetryErrorInfo): Promise<Token> {
    const turn = turns.getStore();
    if (turn === undefined || !isThrottled(info.error)) {
      // The SDK throws the error of the attempt.
      if (isSentOnce()) throw new Error('a call that is sent once has failed');
      return tokenOf(await this.#standard.refreshRetryTokenForRetry(token.standard, info), token.throttled);
    }
    const hintMs = info.retryAfterHint && info.retryAfterHint.getTime() - Date.now();
    await this.#gate.again(turn, storeCodeOf(info.error), hintMs);
    return tokenOf(token.standard, token.throttled + 1);
  }

  recordSuccess({ standard }: Token): void {
    this.#standard.recordSuccess(standard);
  }
}

/** The SDK waits no further: the strategies have waited. */
function tokenOf(standard: StandardRetryToken, throttled: number): Token {
  return {
    standard,
    throttled,
    getRetryCount: () => standard.getRetryCount() + throttled,
    getRetryDelay: () => 0,
  };
}
