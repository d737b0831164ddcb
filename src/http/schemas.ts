// The shape of every body, query and response: the one source of validation, of types, of examples and of the OpenAPI
// document. The schema of a recording is in `model/recording.ts`.
import { z } from 'zod';
import { DELETION_REASONS } from '../bucket/documents.ts';
import type { ProblemMember } from '../model/errors.ts';
import { isRecordingId } from '../model/ids.ts';
import { anyCase, RECORDED_SUBTYPES } from '../model/media-type.ts';
import { MAX_PART_NUMBER } from '../model/parts.ts';
import {
  accessLogEntry,
  attemptId,
  count,
  deletableFrom,
  ERASURE_REASONS,
  examId,
  id,
  LIMITS,
  participantExport,
  participantId,
  playbackLink,
  RECORDING_KINDS,
  recording,
  recordingId,
  signedUrlExample,
  tenantId,
  time,
} from '../model/recording.ts';
import { toCommonForm } from '../model/times.ts';
import { MAX_RECORDINGS_AN_ATTEMPT } from '../recordings/create.ts';
import { explanation } from '../recordings/explanation.ts';
import { report } from '../recordings/report-schema.ts';

export { accessLogEntry, participantExport, playbackLink, recording, report };

/** The most part URLs of one call. */
export const MAX_PARTS_PER_CALL = 1_000;

const TIME_EXPECTED =
  'Must be a time with its offset from UTC (RFC 3339), such as "2026-11-02T09:00:00Z" or "2026-11-02T10:00:00+01:00": ' +
  'not a number of seconds, and not without its offset';
const timeWithOffset = z
  .string({ error: (issue) => (issue.input === undefined ? undefined : TIME_EXPECTED) })
  .max(LIMITS.time, TIME_EXPECTED)
  .transform(toCommonForm)
  .pipe(z.iso.datetime({ offset: true, error: TIME_EXPECTED }).max(LIMITS.time));

const DAY_OR_TIME_EXPECTED =
  'Must be a day in UTC, such as 2026-11-02, or a time with its offset from UTC (RFC 3339), such as ' +
  '2026-11-02T09:00:00Z or, because a + in a query is a space, 2026-11-02T10:00:00%2B01:00';
/** Of a query. A day is its first moment in UTC, as `Date.parse` reads it. */
const timeInQuery = z.union([z.iso.date(DAY_OR_TIME_EXPECTED), timeWithOffset], { error: DAY_OR_TIME_EXPECTED });

/** The other way round, a period has nothing in it, which reads as if nothing had happened. */
function inOrder<Q extends z.ZodObject>(
  query: Q,
  first: keyof z.output<Q> & string,
  second: keyof z.output<Q> & string,
): Q {
  const at = (time: unknown) => Date.parse(String(time));
  // One that is absent is NaN, and in any order.
  const isInOrder = (asked: z.output<Q>) => !(at(asked[first]) >= at(asked[second]));
  return query.refine(isInOrder, { path: [first], error: `Must be before ${second}` });
}

const flag = z.stringbool({ truthy: ['true'], falsy: ['false'], case: 'sensitive' });
const partNumber = z.int().min(1).max(MAX_PART_NUMBER).meta({ example: 1 });
/** As it is in a path. */
export const partPath = z.strictObject({
  partNumber: z
    .string()
    .regex(/^[1-9]\d{0,4}$/, `Must be a number from 1 to ${MAX_PART_NUMBER}`)
    .transform(Number)
    .pipe(partNumber),
});
const storedEtag = z.string().meta({ example: '"9b2cf535f27731c974343645a3985328"' });
const etag = storedEtag.min(1).max(LIMITS.text);
const nextCursor = z.string().nullable().meta({ example: null });

/** Browsers whose clock is earlier cannot open a TLS connection: such a time is a default of some language. */
const FIRST_PLAUSIBLE_MS = Date.UTC(2000, 0, 1);
/** What programs write where they have no value. */
const NO_VALUE = /^(null|undefined|none|nan)?$/i;
const INVISIBLE = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;
const isValue = (text: string) => !NO_VALUE.test(text.replace(INVISIBLE, ''));

const consent = z.strictObject({
  givenAt: timeWithOffset
    .refine((time) => Date.parse(time) >= FIRST_PLAUSIBLE_MS, {
      message: 'Is before the year 2000, when nobody agreed: send the time at which the participant did',
    })
    .meta({
      example: '2026-11-02T08:55:00.000Z',
      description: 'When the participant agreed. A time in the future is taken as the time of the service.',
    }),
  policyVersion: z
    .string()
    .min(1)
    .max(LIMITS.policyVersion)
    .refine(isValue, 'Names no version: send that of the privacy policy which the participant saw, such as "2026-05"')
    .meta({ example: '2026-05', description: 'The version of the privacy policy that was agreed to.' }),
});

