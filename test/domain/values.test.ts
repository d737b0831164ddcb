// What the service reads from others: the beginnings of files, content types, documents, durations, parts.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { baseMediaType, beginsRecording, detectContainer } from '../../src/domain/container.ts';
import * as documents from '../../src/domain/documents.ts';
import { parseDuration } from '../../src/domain/durations.ts';
import { newRecordingId } from '../../src/domain/ids.ts';
import { checkParts, maxPartsFor, sameEtag } from '../../src/domain/parts.ts';

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
    ['WebM', webm, 'video/webm', true],
    ['WebM', webm, 'audio/webm;codecs=opus', true],
    ['WebM of a size in eight bytes', longSize, 'video/webm', true],
    ['Matroska', ebml('matroska'), 'video/x-matroska;codecs=avc1', true],
    ['MP4', mp4, 'video/mp4;codecs="avc1.42E01E,mp4a.40.2"', true],
    ['Ogg', ogg, 'audio/ogg', true],
    ['WebM', webm, 'video/mp4', false],
    ['MP4', mp4, 'audio/ogg', false],
    ['Ogg', ogg, 'video/webm', false],
    ['WebM', webm, 'video/quicktime', false],
    ['WebM', webm, 'nonsense', false],
    ['nothing', Buffer.alloc(0), 'video/webm', false],
    ['HTML', Buffer.from('<html>'), 'video/webm', false],
    ['EBML of another kind', ebml('other'), 'video/webm', false],
    ['EBML without a DocType', ebml(), 'video/webm', false],
    ['an EBML header cut off', webm.subarray(0, 4), 'video/webm', false],
    ['EBML cut off in an element id', Buffer.from([...EBML, 0x84, 0x42]), 'video/webm', false],
    ['EBML with an impossible size', Buffer.from([...EBML, 0x84, 0x42, 0x82, 0]), 'video/webm', false],
  ])('%s as %s %s', (_, head, contentType, expected) => {
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

  test('a content type is audio or video, with codecs and no other parameter', () => {
    for (const type of ['video/webm', 'video/webm;codecs=vp9,opus', 'video/webm; codecs="vp8, opus"'])
      expect(baseMediaType(type)).toBe('video/webm');
    const others = ['text/html', 'video/', 'video/webm; charset=x', 'video/webm;codecs=<script>', 'video/webm\r\nx: y'];
    for (const type of others) expect(baseMediaType(type)).toBeUndefined();
  });
});

describe('documents of the bucket', () => {
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
  const READERS: [name: string, document: object, read: (body: Uint8Array) => unknown][] = [
    ['manifest', manifest, (body) => documents.parseManifest(body, ref)],
    ['receipt', receipt, (body) => documents.parseReceipt(body, ref)],
    ['deletion', { version: 1, reason: 'erasure', actor: 'x', requestedAt: time }, documents.parseDeletion],
    ['timeline', { startedAt: time, endedAt: time, gaps: [] }, documents.parseTimeline],
    ['index', { version: 1, run: 'r', first: 1, previous: null, keys: ['a'] }, documents.parseReceiptIndex],
  ];

  test.each(READERS)(
    'law: a %s is read back as it was written, and cut short, or of another shape, is none',
    (_, document, read) => {
      const body = Buffer.from(JSON.stringify(document));
      expect(read(body)).toEqual(document);
      for (const other of ['null', '[1]', '{}']) expect(read(Buffer.from(other))).toBeUndefined();
      fc.assert(fc.property(fc.nat(body.length - 1), (end) => expect(read(body.subarray(0, end))).toBeUndefined()));
    },
  );

  test.each([
    ['tenant', 'other'],
    ['exam', 'other'],
    ['attempt', 'other'],
    ['recording', newRecordingId(6, randomBytes)],
  ])('a manifest or receipt that lies under the key of another %s is not believed', (name, value) => {
    expect(documents.parseManifest(documents.toBody(manifest), { ...ref, [name]: value })).toBeUndefined();
    expect(documents.parseReceipt(documents.toBody(receipt), { ...ref, [name]: value })).toBeUndefined();
  });

  test('a manifest of somebody with an e-mail address is not believed', () => {
    const body = documents.toBody({ ...manifest, participantId: 'a@b' });
    expect(documents.parseManifest(body, ref)).toBeUndefined();
  });
});

test('a duration is a whole number of seconds, minutes, hours or days', () => {
  const durations = { '0s': 0, '5s': 5_000, '10m': 600_000, '24h': 86_400_000, '30d': 2_592_000_000 };
  for (const [text, ms] of Object.entries(durations)) expect(parseDuration(text)).toBe(ms);
  for (const text of ['', '5', 's', '-5s', '1.5h', '5 s', '5w', '5S', '9999999999s'])
    expect(parseDuration(text)).toBeUndefined();
});

describe('parts', () => {
  const part = (partNumber: number, sizeBytes: number) => ({ partNumber, sizeBytes, etag: '"e"' });

  test.each([
    ['in any order, equal but for the last', [part(2, 10), part(1, 10), part(3, 4)], { ok: true, sizeBytes: 24 }],
    ['none at all', [], { ok: false, problem: 'missing', partNumbers: [1] }],
    ['with holes', [part(2, 10), part(5, 1)], { ok: false, problem: 'missing', partNumbers: [1, 3, 4] }],
    [
      'of a wrong size',
      [part(1, 9), part(2, 10), part(3, 11)],
      { ok: false, problem: 'wrong-size', partNumbers: [1, 3] },
    ],
  ])('%s', (_, parts, expected) => expect(checkParts(parts, 10)).toEqual(expected));

  test('law: the parts of any file are whole, and lacking any but the last they are not', () => {
    const sizes = fc.integer({ min: 1, max: 500 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 50 }), fc.nat(), (sizeBytes, partSize, pick) => {
        const parts = Array.from({ length: maxPartsFor(sizeBytes, partSize) }, (_, index) =>
          part(index + 1, Math.min(partSize, sizeBytes - index * partSize)),
        );
        expect(checkParts(parts, partSize)).toEqual({ ok: true, sizeBytes });
        const lost = pick % parts.length;
        if (lost === parts.length - 1) return;
        const check = checkParts(parts.toSpliced(lost, 1), partSize);
        expect(check).toMatchObject({ ok: false, partNumbers: [lost + 1] });
      }),
    );
  });

  test('etags are the same with and without quotes, in either case', () => {
    expect(sameEtag('"AB"', 'ab')).toBe(true);
    expect(sameEtag('"ab"', '"ac"')).toBe(false);
  });
});
