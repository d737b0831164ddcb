// For tests on a real store: the real clock, turned forwards, and the store seen through it, its objects as old as they should look.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { intercepting } from './interventions.ts';
import type { TestStore } from './memory-bucket.ts';
import { startTestService, type TestService, type TestServiceOptions } from './service.ts';

/** A service on a real store; its clock and the store's times are turned forwards together. */
export function startServiceOn(testStore: TestStore, options: TestServiceOptions = {}): TestService {
  const clock = createShiftedClock();
  const store = seenThrough(clock, testStore.store);
  return startTestService({ ...options, on: { testStore: { ...testStore, store }, clock } });
}

function createShiftedClock() {
  const turns: { realMs: number; offsetMs: number }[] = [];
  const offset = () => turns.at(-1)?.offsetMs ?? 0;
  const turn = (ms: number) => void turns.push({ realMs: Date.now(), offsetMs: offset() + ms });
  return {
    now: () => Date.now() + offset(),
    sleep: (ms: number, signal?: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {}),
    every: (ms: number, tick: () => void) => {
      const timer = setInterval(tick, ms);
      return () => clearInterval(timer);
    },
    advance: turn,
    step: turn,
    /** What the clock showed at a real time. */
    at(realMs: number) {
      return realMs + (turns.findLast((turn) => turn.realMs < realMs)?.offsetMs ?? 0);
    },
  };
}

/** Dates may be in whole seconds. */
const PRECISION_MS = 1000;

/**
 * Converts every time in an answer to what the shifted clock showed at that moment; changes nothing else. The time of an
 * object that was written through this store is known to the millisecond, so that it is not taken for one from before a turn.
 */
function seenThrough(clock: ReturnType<typeof createShiftedClock>, store: ObjectStore): ObjectStore {
  const writes = new Map<string, { readonly realMs: number; readonly shownMs: number }[]>();
  const exactly = (realMs: number, key: unknown) =>
    writes.get(String(key))?.findLast((write) => Math.abs(write.realMs - realMs) < PRECISION_MS)?.shownMs ??
    clock.at(realMs);
  const seen = (value: unknown, name = '', key?: unknown): unknown => {
    if (name === 'storeTimeMs') return Number(value) + clock.now() - Date.now();
    if (name === 'lastModifiedMs') return exactly(Number(value), key);
    if (name === 'initiatedMs') return clock.at(Number(value));
    if (Array.isArray(value)) return value.map((item) => seen(item));
    if (typeof value !== 'object' || value === null) return value;
    const of = 'key' in value ? value.key : undefined;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, seen(member, key, of)]));
  };
  return intercepting(store, async (call, [key], go) => {
    if (call === 'put' || call === 'completeMultipartUpload') {
      const write = { realMs: Date.now(), shownMs: clock.now() };
      writes.set(String(key), [...(writes.get(String(key)) ?? []), write]);
    }
    return call.startsWith('list') ? seen(await go()) : go();
  });
}
