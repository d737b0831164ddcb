// The JSON documents of the bucket: their schemas, and parsing that never trusts what is stored.
import { z } from 'zod';
import { DETECTED_CONTAINERS } from '../model/container.ts';
import { type AttemptRef, attemptId, createdAtOf, ID_PATTERN, isRecordingId, type RecordingRef } from '../model/ids.ts';
import { readRecordingType } from '../model/media-type.ts';
import { MAX_PART_NUMBER, MAX_PART_SIZE_BYTES } from '../model/parts.ts';
import { AUDIT_EVENTS, ERASURE_REASONS, LIMITS, RECORDING_KINDS } from '../model/recording.ts';
import { MAX_RETENTION_MS } from '../model/retention.ts';
import type { ObjectStore } from '../objectstore/object-store.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { MAX_KEY_BYTES } from './layout.ts';

const id = z.string().regex(ID_PATTERN);
const time = z.iso.datetime({ precision: 3 });
/** As a caller gave it, who may have another offset from UTC. */
const givenTime = z.iso.datetime({ offset: true }).max(LIMITS.time);
const text = z.string().max(LIMITS.text);
/** A token's subject made opaque, of at most 128 characters, or a word of the service. */
const actor = z.string().max(256);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Upload ids go into URLs. Stores give up to some hundred characters. */
const uploadId = z.string().regex(/^[\x21-\x7e]{1,2048}$/);
const etag = z.string().max(1_024);
const partNumber = z.number().int().min(1).max(MAX_PART_NUMBER);
/** The name of a run (`ReceiptChain`). */
const run = z.string().regex(/^[A-Za-z0-9-]{1,80}$/);
/** Far more than a recording has, and few enough for sums. */
const count = z.number().int().nonnegative().max(1e9);
const byteCount = z.number().int().nonnegative().max(1e15);
/** A purge writes fewer; the keys of a document that can be read are not more. */
const MAX_RECEIPTS = 100_000;

/** Why a recording was deleted. `retention`: its deadline; `aborted`: its client gave it up; the rest were requested. */
export const DELETION_REASONS = ['retention', 'aborted', ...ERASURE_REASONS, 'not-a-recording'] as const;
export type DeletionReason = (typeof DELETION_REASONS)[number];

const ids = {
  tenantId: id,
  examId: id,
  attemptId: id,
  recordingId: z.string().refine(isRecordingId),
};

const consent = z.object({ givenAt: givenTime, policyVersion: z.string().max(LIMITS.policyVersion) });

const timeline = z.object({
  startedAt: givenTime,
  endedAt: givenTime,
  gaps: z.array(z.object({ from: givenTime, to: givenTime, reason: text })).max(LIMITS.gaps),
  /** What the client reported could not all be true, and was corrected. */
  doubtful: z.literal(true).optional(),
  /** Absent in what earlier versions wrote. */
  anchors: z
    .array(z.object({ at: givenTime, mediaSeconds: z.number().min(0) }))
    .max(LIMITS.anchors)
    .optional(),
});

const manifest = z
  .object({
    version: z.literal(1),
    ...ids,
    participantId: id,
    kind: z.enum(RECORDING_KINDS),
    /** As it was announced. No other may be served, whoever wrote it. */
    contentType: text.refine((contentType) => readRecordingType(contentType) !== undefined),
    consent,
    createdAt: time,
    /** When its creation was claimed, by the store's clock. Earlier versions had no claims. */
    claimedAt: time.optional(),
    partSizeBytes: z.number().int().positive().max(MAX_PART_SIZE_BYTES),
    uploadId,
  })
  // The deadline counts from the id.
  .refine(({ createdAt, recordingId }) => Date.parse(createdAt) === createdAtOf(recordingId));

const deletion = z.object({
  version: z.literal(1),
  reason: z.enum(DELETION_REASONS),
  actor,
  requestedAt: time,
  /** Its deadline at that time. Earlier versions wrote none. */
  deadline: time.optional(),
  /** Of an abort: no part had arrived, so there is nothing to prove. */
  isEmpty: z.literal(true).optional(),
});

/** Of a deletion whose intent cannot be read. */
export const UNKNOWN_INTENT: Pick<z.infer<typeof deletion>, 'reason' | 'actor' | 'deadline'> = {
  reason: 'controller-instruction',
  actor: 'unknown',
};

