// A store whose calls a test can hold and fail, so that races and outages happen where the test wants them.

import type { RecordingRef } from '../../src/domain/ids.ts';
import { recordingPrefix } from '../../src/domain/keys.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';

export type StoreCall = keyof ObjectStore;

export interface Held {
  /** Resolves when a call has come and waits. */
  readonly reached: Promise<void>;
  release(): void;
}

export interface Interventions {
  readonly wrap: (store: ObjectStore) => ObjectStore;
  /** The next such call waits until it is released. */
  holdNext(call: StoreCall): Held;
  /** Such calls on keys that begin so fail as those of an unreachable store, until the returned function is called. */
  failOn(call: StoreCall, keyPrefix: string): () => void;
  /** Is told of every call before it is made; what it returns is awaited. */
  watch(call: StoreCall, watcher: (...args: unknown[]) => Promise<void> | void): void;
}

export function createInterventions(): Interventions {
  const holds = new Set<{ call: StoreCall; reach: () => void; released: Promise<void> }>();
  const failures = new Set<{ call: StoreCall; keyPrefix: string }>();
  const watchers = new Map<StoreCall, (...args: unknown[]) => Promise<void> | void>();

  async function before(call: StoreCall, args: unknown[]): Promise<void> {
    const hold = [...holds].find((waiting) => waiting.call === call);
    if (hold) {
      holds.delete(hold);
      hold.reach();
      await hold.released;
    }
    await watchers.get(call)?.(...args);
    for (const failure of failures) {
      if (failure.call === call && String(args[0]).startsWith(failure.keyPrefix)) {
        throw new StoreError('unavailable', call, 'TimeoutError');
      }
    }
  }

  return {
    wrap(store) {
      return new Proxy(store, {
        get(target, name) {
          const value = Reflect.get(target, name, target) as unknown;
          if (typeof value !== 'function') return value;
          return async (...args: unknown[]) => {
            await before(name as StoreCall, args);
            return (value as (...given: unknown[]) => unknown).apply(target, args);
          };
        },
      });
    },
    holdNext(call) {
      const reached = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      const hold = { call, reach: reached.resolve, released: released.promise };
      holds.add(hold);
      return {
        reached: reached.promise,
        release() {
          holds.delete(hold);
          released.resolve();
        },
      };
    },
    failOn(call, keyPrefix) {
      const failure = { call, keyPrefix };
      failures.add(failure);
      return () => failures.delete(failure);
    },
    watch(call, watcher) {
      watchers.set(call, watcher);
    },
  };
}

export function mediaKey(ref: RecordingRef): string {
  return `${recordingPrefix(ref)}media`;
}
