// The shape of every body, query and answer: the one source of validation, of types and of the OpenAPI document.
import { z } from 'zod';
import { AUDIT_EVENTS, DELETION_REASONS, RECORDING_KINDS } from '../bucket/documents.ts';
import { ID_PATTERN, isRecordingId } from '../model/ids.ts';
import { MAX_PART_NUMBER } from '../model/parts.ts';

/** Schemas that the OpenAPI document names once and refers to. */
export const components = z.registry<{ id: string }>();

/** Part URLs of one call. */
export const MAX_PARTS_PER_CALL = 1_000;
const MAX_GAPS = 1_000;
const MAX_TEXT_LENGTH = 200;

const id = z.string().regex(ID_PATTERN, {
  error: (issue) =>
    typeof issue.input === 'string' && issue.input.includes('@')
      ? 'Looks like an e-mail address; only opaque ids may be stored'
      : 'Must be 1 to 64 letters, digits, "-" or "_", and begin with a letter or digit',
});
const recordingId = z.string().refine(isRecordingId).describe('Made by the service; sorts by creation time.');
/** The longest: nine digits of a second's fraction and an offset. */
const timeWithOffset = z.iso.datetime({ offset: true }).max(40);
const time = z.iso.datetime();
const count = z.int().nonnegative();
const flag = z.stringbool({ truthy: ['true'], falsy: ['false'], case: 'sensitive' });
const partNumber = z.int().min(1).max(MAX_PART_NUMBER);
const etag = z.string().min(1).max(MAX_TEXT_LENGTH);

export const ERASURE_REASONS = ['erasure', 'consent-withdrawn', 'controller-instruction'] as const;

const consent = z.strictObject({
  givenAt: timeWithOffset.describe('When the participant agreed.'),
  policyVersion: z.string().min(1).max(64).describe('The version of the privacy policy that was agreed to.'),
});

const gap = z
  .strictObject({ from: timeWithOffset, to: timeWithOffset, reason: z.string().max(MAX_TEXT_LENGTH) })
  .refine((value) => isInOrder(value.from, value.to), { path: ['to'], message: 'Must not lie before "from"' });

const timeline = z
  .strictObject({ startedAt: timeWithOffset, endedAt: timeWithOffset, gaps: z.array(gap).max(MAX_GAPS) })
  .refine((value) => isInOrder(value.startedAt, value.endedAt), {
    path: ['endedAt'],
    message: 'Must not lie before "startedAt"',
  })
  .describe('What the recording shows: its beginning, its end, and the pauses in between.');

/** Not checked here: a type that is not allowed has a code of its own, and what is allowed is a setting. */
const contentType = z
  .string()
  .min(1)
  .max(MAX_TEXT_LENGTH)
  .meta({
    description: 'Audio or video in WebM, Matroska, MP4 or Ogg; an operator may allow fewer (`CONTENT_TYPES`).',
    pattern:
      '^(?:audio|video)/(?:webm|x-matroska|mp4|ogg)(?:; ?codecs=(?:"[A-Za-z0-9_.,+ -]{1,80}"|[A-Za-z0-9_.,+-]{1,80}))?$',
    examples: ['video/webm;codecs=vp8,opus', 'video/mp4', 'audio/webm'],
  });

export const createRecordingBody = z.strictObject({
  participantId: id,
  kind: z.enum(RECORDING_KINDS),
  contentType,
  consent: consent.describe('Without recorded consent there is no recording: 422 `consent-missing`.'),
  parts: z
    .int()
    .min(0)
    .max(MAX_PARTS_PER_CALL)
    .optional()
    .describe('How many part URLs to answer with; 1 when absent.'),
});

export const createRecordingHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'Must be 1 to 255 visible ASCII characters')
    .optional()
    .describe(
      'Chosen by the client, for instance a UUID: the same request with the same key answers with the recording of the first.',
    ),
});

export const presignPartsBody = z.strictObject({
  parts: z
    .array(z.strictObject({ partNumber, sizeBytes: z.int().min(1) }))
    .min(1)
    .max(MAX_PARTS_PER_CALL)
    .refine((parts) => new Set(parts.map((part) => part.partNumber)).size === parts.length, {
      message: 'A part number may be named once only',
    }),
});

