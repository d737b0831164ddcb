// The keys of the bucket by name, for tests that look into it.
import { keyOf, prefixOf, type RecordingObject } from '../../src/bucket/layout.ts';
import type { AttemptRef, RecordingRef } from '../../src/model/ids.ts';
import { toKeyTime } from '../../src/model/times.ts';

const attemptOf = ({ tenant, exam, attempt }: AttemptRef): AttemptRef => ({ tenant, exam, attempt });

export const attemptPrefix = (ref: AttemptRef) => prefixOf('recording', attemptOf(ref));
export const recordingPrefix = (ref: RecordingRef) => prefixOf('recording', ref);
export const recordingKey = (ref: RecordingRef, object: RecordingObject) => keyOf('recording', { ...ref, object });
export const assessedKey = (ref: AttemptRef, timeMs: number) => keyOf('assessed', { ...ref, timeMs });
export const assessingKey = (ref: AttemptRef, unique: string) => keyOf('assessing', { ...attemptOf(ref), unique });
export const participantPrefix = (tenant: string, participant: string) =>
  prefixOf('participant', { tenant, participant });
export const participantKey = (participant: string, ref: RecordingRef) => keyOf('participant', { ...ref, participant });
export const dueAttemptKey = (timeMs: number, ref: AttemptRef, unique: string) =>
  keyOf('due-attempt', { ...ref, timeMs, unique });
export const dueReceiptsKey = (timeMs: number, unique: string) => keyOf('due-receipts', { timeMs, unique });
export const receiptKey = (ref: RecordingRef) => keyOf('receipt', ref);
export const auditPrefix = (timeMs: number, ref: RecordingRef) => prefixOf('audit', { ...ref, timeMs });
export const auditKey = (timeMs: number, ref: RecordingRef | AttemptRef, event: string, unique: string) =>
  keyOf('recording' in ref ? 'audit' : 'audit-attempt', {
    ...ref,
    timeMs,
    unique: `${toKeyTime(timeMs)}-${event}-${unique}.json`,
  });
export const outboxKey = (tenant: string, timeMs: number, unique: string) =>
  keyOf('outbox', { tenant, timeMs, unique });
