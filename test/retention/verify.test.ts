import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { seedRecordings } from '../../bench/seed.ts';
import { type Receipt, type ReceiptIndex, toBody } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import type { RecordingRef } from '../../src/domain/ids.ts';
import {
  dueAttemptKey,
  dueReceiptsKey,
  parseKey,
  participantKey,
  receiptKey,
  recordingKey,
  recordingPrefix,
} from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { purgeRecordings } from '../../src/retention/purge.ts';
import { newReceiptChain } from '../../src/retention/receipt-chain.ts';
import { verify } from '../../src/retention/verify.ts';
import { compare, Findings, MAX_LISTED } from '../../src/retention/verify-report.ts';
import { readAttempt } from '../../src/storage/attempt-state.ts';
import { listAllMultipartUploads } from '../../src/storage/object-store.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { webm } from '../kit/fixtures.ts';
import { overriding } from '../kit/overriding.ts';
import { startTestService, type TestService } from '../kit/service.ts';

let service: TestService;
beforeEach(async () => {
  service = startTestService();
});
afterEach(() => service.close());

const kinds = async (options?: { fix?: boolean }) =>
  (await service.verify(options)).findings.map(({ kind }) => kind).sort();

async function forget(prefix: string): Promise<void> {
  await service.store.delete((await service.keys(prefix)).map((key) => ({ key })));
}

