// For tests on a real store: the real clock, turned forwards, and the store seen through it: what was written before a turn
// looks as old as it should.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { TestClock } from './clock.ts';
import { overriding } from './interventions.ts';
import type { TestStore } from './memory-bucket.ts';
import { startTestService, type TestService, type TestServiceOptions } from './service.ts';

interface ShiftedClock extends TestClock {
  /** What the clock showed at a real time. */
  readonly at: (realMs: number) => number;
}

/** A service on a real store; its clock and the store's times are turned forwards together. */
export function startServiceOn(
  testStore: TestStore,
  options: Omit<TestServiceOptions, 'on' | 'memory'> = {},
): TestService {
  const clock = createShiftedClock();
  const store = seenThrough(clock, testStore.store);
  return startTestService({ ...options, on: { testStore: { ...testStore, store }, clock } });
}

function createShiftedClock(): ShiftedClock {
  const turns: { realMs: number; offsetMs: number }[] = [];
  const offset = () => turns.at(-1)?.offsetMs ?? 0;
  return {
    now: () => Date.now() + offset(),
    sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
    advance(ms) {
      turns.push({ realMs: Date.now(), offsetMs: offset() + ms });
    },
    at(realMs) {
      return realMs + (turns.findLast((turn) => turn.realMs < realMs)?.offsetMs ?? 0);
    },
  };
}

/** Every time that the store tells is told as the clock would have shown it; nothing else is changed. */
function seenThrough(clock: ShiftedClock, store: ObjectStore): ObjectStore {
  const seen = (value: unknown, name = ''): unknown => {
    if (name === 'storeTimeMs') return Number(value) + clock.now() - Date.now();
    if (name === 'lastModifiedMs' || name === 'initiatedMs') return clock.at(Number(value));
    if (Array.isArray(value)) return value.map((item) => seen(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, seen(member, key)]));
  };
  const listings = ['list', 'listVersions', 'listParts', 'listMultipartUploads'] as const;
  const told = listings.map((name) => {
    const list = store[name] as (...args: unknown[]) => Promise<unknown>;
    return [name, async (...args: unknown[]) => seen(await list.apply(store, args))];
  });
  return overriding(store, Object.fromEntries(told) as Partial<ObjectStore>);
}
