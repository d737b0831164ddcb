// What the service reads from others: the beginnings of files, content types, documents, durations, parts.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDocument } from '../../src/bucket/documents.ts';
import { beginsRecording, detectContainer } from '../../src/model/container.ts';
import { parseDuration } from '../../src/model/durations.ts';
import { newRecordingId, type RecordingRef } from '../../src/model/ids.ts';
import { checkParts, maxPartsFor, sameEtag } from '../../src/model/parts.ts';
import { eraseRecording } from '../../src/recordings/delete.ts';
import { receiptKey, recordingKey } from '../kit/keys.ts';
import { CALLER, startTestService } from '../kit/service.ts';

describe('the beginning of a recording', () => {
  const EBML = [0x1a, 0x45, 0xdf, 0xa3];
  /** An EBML header with a version, and a DocType if one is given; sizes in one byte. */
  function ebml(docType = ''): Buffer {
    const type = docType ? [0x42, 0x82, 0x80 | docType.length, ...Buffer.from(docType)] : [];
    const body = [0x42, 0x86, 0x81, 1, ...type];
    return Buffer.from([...EBML, 0x80 | body.length, ...body, 0x18, 0x53, 0x80, 0x67]);
  }
  const longSize = Buffer.from([...EBML, 1, 0, 0, 0, 0, 0, 0, 7, 0x42, 0x82, 0x84, ...Buffer.from('webm')]);
  const webm = ebml('webm');
  const mp4 = Buffer.from([0, 0, 0, 24, ...Buffer.from('ftypisom')]);
  const ogg = Buffer.from('OggS');

  test.each([
    ['WebM', 'audio/webm; codecs="vp8, opus"', true, webm],
    ['WebM of a size in eight bytes', 'video/webm', true, longSize],
    ['Matroska', 'video/x-matroska;codecs=avc1', true, ebml('matroska')],
    ['MP4', 'video/mp4;codecs="avc1.42E01E,mp4a.40.2"', true, mp4],
    ['Ogg', 'audio/ogg', true, ogg],
    ['WebM', 'video/mp4', false, webm],
    ['Ogg', 'video/webm', false, ogg],
    ['WebM', 'video/quicktime', false, webm],
    ['WebM', 'video/webm;codecs=<script>', false, webm],
    ['WebM', 'video/webm;charset=x', false, webm],
    ['nothing', 'video/webm', false, Buffer.alloc(0)],
    ['HTML', 'video/webm', false, Buffer.from('<html>')],
    ['EBML of another kind', 'video/webm', false, ebml('other')],
    ['EBML without a DocType', 'video/webm', false, ebml()],
    ['an EBML header cut off', 'video/webm', false, webm.subarray(0, 4)],
    ['EBML cut off in an element id', 'video/webm', false, Buffer.from([...EBML, 0x84, 0x42])],
    ['EBML with an impossible size', 'video/webm', false, Buffer.from([...EBML, 0x84, 0x42, 0x82, 0])],
  ])('%s announced as %s: %s', (_, contentType, expected, head) => {
    expect(beginsRecording(head, contentType)).toBe(expected);
  });

  test('law: no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, prefixed) => {
        const head = prefixed ? Buffer.from([...EBML, ...bytes]) : bytes;
        expect(['webm', 'mp4', 'ogg', undefined]).toContain(detectContainer(head));
      }),
      { numRuns: 2000 },
    );
  });
});

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
