// Waiting, inside a page.

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(requestAnimationFrame);
}

/** @throws Error when the target reports an error instead */
export function happened(target: EventTarget, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    target.addEventListener(name, () => resolve(), { once: true });
    target.addEventListener('error', () => reject(new Error(`no ${name}: ${failureOf(target)}`)), { once: true });
  });
}

function failureOf(target: EventTarget): string {
  const error = 'error' in target ? target.error : undefined;
  return error && typeof error === 'object' && 'message' in error ? String(error.message) : 'it failed';
}
