// A clock that tests turn, and a store seen through it: what was written before a turn looks as old as it should.
import { MINUTE_MS } from '../src/domain/durations.ts';
import type { ListedObject, ObjectStore } from '../src/storage/object-store.ts';
import { overriding } from './overriding.ts';

export interface TestClock {
  /** Milliseconds since the epoch: the real time, and what the clock was advanced by. */
  readonly now: () => number;
  readonly advance: (ms: number) => void;
  /** What the clock showed at a real time. */
  readonly at: (realMs: number) => number;
}

export function createTestClock(): TestClock {
  const turns: { realMs: number; offsetMs: number }[] = [];
  const offset = () => turns.at(-1)?.offsetMs ?? 0;
  return {
    now: () => Date.now() + offset(),
    advance(ms) {
      turns.push({ realMs: Date.now(), offsetMs: offset() + ms });
    },
    at(realMs) {
      return realMs + (turns.findLast((turn) => turn.realMs < realMs)?.offsetMs ?? 0);
    },
  };
}

/** Every time that the store tells is told as the clock would have shown it; nothing else is changed. */
export function seenThrough(clock: TestClock, store: ObjectStore): ObjectStore {
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

/** A store tells whole seconds: what it writes in the very second in which the clock is turned seems to be older. */
export async function untilWritesAreYoung({ store, clock }: { store: ObjectStore; clock: TestClock }): Promise<void> {
  const key = 'doctor/probe';
  let ageMs = Number.POSITIVE_INFINITY;
  while (ageMs > MINUTE_MS) {
    await store.put(key, new Uint8Array());
    const [probe] = (await store.list(key)).objects;
    ageMs = clock.now() - (probe?.lastModifiedMs ?? 0);
  }
  await store.delete([{ key }]);
}
