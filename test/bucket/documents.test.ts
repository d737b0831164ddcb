// What is stored is trusted no more than a stranger's: every member of a document is bounded.
import { describe, expect, test } from '@jest/globals';
import { type DocumentKind, parseDocument, toBody } from '../../src/bucket/documents.ts';
import { newRecordingId } from '../../src/model/ids.ts';
import { MAX_PART_SIZE_BYTES } from '../../src/model/parts.ts';
import { START_MS } from '../kit/clock.ts';

type Forged = readonly [path: string, value: unknown];

const at = new Date(START_MS).toISOString();
const recordingId = newRecordingId(START_MS, (length) => new Uint8Array(length).fill(7));
const ids = { tenantId: 'acme', examId: 'math', attemptId: 'a1', recordingId };
const hash = 'a'.repeat(64);
const long = (length: number) => 'x'.repeat(length);
const many = <T>(length: number, item: T) => Array.from({ length }, () => item);

/** The largest documents that the service may have written, by today's rules or earlier ones. */
const LARGEST = {
  manifest: {
    version: 1,
    ...ids,
    participantId: long(64),
    kind: 'webcam',
    contentType: `video/webm;codecs=${long(182)}`,
    consent: { givenAt: '2026-01-02T10:55:00.123456789+01:00', policyVersion: long(64) },
    createdAt: at,
    partSizeBytes: MAX_PART_SIZE_BYTES,
    uploadId: `2~${long(1000)}`,
  },
  deleting: { version: 1, reason: 'erasure', actor: long(128), requestedAt: at },
  restricted: { version: 1, reason: `${long(198)}\n.`, actor: long(128), restrictedAt: at },
  timeline: {
    startedAt: at,
    endedAt: '2026-01-02T10:55:00.123456789+01:00',
    gaps: many(1000, { from: at, to: at, reason: long(200) }),
    doubtful: true,
    anchors: many(100, { at, mediaSeconds: 1e7 }),
  },
  stored: { version: 1, parts: many(10_000, { partNumber: 10_000, etag: long(200) }), container: 'webm' },
  receipt: {
    ...ids,
    participantId: null,
    reason: 'retention',
    deadline: at,
    deletedAt: at,
    verifiedAt: at,
    objects: 100_000,
    versions: 100_000,
    bytes: 100 * 1024 ** 4,
    actor: long(128),
    chain: { run: `request-20261103T071209409Z-${long(16)}`, sequence: 1_000_000, previous: hash },
  },
  receiptIndex: {
    version: 1,
    run: `sweep-20261103T071209409Z-${long(16)}`,
    first: 1_000_000,
    previous: null,
    last: hash,
    keys: many(50_000, `receipts/acme/math/a1/${recordingId}.json`),
  },
  auditEvent: {
    ...ids,
    at,
    event: 'link-refused',
    actor: long(128),
    requestId: long(64),
    reason: long(200),
    detail: 'x',
  },
  retentionOverrides: { version: 1, retentionMs: { acme: 86_400_000, constructor: 1000 }, shortened: ['acme'] },
} satisfies Record<DocumentKind, object>;

const FORGED: Readonly<Record<DocumentKind, readonly Forged[]>> = {
  manifest: [
    ['contentType', 'text/html'],
    ['contentType', `video/webm;codecs=${long(1000)}`],
    ['consent.givenAt', 'yesterday'],
    ['consent.givenAt', `2026-01-02T10:55:00.${'1'.repeat(1000)}Z`],
    ['consent.policyVersion', long(65)],
    ['createdAt', '2020-01-01T00:00:00.000Z'],
    ['recordingId', 'not-an-id'],
    ['partSizeBytes', 1e12],
    ['partSizeBytes', 0],
    ['partSizeBytes', 0.5],
    ['uploadId', ''],
    ['uploadId', 'a\r\nx-evil: 1'],
    ['uploadId', long(3000)],
    ['participantId', '../other'],
  ],
  deleting: [
    ['actor', long(1000)],
    ['reason', 'because'],
    ['requestedAt', 'now'],
  ],
  restricted: [
    ['reason', long(201)],
    ['actor', long(1000)],
    ['restrictedAt', at.slice(0, 10)],
  ],
  timeline: [
    ['startedAt', '<script>'],
    ['endedAt', long(100)],
    ['gaps', many(1001, { from: at, to: at, reason: '' })],
    ['gaps.0.reason', long(201)],
    ['gaps.0.from', 'then'],
    ['anchors', many(101, { at, mediaSeconds: 1 })],
    ['anchors.0.mediaSeconds', -1],
    ['anchors.0.at', 'then'],
  ],
  stored: [
    ['parts', many(10_001, { partNumber: 1, etag: 'e' })],
    ['parts.0.partNumber', 10_001],
    ['parts.0.etag', long(2000)],
    ['container', 'html'],
  ],
  receipt: [
    ['objects', -1],
    ['objects', Number.MAX_SAFE_INTEGER],
    ['versions', 1e12],
    ['bytes', Number.MAX_SAFE_INTEGER],
    ['deletedAt', '2026'],
    ['verifiedAt', 'never'],
    ['actor', long(1000)],
    ['chain.run', '../x'],
    ['chain.run', long(81)],
    ['chain.sequence', 0],
    ['chain.previous', 'x'],
  ],
  receiptIndex: [
    ['run', long(81)],
    ['first', 0],
    ['previous', 'x'],
    ['last', hash.toUpperCase()],
    ['keys', many(100_001, 'k')],
    ['keys.0', long(5000)],
  ],
  auditEvent: [
    ['at', 'then'],
    ['actor', long(1000)],
    ['requestId', long(201)],
    ['reason', long(201)],
    ['detail', long(1001)],
  ],
  retentionOverrides: [
    ['retentionMs.acme', 86_400_000 * 31],
    ['retentionMs.acme', 0],
    ['retentionMs', { '../x': 1 }],
    ['shortened', ['a/b']],
  ],
};

function changed(document: object, path: string, value: unknown): object {
  const copy = structuredClone(document);
  const names = path.split('.');
  const last = names.pop() ?? '';
  const holder = names.reduce((of, name) => of[name] as Record<string, unknown>, copy as Record<string, unknown>);
  expect(holder).toHaveProperty([last]);
  holder[last] = value;
  return copy;
}

describe.each(Object.keys(LARGEST) as DocumentKind[])('a document %s', (kind) => {
  test('is read with all that may be in it', () => {
    const document = LARGEST[kind];
    expect(parseDocument(kind, toBody(document))).toEqual(document);
  });

  test.each(FORGED[kind])('is unreadable where %s is out of bounds', (path, value) => {
    expect(parseDocument(kind, toBody(changed(LARGEST[kind], path, value)))).toBeUndefined();
  });
});