const restriction = z.object({
  version: z.literal(1),
  reason: text,
  actor,
  restrictedAt: time,
});

/** A place in a run; 1 is its beginning. */
const place = z.number().int().positive().max(1e9);
const places = z.array(place).max(1_000);

/** Where an event stands among those of its process, its tenant and its day (`AuditChains`). */
const auditChainPlace = z.object({
  run,
  sequence: place,
  /** The SHA-256 of the event before it; null at the beginning of a run. */
  previous: sha256.nullable(),
  /** Earlier places whose writes failed. */
  lost: places.optional(),
  /** Earlier places whose writes had not been answered yet. */
  pending: places.optional(),
  /** The last event that its process stored in the run before this one. */
  after: z.object({ run, sequence: place, hash: sha256 }).optional(),
});

const auditEvent = z.object({
  ...ids,
  /** Absent of an event of the whole attempt. */
  recordingId: ids.recordingId.optional(),
  at: time,
  event: z.enum(AUDIT_EVENTS),
  actor,
  requestId: text,
  reason: text.optional(),
  /** A sentence of the service. */
  detail: z.string().max(1_000).optional(),
  /** Absent in what earlier versions wrote. */
  chain: auditChainPlace.optional(),
});

const receipt = z.object({
  ...ids,
  participantId: id.nullable(),
  reason: z.enum(DELETION_REASONS),
  /** The time after which the recording must not exist. */
  deadline: time,
  deletedAt: time,
  /** When a second listing showed nothing left. */
  verifiedAt: time,
  objects: count,
  versions: count,
  bytes: byteCount,
  actor,
  /** The run that wrote it, its place in that run, and the SHA-256 of the receipt before it: a missing one shows. */
  chain: z.object({ run, sequence: z.number().int().positive(), previous: sha256.nullable() }),
  /** The last day (UTC) on which the receipt is kept. */
  keptUntil: z.iso.date().optional(),
  /** Random, so that the hash in the log cannot be found by guessing the receipt. */
  salt: z.string().max(64).optional(),
  /** The hashes in the log of earlier receipts of the recording, which this one replaces. */
  supersedes: z.array(z.string().max(64)).max(100).optional(),
  /** All of the above, signed: a compact JWS. Absent where the service has no signing key. */
  jws: z.string().max(32_768).optional(),
});

const stored = z.object({
  version: z.literal(1),
  /** The parts that the media were made of; empty when they are not known. */
  parts: z.array(z.object({ partNumber, etag })).max(MAX_PART_NUMBER),
  /** What the media are by their content; version 0.1 did not write it. */
  container: z.enum(DETECTED_CONTAINERS).optional(),
  /** The media, the manifest, the timeline and the overview as they were listed then; absent in what earlier versions wrote. */
  media: z.object({ sizeBytes: byteCount, etag: etag.optional() }).optional(),
  manifestEtag: etag.optional(),
  timelineEtag: etag.optional(),
  overviewEtag: etag.optional(),
  /** When the media were found whole, by the store's clock. Earlier versions did not write it: the date of the object counts. */
  storedAt: time.optional(),
});

const receiptIndex = z.object({
  version: z.literal(1),
  /** The run, and the place of the first of these receipts in it. */
  run,
  first: z.number().int().positive(),
  /** The SHA-256 of the receipt before the first; null at the start of a run. */
  previous: sha256.nullable(),
  /** The SHA-256 of the last of these receipts, where it is known: nothing else shows a change of that one. */
  last: sha256.optional(),
  keys: z.array(z.string().max(MAX_KEY_BYTES)).max(MAX_RECEIPTS),
});

const retentionOverrides = z.object({
  version: z.literal(1),
  /** The retention that each tenant had ordered when the queue was last requeued, in milliseconds. */
  retentionMs: z.record(id, z.number().int().positive().max(MAX_RETENTION_MS)),
  /** Tenants whose attempts are to be requeued once more. */
  shortened: z.array(id),
});

/** Each kind of document, by the name that the code calls it. */
const SCHEMAS = {
  manifest,
  deleting: deletion,
  restricted: restriction,
  timeline,
  stored,
  receipt,
  receiptIndex,
  auditEvent,
  retentionOverrides,
};
export type DocumentKind = keyof typeof SCHEMAS;
export type DocumentOf<K extends DocumentKind> = z.infer<(typeof SCHEMAS)[K]>;