export const completeRecordingBody = z.strictObject({
  parts: z
    .array(z.strictObject({ partNumber, etag }))
    .max(MAX_PART_NUMBER)
    .refine(
      (parts) => parts.every((part, index) => index === 0 || part.partNumber > (parts[index - 1]?.partNumber ?? 0)),
      {
        message: 'Must be in ascending order of part numbers, each named once',
      },
    )
    .optional()
    .describe('What the client believes it stored, to be checked against what the store has.'),
  timeline: timeline.optional(),
});

export const playbackLinkBody = z.strictObject({
  reason: z.string().min(1).max(MAX_TEXT_LENGTH).optional().describe('Kept in the audit trail.'),
});

export const assessmentBody = z.strictObject({
  completedAt: timeWithOffset.describe('When the human assessment of the attempt was completed.'),
});

export const listQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'Must be a number from 1 to 200')
    .transform(Number)
    .pipe(z.int().min(1).max(200))
    .default(50)
    .describe('How many at most.'),
  cursor: z.string().min(1).max(512).optional().describe('`nextCursor` of the page before.'),
  assessed: flag.optional().describe('Only those with, or only those without, an assessment.'),
  dueBefore: timeWithOffset.optional().describe('Only those that must be deleted before this time.'),
});

export const pageQuery = listQuery.pick({ limit: true, cursor: true });

export const eraseQuery = z.strictObject({ reason: z.enum(ERASURE_REASONS) });

export const exportQuery = z.strictObject({
  format: z.enum(['json', 'zip']).default('json').describe('`zip`: the document and the recordings themselves.'),
  includeRestricted: flag
    .default(false)
    .describe('Whether recordings whose processing is restricted come with a link or a file, and not described alone.'),
});

const restrictionReason = z
  .string()
  .min(1)
  .max(MAX_TEXT_LENGTH)
  .describe('Kept in the audit trail for as long as receipts are: name no person.');
export const restrictionBody = z.strictObject({ reason: restrictionReason });
export const liftRestrictionBody = z.strictObject({ reason: restrictionReason.optional() });
export const liftRestrictionQuery = z.strictObject({ reason: restrictionReason.optional() });

export const recording = z.object({
  recordingId,
  examId: id,
  attemptId: id,
  participantId: id,
  kind: z.enum(RECORDING_KINDS),
  contentType: z.string(),
  consent: z.object({ givenAt: z.string(), policyVersion: z.string() }),
  state: z.enum(['uploading', 'stored']),
  createdAt: time,
  storedAt: time.nullable(),
  sizeBytes: count.nullable(),
  assessment: z.object({ completedAt: time }).nullable(),
  deleteBy: time.describe('The time after which the recording does not exist any more.'),
  restricted: z.boolean(),
  truncated: z.boolean().describe('The client never completed it; the service did, with the parts that had arrived.'),
  timeline: z
    .object({
      startedAt: z.string(),
      endedAt: z.string(),
      gaps: z.array(z.object({ from: z.string(), to: z.string(), reason: z.string() })),
    })
    .nullable(),
});

const signedPart = z.object({
  partNumber,
  method: z.literal('PUT'),
  url: z.string(),
  headers: z.record(z.string(), z.string()).describe('Send exactly these, and the part without a Content-Type.'),
  expiresAt: time,
});

export const createdRecording = z.object({
  recording,
  upload: z.object({
    partSizeBytes: z.int().positive().describe('The size of every part but the last.'),
    maxParts: z.int().positive(),
    parts: z.array(signedPart),
  }),
});

export const signedParts = z.object({ parts: z.array(signedPart) });

export const uploadedParts = z.object({ parts: z.array(z.object({ partNumber, sizeBytes: count, etag: z.string() })) });

export const recordingList = z.object({ items: z.array(recording), nextCursor: z.string().nullable() });

export const playbackLink = z.object({ url: z.string(), expiresAt: time });

export const assessment = z.object({
  completedAt: time.describe('The assessment that counts: the earliest one reported.'),
  deleteBy: time,
  recordings: count,
});

