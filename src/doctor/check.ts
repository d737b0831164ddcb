// One line of the doctor's report, and how a check that throws becomes one too.
import { type Capability, capabilityOf } from '../objectstore/needs.ts';
import { isStoreError, type StoreError } from '../objectstore/store-error.ts';

export type CheckStatus = 'ok' | 'info' | 'warning' | 'failed';

export interface CheckResult {
  /** Stable, for machines. A check that tries a capability has the id of that capability. */
  readonly id: string;
  readonly name: string;
  readonly status: CheckStatus;
  readonly reason: string;
  /** What the operator should do; null when nothing. */
  readonly remedy: string | null;
  /** The outcome of an attack; `unproven` also for a trial without a response of the store. */
  readonly outcome?: AttackOutcome;
  /** The finding for the profile, in a word or two. */
  readonly value?: string;
  /** Set when the store lacks a needed capability: the operation, and in brackets its fault. */
  readonly fault?: string;
}

/**
 * `refused`: a 4xx, and nothing changed. `no-effect`: a 200, and what was attempted did not happen. `unproven`: the store
 * sent no response that proves anything.
 */
export type AttackOutcome = 'refused' | 'no-effect' | 'succeeded' | 'unproven';

export type Verdict = Omit<CheckResult, 'id' | 'name'>;

function verdict(status: CheckStatus, reason: string, remedy: string | null, value?: string): Verdict {
  return { status, reason, remedy, ...(value !== undefined && { value }) };
}

export const ok = (reason: string, value?: string) => verdict('ok', reason, null, value);
export const info = (reason: string, remedy: string | null = null, value?: string) =>
  verdict('info', reason, remedy, value);
export const warning = (reason: string, remedy: string, value?: string) => verdict('warning', reason, remedy, value);
export const failed = (reason: string, remedy: string, value?: string) => verdict('failed', reason, remedy, value);

/** Runs one check; whatever it throws becomes its verdict. Never throws. */
export async function resultOf(
  { id, name }: Pick<CheckResult, 'id' | 'name'>,
  run: () => Promise<Verdict>,
): Promise<CheckResult> {
  try {
    return { id, name, ...(await run()) };
  } catch (error) {
    return { id, name, ...verdictOf(error, capabilityOf(id)) };
  }
}

const REPEAT = 'See that the store is up; run it again.';

/**
 * The status of a refusal depends on whether the tried capability is needed; without one, on the kind of refusal.
 * Messages of foreign errors are left out: they could contain a signed URL.
 */
export function verdictOf(error: unknown, tried?: Capability): Verdict {
  if (!isStoreError(error)) {
    return failed(`The check itself failed: ${nameOf(error)}.`, 'Run the doctor again; report it when it stays.');
  }
  if (tried) return refusal(error, tried);
  const { code, operation, storeCode } = error;
  switch (code) {
    case 'not-implemented':
      return info(`The store does not know ${operation} (${storeCode}).`, "Look it up in the store's documentation.");
    case 'access-denied':
      return warning(
        `Could not be checked: the service's key may not call ${operation} (${storeCode}).`,
        `Allow ${operation} to this key, or check it in the store's own console.`,
      );
    case 'unavailable':
      return failed(`The store did not respond to ${operation} (${storeCode}).`, REPEAT);
    default:
      return failed(`${operation} failed: ${storeCode}.`, `Find out why the store refuses ${operation}.`);
  }
}

/** The verdict on an operation that the store refuses, or to which it does not respond. */
export function refusal({ code, operation, storeCode }: StoreError, tried: Capability): Verdict {
  const isNeeded = tried.need === 'needed';
  if (code === 'unavailable') {
    const reason = `The store did not respond to ${operation} (${storeCode}): nothing is proven.`;
    return { ...(isNeeded ? failed : warning)(reason, REPEAT, `unknown (${storeCode})`), outcome: 'unproven' };
  }
  const reason = `The store refuses ${operation} (${storeCode}): ${tried.without}.`;
  const allow = `Allow ${operation} to the service's key.`;
  const value = `${code === 'not-implemented' ? 'no' : 'unknown'} (${storeCode})`;
  if (isNeeded) {
    const remedy = code === 'access-denied' ? allow : `Find out why it does, or use another store.`;
    return { ...failed(reason, remedy, value), fault: `${operation} (${storeCode})` };
  }
  return code === 'access-denied' ? warning(reason, allow, value) : info(reason, null, value);
}

/** The verdict on a needed capability that does not work. `fault`: the operation, and in brackets what is wrong. */
export function lacking(fault: string, reason: string, tried: Capability): Verdict {
  return { ...failed(reason, `Do not use this store: ${tried.without}.`, 'no'), fault };
}

/**
 * Checks a setting of the bucket, and with `fix` sets it and checks it again. Where the store refuses, the first verdict
 * stays. `done`: the reason when it was set.
 */
export async function checkAndFix(
  fix: boolean,
  check: (isSet: boolean) => Promise<Verdict>,
  set: () => Promise<void>,
  done: string,
): Promise<Verdict> {
  const before = await check(false);
  if (before.status === 'ok' || !fix) return before;
  try {
    await set();
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const reason = `${before.reason} It could not be set: ${error.operation} (${error.storeCode}).`;
    return { ...before, reason, remedy: "Set it in the store's own console, or look it up in its documentation." };
  }
  const after = await check(true);
  return after.status === 'ok' ? ok(done) : after;
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Unknown';
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name;
}
