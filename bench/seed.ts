// Fills a bucket with recordings as the service would have left them, fast: small media, everything else as it is.
import { randomBytes } from 'node:crypto';
import pMap from 'p-map';
import { type Manifest, toBody } from '../src/domain/documents.ts';
import { type AttemptRef, newRecordingId, newUniqueName, type RecordingRef } from '../src/domain/ids.ts';
import { dueAttemptKey, participantKey, recordingKey } from '../src/domain/keys.ts';
import { toIso } from '../src/domain/times.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';

const SEEDING_CONCURRENCY = 48;
const MEDIA = Buffer.alloc(64, 7);

/** Stores `count` recordings, one an attempt, created at `createdAtMs`, unassessed: each is due `retentionMs` later. */
export async function seedRecordings(
  store: ObjectStore,
  count: number,
  {
    createdAtMs,
    retentionMs,
    name,
    tagged = false,
  }: { createdAtMs: number; retentionMs: number; name: string; tagged?: boolean },
): Promise<RecordingRef[]> {
  const attempts: AttemptRef[] = Array.from({ length: count }, (_, index) => ({
    tenant: 'acme',
    exam: name,
    attempt: `a${String(index).padStart(6, '0')}`,
  }));
  return pMap(attempts, (attempt) => seedRecording(store, attempt, createdAtMs, retentionMs, tagged), {
    concurrency: SEEDING_CONCURRENCY,
  });
}

async function seedRecording(
  store: ObjectStore,
  attempt: AttemptRef,
  createdAtMs: number,
  retentionMs: number,
  tagged: boolean,
): Promise<RecordingRef> {
  const ref = { ...attempt, recording: newRecordingId(createdAtMs, randomBytes) };
  const createdAt = toIso(createdAtMs);
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
    uploadId: 'seeded',
  };
  await store.put(dueAttemptKey(createdAtMs + retentionMs, ref, newUniqueName(randomBytes)), new Uint8Array());
  await store.put(recordingKey(ref, 'manifest'), toBody(manifest));
  await store.put(participantKey(manifest.participantId, ref), new Uint8Array());
  await store.put(recordingKey(ref, 'media'), MEDIA, { contentType: 'video/webm' });
  if (tagged) await store.tag(recordingKey(ref, 'media'), { 'delete-by': toIso(createdAtMs + retentionMs) });
  return ref;
}
