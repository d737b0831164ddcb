// A recording as callers see it, and the export of a participant: one schema is the type, the JSON schema, the example of
// the documentation (`example`) and the sentence by which an export explains each member to people (`description`).
import { z } from 'zod';
import { DETECTED_CONTAINERS } from './container.ts';
import { ID_PATTERN, isRecordingId } from './ids.ts';

export const RECORDING_KINDS = ['webcam', 'screen', 'audio'] as const;
export type RecordingKind = (typeof RECORDING_KINDS)[number];

/** Reasons for a deletion that a caller may give. */
export const ERASURE_REASONS = ['erasure', 'consent-withdrawn', 'controller-instruction'] as const;
export type ErasureReason = (typeof ERASURE_REASONS)[number];

/** What the audit trail records about a recording. */
export const AUDIT_EVENTS = [
  'assessed',
  'aborted',
  'content-refused',
  'link-issued',
  'link-refused',
  'deleted',
  'erased',
  'restricted',
  'unrestricted',
  'deletion-refused',
  'exported',
  'foreign-attempt-refused',
  'repaired',
] as const;
export type AuditEvent = (typeof AUDIT_EVENTS)[number];

/**
 * What is given is bounded by these, and so is what is stored: they may be raised, and never lowered, because a document
 * that exceeds them counts as unreadable.
 */
export const LIMITS = {
  /** Characters of a reason, a content type, an ETag that a caller sends. */
  text: 200,
  policyVersion: 64,
  /** Characters of a time: with nine digits of a second's fraction and an offset. */
  time: 40,
  gaps: 1_000,
  anchors: 100,
} as const;

export const id = z.string().regex(ID_PATTERN, {
  error: (issue) =>
    typeof issue.input === 'string' && issue.input.includes('@')
      ? 'Looks like an e-mail address; only opaque ids may be stored'
      : 'Must be 1 to 64 letters, digits, "-" or "_", and begin with a letter or digit',
});
export const examId = id.meta({
  example: 'history-2026',
  description: 'The exam, by its id in your organisation.',
});
export const attemptId = id.meta({
  example: 'attempt-4711',
  description: 'The attempt: one participant taking the exam once.',
});
export const participantId = id.meta({
  example: 'p-8f3c',
  description: 'The participant, by an opaque id of your organisation.',
});
export const tenantId = id.meta({
  example: 'acme',
  description: 'The organisation that is the controller of the data.',
});
export const recordingId = z.string().refine(isRecordingId).meta({
  example: '01k6dnp9k02gr1ce162uphvm0gcals6cbaqo',
  description: 'The id of the recording, assigned by the service. Ids sort by creation time.',
});
export const time = z.iso.datetime();
export const count = z.int().nonnegative();
/** Beside each `deleteBy`. */
export const deletableFrom = time.describe(
  'The earliest time at which a sweep may delete the recording, some time before `deleteBy`. Finish any review before it.',
);

export const recording = z.object({
  recordingId,
  examId,
  attemptId,
  participantId,
  kind: z.enum(RECORDING_KINDS).meta({ example: 'webcam', description: 'What was recorded: webcam, screen or audio.' }),
  contentType: z.string().meta({
    example: 'video/webm;codecs=vp8,opus',
    description:
      'The media type, with codecs if known: the announced type during the upload, the type of the content once the ' +
      'recording is stored.',
  }),
  container: z
    .enum(DETECTED_CONTAINERS)
    .nullable()
    .meta({
      example: 'webm',
      description:
        'The container format, detected from the content. `unrecognized`: unknown or damaged content; it is kept until ' +
        'the deadline and can only be downloaded. null: still uploading, or never detected.',
    }),
  consent: z.object({ givenAt: z.string(), policyVersion: z.string() }).meta({
    example: { givenAt: '2026-11-02T08:55:00.000Z', policyVersion: '2026-05' },
    description: 'When the participant agreed to be recorded, and to which version of the privacy policy.',
  }),
  state: z.enum(['uploading', 'stored']).meta({
    example: 'stored',
    description: '`uploading`: incomplete, cannot be played yet. `stored`: complete.',
  }),
  createdAt: time.meta({ example: '2026-11-02T09:00:00.000Z', description: 'When the recording began.' }),
  storedAt: time.nullable().meta({
    example: '2026-11-02T11:00:04.000Z',
    description: 'When the upload was completed; null while uploading.',
  }),
  sizeBytes: count.nullable().meta({ example: 283115520, description: 'The size in bytes; null while uploading.' }),
  assessment: z.object({ completedAt: time }).nullable().meta({
    example: null,
    description: 'When the human assessment of the attempt was completed; null if not assessed yet.',
  }),
  deleteBy: time.meta({
    example: '2026-12-02T09:00:00.000Z',
    description: 'The deadline: the recording is deleted no later than this time.',
  }),
  deletableFrom: deletableFrom.meta({ example: '2026-12-01T09:00:00.000Z' }),
  restricted: z.boolean().meta({
    example: false,
    description: 'Whether processing is restricted. A restricted recording is kept but cannot be played.',
  }),
  truncated: z.boolean().meta({
    example: false,
    description:
      'Whether the client did not complete the upload, so that the service kept only the parts that had arrived.',
  }),
  timeline: z
    .object({
      startedAt: z.string(),
      endedAt: z.string(),
      gaps: z.array(z.object({ from: z.string(), to: z.string(), reason: z.string() })),
      doubtful: z.literal(true).optional(),
      anchors: z.array(z.object({ at: z.string(), mediaSeconds: z.number() })).optional(),
    })
    .nullable()
    .meta({
      example: null,
      description:
        'When the recording ran and where it has gaps, as reported by the exam client; null if not reported. `doubtful`: ' +
        'some reported values were impossible and were corrected.',
    }),
});
export type Recording = Readonly<z.output<typeof recording>>;

