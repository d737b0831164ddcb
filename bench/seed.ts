// Fills a bucket with recordings as the service leaves them, fast: small media, everything else as it is.
import { randomBytes } from 'node:crypto';
import pMap from 'p-map';
import { type Manifest, toBody } from '../src/bucket/documents.ts';
import { HOUR_MS } from '../src/model/durations.ts';
import { type AttemptRef, newRecordingId, newUniqueName, type RecordingRef } from '../src/model/ids.ts';
import { toIso } from '../src/model/times.ts';
import type { ObjectStore } from '../src/objectstore/object-store.ts';
import { assessedKey, dueAttemptKey, participantKey, recordingKey } from '../test/kit/keys.ts';

const SEEDING_CONCURRENCY = 48;
const MEDIA = Buffer.alloc(64, 7);

export interface Seeding {
  readonly createdAtMs: number;
  readonly retentionMs: number;
  /** The exam. */
  readonly name: string;
  /** Assessed an hour after creation; else nobody assesses it. */
  readonly assessed?: boolean;
  readonly tagged?: boolean;
}

/** Stores `count` recordings, one an attempt: each is due `retentionMs` after its assessment, or its creation. */
export async function seedRecordings(store: ObjectStore, count: number, seeding: Seeding): Promise<RecordingRef[]> {
  const attempts: AttemptRef[] = Array.from({ length: count }, (_, index) => ({
    tenant: 'acme',
    exam: seeding.name,
    attempt: `a${String(index).padStart(6, '0')}`,
  }));
  return pMap(attempts, (attempt) => seedRecording(store, attempt, seeding), { concurrency: SEEDING_CONCURRENCY });
}

async function seedRecording(
  store: ObjectStore,
  attempt: AttemptRef,
  { createdAtMs, retentionMs, assessed = false, tagged = false }: Seeding,
): Promise<RecordingRef> {
  const ref = { ...attempt, recording: newRecordingId(createdAtMs, randomBytes) };
  const createdAt = toIso(createdAtMs);
  const completedAtMs = createdAtMs + HOUR_MS;
  const deadlineMs = (assessed ? completedAtMs : createdAtMs) + retentionMs;
  const manifest: Manifest = {
    version: 1,
    tenantId: ref.tenant,
    examId: ref.exam,
    attemptId: ref.attempt,
    recordingId: ref.recording,
    participantId: 'p1',
    kind: 'webcam',
    contentType: 'video/webm',
    consent: { givenAt: createdAt, policyVersion: '1' },
    createdAt,
    partSizeBytes: 5 * 1024 * 1024,
    uploadId: `seeded-${ref.recording}`,
  };
  await store.put(dueAttemptKey(deadlineMs, ref, newUniqueName(randomBytes)), new Uint8Array());
  await store.put(recordingKey(ref, 'manifest'), toBody(manifest));
  await store.put(participantKey(manifest.participantId, ref), new Uint8Array());
  await store.put(recordingKey(ref, 'media'), MEDIA, { contentType: 'video/webm' });
  await store.put(recordingKey(ref, 'timeline'), toBody({ startedAt: createdAt, endedAt: createdAt, gaps: [] }));
  await store.put(recordingKey(ref, 'stored'), toBody({ version: 1, parts: [{ partNumber: 1, etag: 'seeded' }] }));
  if (assessed) await store.put(assessedKey(ref, completedAtMs), new Uint8Array());
  const tags = { 'delete-by': toIso(deadlineMs) };
  const known = assessed ? { ...tags, 'assessment-completed-at': toIso(completedAtMs) } : tags;
  if (tagged) await store.tag(recordingKey(ref, 'media'), known);
  return ref;
}
