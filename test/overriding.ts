// A store of which some methods are replaced, to make it fail, lie or wait where a test needs that.
import type { ObjectStore } from '../src/storage/object-store.ts';

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
