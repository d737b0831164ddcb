// For tests on a real store: the real clock, turned forwards, and the store seen through it: what was written before a turn
// looks as old as it should.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ListedObject, ObjectStore } from '../../src/storage/object-store.ts';
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
  return startTestService({
    ...options,
    on: { testStore: { ...testStore, store: seenThrough(clock, testStore.store) }, clock },
  });
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
  const storeTimeMs = (realMs: number) => realMs + clock.now() - Date.now();
  const shift = <T extends Pick<ListedObject, 'lastModifiedMs'>>(item: T): T => ({
    ...item,
    lastModifiedMs: clock.at(item.lastModifiedMs),
  });
  const overrides: Partial<ObjectStore> = {
    async list(prefix, options) {
      const page = await store.list(prefix, options);
      return { ...page, objects: page.objects.map(shift), storeTimeMs: storeTimeMs(page.storeTimeMs) };
    },
    async listVersions(prefix, options) {
      const page = await store.listVersions(prefix, options);
      return { ...page, versions: page.versions.map(shift), storeTimeMs: storeTimeMs(page.storeTimeMs) };
    },
    async listParts(key, uploadId) {
      return (await store.listParts(key, uploadId))?.map(shift);
    },
    async listMultipartUploads(prefix, options) {
      const page = await store.listMultipartUploads(prefix, options);
      return {
        ...page,
        uploads: page.uploads.map((upload) => ({ ...upload, initiatedMs: clock.at(upload.initiatedMs) })),
        storeTimeMs: storeTimeMs(page.storeTimeMs),
      };
    },
  };
  return overriding(store, overrides);
}
