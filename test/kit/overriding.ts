// A store of which some methods are replaced, to make it fail, lie or wait where a test needs that.
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';

/** Everything else goes to the real store. */
export function overriding(store: ObjectStore, overrides: Partial<ObjectStore>): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const own = overrides[name as keyof ObjectStore];
      if (own) return own;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
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
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (plan.made === undefined) return value.apply(target, args) as unknown;
        plan.made += 1;
        if (plan.made < plan.call) return value.apply(target, args) as unknown;
        if (plan.made === plan.call && plan.afterEffect) await value.apply(target, args);
        throw new StoreError('unavailable', String(name), 'Crashed');
      };
    },
  });
}