export type Consent = z.infer<typeof consent>;
export type Timeline = DocumentOf<'timeline'>;
export type StoredMarker = DocumentOf<'stored'>;
/** What is known of a recording from its beginning; written once. */
export type Manifest = DocumentOf<'manifest'>;
/** Why a recording may not be played, and since when (policy 9.1). */
export type Restriction = DocumentOf<'restricted'>;
/** Why a recording is being deleted, by whom, and with which deadline; it cannot be revoked. */
export type DeletionIntent = DocumentOf<'deleting'>;
/** Who did what to a recording or an attempt, or was refused. */
export type AuditEventDocument = DocumentOf<'auditEvent'>;
export type AuditChainPlace = z.infer<typeof auditChainPlace>;
/** When the media were found whole, of which parts, and what they are. */
export type StoredMark = DocumentOf<'stored'>;
/** The proof of a deletion, and the tombstone of the recording. */
export type Receipt = DocumentOf<'receipt'>;
/** Which receipts were written together, in order, and expire together. */
export type ReceiptIndex = DocumentOf<'receiptIndex'>;
/** With which retention overrides (RETENTION_BY_TENANT) the queue agrees. */
export type RetentionOverrides = DocumentOf<'retentionOverrides'>;

export type DocumentIds = Pick<Manifest, 'tenantId' | 'examId' | 'attemptId' | 'recordingId'>;
type IdsOf<Ref> = Ref extends RecordingRef ? DocumentIds : Omit<DocumentIds, 'recordingId'>;

/** Undefined for a document that is truncated, of another shape, or of another recording or attempt than `ref`. */
export function parseDocument<K extends DocumentKind>(
  kind: K,
  body: Uint8Array,
  ref?: AttemptRef | RecordingRef,
): DocumentOf<K> | undefined {
  const document = parseJson(SCHEMAS[kind] as unknown as z.ZodType<DocumentOf<K>>, body);
  if (!document || !ref || !('attemptId' in document)) return document;
  const { tenantId, examId, attemptId: attempt, recordingId } = document;
  const isOfAttempt = attemptId({ tenant: tenantId, exam: examId, attempt }) === attemptId(ref);
  return isOfAttempt && recordingId === recordingOf(ref) ? document : undefined;
}

function recordingOf(ref: AttemptRef | RecordingRef): string | undefined {
  return 'recording' in ref ? ref.recording : undefined;
}

/**
 * A document as it is stored; undefined where there is none. `unreadable`: it is too large for any, truncated, of another
 * shape, or of another recording or attempt than `ref`. @throws StoreError
 */
export function readDocument<K extends DocumentKind>(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  kind: K,
  ref?: AttemptRef | RecordingRef,
): Promise<DocumentOf<K> | 'unreadable' | undefined> {
  return readAs(store, key, (body) => parseDocument(kind, body, ref));
}

/**
 * What `parse` makes of an object; undefined where there is none. `unreadable`: `parse` makes nothing of it, or it is too
 * large to be read at all. @throws StoreError
 */
export async function readAs<T>(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  parse: (body: Uint8Array) => T | undefined,
): Promise<T | 'unreadable' | undefined> {
  try {
    const body = await store.get(key);
    return body && (parse(body) ?? 'unreadable');
  } catch (error) {
    if (isStoreError(error, 'too-large')) return 'unreadable';
    throw error;
  }
}

/** Undefined for a body that is no JSON, or of another shape. */
export function parseJson<T>(schema: z.ZodType<T>, body: Uint8Array): T | undefined {
  try {
    return schema.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return undefined;
  }
}

export function toBody(document: object): Uint8Array {
  return Buffer.from(JSON.stringify(document));
}

/** The ids of a recording, or of an attempt, as every document writes them. */
export function idsOf<Ref extends AttemptRef | RecordingRef>(ref: Ref): IdsOf<Ref> {
  const { tenant, exam, attempt } = ref;
  const ids = { tenantId: tenant, examId: exam, attemptId: attempt };
  return ('recording' in ref ? { ...ids, recordingId: ref.recording } : ids) as IdsOf<Ref>;
}

export function refOf({ tenantId, examId, attemptId, recordingId }: DocumentIds): RecordingRef {
  return { tenant: tenantId, exam: examId, attempt: attemptId, recording: recordingId };
}
