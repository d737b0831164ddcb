// What docs/operations.md says of a bucket that somebody restored from a copy, in whole or in part.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { startTestService, type TestService } from '../kit/service.ts';

let service: TestService;
let copy: Map<string, Uint8Array>;
beforeEach(async () => {
  service = startTestService();
  const { clock, context } = service;
  const ref = await service.record();
  await service.record({ attempt: 'a2' });
  await assessAttempt(context, ref, clock.now());
  copy = new Map();
  for (const key of await service.keys()) copy.set(key, (await service.store.get(key)) ?? new Uint8Array());
  clock.advance(31 * DAY_MS);
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
  clock.advance(2 * HOUR_MS);
});
afterEach(() => service.close());

async function restore(isWanted: (key: string) => boolean): Promise<void> {
  for (const [key, body] of copy) if (isWanted(key)) await service.store.put(key, body);
  service.clock.advance(2 * HOUR_MS);
}

describe('after a restore', () => {
  test('of the whole bucket, the next sweep deletes again what is past its deadline', async () => {
    await restore(() => true);
    expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test.each([
    ['media alone', (key: string) => key.endsWith('/media')],
    ['everything but the queue', (key: string) => !key.startsWith('due/')],
  ])('of %s, a sweep finds nothing, verify finds it, and verify --fix deletes it', async (_what, isWanted) => {
    await restore(isWanted);
    expect(await service.sweep()).toMatchObject({ due: 0, deleted: { recordings: 0 } });
    const { findings } = await service.verify();
    expect(findings.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['overdue', 'no-due-entry', 'receipt-but-objects']),
    );
    expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
    expect(await service.keys('attempts/')).toEqual([]);
    expect(await service.verify()).toMatchObject({ wrong: 0 });
  });

  test('of the whole bucket but an assessment, a recording goes 30 days after it was made', async () => {
    const { clock, context } = service;
    const ref = await service.record({ attempt: 'a3' });
    const createdAtMs = clock.now();
    clock.advance(10 * DAY_MS);
    await assessAttempt(context, ref, clock.now());
    const [fact = ''] = await service.keys('attempts/acme/math/a3/assessed/');
    await service.store.delete([{ key: fact }]);
    await service.verify({ fix: true });
    clock.advance(createdAtMs + 30 * DAY_MS - clock.now());
    await service.sweep();
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });
});
