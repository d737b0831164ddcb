// The examples of the documentation: one recording, followed through its life.
import type { ProblemCode } from '../problem-codes.ts';

export const EXAMPLE_RECORDING = {
  recordingId: '01k6dnp9k02gr1ce162uphvm0gcals6cbaqo',
  examId: 'history-2026',
  attemptId: 'attempt-4711',
  participantId: 'p-8f3c',
  kind: 'webcam' as const,
  contentType: 'video/webm;codecs=vp8,opus',
  consent: { givenAt: '2026-11-02T08:55:00.000Z', policyVersion: '2026-05' },
  state: 'stored' as const,
  createdAt: '2026-11-02T09:00:00.000Z',
  storedAt: '2026-11-02T11:00:04.000Z',
  sizeBytes: 283115520,
  assessment: null,
  deleteBy: '2026-12-02T09:00:00.000Z',
  restricted: false,
  truncated: false,
  timeline: null,
};

export const EXAMPLE_UPLOADING = {
  ...EXAMPLE_RECORDING,
  state: 'uploading' as const,
  storedAt: null,
  sizeBytes: null,
};

export const EXAMPLE_SIGNED_PART = {
  partNumber: 1,
  method: 'PUT' as const,
  url: signedUrl('20261102T090000Z', 3600, 'content-length%3Bhost', {
    partNumber: '1',
    uploadId: '2~hY3kZ0p9wQ7vXrT1mBn5sLd8fGj4aCe',
    'x-id': 'UploadPart',
  }),
  headers: { 'content-length': '5242880' },
  expiresAt: '2026-11-02T10:00:00.000Z',
};

export const EXAMPLE_RECEIPT = {
  tenantId: 'acme',
  examId: EXAMPLE_RECORDING.examId,
  attemptId: EXAMPLE_RECORDING.attemptId,
  recordingId: EXAMPLE_RECORDING.recordingId,
  participantId: EXAMPLE_RECORDING.participantId,
  reason: 'consent-withdrawn' as const,
  deadline: EXAMPLE_RECORDING.deleteBy,
  deletedAt: '2026-11-03T07:12:09.120Z',
  verifiedAt: '2026-11-03T07:12:09.412Z',
  objects: 3,
  versions: 0,
  bytes: 283116244,
  actor: 'client:exam-player',
  chain: { run: 'request-20261103T071209409Z-4gq0v1m2c8s7t6u5', sequence: 1, previous: null },
};

export const EXAMPLE_ACCESS = {
  at: '2026-11-03T10:00:00.000Z',
  event: 'link-issued' as const,
  actor: 'reviewer:17',
  reason: 'second assessor',
  detail: 'until 2026-11-03T10:10:00.000Z',
  requestId: '6f1c1f5e-5d0b-4f0e-9a53-3f6b7c0f6d11',
};

export const EXAMPLE_LINK = {
  url: signedUrl('20261103T100000Z', 600, 'host', {
    'response-cache-control': 'private%2C%20no-store',
    'response-content-type': 'video%2Fwebm%3Bcodecs%3Dvp8%2Copus',
    'x-id': 'GetObject',
  }),
  expiresAt: '2026-11-03T10:10:00.000Z',
};

export const EXAMPLE_EXPORTED = {
  ...EXAMPLE_RECORDING,
  restriction: null,
  link: EXAMPLE_LINK,
  file: null,
  accessLog: [EXAMPLE_ACCESS],
};

/** The members that a problem has besides those of all. */
export const EXAMPLE_PROBLEM_MEMBERS: Readonly<Partial<Record<ProblemCode, object>>> = {
  'invalid-request': { errors: [{ path: 'force', message: 'Is not known here' }] },
  'invalid-id': {
    errors: [{ path: 'attempt', message: 'looks like an e-mail address; only opaque ids may be stored' }],
  },
  'consent-missing': {
    errors: [{ path: 'consent', message: 'Must say when consent was given, and to which policy' }],
  },
  'scope-missing': { scopes: ['recordings:review'] },
  'content-type-not-allowed': { allowed: ['video/webm', 'audio/webm', 'video/mp4'] },
  'assessment-later': { completedAt: '2026-11-05T14:30:00.000Z' },
  'recording-deleted': { receipt: EXAMPLE_RECEIPT },
  'recording-expired': { deadline: EXAMPLE_RECORDING.deleteBy },
  'parts-missing': { partNumbers: [2, 3] },
  'parts-mismatch': { partNumbers: [2] },
  'part-too-large': { partNumbers: [2], partSizeBytes: 5242880 },
  'part-number-too-large': { partNumbers: [2049], maxParts: 2048 },
  'recording-too-large': { maxRecordingBytes: 10737418240 },
  'erasure-incomplete': {
    failed: [
      {
        examId: EXAMPLE_RECORDING.examId,
        attemptId: 'attempt-4712',
        recordingId: EXAMPLE_RECORDING.recordingId,
        code: 'store-unavailable',
      },
    ],
    receipts: [EXAMPLE_RECEIPT],
  },
};

/** As the store's presigned URLs look (SigV4), with values that open nothing. */
function signedUrl(date: string, expiresInSeconds: number, signed: string, query: Record<string, string>): string {
  const { examId, attemptId, recordingId } = EXAMPLE_RECORDING;
  const parameters = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD',
    'X-Amz-Credential': `EXAMPLE%2F${date.slice(0, 8)}%2Fus-east-1%2Fs3%2Faws4_request`,
    'X-Amz-Date': date,
    'X-Amz-Expires': String(expiresInSeconds),
    'X-Amz-SignedHeaders': signed,
    ...query,
    'X-Amz-Signature': '0123456789abcdef'.repeat(4),
  };
  const path = `recordings/attempts/acme/${examId}/${attemptId}/${recordingId}/media`;
  const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return `https://store.example/${path}?${pairs.join('&')}`;
}
