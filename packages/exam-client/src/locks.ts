// Locks between tabs: only the tab with the lock of a recording writes to it and uploads it.

const PREFIX = 'proctoring-recordings/';
/** Without Web Locks, a tab whose recording grew within this time counts as open. */
const ALIVE_FOR_MS = 60_000;

/**
 * Runs `task` once no other tab has the lock; the browser releases the locks of a closed tab. Where Web Locks are missing,
 * waits until the recording has stopped growing. Calls `onHeld` when it has to wait.
 */
export async function whenFree(
  key: string,
  lastOffset: () => Promise<number | undefined>,
  signal: AbortSignal,
  onHeld: () => void,
  task: () => Promise<void>,
): Promise<void> {
  if (navigator.locks) {
    if (await ifFree(key, task)) return;
    onHeld();
    return navigator.locks.request(PREFIX + key, { signal }, task);
  }
  for (let before: number | undefined = -1; !signal.aborted; ) {
    const last = await lastOffset();
    if (last === before) return task();
    before = last;
    onHeld();
    await new Promise((resolve) => setTimeout(resolve, ALIVE_FOR_MS));
  }
}

/** Takes the lock of a recording that no other tab knows yet, until `released`. */
export function hold(key: string, released: Promise<unknown>): void {
  navigator.locks?.request(PREFIX + key, () => released.catch(() => {})).catch(() => {});
}

/** Runs `task` unless another tab has the lock. Without Web Locks nothing shows that none has it: it does not run. */
export async function ifFree(key: string, task: () => Promise<void>): Promise<boolean> {
  if (!navigator.locks) return false;
  return navigator.locks.request(PREFIX + key, { ifAvailable: true }, async (lock) => {
    if (lock) await task();
    return lock !== null;
  });
}
