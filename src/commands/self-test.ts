// The self-test of `serve`: not ready before the store has done what is needed of it and the known attacks have failed.

import type { CheckResult } from '../doctor/check.ts';
import { MINUTE_MS, SECOND_MS } from '../domain/durations.ts';
import type { Log, LogFields, Logger } from '../http/logger.ts';

export interface SelfTestDependencies {
  /** Why the bucket must not be used, or undefined. Rejects while the store cannot be asked. */
  readonly findObjectLock: (signal: AbortSignal) => Promise<string | undefined>;
  /** What is needed of the store. */
  readonly runTrials: (signal: AbortSignal) => Promise<CheckResult[]>;
  /** Undefined: uploads pass through the service, and nobody is handed a part URL. */
  readonly runAttacks: ((signal: AbortSignal) => Promise<CheckResult[]>) | undefined;
  readonly logger: Logger;
  /** Resolves after the time, or when aborted. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

export interface SelfTest {
  readonly readiness: () => { readonly ready: boolean; readonly reason?: string };
  /** Resolves when the store has passed. */
  readonly passed: Promise<void>;
  /** Resolves with the reason when the bucket turns out to be one that must not be used; else never. */
  readonly refused: Promise<string>;
  /** Safe to repeat. Resolves when a run in hand is over and its throw-away keys are removed. */
  readonly stop: () => Promise<void>;
}

/** Nothing is proven yet: the store is down, or answered only in part. */
export const RETRY_MS = 5 * SECOND_MS;
/** The store lacks something, or an attack succeeds: somebody has to act first. */
export const REPEAT_MS = MINUTE_MS;

/** Runs in the background; never throws. */
export function startSelfTest(deps: SelfTestDependencies): SelfTest {
  const { logger } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const { promise: refused, resolve: refuse } = Promise.withResolvers<string>();
  const { promise: passed, resolve: pass } = Promise.withResolvers<void>();
  let reason: string | undefined = 'self-test running';
  let said: string | undefined;
  let isLockKnown = false;

  /** Not each time that it looks: a store may be down for hours. */
  function sayOnce(log: Log, message: string, fields: LogFields): void {
    const what = JSON.stringify([message, fields]);
    if (what !== said) log(message, fields);
    said = what;
  }

  function sayWhatIsLeft(results: readonly CheckResult[]): void {
    const left = results.find(({ id }) => id.endsWith('clean-up'));
    if (left) logger.warn('throw-away keys stay in the bucket', { detail: left.reason });
  }

  /** When to look again, in milliseconds; undefined: there is no need to. */
  async function round(): Promise<number | undefined> {
    if (!isLockKnown) {
      const problem = await deps.findObjectLock(signal);
      if (problem !== undefined) {
        reason = problem;
        refuse(problem);
        return undefined;
      }
      isLockKnown = true;
    }
    const trials = await deps.runTrials(signal);
    sayWhatIsLeft(trials);
    const lacking = trials.find(({ status, outcome }) => status === 'failed' && outcome !== 'unproven');
    if (lacking) {
      const fault = lacking.fault ?? lacking.name;
      reason = `the store cannot do what the service needs: ${fault}`;
      sayOnce(logger.error, 'the store cannot do what the service needs', { detail: fault });
      return REPEAT_MS;
    }
    const attacks = idsOf(trials, 'unproven').length > 0 ? [] : ((await deps.runAttacks?.(signal)) ?? []);
    sayWhatIsLeft(attacks);
    if (signal.aborted) return undefined;
    const results = [...trials, ...attacks];
    const unproven = idsOf(results, 'unproven');
    const succeeded = idsOf(results, 'succeeded');
    if (succeeded.length > 0) {
      reason = `a presigned URL can be abused: ${succeeded.join(', ')}; set UPLOADS=proxy`;
      sayOnce(logger.error, 'a presigned URL can be abused', { count: succeeded.length, detail: succeeded.join(', ') });
      return REPEAT_MS;
    }
    if (unproven.length > 0) {
      reason = `self-test not finished: nothing is proven by ${unproven.join(', ')}; run doctor`;
      const why = results.find(({ outcome }) => outcome === 'unproven')?.reason;
      sayOnce(logger.warn, 'the self-test proved nothing; it is repeated', { count: unproven.length, detail: why });
      return RETRY_MS;
    }
    reason = undefined;
    logger.info(
      deps.runAttacks
        ? 'the store does what is needed, and every known attack was refused'
        : 'the store does what is needed; uploads pass through the service: no attacks run',
    );
    pass();
    return undefined;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      let nextMs: number | undefined;
      try {
        nextMs = await round();
      } catch {
        if (signal.aborted) return;
        reason = 'self-test waiting: the store does not answer';
        sayOnce(logger.warn, 'the self-test waits for the store', { detail: 'the store does not answer' });
        nextMs = RETRY_MS;
      }
      if (nextMs === undefined) return;
      await deps.wait(nextMs, signal);
    }
  }

  const running = run();
  return {
    passed,
    refused,
    readiness: () => (reason === undefined ? { ready: true } : { ready: false, reason }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function idsOf(results: readonly CheckResult[], outcome: CheckResult['outcome']): string[] {
  return results.filter((result) => result.outcome === outcome).map(({ id }) => id);
}
