// What is promised of each recording in a bucket, by its records, its tags and the deletion queue: to be compared after a repair.
import { expect } from '@jest/globals';
import { Bucket } from '../../src/bucket/bucket.ts';
import { attemptId, recordingId } from '../../src/model/ids.ts';
import type { TestService } from '../kit/service.ts';

interface Promised {
  readonly deadlines: ReadonlyMap<string, number>;
  readonly tags: ReadonlyMap<string, number>;
  /** The first entry of the queue of each attempt. */
  readonly entries: ReadonlyMap<string, number>;
  /** By when the sweeper must come to each attempt. */
  readonly needed: ReadonlyMap<string, number>;
}

export async function promises({ sweepContext }: TestService): Promise<Promised> {
  const bucket = new Bucket(sweepContext);
  const deadlines = new Map<string, number>();
  const tags = new Map<string, number>();
  const entries = new Map<string, number>();
  const needed = new Map<string, number>();
  for await (const attempt of bucket.attemptsIn({})) {
    const neededMs = attempt.nextDeadlineMs();
    if (neededMs !== undefined) needed.set(attemptId(attempt.ref), neededMs);
    for (const { ref } of attempt.recordings) {
      deadlines.set(recordingId(ref), attempt.deadlineMs(ref));
      const toldMs = Date.parse((await bucket.store.tags(bucket.mediaKey(ref)))?.['delete-by'] ?? '');
      if (!Number.isNaN(toldMs)) tags.set(recordingId(ref), toldMs);
    }
  }
  for await (const entry of bucket.queue.entries()) {
    if (entry.type !== 'attempt') continue;
    const id = attemptId(entry.ref);
    entries.set(id, Math.min(entry.timeMs, entries.get(id) ?? Number.POSITIVE_INFINITY));
  }
  return { deadlines, tags, entries, needed };
}

/** No deadline is later than before, none is told as later, and the queue leads to all of them in time. */
export async function expectNothingLonger(service: TestService, before: Promised): Promise<void> {
  const after = await promises(service);
  const moved = (is: ReadonlyMap<string, number>, was: ReadonlyMap<string, number>) =>
    [...is].filter(([id, timeMs]) => timeMs > (was.get(id) ?? Number.POSITIVE_INFINITY)).map(([id]) => id);
  expect(moved(after.deadlines, before.deadlines)).toEqual([]);
  expect(moved(after.tags, before.tags)).toEqual([]);
  const late = [...after.needed].filter(([id, timeMs]) => !((after.entries.get(id) ?? Number.NaN) <= timeMs));
  expect(late.map(([id]) => id)).toEqual([]);
}