const gap = z.strictObject({ from: timeWithOffset, to: timeWithOffset, reason: z.string().max(LIMITS.text) });

const anchor = z.strictObject({ at: timeWithOffset, mediaSeconds: z.number().min(0) });

const timeline = z
  .strictObject({
    startedAt: timeWithOffset,
    endedAt: timeWithOffset,
    gaps: z.array(gap).max(LIMITS.gaps),
    anchors: z.array(anchor).max(LIMITS.anchors).optional(),
  })
  .meta({
    example: {
      startedAt: '2026-11-02T09:00:00.000Z',
      endedAt: '2026-11-02T11:00:00.000Z',
      gaps: [{ from: '2026-11-02T09:30:00.000Z', to: '2026-11-02T09:31:10.000Z', reason: 'reconnected' }],
    },
    description:
      'What the recording shows: its beginning, its end, and the pauses in between; where its clock drifts, which ' +
      'position of the media was at which time (`anchors`). What cannot be true is corrected or left out, and the ' +
      'timeline is marked as `doubtful`: it never refuses a recording.',
  });

/** Any case, white space around ";", values with the commas that browsers write, or quoted. Some rarer spellings are accepted too. */
const PARAMETER_PATTERN = '[A-Za-z0-9_-]+=(?:"[A-Za-z0-9_.,+ -]{0,80}"|[A-Za-z0-9_.,+-]{1,80})';
const CONTENT_TYPE_PATTERN =
  `^${anyCase('audio', 'video')}/${anyCase(...RECORDED_SUBTYPES)}` + `(?:[ \\t]*;[ \\t]*${PARAMETER_PATTERN})*$`;

/** Not validated here: the allowed types are a setting, and other types have a problem code of their own. */
const contentType = z
  .string()
  .min(1)
  .max(LIMITS.text)
  .meta({
    example: 'video/webm;codecs=vp8,opus',
    description:
      'Audio or video in WebM, Matroska, MP4 or Ogg, in any spelling of RFC 9110; an operator may allow fewer ' +
      '(`CONTENT_TYPES`). Answered as `type/subtype;codecs=…`, without other parameters.',
    pattern: CONTENT_TYPE_PATTERN,
    examples: ['video/webm;codecs=vp8,opus', 'video/mp4', 'audio/webm'],
  });

export const createRecordingBody = z.strictObject({
  participantId: participantId.refine(isValue, 'Names no participant: send the opaque id of the one who is recorded'),
  kind: z.enum(RECORDING_KINDS).meta({ example: 'webcam' }),
  contentType,
  consent: consent.describe('Without recorded consent there is no recording: 422 `consent-missing`.'),
  parts: z
    .int()
    .min(0)
    .max(MAX_PARTS_PER_CALL)
    .nullish()
    .meta({ example: 1, description: 'How many part URLs to return; 1 when absent.' }),
});

export const createRecordingHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'Must be 1 to 255 visible ASCII characters')
    .optional()
    .describe(
      'Chosen by the client, for instance a UUID: the same request with the same key returns the recording of the first.',
    ),
});

export const presignPartsBody = z.strictObject({
  parts: z
    .array(z.strictObject({ partNumber, sizeBytes: z.int().min(1).meta({ example: 5242880 }) }))
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
    .nullish()
    .describe('What the client believes it stored, to be checked against what the store has.'),
  timeline: timeline.nullish(),
});

export const playbackLinkBody = z.strictObject({
  reason: z
    .string()
    .min(1)
    .max(LIMITS.text)
    .nullish()
    .meta({ example: 'second assessor', description: 'Kept in the audit trail.' }),
});

export const assessmentBody = z.strictObject({
  completedAt: timeWithOffset.meta({
    example: '2026-11-05T14:30:00.000Z',
    description: 'When the human assessment of the attempt was completed.',
  }),
  confirm: z
    .array(z.string().refine(isRecordingId, { error: 'Must be the id of a recording' }))
    .max(MAX_RECORDINGS_AN_ATTEMPT)
    .optional()
    .meta({
      example: [],
      description:
        'Recordings of which the caller knows that this assessment ends them early. Name those of an earlier ' +
        '`assessment-ends-recordings`, after somebody has looked at the times; never others.',
    }),
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
  dueBefore: timeInQuery.optional().describe('Only those that must be deleted before this time.'),
});