export const playbackLink = z.object({
  url: z.string().meta({
    example: signedUrlExample(
      '20261103T100000Z',
      600,
      'host',
      'response-cache-control=private%2C%20no-store&response-content-type=video%2Fwebm%3Bcodecs%3Dvp8%2Copus' +
        '&x-id=GetObject',
    ),
  }),
  overviewUrl: z
    .string()
    .nullable()
    .meta({
      example: null,
      description:
        'The overview of the recording (small pictures, and how much each second changed); null if it has none. Valid for as ' +
        'long as `url`.',
    }),
  expiresAt: time.meta({ example: '2026-11-03T10:10:00.000Z' }),
});
export type PlaybackLink = Readonly<z.output<typeof playbackLink>>;

export const accessLogEntry = z.object({
  at: time.meta({ example: '2026-11-03T10:00:00.000Z', description: 'When it happened.' }),
  event: z.enum(AUDIT_EVENTS).meta({
    example: 'link-issued',
    description:
      '`link-issued`: a caller received a playback link. `link-refused`: a caller was refused one. `exported`: the ' +
      'recording was exported. `restricted`, `unrestricted`: processing was restricted, or the restriction was lifted. ' +
      '`erased`: deletion was requested. `deletion-refused`: deletion was requested but refused, because processing is ' +
      'restricted. `aborted`: the upload was aborted and its parts were deleted. `content-refused`: the content was not a ' +
      'recording and was deleted. `assessed`: the attempt was assessed, which set the deadline. `repaired`: the operator ' +
      'repaired something in the store.',
  }),
  actor: z.string().meta({ example: 'reviewer:17', description: 'Who did it, by an opaque id of your organisation.' }),
  reason: z.string().nullable().meta({
    example: 'second assessor',
    description: 'The reason that the caller gave; null if none.',
  }),
  detail: z
    .string()
    .nullable()
    .meta({
      example: 'until 2026-11-03T10:10:00.000Z',
      description:
        'Until when the link was valid, and whether it was a renewal of one that the same viewing had before; why the request ' +
        'was refused, what was exported, or what the assessment set.',
    }),
  requestId: z.string().meta({
    example: 'request-8d41',
    description: 'The id of the request in the log of the service.',
  }),
});
export type AccessLogEntry = Readonly<z.output<typeof accessLogEntry>>;

export const exportedRecording = recording.extend({
  restriction: z
    .object({ reason: z.string().nullable(), since: time })
    .nullable()
    .meta({ example: null, description: 'Why and since when processing is restricted; null if it is not.' }),
  link: playbackLink
    .nullable()
    .describe(
      'Playback links to the recording and its overview, valid for minutes. null in an archive, while uploading, and for a restricted recording unless ' +
        'restricted recordings were requested.',
    ),
  file: z.string().nullable().meta({
    example: null,
    description: 'The path of the recording in the archive; null if there is no archive or the recording is not in it.',
  }),
  overviewFile: z
    .string()
    .nullable()
    .meta({
      example: null,
      description:
        'The path of the overview in the archive: small pictures of the recording, and how much each second changed. null if ' +
        '`file` is, or the recording has no overview.',
    }),
  accessLog: z
    .array(accessLogEntry)
    .describe('All audit events of the recording at the time of the export, including this export.'),
});

export const participantExport = z
  .object({
    format: z.literal('proctoring-recordings-export'),
    version: z.literal(1),
    about: z.string(),
    fields: z.record(z.string(), z.string()).describe('What each member means.'),
    exportedAt: time.meta({
      example: '2026-11-03T10:00:00.000Z',
      description: 'When this export was started. All times are in UTC (ISO 8601).',
    }),
    tenantId,
    participantId,
    recordings: z.array(exportedRecording).describe('All recordings of the participant.'),
    unreadable: z.array(z.object({ recordingId, examId, attemptId })).meta({
      example: [],
      description: 'Recordings that are held but whose description cannot be read. The operator has to act.',
    }),
  })
  .describe('Everything that is held about a participant.');

/** What each member of an export means, by its path, such as `recordings[].deleteBy`: the `fields` of the export. */
export const EXPORT_FIELDS: Readonly<Record<string, string>> = sentencesOf(
  participantExport.pick({ exportedAt: true, tenantId: true, participantId: true, recordings: true, unreadable: true }),
);

/** @throws Error for a member without a description: it would not be explained */
function sentencesOf(schema: z.ZodObject, parent = ''): Record<string, string> {
  const sentences: Record<string, string> = {};
  for (const [name, member] of Object.entries(schema.shape)) {
    const path = parent + name;
    const { description } = member as z.ZodType;
    if (description === undefined) throw new Error(`the schema of an export does not describe ${path}`);
    sentences[path] = description;
    if (member instanceof z.ZodArray && member.element instanceof z.ZodObject) {
      Object.assign(sentences, sentencesOf(member.element, `${path}[].`));
    }
  }
  return sentences;
}

/** A presigned URL (SigV4) for examples, with invalid credentials. */
export function signedUrlExample(date: string, expiresInSeconds: number, signed: string, query: string): string {
  return [
    'https://store.example/recordings/attempts/acme/history-2026/attempt-4711/01k6dnp9k02gr1ce162uphvm0gcals6cbaqo/media',
    '?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD',
    `&X-Amz-Credential=EXAMPLE%2F${date.slice(0, 8)}%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=${date}`,
    `&X-Amz-Expires=${expiresInSeconds}&X-Amz-SignedHeaders=${signed}&${query}`,
    `&X-Amz-Signature=${'0123456789abcdef'.repeat(4)}`,
  ].join('');
}
