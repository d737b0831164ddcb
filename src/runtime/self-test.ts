// The self-test of `serve`, which is not ready before the store has passed the trials and the known attacks have failed.
import type { CheckResult } from '../doctor/check.ts';
import { PART_URL_IDS } from '../doctor/run-attacks.ts';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import type { Log, LogFields, Logger } from '../model/logger.ts';
import { capabilityOf } from '../objectstore/needs.ts';

export interface SelfTestDependencies {
  /** Why the bucket must not be used, or undefined. Rejects while the store does not respond. */
  readonly findObjectLock: (signal: AbortSignal) => Promise<string | undefined>;
  /** Tries the needed capabilities of the store. */
  readonly runTrials: (signal: AbortSignal) => Promise<CheckResult[]>;
  /** Attacks presigned URLs of the service. */
  readonly runAttacks: (signal: AbortSignal) => Promise<CheckResult[]>;
  readonly logger: Logger;
  /** Resolves after the time, or when aborted. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

export type SelfTest = ReturnType<typeof startSelfTest>;

/** The pause when nothing is proven yet: the store is down, or some of its responses are missing. */
export const RETRY_MS = 5 * SECOND_MS;
/** The pause when the store lacks something, or an attack succeeds: an operator has to act. */
export const REPEAT_MS = MINUTE_MS;
/** The pause when throw-away keys could not be removed. */
const LEFTOVER_MS = 10 * MINUTE_MS;

/** Runs in the background; never throws. */
export function startSelfTest(deps: SelfTestDependencies) {
  const { logger } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const { promise: refused, resolve: refuse } = Promise.withResolvers<string>();
  const { promise: passed, resolve: pass } = Promise.withResolvers<void>();
  let reason: string | undefined = 'self-test running';
  let logged: string | undefined;

  /** Logs a line only when it differs from the last one: a store may be down for hours. */
  function logOnce(log: Log, message: string, fields: LogFields): void {
    const line = JSON.stringify([message, fields]);
    if (line !== logged) log(message, fields);
    logged = line;
  }

  /** Whether throw-away keys are left: each further round could leave more. */
  function warnOfLeftovers(results: readonly CheckResult[]): boolean {
    const left = results.find(({ id }) => id.endsWith('clean-up'));
    if (left) logger.warn('temporary objects of the self-test could not be removed', { detail: left.reason });
    return left !== undefined;
  }

  /** Resolves with the pause before the next round, in milliseconds; undefined when none is needed. */
  async function round(): Promise<number | undefined> {
    const locked = await deps.findObjectLock(signal);
    if (locked !== undefined) {
      reason = locked;
      refuse(locked);
      return undefined;
    }
    const trials = await deps.runTrials(signal);
    const isLeft = warnOfLeftovers(trials);
    const lacking = trials.find(({ status, outcome }) => status === 'failed' && outcome !== 'unproven');
    if (lacking) {
      const fault = lacking.fault ?? lacking.name;
      reason = `the store lacks a required feature: ${fault}`;
      logOnce(logger.error, 'the store lacks a required feature', { detail: fault });
      return isLeft ? LEFTOVER_MS : REPEAT_MS;
    }
    const needed = trials.filter(({ id }) => capabilityOf(id)?.need !== 'optional');
    const attacks = idsOf(needed, 'unproven').length > 0 ? [] : await deps.runAttacks(signal);
    const isMoreLeft = warnOfLeftovers(attacks);
    if (signal.aborted) return undefined;
    const results = [...needed, ...attacks];
    const unproven = idsOf(results, 'unproven');
    const succeeded = idsOf(results, 'succeeded');
    if (succeeded.length > 0) {
      const isOfParts = succeeded.every((id) => PART_URL_IDS.has(id));
      const remedy = isOfParts ? 'set UPLOADS=proxy' : 'use another store';
      const detail = succeeded.join(', ');
      reason = `a presigned URL can be abused: ${detail}; ${remedy}`;
      logOnce(logger.error, 'a presigned URL can be abused', { count: succeeded.length, detail });
      return REPEAT_MS;
    }
    if (unproven.length > 0) {
      reason = `self-test not finished: no result from ${unproven.join(', ')}; run doctor`;
      const why = results.find(({ outcome }) => outcome === 'unproven')?.reason;
      logOnce(logger.warn, 'the self-test had no result and will be repeated', { count: unproven.length, detail: why });
      return isLeft || isMoreLeft ? REPEAT_MS : RETRY_MS;
    }
    reason = undefined;
    logger.info('self-test passed: the store has all required features and refuses misuse of presigned URLs');
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
        reason = 'self-test waiting: the store does not respond';
        logOnce(logger.warn, 'the self-test is waiting for the store', { detail: 'the store does not respond' });
        nextMs = RETRY_MS;
      }
      if (nextMs === undefined) return;
      await deps.wait(nextMs, signal);
    }
  }

  const running = run();
  return {
    /** Resolves when the store has passed. */
    passed,
    /** Resolves with the reason when the bucket must not be used; else never. */
    refused,
    /** Why the process is not ready; undefined once the store has passed. */
    reason: () => reason,
    /** Safe to repeat. Resolves when a round in progress has ended and its throw-away keys are removed. */
    stop: async (): Promise<void> => {
      stopping.abort();
      await running;
    },
  };
}

function idsOf(results: readonly CheckResult[], outcome: CheckResult['outcome']): string[] {
  return results.filter((result) => result.outcome === outcome).map(({ id }) => id);
}