const receiptQuery = listQuery.pick({ cursor: true }).extend({
  limit: listQuery.shape.limit.unwrap().optional().describe('How many at most in a page: 50 when absent.'),
  deletedAfter: timeInQuery.optional().describe('Only what was deleted at this time or after it.'),
  deletedBefore: timeInQuery.optional().describe('Only what was deleted before this time.'),
  reason: z.enum(DELETION_REASONS).optional().describe('Only what was deleted for this reason.'),
});
export const receiptsOfExamQuery = inOrder(
  receiptQuery.extend({ attempt: id.optional().describe('Only the receipts of this attempt.') }),
  'deletedAfter',
  'deletedBefore',
);
export const receiptsOfParticipantQuery = inOrder(
  receiptQuery.extend({ exam: id.optional().describe('Only the receipts of this exam: fewer are read.') }),
  'deletedAfter',
  'deletedBefore',
);

export const reportQuery = inOrder(
  z.strictObject({
    from: timeInQuery
      .optional()
      .describe('The period from this time on. Absent: from as far back as receipts are kept.'),
    to: timeInQuery.optional().describe('The period before this time. Absent, or in the future: until now.'),
  }),
  'from',
  'to',
);

export const pageQuery = listQuery.pick({ limit: true, cursor: true });

export const eraseQuery = z.strictObject({ reason: z.enum(ERASURE_REASONS) });

export const exportQuery = z.strictObject({
  format: z.enum(['json', 'zip']).default('json').describe('`zip`: the document and the recordings themselves.'),
  includeRestricted: flag
    .default(false)
    .describe('Whether recordings whose processing is restricted come with a link or a file as well.'),
});

const restrictionReason = z.string().min(1).max(LIMITS.text).meta({
  example: 'accuracy contested, case 2026-114',
  description: 'Kept in the audit trail for as long as receipts are: do not name a person.',
});
export const restrictionBody = z.strictObject({ reason: restrictionReason });
export const liftRestrictionQuery = z.strictObject({
  reason: restrictionReason.meta({ example: 'case 2026-114 is closed' }).optional(),
});
export const liftRestrictionBody = z.strictObject({ reason: liftRestrictionQuery.shape.reason.nullable() });

export const signedPart = z.object({
  partNumber,
  method: z.literal('PUT'),
  url: z.string().meta({
    example: signedUrlExample(
      '20261102T090000Z',
      3600,
      'content-length%3Bhost',
      'partNumber=1&uploadId=2~hY3kZ0p9wQ7vXrT1mBn5sLd8fGj4aCe&x-id=UploadPart',
    ),
  }),
  headers: z.record(z.string(), z.string()).meta({
    example: { 'content-length': '5242880' },
    description: 'Send exactly these, and the part without a Content-Type.',
  }),
  expiresAt: time.meta({ example: '2026-11-02T10:00:00.000Z' }),
});

export const uploadSettings = z.object({
  partSizeBytes: z.int().positive().meta({
    example: 5242880,
    description: 'The size of every part but the last, of recordings that are created now.',
  }),
  maxRecordingBytes: z
    .int()
    .positive()
    .meta({ example: 10737418240, description: 'The most that a recording may have.' }),
  contentTypes: z.array(z.string()).meta({
    example: ['video/webm', 'video/mp4', 'audio/webm'],
    description: 'The media types that may be recorded, without their parameters.',
  }),
  uploads: z.enum(['direct', 'proxy']).meta({
    example: 'direct',
    description:
      'direct: parts go straight to the store. proxy: no part URL is handed out, all bytes pass through the service.',
  }),
});

export const createdRecording = z.object({
  recording,
  upload: z.object({
    mode: z.enum(['direct', 'proxy']).meta({
      example: 'direct' as const,
      description: '`direct`: parts go to part URLs. `proxy`: there are none; PUT each part to `…/parts/{partNumber}`.',
    }),
    partSizeBytes: z.int().positive().meta({ example: 5242880, description: 'The size of every part but the last.' }),
    maxParts: z.int().positive().meta({ example: 2048 }),
    parts: z.array(signedPart),
  }),
});

export const signedParts = z.object({ parts: z.array(signedPart) });

export const uploadedPart = z.object({ partNumber, sizeBytes: count.meta({ example: 5242880 }), etag: storedEtag });

export const uploadedParts = z.object({ parts: z.array(uploadedPart) });

export const recordingList = z.object({ items: z.array(recording), nextCursor });

