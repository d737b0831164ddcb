// What a sweep deletes, keeps, completes, costs and reports.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { createdAtOf } from '../../src/model/ids.ts';
import { MAX_CLOCK_SKEW_MS, toIso } from '../../src/model/times.ts';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import { currentWork } from '../../src/objectstore/work.ts';
import { presignPlayback } from '../../src/recordings/playback.ts';
import { readRecording } from '../../src/recordings/read.ts';
import { sweep } from '../../src/sweeper/sweep.ts';
import { MAX_LISTED } from '../../src/verifier/findings.ts';
import { ftyp } from '../kit/containers.ts';
import { webm } from '../kit/fixtures.ts';
import { failing, intercepting, keysIn, meanwhile, replacing } from '../kit/interventions.ts';
import { assessedKey, dueAttemptKey, participantKey, recordingKey, recordingPrefix } from '../kit/keys.ts';
import { CALLER, uploadParts } from '../kit/service.ts';
import { type RetentionService, startRetention, timeless, withoutLogs } from './support.ts';

let service: RetentionService;
beforeEach(() => {
  service = startRetention();
});

test('an assessed recording stays until a day before its deadline, then goes wholly, with a receipt', async () => {
  const ref = await service.record();
  service.clock.advance(HOUR_MS);
  const completedAtMs = service.clock.now();
  await service.assess(ref);

  service.clock.advance(29 * DAY_MS - HOUR_MS);
  expect(await service.sweep()).toMatchObject({ due: 0, failed: 0, deleted: { recordings: 0 } });
  expect(await service.stateOf(ref)).toBe('stored');

  const report = await service.after(2 * HOUR_MS).sweep();
  const deleted = { recordings: 1, objects: 4, versions: 0 };
  expect(report).toMatchObject({ due: 1, failed: 0, overdue: 0, problems: [], deleted });
  expect(report.deleted.bytes).toBeGreaterThan(webm.length);
  const left = await service.keys();
  expect(withoutLogs(left).filter((key) => !/^(receipts|audit|due\/[^/]+\/receipts)\//.test(key))).toEqual([]);
  const receipt = await service.receiptOf(ref);
  const why = { reason: 'retention', actor: 'sweeper', participantId: 'p1' };
  expect(receipt).toMatchObject({ ...why, objects: 4, versions: 0, deadline: toIso(completedAtMs + 30 * DAY_MS) });
  expect(Date.parse(receipt?.verifiedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(receipt?.deletedAt ?? ''));
  expect(await service.verify()).toMatchObject({ wrong: 0, receipts: 1 });
});

test.each([
  ['30 days after creation when nobody assesses it', []],
  ['by its earliest assessment, even when that was reported last', [5, 1]],
])('all recordings of an attempt, and no others, are deleted %s', async (_, completedOnDay) => {
  const first = await service.record();
  const refs = [first, await service.record(), await service.begin()];
  const startMs = createdAtOf(first.recording);
  service.clock.advance(5 * DAY_MS);
  for (const day of completedOnDay) await service.assess(first, startMs + day * DAY_MS);
  const other = await service.record({ attempt: 'a2' });
  const lastDayMs = startMs + (completedOnDay.at(-1) ?? 0) * DAY_MS + 29 * DAY_MS;
  service.clock.advance(lastDayMs - HOUR_MS - service.clock.now());
  expect((await service.sweep()).deleted.recordings).toBe(0);
  expect((await service.after(3 * HOUR_MS).sweep()).deleted.recordings).toBe(3);
  for (const ref of refs) expect(await service.objectsOf(ref)).toEqual([]);
  expect(await service.stateOf(other)).toBe('stored');
});

test('an entry is a hint: an attempt that was assessed late is kept, with an entry at its true deadline', async () => {
  const ref = await service.record();
  const [first = ''] = await service.after(20 * DAY_MS).keys('due/');
  const entry = dueAttemptKey(service.clock.now() + 30 * DAY_MS, ref, '');
  await service.assess(ref);
  await service.remove(...(await service.keys('due/')).filter((key) => key.includes(entry)));
  service.clock.advance(10 * DAY_MS);
  // While that entry cannot be written, the old one stays.
  const busy = await service.sweepOn(failing(service.store, 'put', '', 'SlowDown'));
  expect(busy).toMatchObject({ failed: 1, problems: [{ code: 'SlowDown' }] });
  expect(await service.keys('due/')).toEqual([first]);
  expect(await service.sweep()).toMatchObject({ due: 0, kept: 1, failed: 0 });
  expect(await service.keys('due/')).toEqual([expect.stringContaining(entry)]);
  expect(await service.verify()).toMatchObject({ wrong: 0 });
  expect((await service.after(20 * DAY_MS).sweep()).deleted.recordings).toBe(1);
  expect(await service.keys('due/')).toEqual([expect.stringMatching(/receipts/)]);
});

test('an idle sweep costs at most seven requests, a new recording one, a due attempt at most six and its share of batches', async () => {
  await service.recordMany(10);
  // Four listings that the attempts share, one batch of deletions, for which the versioning is asked, and the queue again.
  expect((await service.after(2 * HOUR_MS).sweep()).requests).toBeLessThanOrEqual(3 + 3 + 1 + 10 + 4 + 3);
  expect((await service.after(DAY_MS).sweep()).requests).toBeLessThanOrEqual(3 + 3 + 1);
  expect((await service.after(DAY_MS).sweep()).requests).toBeLessThanOrEqual(3 + 3 + 1);
  const { requests, deleted } = await service.after(29 * DAY_MS).sweep();
  expect(deleted.recordings).toBe(10);
  const [fixed, batches] = [3 + 1, 5];
  expect(requests).toBeLessThanOrEqual(10 * 6 + fixed + batches);
});

test('due attempts that are neighbours share all their listings: three requests each, and their share of batches', async () => {
  await service.seed(400, 'neighbours', 31 * DAY_MS);
  const { requests, deleted } = await service.sweep();
  expect(deleted.recordings).toBe(400);
  expect(requests).toBeLessThan(400 * 3.15);
});

test('a dry run deletes, completes and expires nothing, and reports what would be deleted', async () => {
  const ref = await service.record();
  await service.context.audit.record({ event: 'link-issued', ref, actor: 'r', requestId: 'q' });
  const dryRunAfter = async (ms: number) => {
    service.clock.advance(ms);
    const before = await service.keys();
    const report = await service.sweep({ dryRun: true });
    expect(await service.keys()).toEqual(before);
    return report;
  };
  const would = [{ key: recordingPrefix(ref), reason: 'retention', deadline: expect.any(String) }];
  expect(await dryRunAfter(30 * DAY_MS)).toMatchObject({ dryRun: true, due: 1, deleted: { recordings: 0 }, would });
  await service.sweep();
  const abandoned = await service.uploaded();
  expect((await dryRunAfter(3 * HOUR_MS)).salvaged).toBe(1);
  expect(await service.stateOf(abandoned)).toBe('uploading');
  expect(await dryRunAfter(400 * DAY_MS)).toMatchObject({ receiptsExpired: 1, auditEventsExpired: 1 });
});

test('a dry run counts once what several entries lead to, on one page of the queue or on several', async () => {
  for (const pageKeys of [1000, 2]) {
    service = startRetention({ memory: { pageKeys } });
    const ref = await service.record();
    for (const name of ['a', 'b', 'c'])
      await service.put(dueAttemptKey(service.clock.now() + Number(name === 'b'), ref, name));
    service.clock.advance(30 * DAY_MS);
    expect(await service.sweep({ dryRun: true })).toMatchObject({ due: 1, would: [{ key: recordingPrefix(ref) }] });
    expect(await service.sweep()).toMatchObject({ due: 1 });
  }
});

test('by a wrong clock, or without the store’s, sweep and verify refuse, and nothing goes', async () => {
  await service.record();
  // An upload that verify --fix would end.
  const stray = await service.begin({ attempt: 'a2' });
  await service.remove(recordingKey(stray, 'manifest'));
  const before = await service.after(31 * DAY_MS).keys();
  const { testStore, clock, store } = service;
  const skewed = (ms: number) =>
    startRetention({ on: { testStore, clock: { ...clock, now: () => clock.now() + ms } } });
  const cases = [
    [skewed(2 * MAX_CLOCK_SKEW_MS), store, 'clock-skew'],
    [skewed(-2 * MAX_CLOCK_SKEW_MS), store, 'clock-skew'],
    [service, timeless(store), 'no-store-clock'],
  ] as const;
  for (const [by, on, code] of cases)
    await expect(by.sweepOn(on)).rejects.toMatchObject({ name: 'SweepRefused', code });
  expect(await service.keys()).toEqual(before);
  for (const [by, on, code] of cases)
    for (const fix of [false, true])
      await expect(by.verifyOn(on, { fix })).rejects.toMatchObject({ name: 'SweepRefused', code });
  expect(await service.keys()).toEqual(expect.arrayContaining(before));
  expect(await service.openUploads()).toHaveLength(1);
});

test('what has no manifest, or no media, is deleted at its deadline as well; one with a manifest gets a receipt', async () => {
  const begun = await service.begin();
  const upload = await service.begin({ attempt: 'a2' });
  const media = await service.record({ attempt: 'a3' });
  for (const ref of [upload, media]) await service.remove(recordingKey(ref, 'manifest'));
  const report = await service.after(30 * DAY_MS).sweep();
  expect(report).toMatchObject({ due: 3, failed: 0, deleted: { recordings: 2 }, empty: 1 });
  expect(await service.openUploads()).toEqual([]);
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.keys('participants/acme/p1/math/a1/')).toEqual([]);
  expect(await service.receiptOf(begun)).toMatchObject({ reason: 'retention', bytes: expect.any(Number) });
});

test('an assessment outlives the erasure of its recordings, until its own deadline: nothing new is recorded meanwhile', async () => {
  const ref = await service.record();
  await service.after(2 * HOUR_MS).assess(ref);
  await service.erase(ref);
  expect(await service.after(2 * DAY_MS).sweep()).toMatchObject({ due: 0, failed: 0 });
  await expect(service.begin()).rejects.toMatchObject({ code: 'attempt-assessed' });
  expect(await service.after(28 * DAY_MS).sweep()).toMatchObject({ due: 0, failed: 0 });
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.due('attempt')).toEqual([]);
});

test('an assessment that was written just now outlives its deadline and what it makes due, if anything: its request may still run', async () => {
  const ref = await service.record();
  await service.after(30 * DAY_MS).put(assessedKey(ref, createdAtOf(ref.recording)));
  const empty = { ...ref, attempt: 'empty' };
  await service.assess(empty, service.clock.now() - 30 * DAY_MS + 1);
  service.clock.advance(1);
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
  const assessed = ['a1', 'empty'].map((attempt) => expect.stringContaining(`/${attempt}/assessed/`));
  expect(await service.keys('attempts/')).toEqual(assessed);
  await service.after(2 * HOUR_MS).sweep();
  expect([...(await service.keys('attempts/')), ...(await service.due('attempt'))]).toEqual([]);
});

test('a sweep stops at the page at which its clock is wrong', async () => {
  service = startRetention({ memory: { pageKeys: 2 } });
  await service.recordMany(5);
  service.clock.advance(30 * DAY_MS);
  let aheadMs = 0;
  const now = () => service.clock.now() + aheadMs;
  const store = replacing(service.store, 'delete', /\/media$/, (go) => {
    aheadMs = 365 * DAY_MS;
    return go();
  });
  await expect(sweep({ ...service.sweepContext, now, store })).rejects.toMatchObject({ code: 'clock-skew' });
  const media = (await service.keys('attempts/')).filter((key) => key.endsWith('/media'));
  expect(media).toHaveLength(3);
});

test('SIGTERM ends a sweep after the attempts in progress, which it reports; the next one deletes the rest', async () => {
  const stopping = new AbortController();
  const seen: unknown[] = [];
  const onProgress = (progress: unknown) => {
    seen.push(progress);
    stopping.abort();
  };
  // The simulator checks that no page is missed.
  service = startRetention({ memory: { pageKeys: 2 }, sweep: { onProgress } });
  await service.recordMany(5);
  const stopped = await service.after(30 * DAY_MS).sweep({ signal: AbortSignal.abort() });
  expect(stopped).toMatchObject({ deleted: { recordings: 0 }, failed: 0 });
  const first = await service.sweep({ signal: stopping.signal });
  expect(first).toMatchObject({ deleted: { recordings: 2 }, failed: 0 });
  expect(seen).toEqual([{ due: 2, deleted: 2, failed: 0 }]);
  expect(await service.sweep()).toMatchObject({ deleted: { recordings: 3 }, failed: 0 });
});

test('the expiry of audit events and the completion of abandoned uploads stop as well', async () => {
  service = startRetention({ memory: { pageKeys: 2 } });
  const ref = await service.uploaded();
  const event = { event: 'link-issued', ref, actor: 'r', requestId: 'q' } as const;
  for (let index = 0; index < 5; index += 1) await service.context.audit.record(event);
  const sweepUntil = (call: keyof ObjectStore, keys: string) => {
    const stopping = new AbortController();
    const stoppable = (store: ObjectStore) => service.sweepOn(store, { signal: stopping.signal });
    return meanwhile(service.store, { when: 'before', call, keys }, () => stopping.abort(), stoppable);
  };
  service.clock.advance(3 * HOUR_MS);
  expect((await sweepUntil('listMultipartUploads', '')).salvaged).toBe(0);
  expect((await service.sweep()).salvaged).toBe(1);
  service.clock.advance(400 * DAY_MS);
  const { auditEventsExpired } = await sweepUntil('delete', 'audit/');
  expect(auditEventsExpired).toBeLessThan(5);
  expect((await service.sweep()).auditEventsExpired).toBe(5 - auditEventsExpired);
});

describe('abandoned uploads', () => {
  test('are completed with what arrived, marked truncated, and not while they grow or are being deleted', async () => {
    const ref = await service.uploaded();
    const deleted = await service.uploaded([webm], { attempt: 'a2' });
    await service.put(recordingKey(deleted, 'deleting'), '{}');
    const growing = await service.uploaded([webm], { attempt: 'a3' });
    expect((await service.after(HOUR_MS).sweep()).salvaged).toBe(0);
    await uploadParts(service.context, growing, [webm]);
    expect(await service.after(1.5 * HOUR_MS).sweep()).toMatchObject({ salvaged: 1, failed: 0 });
    expect(await service.stateOf(growing)).toBe('uploading');
    expect(await service.after(HOUR_MS).sweep()).toMatchObject({ salvaged: 1, failed: 0 });
    const view = { state: 'stored', truncated: true, sizeBytes: webm.length };
    expect(await readRecording(service.context, ref)).toMatchObject(view);
  });

  test.each([
    ['with a hole', 'upload-has-holes', 'parts-mismatch', [webm, webm]],
    ['without a frame of a recording', 'salvaged-is-no-recording', 'not-a-recording', [ftyp('isom')]],
  ])('%s are kept until the deadline, reported, and neither stored nor played', async (_, problem, code, parts) => {
    const ref = await service.uploaded(parts);
    expect(await service.after(3 * HOUR_MS).sweep()).toMatchObject({ failed: 0, problems: [{ code: problem }] });
    expect(await service.stateOf(ref)).toBe('uploading');
    const playing = presignPlayback(service.context, CALLER, ref);
    await expect(playing).rejects.toMatchObject({ code: 'recording-not-stored' });
    await service.after(26 * DAY_MS).sweep();
    expect((await service.openUploads()).length + (await service.keys(recordingKey(ref, 'media'))).length).toBe(1);
    await expect(service.complete(ref)).rejects.toMatchObject({ code });
    await service.after(4 * DAY_MS).sweep();
    expect(await service.keys('attempts/')).toEqual([]);
  });

  test('of bytes that are not recognised are stored as such, and reported', async () => {
    const ref = await service.uploaded([Buffer.from('<html>')]);
    const report = { salvaged: 1, failed: 0, problems: [{ code: 'salvaged-is-unrecognized' }] };
    expect(await service.after(3 * HOUR_MS).sweep()).toMatchObject(report);
    const view = { state: 'stored', truncated: true, container: 'unrecognized' };
    expect(await readRecording(service.context, ref)).toMatchObject(view);
  });

  test('that no manifest names, or that lie elsewhere, are reported', async () => {
    const media = recordingKey(await service.begin(), 'media');
    for (const key of ['elsewhere', 'attempts/elsewhere', media]) {
      const uploadId = await service.store.createMultipartUpload(key, { contentType: 'video/webm' });
      if (key === media) await service.store.uploadPart(key, uploadId, 1, webm);
    }
    const { problems, failed } = await service.after(3 * HOUR_MS).sweep();
    expect(problems.map(({ code }) => code).sort()).toEqual(['unknown-upload', 'upload-without-manifest']);
    expect(failed).toBe(1);
  });
});

test('a recording whose manifest is lost is deleted by its deadline, and not when a sweep happens to come earlier', async () => {
  const lost = await service.record({ attempt: 'a2' });
  await service.remove(recordingKey(lost, 'manifest'));
  service.clock.advance(2 * HOUR_MS);
  await service.makeDue(lost);
  expect(await service.sweep()).toMatchObject({ due: 0, failed: 0 });
  await service.verify({ fix: true });
  await service.after(25 * DAY_MS).sweep();
  expect(await service.objectsOf(lost)).toContain(recordingKey(lost, 'media'));
  await service.after(5 * DAY_MS - 2 * HOUR_MS).sweep();
  expect(await service.objectsOf(lost)).toEqual([]);
  const { deletedAt = '', deadline = '' } = (await service.receiptOf(lost)) ?? {};
  expect(deletedAt <= deadline).toBe(true);
});

test('in a versioned bucket sweep, erasure, expiry and verify --fix delete everything by its version', async () => {
  service = startRetention({ memory: { versioned: true } });
  const versions = async (prefix = '') => (await service.store.listVersions(prefix)).versions.map(({ key }) => key);
  const erased = await service.uploaded();
  const orphan = await service.record({ attempt: 'a2' });
  await service.after(2 * HOUR_MS).erase(orphan);
  await service.put(recordingKey(orphan, 'media'), 'again');
  await service.put(participantKey('p2', orphan));
  await service.after(2 * HOUR_MS).erase(erased);
  expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
  expect([...(await versions('attempts/')), ...(await versions('participants/'))]).toEqual([]);
  expect(await service.openUploads()).toEqual([]);

  await service.assess(await service.record({ attempt: 'a3' }));
  expect(await service.after(30 * DAY_MS).sweep()).toMatchObject({ failed: 0, deleted: { recordings: 1 } });
  expect((await versions('due/')).filter((key) => key.includes('/attempt/'))).toEqual([]);
  expect(await versions('attempts/')).toEqual([]);
  expect(await service.after(366 * DAY_MS).sweep()).toMatchObject({ failed: 0, receiptsExpired: 3 });
  expect(withoutLogs(await versions())).toEqual([]);
});

/** What docs/recovery.md says of a bucket that somebody restored from a copy, in whole or in part. */
test.each([
  ['the whole bucket, the next sweep deletes again what is past its deadline', () => true],
  ['media alone, verify finds them, and verify --fix deletes them', (key: string) => key.endsWith('/media')],
  ['all but the queue, verify finds it, and verify --fix deletes it', (key: string) => !key.startsWith('due/')],
])('after a restore of %s', async (what, isWanted) => {
  await service.assess(await service.record());
  await service.record({ attempt: 'a2' });
  const copy = new Map<string, Uint8Array>();
  for (const key of await service.keys()) copy.set(key, (await service.store.get(key)) ?? new Uint8Array());
  expect(await service.after(31 * DAY_MS).sweep()).toMatchObject({ failed: 0, deleted: { recordings: 2 } });
  service.clock.advance(2 * HOUR_MS);
  for (const [key, body] of copy) if (isWanted(key)) await service.put(key, body);
  service.clock.advance(2 * HOUR_MS);

  const isWhole = what.startsWith('the whole');
  expect(await service.sweep()).toMatchObject({ failed: 0, deleted: { recordings: isWhole ? 2 : 0 } });
  const lost = isWhole ? [] : ['overdue', 'no-due-entry', 'receipt-but-objects'];
  expect(await service.kinds()).toEqual(expect.arrayContaining(lost));
  if (!isWhole) expect(await service.verify({ fix: true })).toMatchObject({ wrong: 0 });
  expect(await service.keys('attempts/')).toEqual([]);
  expect(await service.verify()).toMatchObject({ wrong: 0 });
});

test('after a restore of the whole bucket but an assessment, a recording goes 30 days after it was made', async () => {
  const ref = await service.record();
  await service.after(10 * DAY_MS).assess(ref);
  await service.remove(...(await service.keys('attempts/acme/math/a1/assessed/')));
  await service.verify({ fix: true });
  await service.after(20 * DAY_MS).sweep();
  expect(await service.objectsOf(ref)).toEqual([]);
});

test('reports list a limited number of keys, recordings and findings, and count the rest', async () => {
  await service.seed(1001, 'math', 29.5 * DAY_MS);
  const putMany = (count: number, prefix: string) =>
    Promise.all(Array.from({ length: count }, (_, index) => service.put(`${prefix}${index}`)));
  await putMany(25, 'due/0-nonsense');
  const { problems, would } = await service.sweep({ dryRun: true });
  expect(problems).toMatchObject([{ code: 'unknown-key', count: 25 }]);
  expect(problems[0]?.keys).toHaveLength(20);
  expect(would).toHaveLength(1000);
  await putMany(MAX_LISTED, 'nonsense');
  const found = MAX_LISTED + 25;
  const report = await service.verify();
  expect(report).toMatchObject({ wrong: found, kinds: [{ kind: 'unknown-key', found, fixed: 0 }] });
  expect(report.findings).toHaveLength(MAX_LISTED);
});

test('a chunk of attempts goes before those that began after it', async () => {
  const orders = new Map<string, number>();
  const wrap = (store: ObjectStore) =>
    intercepting(store, (call, args, go) => {
      const [key = ''] = keysIn(args);
      if (call === 'get' && key.endsWith('/recording.json')) orders.set(key, currentWork().order);
      return go();
    });
  service = startRetention({ wrap, sweep: { chunkAttempts: 2 } });
  await service.recordMany(6);
  await service.after(30 * DAY_MS).sweep();
  const inKeyOrder = [...orders].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, order]) => order);
  expect(inKeyOrder).toEqual(inKeyOrder.toSorted((a, b) => a - b));
  expect(new Set(inKeyOrder).size).toBe(3);
});
