// A recording as the browser keeps it before the service knows of it.
import type { RecordingRow } from '../src/local-bytes.ts';

export function newRow(of: Pick<RecordingRow, 'service' | 'attempt'> & Partial<RecordingRow>): RecordingRow {
  return {
    key: crypto.randomUUID(),
    exam: 'math',
    participantId: 'p1',
    kind: 'webcam',
    contentType: 'video/webm',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' },
    createdAtMs: 0,
    state: 'open',
    gaps: [],
    droppedToBytes: 0,
    ...of,
  };
}
