// A store whose calls a test replaces, fails, holds or overtakes, so that races and outages happen where the test wants them.
import { strict as assert } from 'node:assert';
import type { DeleteTarget, ObjectStore } from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';

export type StoreCall = keyof ObjectStore;
/** Keys, prefixes or targets that begin with this string, or match this expression. */
export type Keys = string | RegExp;
/** Makes the call itself. */
type Go = () => Promise<unknown>;

/** A store in which `step` replaces every call. */
export function intercepting(
  store: ObjectStore,
  step: (call: StoreCall, args: unknown[], go: Go) => unknown,
): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => step(name as StoreCall, args, async () => value.apply(target, args));
    },
  });
}

const isOneOf = (keys: Keys, key: string) => (typeof keys === 'string' ? key.startsWith(keys) : keys.test(key));

/** The keys, or the prefix, that a call is about. */
export function keysIn([about = '']: readonly unknown[]): string[] {
  return Array.isArray(about) ? (about as DeleteTarget[]).map(({ key }) => key) : [String(about)];
}

const isAbout = (keys: Keys, args: unknown[]) => keysIn(args).some((key) => isOneOf(keys, key));

/** A store with some methods replaced by the test's own. */
export function overriding(store: ObjectStore, overrides: Partial<ObjectStore>): ObjectStore {
  return intercepting(store, (call, args, go) => {
    const own = overrides[call] as ((...given: unknown[]) => unknown) | undefined;
    return own ? own(...args) : go();
  });
}

/** A store in which `step` replaces these calls on these keys. */
export function replacing(store: ObjectStore, call: StoreCall, keys: Keys, step: (go: Go) => unknown): ObjectStore {
  return intercepting(store, (name, args, go) => (name === call && isAbout(keys, args) ? step(go) : go()));
}

/** A store whose calls of these kinds fail. */
export function failing(store: ObjectStore, call: StoreCall, keys: Keys = '', code = 'InternalError'): ObjectStore {
  return replacing(store, call, keys, () => Promise.reject(new StoreError('unavailable', call, code)));
}

/** A store that refuses to delete these keys, and only these. */
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
  readonly call: StoreCall;
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
  assert(calls >= nth, `${call} came ${calls} times`);
  return result;
}

/** Where a process dies: at its `call`th store call, before that took effect or after (a lost reply). */
export interface CrashPlan {
  call: number;
  afterEffect: boolean;
  /** Counts the calls while it is set; undefined: the store is healthy. */
  made: number | undefined;
}

/** A store of a process that dies as planned: the call fails, and so does every later one. */
export function crashing(store: ObjectStore, plan: CrashPlan): ObjectStore {
  return intercepting(store, async (call, _, go) => {
    if (plan.made === undefined) return go();
    plan.made += 1;
    if (plan.made < plan.call) return go();
    if (plan.made === plan.call && plan.afterEffect) await go();
    throw new StoreError('unavailable', call, 'Crashed');
  });
}

/** Interventions that begin and end while the service runs on its store. */
export function createInterventions() {
  const holds = new Set<{ call: StoreCall; reach: () => void; released: Promise<void> }>();
  const failures = new Set<{ call: StoreCall; keys: Keys }>();
  const watchers = new Map<StoreCall, (...args: unknown[]) => Promise<void> | void>();

  return {
    wrap: (store: ObjectStore) =>
      intercepting(store, async (call, args, go) => {
        const hold = [...holds].find((waiting) => waiting.call === call);
        if (hold) {
          holds.delete(hold);
          hold.reach();
          await hold.released;
        }
        await watchers.get(call)?.(...args);
        const isFailing = [...failures].some((failure) => failure.call === call && isAbout(failure.keys, args));
        if (isFailing) throw new StoreError('unavailable', call, 'TimeoutError');
        return go();
      }),
    /** The next matching call waits until it is released; `reached` resolves when it has arrived. */
    holdNext(call: StoreCall) {
      const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
      const { promise: released, resolve } = Promise.withResolvers<void>();
      const hold = { call, reach, released };
      holds.add(hold);
      return { reached, release: () => resolve(void holds.delete(hold)) };
    },
    /** Matching calls fail as if the store were unreachable, until the returned function is called. */
    failOn(call: StoreCall, keys: Keys) {
      const failure = { call, keys };
      failures.add(failure);
      return () => failures.delete(failure);
    },
    /** Calls and awaits the watcher before every matching call. */
    watch: (call: StoreCall, watcher: (...args: unknown[]) => Promise<void> | void) => void watchers.set(call, watcher),
  };
}