export const assessment = z.object({
  completedAt: time.meta({
    example: '2026-11-05T14:30:00.000Z',
    description: 'The assessment that counts: the earliest one reported.',
  }),
  deleteBy: time.meta({
    example: '2026-12-05T14:30:00.000Z',
    description: 'The deadline: every recording of the attempt is deleted no later than this.',
  }),
  deletableFrom: deletableFrom.meta({ example: '2026-12-04T14:30:00.000Z' }),
  recordings: count.meta({ example: 2 }),
});

const EXAMPLE_JWS = 'eyJhbGciOiJFZERTQSJ9.eyJyZWFzb24iOiJyZXRlbnRpb24ifQ.c2lnbmF0dXJl';

export const receipt = z
  .object({
    tenantId,
    examId,
    attemptId,
    recordingId,
    participantId: participantId.nullable(),
    reason: z.enum(DELETION_REASONS).meta({ example: 'consent-withdrawn' }),
    deadline: time.meta({
      example: '2026-12-02T09:00:00.000Z',
      description: 'The time by which the recording had to be deleted.',
    }),
    deletedAt: time.meta({ example: '2026-11-03T07:12:09.120Z' }),
    verifiedAt: time.meta({
      example: '2026-11-03T07:12:09.412Z',
      description: 'When a second listing showed that nothing was left.',
    }),
    objects: count.meta({ example: 3 }),
    versions: count.meta({ example: 0 }),
    bytes: count.meta({ example: 283116244 }),
    actor: z.string().meta({ example: 'client:exam-player' }),
    chain: z.object({ run: z.string(), sequence: z.int().positive(), previous: z.string().nullable() }).meta({
      example: { run: 'request-20261103T071209409Z-4gq0v1m2c8s7t6u5', sequence: 1, previous: null },
      description: 'The run that wrote it, its position there, and the SHA-256 of the receipt before it.',
    }),
    keptUntil: z.iso.date().optional().meta({
      example: '2027-12-04',
      description: 'The last day (UTC) on which the service keeps this receipt.',
    }),
    salt: z.string().optional().meta({
      example: 'c2FsdCBvZiAxNiBieXRlcw',
      description: 'Random, so that nobody finds out by trying which receipt an entry of the log stands for.',
    }),
    supersedes: z
      .array(z.string())
      .optional()
      .meta({ example: [], description: 'The hashes of earlier receipts of the recording, which this one replaces.' }),
    jws: z
      .string()
      .optional()
      .meta({
        example: 'eyJhbGciOiJFZERTQSJ9.eyJyZWFzb24iOiJyZXRlbnRpb24ifQ.c2lnbmF0dXJl',
        description:
          'All of the above, signed with a key of `/.well-known/jwks.json` (RFC 7515). Keep it: it proves the deletion also ' +
          'without this service. Absent where the service has no signing key.',
      }),
  })
  .describe('Proof that the recording is no longer retrievable.');

const note = z.string().meta({
  example:
    'proctoring-recordings/acme\n4711\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— proctoring-recordings/acme Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n',
  description:
    'A signed note (C2SP signed-note): the name of the log, its size, its root, and a signature with Ed25519.',
});

const hashes = z
  .array(z.string())
  .readonly()
  .meta({
    example: ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
    description: 'SHA-256, in base64.',
  });

export const keySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).readonly() }).meta({
  example: {
    keys: [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
        kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
        use: 'sig',
        alg: 'EdDSA',
      },
    ],
  },
  description:
    'The public keys of the service (RFC 7517), as at `/.well-known/jwks.json`. Compare them with your own copy.',
});

export const checkpoint = z.object({
  origin: z.string().meta({ example: 'proctoring-recordings/acme', description: 'The name of the log.' }),
  size: count.meta({ example: 4711, description: 'How many entries the log has.' }),
  checkpoint: note.nullable(),
});

export const consistencyQuery = z.strictObject({
  size: z
    .string()
    .regex(/^\d{1,15}$/, 'Must be a whole number, the size that the older checkpoint names')
    .transform(Number)
    .pipe(count)
    .meta({ example: 4000, description: 'The size that the older checkpoint names.' }),
});
export const consistency = z.object({
  newer: note.nullable().describe('The latest checkpoint; null while the log has no entry.'),
  hashes,
});

export const proofOfReceipt = z.object({
  version: z.literal(1),
  receipt: z.string().meta({ example: EXAMPLE_JWS, description: 'The signed receipt (RFC 7515).' }),
  inclusion: z
    .object({
      index: count.meta({ example: 4711, description: 'Its place in the log, from 0.' }),
      hashes,
      checkpoint: note,
    })
    .nullable(),
  keys: keySet,
});