export const receipt = z
  .object({
    tenantId: id,
    examId: id,
    attemptId: id,
    recordingId,
    participantId: id.nullable(),
    reason: z.enum(DELETION_REASONS),
    deadline: time.describe('The time after which the recording had to be gone.'),
    deletedAt: time,
    verifiedAt: time.describe('When a second listing showed nothing left.'),
    objects: count,
    versions: count,
    bytes: count,
    actor: z.string(),
    chain: z
      .object({ run: z.string(), sequence: z.int().positive(), previous: z.string().nullable() })
      .describe('The run that wrote it, its place there, and the SHA-256 of the receipt before it.'),
  })
  .describe('Proof that the recording is no longer retrievable.');

export const participantErasure = z
  .object({ receipts: z.array(receipt) })
  .describe('A receipt for each recording that this call has deleted.');

const accessLogEntry = z.object({
  at: time,
  event: z.enum(AUDIT_EVENTS),
  actor: z.string(),
  reason: z.string().nullable().describe('What the caller gave as a reason.'),
  detail: z.string().nullable().describe('Until when a link lived, why it was refused, what was exported.'),
  requestId: z.string(),
});

export const accessLog = z.object({ items: z.array(accessLogEntry), nextCursor: z.string().nullable() });

export const participantExport = z
  .object({
    format: z.literal('proctoring-recordings-export'),
    version: z.literal(1),
    about: z.string(),
    fields: z.record(z.string(), z.string()).describe('What each member means.'),
    exportedAt: time,
    tenantId: id,
    participantId: id,
    recordings: z.array(
      recording.extend({
        restriction: z.object({ reason: z.string().nullable(), since: time }).nullable(),
        link: playbackLink.nullable(),
        file: z.string().nullable().describe('Where it lies in the archive.'),
        accessLog: z.array(accessLogEntry),
      }),
    ),
    unreadable: z.array(z.object({ recordingId, examId: id, attemptId: id })),
  })
  .describe('Everything that is held of a participant.');

const partNumbers = z.array(z.int()).describe('The parts that are meant.');

export const problem = z
  .looseObject({
    type: z.string().describe('Where it is explained, relative to the request: a place on /docs.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('For people, about this very request.'),
    code: z.string().describe('Stable: decide by this one.'),
    requestId: z.string().describe('For the operator, who finds the request in the log.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('Every mistake, by its place: `parts.0.sizeBytes`.'),
    scopes: z.array(z.string()).optional().describe('Any one of them would do.'),
    allowed: z.array(z.string()).optional().describe('The types that are allowed.'),
    completedAt: time.optional().describe('Of the assessment that counts.'),
    receipt: receipt.optional(),
    deadline: time.optional().describe('That has passed.'),
    partNumbers: partNumbers.optional(),
    partSizeBytes: count.optional().describe('What a part may have.'),
    maxParts: count.optional().describe('How many parts there may be.'),
    maxRecordingBytes: count.optional().describe('What a recording may have.'),
    failed: z
      .array(z.object({ examId: id, attemptId: id, recordingId, code: z.string() }))
      .optional()
      .describe('What could not be deleted yet.'),
    receipts: z.array(receipt).optional().describe('Of what was deleted.'),
  })
  .describe('RFC 9457 problem details. Which members it has besides the first six depends on its `code`.');

const NAMED = {
  CreateRecording: createRecordingBody,
  PresignParts: presignPartsBody,
  CompleteRecording: completeRecordingBody,
  RequestPlaybackLink: playbackLinkBody,
  ReportAssessment: assessmentBody,
  Recording: recording,
  PresignedPart: signedPart,
  CreatedRecording: createdRecording,
  SignedParts: signedParts,
  UploadedParts: uploadedParts,
  RecordingList: recordingList,
  PlaybackLink: playbackLink,
  Assessment: assessment,
  Receipt: receipt,
  ParticipantErasure: participantErasure,
  ParticipantExport: participantExport,
  RestrictRecording: restrictionBody,
  LiftRestriction: liftRestrictionBody,
  AccessLogEntry: accessLogEntry,
  AccessLog: accessLog,
  Problem: problem,
};
for (const [name, schema] of Object.entries(NAMED)) components.add(schema, { id: name });

function isInOrder(earlier: string, later: string): boolean {
  return Date.parse(earlier) <= Date.parse(later);
}
