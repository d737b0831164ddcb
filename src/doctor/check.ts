// One line of the doctor's report, and how a check that throws becomes one too.
import { isStoreError } from '../storage/store-error.ts';

export type CheckStatus = 'ok' | 'info' | 'warning' | 'failed';

export interface CheckResult {
  /** Stable, for machines. */
  readonly id: string;
  readonly name: string;
  readonly status: CheckStatus;
  readonly reason: string;
  /** What to do; null when there is nothing to do. */
  readonly remedy: string | null;
  /** Of an attack only. */
  readonly outcome?: AttackOutcome;
}

/**
 * `refused`: a 4xx, and nothing changed. `no-effect`: answered 200, and what was attempted did not happen.
 * `unproven`: the store gave no answer that proves anything.
 */
export type AttackOutcome = 'refused' | 'no-effect' | 'succeeded' | 'unproven';

export type Verdict = Pick<CheckResult, 'status' | 'reason' | 'remedy' | 'outcome'>;

export function ok(reason: string): Verdict {
  return { status: 'ok', reason, remedy: null };
}

export function info(reason: string, remedy: string | null = null): Verdict {
  return { status: 'info', reason, remedy };
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
    return { id, name, ...verdictOf(error) };
  }
}

/** No message of a foreign error is repeated: it could hold a signed URL. */
export function verdictOf(error: unknown): Verdict {
  if (!isStoreError(error)) {
    return failed(`The check itself failed: ${nameOf(error)}.`, 'Run the doctor again; report it when it stays.');
  }
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
      return failed(`The store did not answer ${operation} (${storeCode}).`, 'See that the store is up; run it again.');
    default:
      return failed(`${operation} failed: ${storeCode}.`, `Find out why the store refuses ${operation}.`);
  }
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Unknown';
  return 'code' in error ? `${error.name} ${String(error.code)}` : error.name;
}