export const proof = z.object({
  version: z.literal(1),
  tenant: tenantId,
  exportedAt: time.meta({ example: '2026-11-30T06:00:00.000Z' }),
  checkpoint: note.nullable(),
  entries: z.array(z.string()).meta({
    example: [
      '1 2027-11-02 gZYhXKXVQx3mcsCmKHqLBzvTdf4dYjAYKDSdXhkTGQE CsUYapGGPo4dkMgIAUqomXajj7h2fB2MPA3j2jxq2I8 0 86400',
    ],
    description:
      'Every entry of the log, in order: a version, the last day on which its receipt is kept, the hash of it, that of the recording, how many receipts it replaces, and how many seconds before its deadline the recording was deleted.',
  }),
  receipts: z.array(z.string()).meta({ example: [EXAMPLE_JWS], description: 'Every signed receipt that is kept.' }),
  unsigned: z.array(z.string()).meta({ example: [], description: 'Recordings whose receipt is not signed.' }),
  unreadable: z.array(z.string()).meta({ example: [], description: 'Recordings whose receipt cannot be read.' }),
  keys: keySet,
});

export const recordingExplanation = explanation.extend({ receipt: receipt.nullable() });

export const receiptList = z.object({
  items: z.array(receipt),
  unreadable: z.array(z.object({ examId, attemptId, recordingId })).meta({
    example: [],
    description:
      'Receipts that exist and cannot be read, so that nobody knows whether they belong here: the operator has to act. ' +
      'To a token that is bound to a participant they are not named.',
  }),
  unreadableCount: count.meta({ example: 0, description: 'How many receipts of this page could not be read.' }),
  nextCursor,
});

export const participantErasure = z
  .object({ receipts: z.array(receipt) })
  .describe('A receipt for each recording that this call has deleted.');

export const accessLog = z.object({ items: z.array(accessLogEntry), nextCursor });

const partNumbers = z.array(z.int()).meta({ example: [2, 3], description: 'The parts that are meant.' });

/** The additional members of problems; the table of problems lists them for each code. */
export const problemMembers = {
  errors: z.array(z.object({ path: z.string(), message: z.string() })).meta({
    example: [{ path: 'force', message: 'Is not known here' }],
    description: 'Every mistake, by its path: `parts.0.sizeBytes`.',
  }),
  scopes: z.array(z.string()).meta({ example: ['recordings:review'], description: 'Any one of them is enough.' }),
  allowed: z
    .array(z.string())
    .meta({ example: ['video/webm', 'audio/webm', 'video/mp4'], description: 'The types that are allowed.' }),
  completedAt: time.meta({
    example: '2026-11-05T14:30:00.000Z',
    description: 'The time of the assessment that counts.',
  }),
  receipt,
  deadline: time.meta({ example: '2026-12-02T09:00:00.000Z', description: 'The deadline that has passed.' }),
  partNumbers,
  partSizeBytes: count.meta({ example: 5242880, description: 'How many bytes a part may have.' }),
  maxParts: count.meta({ example: 2048, description: 'How many parts a recording may have.' }),
  maxRecordingBytes: count.meta({ example: 10737418240, description: 'How many bytes a recording may have.' }),
  maxContentBytes: count.meta({ example: 100_000_000, description: 'How many bytes one request may have.' }),
  limit: count.meta({ example: 500, description: 'How often it may be done a day.' }),
  failed: z
    .array(z.object({ examId, attemptId, recordingId, code: z.string().meta({ example: 'store-unavailable' }) }))
    .describe('What could not be deleted yet.'),
  receipts: z.array(receipt).describe('The receipts of what was deleted.'),
  deleteBy: time.meta({
    example: '2026-10-05T14:30:00.000Z',
    description: 'The deadline that the assessment would set.',
  }),
  recordings: z
    .array(
      z.object({
        recordingId,
        createdAt: time.meta({ example: '2026-11-02T09:00:00.000Z' }),
        deleteBy: time.meta({ example: '2026-12-02T09:00:00.000Z', description: 'Its deadline, which stays.' }),
      }),
    )
    .describe('What the assessment would end early.'),
} satisfies Record<ProblemMember, z.ZodType>;

export const problem = z
  .looseObject({
    type: z.string().describe('Where it is explained, relative to the request: a section of /docs.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('For people, about this request.'),
    code: z.string().describe('Stable: decide by this one.'),
    requestId: z.string().describe('For the operator, who finds the request in the log.'),
    ...z.object(problemMembers).partial().shape,
  })
  .describe('RFC 9457 problem details. Which members it has besides the first six depends on its `code`.');
