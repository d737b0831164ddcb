// The audit trail: one object an event, written before the act that it records is answered (policy 7.1, 8.5).

import { newUniqueName, type RandomBytes, type RecordingRef } from '../domain/ids.ts';
import { type AuditEvent, auditKey } from '../domain/keys.ts';
import { toIso } from '../domain/times.ts';
import type { ObjectStore } from './object-store.ts';

export interface AuditRecord {
  readonly event: AuditEvent;
  readonly ref: RecordingRef;
  readonly actor: string;
  readonly requestId: string;
  readonly reason?: string | undefined;
  /** Why an act was refused, or until when a link lives. */
  readonly detail?: string | undefined;
}

export interface AuditTrail {
  /** Resolves once the event is stored. When it rejects, the act must not be answered as done. */
  record(record: AuditRecord): Promise<void>;
}

/** `onRecorded` is told of each stored event, for the log's audit channel. */
export function createAuditTrail(
  store: ObjectStore,
  now: () => number,
  randomBytes: RandomBytes,
  onRecorded: (record: AuditRecord) => void = () => {},
): AuditTrail {
  return {
    async record(record) {
      const atMs = now();
      const { ref, ...rest } = record;
      const document = {
        at: toIso(atMs),
        tenantId: ref.tenant,
        examId: ref.exam,
        attemptId: ref.attempt,
        recordingId: ref.recording,
        ...rest,
      };
      await store.put(
        auditKey(atMs, ref, record.event, newUniqueName(randomBytes)),
        Buffer.from(JSON.stringify(document)),
      );
      onRecorded(record);
    },
  };
}
