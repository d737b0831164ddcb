// Waiting, inside a page.

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(requestAnimationFrame);
}

/** @throws Error when the target reports an error instead */
export function happened(target: EventTarget, name: string): Promise<void> {
  const event = new Promise<void>((resolve) => target.addEventListener(name, () => resolve(), { once: true }));
  return Promise.race([event, failure(target)]);
}

/** Rejects when the target reports an error. */
export function failure(target: EventTarget): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    const onError = () => reject(new Error(messageOf(target)));
    target.addEventListener('error', onError, { once: true });
  });
  // Whoever waits for it is told; an error that comes after the test's last call is nobody's.
  failed.catch(() => {});
  return failed;
}

function messageOf(target: EventTarget): string {
  const error = 'error' in target ? target.error : undefined;
  return error instanceof MediaError || error instanceof Error ? error.message : 'it failed';
}
