import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as documents from '../../src/domain/documents.ts';
import { newRecordingId } from '../../src/domain/ids.ts';

const ref = { tenant: 't', exam: 'e', attempt: 'a', recording: newRecordingId(5, randomBytes) };
const place = { tenantId: 't', examId: 'e', attemptId: 'a', recordingId: ref.recording };
const time = '2026-11-23T00:00:00.000Z';
const manifest: documents.Manifest = {
  version: 1,
  ...place,
  participantId: 'p',
  kind: 'webcam',
  contentType: 'video/webm',
  consent: { givenAt: time, policyVersion: '3' },
  createdAt: time,
  partSizeBytes: 5,
  uploadId: 'u',
};
const receipt: documents.Receipt = {
  ...place,
  participantId: null,
  reason: 'retention',
  deadline: time,
  deletedAt: time,
  verifiedAt: time,
  objects: 3,
  versions: 0,
  bytes: 9,
  actor: 'sweeper',
  chain: { run: 'r', sequence: 1, previous: null },
};

describe('documents of the bucket', () => {
  test('are read back as they were written', () => {
    expect(documents.parseManifest(documents.toBody(manifest), ref)).toEqual(manifest);
    expect(documents.parseReceipt(documents.toBody(receipt), ref)).toEqual(receipt);
    const deletion: documents.Deletion = { version: 1, reason: 'erasure', actor: 'x', requestedAt: time };
    expect(documents.parseDeletion(documents.toBody(deletion))).toEqual(deletion);
    const timeline = { startedAt: time, endedAt: time, gaps: [] };
    expect(documents.parseTimeline(documents.toBody(timeline))).toEqual(timeline);
    const index: documents.ReceiptIndex = { version: 1, run: 'r', first: 1, previous: null, keys: ['a'] };
    expect(documents.parseReceiptIndex(documents.toBody(index))).toEqual(index);
  });

  test('law: a truncated document is no document, and throws nothing', () => {
    const body = documents.toBody(manifest);
    fc.assert(
      fc.property(fc.nat(body.length - 1), (length) =>
        expect(documents.parseManifest(body.subarray(0, length), ref)).toBeUndefined(),
      ),
    );
  });

  test.each([
    ['tenant', 'other'],
    ['exam', 'other'],
    ['attempt', 'other'],
    ['recording', newRecordingId(6, randomBytes)],
  ])('a manifest or receipt that lies under the key of another %s is not believed', (name, value) => {
    expect(documents.parseManifest(documents.toBody(manifest), { ...ref, [name]: value })).toBeUndefined();
    expect(documents.parseReceipt(documents.toBody(receipt), { ...ref, [name]: value })).toBeUndefined();
  });

  test('of another shape are not believed', () => {
    expect(documents.parseManifest(Buffer.from('null'), ref)).toBeUndefined();
    expect(
      documents.parseManifest(Buffer.from(JSON.stringify({ ...manifest, participantId: 'a@b' })), ref),
    ).toBeUndefined();
    expect(documents.parseReceiptIndex(Buffer.from('[1]'))).toBeUndefined();
  });
});
