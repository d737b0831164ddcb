import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS, HOUR_MS } from '../../src/domain/durations.ts';
import { dueAttemptKey, recordingKey, recordingPrefix } from '../../src/domain/keys.ts';
import { assessAttempt } from '../../src/recordings/assess.ts';
import { deleteRecording } from '../../src/recordings/delete.ts';
import { StoreError } from '../../src/storage/store-error.ts';
import { overriding } from '../overriding.ts';
import { startTestService, type TestService, webm } from '../service.ts';

let service: TestService;
beforeEach(async () => {
  service = await startTestService();
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

  test('does not report an entry that was written after it read the index', async () => {
    let late: (() => Promise<void>) | undefined;
    const racing = await startTestService({
      wrap: (store) =>
        overriding(store, {
          async list(...args: Parameters<typeof store.list>) {
            const page = await store.list(...args);
            const run = args[0] === 'due/' ? late : undefined;
            late = undefined;
            await run?.();
            return page;
          },
        }),
    });
    try {
      late = async () => void (await racing.record());
      expect(await racing.verify()).toMatchObject({ wrong: 0, recordings: 1 });
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
    expect(await kinds({ fix: true })).toEqual(['media-without-manifest', 'receipt-but-objects']);
    await service.sweep();
    expect(await kinds()).toEqual([]);
  });

  test('finds keys that it does not know, wherever they lie', async () => {
    await service.record();
    const strange = ['0', 'attempts/x', 'audit', 'due/x', 'e', 'receipts/x', 'zzz'];
    for (const key of strange) await service.store.put(key, new Uint8Array());
    const { findings } = await service.verify({ fix: true });
    expect(
      findings.map(({ kind, key, fixed }) => ({ kind, key, fixed })).sort((a, b) => (a.key < b.key ? -1 : 1)),
    ).toEqual(strange.map((key) => ({ kind: 'unknown-key', key, fixed: false })));
  });

  test('reports what cannot be read, and goes on', async () => {
    let broken = '';
    const failing = await startTestService({
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
