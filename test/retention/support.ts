// What the tests of retention share: a recording's end on request, and looks into the bucket.
import type { TestService } from '../kit/service.ts';

export const ERASURE = { reason: 'erasure', actor: 'desk' } as const;

export async function remove({ store }: TestService, keys: readonly string[]): Promise<void> {
  await store.delete(keys.map((key) => ({ key })));
}

export async function readJson<T>({ store }: TestService, key: string): Promise<T> {
  return JSON.parse(Buffer.from((await store.get(key)) ?? []).toString()) as T;
}

/** Index entries of one sort. */
export async function due(service: TestService, sort: 'attempt' | 'receipts' | 'orders'): Promise<string[]> {
  return (await service.keys('due/')).filter((key) => key.includes(`/${sort}/`));
}
