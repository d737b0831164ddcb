// Independent steps at once, all of which have ended when the caller goes on.

type Results<T extends readonly unknown[]> = { -readonly [K in keyof T]: Awaited<T[K]> };

/**
 * As `Promise.all`, and waits for all also when one fails: no write may take effect after its request has ended.
 * @throws what the first of them in order threw
 */
export async function together<const T extends readonly unknown[]>(...steps: T): Promise<Results<T>> {
  const settled = await Promise.allSettled(steps);
  const failed = settled.find((step) => step.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((step) => (step as PromiseFulfilledResult<unknown>).value) as Results<T>;
}
