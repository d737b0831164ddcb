// What the service reads from others: documents, durations, parts.
import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDocument } from '../../src/bucket/documents.ts';
import { parseDuration } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { checkParts, maxPartsFor, sameEtag } from '../../src/model/parts.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { receiptKey, recordingKey } from '../kit/keys.ts';
import { CALLER, startTestService } from '../kit/service.ts';

test('law: a manifest, receipt or audit event that is cut short, or lies under the key of another recording, is not believed', async () => {
  const service = startTestService();
  const ref = await service.record();
  const bodyOf = async (key: string) => (await service.store.get(key)) ?? Buffer.alloc(0);
  const manifest = await bodyOf(recordingKey(ref, 'manifest'));
  await eraseRecording(service.context, CALLER, ref, 'erasure');
  const receipt = await bodyOf(receiptKey(ref));
  const [audited = ''] = await service.keys('audit/');
  const other = { tenant: 'other', exam: 'other', attempt: 'other', recording: newRecordingId(6, randomBytes) };
  for (const [body, kind] of [
    [manifest, 'manifest'],
    [receipt, 'receipt'],
    [await bodyOf(audited), 'auditEvent'],
  ] as const) {
    const parse = (bytes: Uint8Array, of: RecordingRef) => parseDocument(kind, bytes, of);
    expect(parse(body, ref)).toEqual(JSON.parse(Buffer.from(body).toString()));
    fc.assert(fc.property(fc.nat(body.length - 1), (end) => expect(parse(body.subarray(0, end), ref)).toBeUndefined()));
    for (const [name, value] of Object.entries(other)) expect(parse(body, { ...ref, [name]: value })).toBeUndefined();
  }
  const named = Buffer.from(manifest).toString().replace('"p1"', '"a@b"');
  expect(parseDocument('manifest', Buffer.from(named), ref)).toBeUndefined();
});

test('a duration is a whole number of seconds, minutes, hours or days', () => {
  const durations = { '0s': 0, '5s': 5_000, '10m': 600_000, '24h': 86_400_000, '30d': 2_592_000_000 };
  for (const [text, ms] of Object.entries(durations)) expect(parseDuration(text)).toBe(ms);
  for (const text of ['', '5', 's', '-5s', '1.5h', '5 s', '5w', '5S', '9999999999s'])
    expect(parseDuration(text)).toBeUndefined();
});

test('law: the parts of any file are whole in any order; lacking any but the last, or with one too large, they are not', () => {
  const part = (partNumber: number, sizeBytes: number) => ({ partNumber, sizeBytes, etag: '"e"' });
  const sizes = fc.integer({ min: 1, max: 500 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 50 }), fc.nat(), (sizeBytes, partSize, pick) => {
      const parts = Array.from({ length: maxPartsFor(sizeBytes, partSize) }, (_, index) =>
        part(index + 1, Math.min(partSize, sizeBytes - index * partSize)),
      );
      expect(checkParts(parts.toReversed(), partSize)).toEqual({ ok: true, sizeBytes });
      const at = pick % parts.length;
      const refused = { ok: false, partNumbers: [at + 1] };
      const larger = parts.with(at, part(at + 1, partSize + 1));
      expect(checkParts(larger, partSize)).toEqual({ ...refused, problem: 'wrong-size' });
      if (at === parts.length - 1) return;
      expect(checkParts(parts.toSpliced(at, 1), partSize)).toEqual({ ...refused, problem: 'missing' });
    }),
  );
  expect(checkParts([], 10)).toMatchObject({ problem: 'missing', partNumbers: [1] });
  expect(checkParts([part(2, 10), part(5, 1)], 10)).toMatchObject({ problem: 'missing', partNumbers: [1, 3, 4] });
  const odd = [part(1, 9), part(2, 10), part(3, 11)];
  expect(checkParts(odd, 10)).toMatchObject({ problem: 'wrong-size', partNumbers: [1, 3] });
});

test('etags are the same with and without quotes, in either case', () => {
  expect(sameEtag('"AB"', 'ab')).toBe(true);
  expect(sameEtag('"ab"', '"ac"')).toBe(false);
});