describe('verify', () => {
  test('finds nothing in an empty bucket, nor in one that is as it should be', async () => {
    expect(await service.verify()).toMatchObject({ wrong: 0, attempts: 0 });
    const ref = await service.record();
    await service.begin({ attempt: 'a2' });
    await assessAttempt(service.context, ref, service.clock.now());
    service.clock.advance(2 * HOUR_MS);
    const erased = await service.record({ attempt: 'a3' });
    await deleteRecording(service.context, erased, { reason: 'erasure', actor: 'desk' });
    expect(await service.verify()).toMatchObject({
      wrong: 0,
      findings: [],
      attempts: 2,
      recordings: 2,
      receipts: 1,
      bytes: webm.length,
    });
  });

  test('finds what is kept past its deadline', async () => {
    await service.record();
    service.clock.advance(31 * DAY_MS);
    expect(await kinds()).toEqual(['overdue']);
    await service.sweep();
    expect(await kinds()).toEqual([]);
  });

  test('finds an attempt that nothing would delete, and mends it', async () => {
    const ref = await service.record();
    await forget('due/');
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual(['no-due-entry']);
    expect((await service.verify({ fix: true })).wrong).toBe(0);
    expect(await kinds()).toEqual([]);
    service.clock.advance(30 * DAY_MS);
    await service.sweep();
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('finds an attempt whose only entry comes after its deadline', async () => {
    const ref = await service.record();
    await forget('due/');
    await service.store.put(dueAttemptKey(service.clock.now() + 40 * DAY_MS, ref, 'x'), new Uint8Array());
    expect(await kinds()).toEqual(['no-due-entry']);
  });

  test('does not report an attempt that was deleted while it read', async () => {
    let meanwhile: (() => Promise<void>) | undefined;
    const racing = startTestService({
      wrap: (store) =>
        overriding(store, {
          async list(prefix, options) {
            const act = prefix === 'due/' ? meanwhile : undefined;
            if (act) meanwhile = undefined;
            await act?.();
            return store.list(prefix, options);
          },
        }),
    });
    try {
      const ref = await racing.record();
      racing.clock.advance(2 * HOUR_MS);
      meanwhile = async () => {
        await deleteRecording(racing.context, ref, { reason: 'erasure', actor: 'desk' });
        await racing.store.delete(
          (await racing.keys(`due/`)).filter((key) => key.includes('/attempt/')).map((key) => ({ key })),
        );
      };
      expect(await racing.verify()).toMatchObject({ wrong: 0, recordings: 1, receipts: 1 });
    } finally {
      await racing.close();
    }
  });

  test('finds media without a manifest; the entry that --fix writes makes the next sweep delete them', async () => {
    const ref = await service.record();
    await forget(recordingKey(ref, 'manifest'));
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual(['media-without-manifest']);
    await service.verify({ fix: true });
    await service.sweep();
    expect(await kinds()).toEqual([]);
    expect(await service.keys(recordingPrefix(ref))).toEqual([]);
  });

  test('finds an unreadable manifest, and keeps it', async () => {
    const ref = await service.record();
    await service.store.put(recordingKey(ref, 'manifest'), Buffer.from('{'));
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds({ fix: true })).toEqual(['manifest-unreadable']);
    expect(await service.keys(recordingKey(ref, 'manifest'))).toHaveLength(1);
  });

  test('finds wrong and missing tags, and writes them again', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    await service.store.tag(recordingKey(ref, 'media'), { 'delete-by': '2099-01-01T00:00:00.000Z' });
    expect(await kinds()).toEqual(['wrong-tags']);
    await service.store.tag(recordingKey(ref, 'media'), {});
    expect(await kinds({ fix: true })).toEqual(['wrong-tags']);
    expect(await kinds()).toEqual([]);
  });

  test('finds stray uploads, and aborts those that lie at a place of ours', async () => {
    const ref = await service.begin();
    await service.store.createMultipartUpload(recordingKey(ref, 'media'), { contentType: 'video/webm' });
    await service.store.createMultipartUpload('elsewhere', { contentType: 'video/webm' });
    expect(await kinds()).toEqual([]);
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds({ fix: true })).toEqual(['stray-upload', 'stray-upload']);
    expect(await kinds()).toEqual(['stray-upload']);
  });

  test.each([2, -2])('refuses by a clock that is wrong by %i hours, and ends no upload', async (hours) => {
    const ref = await service.begin();
    await forget(recordingKey(ref, 'manifest'));
    const now = () => service.clock.now() + hours * HOUR_MS;
    for (const fix of [true, false]) {
      const refused = verify({ ...service.sweepContext, now }, { fix });
      await expect(refused).rejects.toMatchObject({ name: 'SweepRefused', code: 'clock-skew' });
    }
    expect(await Array.fromAsync(listAllMultipartUploads(service.store, ''))).toHaveLength(1);
  });

  test('leaves the upload of a recording alone whose manifest cannot be read', async () => {
    const ref = await service.begin();
    await service.store.put(recordingKey(ref, 'manifest'), Buffer.from('{'));
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds({ fix: true })).toEqual(['manifest-unreadable']);
    expect((await service.store.listMultipartUploads('')).uploads).toHaveLength(1);
  });

  test('finds a receipt whose objects are still there', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
    await service.store.put(recordingKey(ref, 'media'), webm);
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds({ fix: true })).toEqual(['media-without-manifest', 'receipt-but-objects']);
    await service.sweep();
    expect(await kinds()).toEqual([]);
  });

  test('finds keys that it does not know, wherever they lie', async () => {
    await service.record();
    const strange = ['0', 'attempts/x', 'audit', 'audit/x', 'due/x', 'e', 'participants/x', 'receipts/x', 'zzz'];
    await service.store.put('doctor/while-it-runs', new Uint8Array());
    for (const key of strange) await service.store.put(key, new Uint8Array());
    const { findings } = await service.verify({ fix: true });
    expect(
      findings.map(({ kind, key, fixed }) => ({ kind, key, fixed })).sort((a, b) => (a.key < b.key ? -1 : 1)),
    ).toEqual(strange.map((key) => ({ kind: 'unknown-key', key, fixed: false })));
  });

  test('finds a missing marker, without which a request of its participant would miss a recording, and writes it', async () => {
    const ref = await service.record();
    await forget('participants/');
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual(['marker-missing']);
    expect((await service.verify({ fix: true })).wrong).toBe(0);
    expect(await service.keys('participants/')).toEqual([expect.stringContaining(ref.recording)]);
  });

  test('finds a marker without a recording, and deletes it', async () => {
    const ref = await service.record();
    service.clock.advance(2 * HOUR_MS);
    await deleteRecording(service.context, ref, { reason: 'erasure', actor: 'desk' });
    await service.store.put(participantKey('p1', ref), new Uint8Array());
    service.clock.advance(2 * HOUR_MS);
    expect(await kinds()).toEqual(['stray-marker']);
    expect((await service.verify({ fix: true })).wrong).toBe(0);
    expect(await service.keys('participants/')).toEqual([]);
  });

  test('does not take a marker for stray whose recording is deleted while it reads', async () => {
    let meanwhile: (() => Promise<unknown>) | undefined;
    const racing = startTestService({
      wrap: (store) =>
        overriding(store, {
          async list(prefix, options) {
            const page = await store.list(prefix, options);
            const act = prefix === 'participants/' ? meanwhile : undefined;
            if (act) meanwhile = undefined;
            await act?.();
            return page;
          },
        }),
    });
    try {
      const ref = await racing.record();
      racing.clock.advance(2 * HOUR_MS);
      // The first listing of markers looks for those that are missing, the second for those that lead nowhere.
      const erase = () => deleteRecording(racing.context, ref, { reason: 'erasure', actor: 'desk' });
      meanwhile = () => {
        meanwhile = erase;
        return Promise.resolve();
      };
      expect(await racing.verify()).toMatchObject({ wrong: 0, findings: [], receipts: 1 });
      expect(meanwhile).toBeUndefined();
    } finally {
      await racing.close();
    }
  });

  test('asks the store for pages, and alone for nothing but manifests, tags and receipts', async () => {
    const past = { createdAtMs: service.clock.now() - 31 * DAY_MS, retentionMs: 30 * DAY_MS, tagged: true };
    await seedRecordings(service.store, 60, { ...past, name: 'math' });
    await seedRecordings(service.store, 20, { ...past, name: 'math-2' });
    await service.sweep();
    const young = { createdAtMs: service.clock.now() - 2 * HOUR_MS, retentionMs: 30 * DAY_MS, tagged: true };
    await seedRecordings(service.store, 40, { ...young, name: 'math' });
    await seedRecordings(service.store, 20, { ...young, name: 'math-1' });
    service.clock.advance(2 * HOUR_MS);
    service.testStore.requests.length = 0;
    expect(await service.verify()).toMatchObject({ wrong: 0, recordings: 60, receipts: 80 });
    const asked = Map.groupBy(service.testStore.requests, ({ operation }) => operation);
    expect(asked.get('GetObjectTagging')).toHaveLength(60);
    // A manifest each, a receipt each, and the few indexes twice.
    expect(asked.get('GetObject')?.length).toBeLessThan(60 + 80 + 10);
    expect(asked.get('ListObjectsV2')?.length).toBeLessThan(20);
  });

  test('finds a fact that nothing would ever delete', async () => {
    await assessAttempt(service.context, { tenant: 'acme', exam: 'math', attempt: 'empty' }, service.clock.now());
    await forget('due/');
    expect(await kinds()).toEqual(['no-due-entry']);
    expect((await service.verify({ fix: true })).wrong).toBe(0);
  });

  describe('of receipts', () => {
    async function deleteMany(count: number): Promise<string[]> {
      for (let index = 0; index < count; index += 1) await service.record({ attempt: `a${index}` });
      service.clock.advance(30 * DAY_MS);
      await service.sweep();
      service.clock.advance(2 * HOUR_MS);
      expect(await kinds()).toEqual([]);
      return service.keys('receipts/');
    }

    test('finds one that is missing, at either end or in the middle', async () => {
      const receipts = await deleteMany(4);
      for (const key of [receipts[0], receipts[2], receipts[3]]) {
        const body = await service.store.get(key ?? '');
        await service.store.delete([{ key: key ?? '' }]);
        const { findings } = await service.verify();
        expect(findings).toMatchObject([{ kind: 'receipt-missing', key }]);
        await service.store.put(key ?? '', body ?? new Uint8Array());
      }
      expect(await kinds()).toEqual([]);
    });

    test('finds one that was changed', async () => {
      const [first = ''] = await deleteMany(3);
      const receipt = JSON.parse(Buffer.from((await service.store.get(first)) ?? []).toString()) as { bytes: number };
      await service.store.put(first, Buffer.from(JSON.stringify({ ...receipt, bytes: receipt.bytes + 1 })));
      expect(await kinds()).toEqual(['receipt-changed']);
      await service.store.put(first, Buffer.from('{'));
      expect(await kinds()).toContain('unreadable');
    });

    test('finds that a receipt was changed that stands alone, and the last of a sweep', async () => {
      await deleteMany(2);
      const erased = await service.record({ attempt: 'b1' });
      await deleteRecording(service.context, erased, { reason: 'erasure', actor: 'desk' });
      service.clock.advance(2 * HOUR_MS);
      expect(await kinds()).toEqual([]);
      for (const key of await service.keys('receipts/')) {
        const body = await service.store.get(key);
        const receipt = JSON.parse(Buffer.from(body ?? []).toString()) as Receipt;
        await service.store.put(key, toBody({ ...receipt, verifiedAt: receipt.deadline }));
        expect(await kinds()).toEqual(['receipt-changed']);
        await service.store.put(key, body ?? new Uint8Array());
      }
    });

    test.each([
      ['the first', 0],
      ['one between two others', 1],
    ])('finds that of the batches of a sweep %s is missing', async (_, place) => {
      await deleteInBatches(3);
      const indexes: { key: string; first: number }[] = [];
      for (const key of await service.keys('due/')) {
        if (!key.includes('/receipts/')) continue;
        const { first } = JSON.parse(Buffer.from((await service.store.get(key)) ?? []).toString()) as { first: number };
        indexes.push({ key, first });
      }
      indexes.sort((a, b) => a.first - b.first);
      expect(indexes).toHaveLength(3);
      await service.store.delete([{ key: indexes[place]?.key ?? '' }]);
      expect(new Set(await kinds())).toEqual(new Set(['receipt-missing', 'receipt-without-expiry']));
    });

    test.each([
      ['its index', {}],
      ['the batch after it, where its index is of an earlier version', { last: undefined }],
    ])('finds that the last receipt of a batch was changed, by %s', async (_, change) => {
      await deleteInBatches(2);
      let last = '';
      for (const key of (await service.keys('due/')).filter((name) => name.includes('/receipts/'))) {
        const index = JSON.parse(Buffer.from((await service.store.get(key)) ?? []).toString()) as ReceiptIndex;
        await service.store.put(key, toBody({ ...index, ...change }));
        if (index.first === 1) last = index.keys.at(-1) ?? '';
      }
      service.clock.advance(2 * HOUR_MS);
      expect(await kinds()).toEqual([]);
      const receipt = JSON.parse(Buffer.from((await service.store.get(last)) ?? []).toString()) as Receipt;
      await service.store.put(last, toBody({ ...receipt, actor: 'someone' }));
      expect(await kinds()).toEqual(['receipt-changed']);
    });

    /** As a sweep of many hundreds does: one chain of receipts, and an index for each of its batches. */
    async function deleteInBatches(batches: number): Promise<void> {
      const chain = newReceiptChain(service.sweepContext, 'sweep');
      for (let batch = 0; batch < batches; batch += 1) {
        const refs = [await service.record({ attempt: `b${batch}` }), await service.record({ attempt: `b${batch}` })];
        const { recordings } = await readAttempt(service.store, refs[0] as RecordingRef);
        const doomed = recordings.map((state) => ({
          state,
          reason: 'retention' as const,
          actor: 'sweeper',
          deadlineMs: service.clock.now(),
        }));
        expect(await purgeRecordings(service.sweepContext, doomed, false, chain)).toMatchObject([
          { receipt: { chain: { sequence: 2 * batch + 1 } } },
          { receipt: { chain: { sequence: 2 * batch + 2 } } },
        ]);
      }
      service.clock.advance(2 * HOUR_MS);
      expect(await kinds()).toEqual([]);
    }

    test('finds one that nothing would delete, and gives it an end', async () => {
      const receipts = await deleteMany(2);
      await forget('due/');
      expect(await kinds()).toEqual(['receipt-without-expiry', 'receipt-without-expiry']);
      service.clock.advance(100 * DAY_MS);
      expect((await service.verify({ fix: true })).wrong).toBe(0);
      service.clock.advance(266 * DAY_MS);
      expect((await service.sweep()).receiptsExpired).toBe(receipts.length);
    });

    test('finds receipts and audit events that are kept past their time, and lets the sweep delete them', async () => {
      const [key = ''] = await deleteMany(1);
      await service.context.audit.record({ event: 'erased', ref: refOf(key), actor: 'a', requestId: 'q' });
      service.clock.advance(368 * DAY_MS);
      expect(await kinds()).toEqual(['log-overdue', 'log-overdue']);
      expect((await service.verify({ fix: true })).wrong).toBe(0);
      expect(await service.keys()).toEqual([]);
    });

    test('does not take a purge that has yet to be finished for a missing receipt', async () => {
      const ref = await service.record();
      const index = toBody({ version: 1, run: 'r', first: 1, previous: null, keys: [receiptKey(ref)] });
      await service.store.put(dueReceiptsKey(service.clock.now() + 365 * DAY_MS, 'x'), index);
      service.clock.advance(2 * HOUR_MS);
      expect(await kinds()).toEqual([]);
    });

    test('finds an index that cannot be read, or names what is no receipt', async () => {
      await service.store.put(dueReceiptsKey(service.clock.now() + DAY_MS, 'x'), Buffer.from('{'));
      const index = toBody({ version: 1, run: 'r', first: 1, previous: null, keys: ['due/'] });
      await service.store.put(dueReceiptsKey(service.clock.now() + DAY_MS, 'y'), index);
      service.clock.advance(2 * HOUR_MS);
      expect(await kinds()).toEqual(['unknown-key', 'unreadable']);
    });
  });

  test('counts all of a kind, and lists a thousand', () => {
    const findings = new Findings();
    for (let index = 0; index <= MAX_LISTED; index += 1) findings.add('unknown-key', `k${index}`, '');
    const report = compare(findings, findings);
    expect(report).toMatchObject({
      wrong: MAX_LISTED + 1,
      kinds: [{ kind: 'unknown-key', found: MAX_LISTED + 1, fixed: 0 }],
    });
    expect(report.findings).toHaveLength(MAX_LISTED);
  });

  test('reports what cannot be read, and goes on', async () => {
    let broken = '';
    const failing = startTestService({
      wrap: (store) =>
        overriding(store, {
          async get(key) {
            if (key === broken) throw new StoreError('access-denied', 'GetObject', 'AccessDenied');
            return store.get(key);
          },
        }),
    });
    try {
      const ref = await failing.record();
      await failing.record({ attempt: 'a2' });
      failing.clock.advance(2 * HOUR_MS);
      broken = recordingKey(ref, 'manifest');
      const report = await failing.verify();
      expect(report).toMatchObject({ wrong: 1, recordings: 2 });
      expect(report.findings).toMatchObject([
        { kind: 'unreadable', key: recordingPrefix(ref), detail: 'AccessDenied' },
      ]);
    } finally {
      await failing.close();
    }
  });
});

function refOf(key: string): RecordingRef {
  const parsed = parseKey(key);
  if (parsed?.type !== 'receipt') throw new Error(`${key} is no receipt`);
  return parsed.ref;
}
