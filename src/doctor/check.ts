// One line of the doctor's report, and how a check that throws becomes one too.
import { type Capability, capabilityOf } from '../objectstore/needs.ts';
import { isStoreError, type StoreError } from '../objectstore/store-error.ts';

export type CheckStatus = 'ok' | 'info' | 'warning' | 'failed';

export interface CheckResult {
  /** Stable, for machines. That of a capability where the check tries one. */
  readonly id: string;
  readonly name: string;
  readonly status: CheckStatus;
  readonly reason: string;
  /** What to do; null when there is nothing to do. */
  readonly remedy: string | null;
  /** Of an attack; and `unproven` of a trial that the store did not answer. */
  readonly outcome?: AttackOutcome;
  /** What the store was found to do, in a word or two. */
  readonly value?: string;
  /** Of a needed capability that is not there: the operation, and what is wrong with it. */
  readonly fault?: string;
}

/**
 * `refused`: a 4xx, and nothing changed. `no-effect`: answered 200, and what was attempted did not happen.
 * `unproven`: the store gave no answer that proves anything.
 */
export type AttackOutcome = 'refused' | 'no-effect' | 'succeeded' | 'unproven';

export type Verdict = Omit<CheckResult, 'id' | 'name'>;

export function ok(reason: string, value?: string): Verdict {
  return { status: 'ok', reason, remedy: null, ...(value !== undefined && { value }) };
}

export function info(reason: string, remedy: string | null = null, value?: string): Verdict {
  return { status: 'info', reason, remedy, ...(value !== undefined && { value }) };
}

export function warning(reason: string, remedy: string): Verdict {
  return { status: 'warning', reason, remedy };
}

export function failed(reason: string, remedy: string): Verdict {
  return { status: 'failed', reason, remedy };
}

/** Runs one check; whatever it throws becomes its verdict. Never throws. */
export async function judged(id: string, name: string, look: () => Promise<Verdict>): Promise<CheckResult> {
  try {
    return { id, name, ...(await look()) };
  } catch (error) {
    return { id, name, ...verdictOf(error, capabilityOf(id)) };
  }
}

/**
 * A refusal is judged by whether the service can do without the capability that is tried; where none is, by its kind.
 * No message of a foreign error is repeated: it could hold a signed URL.
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
        `Allow ${operation} to this key, or look at it in the store's own console.`,
      );
    case 'unavailable':
      return failed(`The store did not answer ${operation} (${storeCode}).`, REPEAT);
    default:
      return failed(`${operation} failed: ${storeCode}.`, `Find out why the store refuses ${operation}.`);
  }
}

const REPEAT = 'See that the store is up; run it again.';

/**
 * Changes a setting of the bucket. Undefined when it was set; where the store refuses, what was found before, at the same
 * status: nothing got worse.
 */
export async function fixing(before: Verdict, fix: () => Promise<void>): Promise<Verdict | undefined> {
  try {
    await fix();
    return undefined;
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const reason = `${before.reason} It could not be set: ${error.operation} (${error.storeCode}).`;
    return { ...before, reason, remedy: "Set it in the store's own console, or look it up in its documentation." };
  }
}

/** Of an operation, in the store's own word. */
export function refusal(error: Pick<StoreError, 'code' | 'operation' | 'storeCode'>, tried: Capability): Verdict {
  const { code, operation, storeCode } = error;
  const isNeeded = tried.need === 'needed';
  if (code === 'unavailable') {
    const reason = `The store did not answer ${operation} (${storeCode}): nothing is proven.`;
    return { ...(isNeeded ? failed : warning)(reason, REPEAT), outcome: 'unproven', value: `unknown (${storeCode})` };
  }
  const reason = `The store refuses ${operation} (${storeCode}): ${tried.without}.`;
  const allow = `Allow ${operation} to the service's key.`;
  const value = `${code === 'not-implemented' ? 'no' : 'unknown'} (${storeCode})`;
  if (isNeeded) {
    const remedy = code === 'access-denied' ? allow : `Find out why it does, or use another store.`;
    return { ...failed(reason, remedy), value, fault: `${operation} (${storeCode})` };
  }
  return { ...(code === 'access-denied' ? warning(reason, allow) : info(reason)), value };
}

/** A needed capability that the store only seems to have. `fault`: the operation, and in brackets what is wrong. */
export function lacking(fault: string, reason: string, tried: Capability): Verdict {
  return { ...failed(reason, `Do not use this store: ${tried.without}.`), value: 'no', fault };
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Unknown';
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name;
}
