// Locks between tabs: only the tab with the lock of a recording writes to it and uploads it.

const PREFIX = 'proctoring-recordings/';
/** Without Web Locks, a tab that wrote within this time counts as open. */
const ALIVE_FOR_MS = 60_000;

/**
 * Runs `task` once no other tab has the lock; the browser releases the locks of a closed tab. Where Web Locks are
 * missing, waits until `lastWriteAt` is old enough.
 */
export async function whenFree(
  key: string,
  lastWriteAt: () => Promise<number>,
  signal: AbortSignal,
  task: () => Promise<void>,
): Promise<void> {
  if (navigator.locks) return navigator.locks.request(PREFIX + key, { signal }, task);
  for (;;) {
    const waitMs = (await lastWriteAt()) + ALIVE_FOR_MS - Date.now();
    if (signal.aborted) return;
    if (waitMs <= 0) return task();
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Takes the lock of a recording that no other tab knows yet, until `released`. */
export function hold(key: string, released: Promise<unknown>): void {
  navigator.locks?.request(PREFIX + key, () => released.catch(() => {})).catch(() => {});
}
