// The examples of the documentation: one recording, followed through its life.

export const EXAMPLE_RECORDING = {
  recordingId: '01khdqkq804q3v7m1n0d8c2b5e9f6a4g1h7j',
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
  url: 'https://store.example/recordings/…/media?partNumber=1&…',
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
};
