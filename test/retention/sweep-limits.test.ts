import { describe, expect, test } from '@jest/globals';
import { toBody } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { newRecordingId } from '../../src/domain/ids.ts';
import { recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { sweep } from '../../src/retention/sweep.ts';
import { newTally, toReport } from '../../src/retention/sweep-report.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/overriding.ts';
import { startTestService, type TestService, uploadParts } from '../kit/service.ts';

/** A store whose listings have pages of two. */
const smallPages = (store: ObjectStore): ObjectStore =>
  overriding(store, {
    list: (prefix, options = {}) => store.list(prefix, { ...options, limit: Math.min(options.limit ?? 2, 2) }),
  });

async function using(
  wrap: (store: ObjectStore) => ObjectStore,
  act: (service: TestService) => Promise<void>,
): Promise<void> {
  const service = startTestService({ wrap });
  try {
    await act(service);
  } finally {
    await service.close();
  }
}

describe('over many pages', () => {
  test('a sweep deletes all that is due, and verify reads all there is', () =>
    using(smallPages, async (service) => {
      for (let index = 0; index < 5; index += 1) await service.record({ attempt: `a${index}` });
      for (let index = 0; index < 3; index += 1) await service.store.put(`due/0-strange-${index}`, new Uint8Array());
      service.clock.advance(30 * DAY_MS);
      expect(await service.sweep()).toMatchObject({ due: 5, deleted: { recordings: 5 }, failed: 3 });
      expect(await service.keys('attempts/')).toEqual([]);
      expect(await service.verify()).toMatchObject({ wrong: 3, receipts: 5 });
    }));

  test('an attempt with entries on several pages is swept once and found empty afterwards', () =>
    using(smallPages, async (service) => {
      for (let index = 0; index < 5; index += 1) await service.record();
      service.clock.advance(30 * DAY_MS);
      expect(await service.sweep()).toMatchObject({ due: 5, deleted: { recordings: 5 }, failed: 0 });
      expect((await service.keys('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
    }));

  test('SIGTERM ends a sweep after the attempts in hand; the next one does the rest', () =>
    using(smallPages, async (service) => {
      for (let index = 0; index < 5; index += 1) await service.record({ attempt: `a${index}` });
      service.clock.advance(30 * DAY_MS);
      const stopping = new AbortController();
      const first = await sweep(
        { ...service.sweepContext, onProgress: () => stopping.abort() },
        { signal: stopping.signal },
      );
      expect(first).toMatchObject({ deleted: { recordings: 2 }, failed: 0 });
      expect(await service.sweep()).toMatchObject({ deleted: { recordings: 3 }, failed: 0 });
    }));

  test('the expiry of audit events and the completion of abandoned uploads stop as well', () =>
    using(smallPages, async (service) => {
      const ref = await service.begin();
      await uploadParts(service.context, ref, [webm]);
      for (let index = 0; index < 5; index += 1) {
        await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
      }
      service.clock.advance(3 * HOUR_MS);
      const stopping = new AbortController();
      const uploads = service.store.listMultipartUploads.bind(service.store);
      const store = overriding(service.store, {
        async listMultipartUploads(prefix, options) {
          stopping.abort();
          return uploads(prefix, options);
        },
      });
      expect((await sweep({ ...service.sweepContext, store }, { signal: stopping.signal })).salvaged).toBe(0);
      expect((await service.sweep()).salvaged).toBe(1);

      service.clock.advance(400 * DAY_MS);
      const stopLater = new AbortController();
      const stopAtDelete = overriding(service.store, {
        async delete(targets) {
          if (targets[0]?.key.startsWith('audit/')) stopLater.abort();
          return service.store.delete(targets);
        },
      });
      const partly = await sweep({ ...service.sweepContext, store: stopAtDelete }, { signal: stopLater.signal });
      expect(partly.auditEventsExpired).toBe(1);
      expect((await service.sweep()).auditEventsExpired).toBe(4);
    }));
});

describe('index entries that cannot be written or deleted', () => {
  test('an entry whose deletion is refused is reported, and costs nothing but a look the next time', async () => {
    const service = startTestService();
    try {
      await service.record();
      service.clock.advance(30 * DAY_MS);
      const refusing = overriding(service.store, {
        async delete(targets) {
          const refused = targets.filter(({ key }) => key.startsWith('due/'));
          const failures = await service.store.delete(targets.filter(({ key }) => !key.startsWith('due/')));
          return [...failures, ...refused.map((target) => ({ ...target, code: 'AccessDenied' }))];
        },
      });
      const report = await sweep({ ...service.sweepContext, store: refusing });
      expect(report).toMatchObject({ deleted: { recordings: 1 }, failed: 1, problems: [{ code: 'AccessDenied' }] });
      expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
      expect((await service.keys('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
    } finally {
      await service.close();
    }
  });

  test('when the entry for a later deadline cannot be written, the old one stays', async () => {
    const service = startTestService();
    try {
      const ref = await service.record();
      service.clock.advance(20 * DAY_MS);
      await assessAttempt(service.context, ref, service.clock.now());
      const entries = await service.keys('due/');
      await service.store.delete(entries.slice(1).map((key) => ({ key })));
      service.clock.advance(10 * DAY_MS);
      const failing = overriding(service.store, {
        put: () => Promise.reject(new StoreError('unavailable', 'PutObject', 'SlowDown')),
      });
      expect(await sweep({ ...service.sweepContext, store: failing })).toMatchObject({
        failed: 1,
        problems: [{ code: 'SlowDown' }],
      });
      expect(await service.keys('due/')).toEqual(entries.slice(0, 1));
    } finally {
      await service.close();
    }
  });

  test('an index of receipts that another sweeper has just dealt with is passed over', async () => {
    const service = startTestService();
    try {
      await service.store.put(
        'due/20200101T000000000Z/receipts/r',
        toBody({ version: 1, run: 'r', first: 1, previous: null, keys: [] }),
      );
      service.clock.advance(2 * HOUR_MS);
      const gone = overriding(service.store, { get: () => Promise.resolve(undefined) });
      expect(await sweep({ ...service.sweepContext, store: gone })).toMatchObject({ receiptsExpired: 0, failed: 0 });
      const failing = overriding(service.store, {
        get: () => Promise.reject(new StoreError('access-denied', 'GetObject', 'AccessDenied')),
      });
      expect(await sweep({ ...service.sweepContext, store: failing })).toMatchObject({
        problems: [{ code: 'AccessDenied' }],
      });
    } finally {
      await service.close();
    }
  });

  test('a mistake in the code fails its own recording alone', async () => {
    const service = startTestService();
    try {
      const ref = await service.record();
      await service.record({ attempt: 'a2' });
      service.clock.advance(30 * DAY_MS);
      const mistaken = overriding(service.store, {
        get: (key) =>
          key.startsWith(recordingPrefix(ref)) ? Promise.reject(new TypeError('x')) : service.store.get(key),
      });
      const report = await sweep({ ...service.sweepContext, store: mistaken });
      expect(report).toMatchObject({
        deleted: { recordings: 1 },
        failed: 1,
        problems: [{ code: 'unexpected-TypeError' }],
      });
    } finally {
      await service.close();
    }
  });
});

describe('the report', () => {
  const run = { startedAtMs: 0, finishedAtMs: 0, dryRun: false, requests: 0 };

  test('lists twenty keys of a problem and counts the rest', () => {
    const tally = newTally();
    for (let index = 0; index < 25; index += 1) tally.problem('unknown-key', `k${index}`);
    const [problem] = toReport(tally, run).problems;
    expect(problem).toMatchObject({ code: 'unknown-key', count: 25 });
    expect(problem?.keys).toHaveLength(20);
  });

  test('lists a thousand recordings of a dry run', () => {
    const tally = newTally();
    const ref = {
      tenant: 't',
      exam: 'e',
      attempt: 'a',
      recording: newRecordingId(0, (length) => new Uint8Array(length)),
    };
    const state = { ref, objects: {}, items: [], uploads: [] };
    for (let index = 0; index < 1001; index += 1)
      tally.would({ state, reason: 'retention', actor: 'x', deadlineMs: 0 });
    expect(toReport(tally, run).would).toHaveLength(1000);
  });

  test('tells how long the oldest of the overdue has been so', () => {
    const tally = newTally();
    tally.attemptFailed(1000, 5000, 'x', 'k1');
    tally.attemptFailed(3000, 5000, 'x', 'k2');
    tally.attemptFailed(9000, 5000, 'x', 'k3');
    expect(toReport(tally, run)).toMatchObject({ failed: 3, overdue: 2, oldestOverdueSeconds: 4 });
  });
});
