// Says an order of events in a line or two: what a store fails at, what it keeps, and what else happens meanwhile.
import { expect } from '@jest/globals';
import type { DeleteTarget, ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { overriding } from '../kit/overriding.ts';
import type { TestService } from '../kit/service.ts';

type Call = keyof ObjectStore;
/** A key that begins so, or matches. */
type Keys = string | RegExp;

export const ERASURE = { reason: 'erasure', actor: 'desk' } as const;

function isOneOf(keys: Keys, key: string): boolean {
  return typeof keys === 'string' ? key.startsWith(keys) : keys.test(key);
}

/** A store in which `step` takes the place of such calls on such keys (prefixes, targets); `go` makes the call itself. */
export function replacing(
  store: ObjectStore,
  call: Call,
  keys: Keys,
  step: (go: () => Promise<unknown>) => unknown,
): ObjectStore {
  const real = store[call] as (...args: unknown[]) => Promise<unknown>;
  return overriding(store, {
    [call]: async (...args: unknown[]) => {
      const [about = ''] = args;
      const named = Array.isArray(about) ? (about as DeleteTarget[]).map(({ key }) => key) : [String(about)];
      const go = () => real.apply(store, args);
      return named.some((key) => isOneOf(keys, key)) ? step(go) : go();
    },
  });
}

/** A store of which such calls fail. */
export function failing(store: ObjectStore, call: Call, keys: Keys = '', code = 'InternalError'): ObjectStore {
  return replacing(store, call, keys, () => Promise.reject(new StoreError('unavailable', call, code)));
}

/** A store that refuses to delete such keys, and those alone. */
export function keeping(store: ObjectStore, keys: Keys): ObjectStore {
  return overriding(store, {
    async delete(targets) {
      const refused = targets.filter(({ key }) => isOneOf(keys, key));
      const failures = await store.delete(targets.filter((target) => !refused.includes(target)));
      return [...failures, ...refused.map((target) => ({ ...target, code: 'AccessDenied' }))];
    },
  });
}

export interface Moment {
  /** Before the call takes effect, or after that, before it is answered. */
  readonly when: 'before' | 'after';
  readonly call: Call;
  readonly keys?: Keys;
  /** Which of the calls. Default: the first. */
  readonly nth?: number;
}

/** `act` runs on a store that does `other` at that moment, once. Fails if the moment never came. */
export async function meanwhile<T>(
  store: ObjectStore,
  { when, call, keys = '', nth = 1 }: Moment,
  other: () => unknown,
  act: (store: ObjectStore) => Promise<T>,
): Promise<T> {
  let calls = 0;
  const watched = replacing(store, call, keys, async (go) => {
    calls += 1;
    if (calls !== nth) return go();
    if (when === 'before') await other();
    const answer = await go();
    if (when === 'after') await other();
    return answer;
  });
  const result = await act(watched);
  expect(calls).toBeGreaterThanOrEqual(nth);
  return result;
}

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
