// The JSON documents of the bucket: their schemas, and reading them without ever trusting what is stored.
import { z } from 'zod';
import { ID_PATTERN, isRecordingId, type RecordingRef } from '../model/ids.ts';
import { AUDIT_EVENTS } from './layout.ts';

const id = z.string().regex(ID_PATTERN);
const time = z.iso.datetime({ precision: 3 });

export const RECORDING_KINDS = ['webcam', 'screen', 'audio'] as const;
export type RecordingKind = (typeof RECORDING_KINDS)[number];

/** Why a recording was deleted. `retention`: its deadline; `aborted`: its client gave it up; the rest were asked for. */
export const DELETION_REASONS = [
  'retention',
  'aborted',
  'erasure',
  'consent-withdrawn',
  'controller-instruction',
  'not-a-recording',
] as const;
export type DeletionReason = (typeof DELETION_REASONS)[number];

const place = {
  tenantId: id,
  examId: id,
  attemptId: id,
  recordingId: z.string().refine(isRecordingId),
};

const consent = z.object({ givenAt: z.string(), policyVersion: z.string() });

const timeline = z.object({
  startedAt: z.string(),
  endedAt: z.string(),
  gaps: z.array(z.object({ from: z.string(), to: z.string(), reason: z.string() })),
});

const manifest = z.object({
  version: z.literal(1),
  ...place,
  participantId: id,
  kind: z.enum(RECORDING_KINDS),
  contentType: z.string(),
  consent,
  createdAt: time,
  partSizeBytes: z.number().int().positive(),
  uploadId: z.string().min(1),
});

const deletion = z.object({
  version: z.literal(1),
  reason: z.enum(DELETION_REASONS),
  actor: z.string(),
  requestedAt: time,
});

const restriction = z.object({
  version: z.literal(1),
  reason: z.string(),
  actor: z.string(),
  restrictedAt: time,
});

const auditEvent = z.object({
  ...place,
  at: time,
  event: z.enum(AUDIT_EVENTS),
  actor: z.string(),
  requestId: z.string(),
  reason: z.string().optional(),
  detail: z.string().optional(),
});

const receipt = z.object({
  ...place,
  participantId: id.nullable(),
  reason: z.enum(DELETION_REASONS),
  /** The time after which the recording had to be gone. */
  deadline: time,
  deletedAt: time,
  /** When a second listing showed nothing left. */
  verifiedAt: time,
  objects: z.number().int().nonnegative(),
  versions: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  actor: z.string(),
  /** The run that wrote it, its place in that run, and the SHA-256 of the receipt before it: a missing one shows. */
  chain: z.object({ run: z.string(), sequence: z.number().int().positive(), previous: z.string().nullable() }),
});

const storedMark = z.object({
  version: z.literal(1),
  /** What the recording was made of; empty when that is not known. */
  parts: z.array(z.object({ partNumber: z.number().int().positive(), etag: z.string() })),
});

const receiptIndex = z.object({
  version: z.literal(1),
  /** The run, and the place of the first of these receipts in it. */
  run: z.string(),
  first: z.number().int().positive(),
  /** The SHA-256 of the receipt before the first; null at the start of a run. */
  previous: z.string().nullable(),
  /** The SHA-256 of the last of these receipts, where it is known: nothing else tells when that one is changed. */
  last: z.string().optional(),
  keys: z.array(z.string()),
});

const retentionOrders = z.object({
  version: z.literal(1),
  /** What each tenant had ordered when the queue was brought in line, in milliseconds. */
  retentionMs: z.record(id, z.number().int().positive()),
  /** Whose entries are to be brought forward once more. */
  shortened: z.array(id),
});

export type Consent = z.infer<typeof consent>;
export type Timeline = z.infer<typeof timeline>;
/** What is known of a recording from its beginning; written once. */
export type Manifest = z.infer<typeof manifest>;
/** The fact `deleting`: from here on there is no way back. */
export type Deletion = z.infer<typeof deletion>;
/** Why nobody may play a recording, and since when (policy 9.1). */
export type Restriction = z.infer<typeof restriction>;
/** Who did what to a recording, or was refused. */
export type AuditEventDocument = z.infer<typeof auditEvent>;
/** The proof of a deletion, and the tombstone of what was deleted. */
export type Receipt = z.infer<typeof receipt>;
/** That a recording was found whole. */
export type StoredMark = z.infer<typeof storedMark>;
/** Which receipts were written together, in order, and expire together. */
export type ReceiptIndex = z.infer<typeof receiptIndex>;
/** For which orders of tenants (RETENTION_BY_TENANT) the queue of deadlines is in line. */
export type RetentionOrders = z.infer<typeof retentionOrders>;

/** Undefined for a document that is truncated, of another shape, or of another recording than the key says. */
export function parseManifest(body: Uint8Array, ref: RecordingRef): Manifest | undefined {
  const document = parse(manifest, body);
  return document && isOf(document, ref) ? document : undefined;
}

export function parseDeletion(body: Uint8Array): Deletion | undefined {
  return parse(deletion, body);
}

export function parseRestriction(body: Uint8Array): Restriction | undefined {
  return parse(restriction, body);
}

export function parseAuditEvent(body: Uint8Array, ref: RecordingRef): AuditEventDocument | undefined {
  const document = parse(auditEvent, body);
  return document && isOf(document, ref) ? document : undefined;
}

export function parseReceipt(body: Uint8Array, ref: RecordingRef): Receipt | undefined {
  const document = parse(receipt, body);
  return document && isOf(document, ref) ? document : undefined;
}

export function parseStoredMark(body: Uint8Array): StoredMark | undefined {
  return parse(storedMark, body);
}

export function parseTimeline(body: Uint8Array): Timeline | undefined {
  return parse(timeline, body);
}

export function parseReceiptIndex(body: Uint8Array): ReceiptIndex | undefined {
  return parse(receiptIndex, body);
}

export function parseRetentionOrders(body: Uint8Array): RetentionOrders | undefined {
  return parse(retentionOrders, body);
}

type Document = Manifest | Deletion | Restriction | Receipt | ReceiptIndex | RetentionOrders | StoredMark | Timeline;

export function toBody(document: Document): Uint8Array {
  return Buffer.from(JSON.stringify(document));
}

function parse<T>(schema: z.ZodType<T>, body: Uint8Array): T | undefined {
  try {
    return schema.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return undefined;
  }
}

type Placed = Pick<Manifest, 'tenantId' | 'examId' | 'attemptId' | 'recordingId'>;

function isOf(document: Placed, ref: RecordingRef): boolean {
  return (
    document.tenantId === ref.tenant &&
    document.examId === ref.exam &&
    document.attemptId === ref.attempt &&
    document.recordingId === ref.recording
  );
}
