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
      message: 'Is before the year 2000: send the time at which the participant agreed',
    })
    .meta({
      example: '2026-11-02T08:55:00.000Z',
      description: 'When the participant agreed. A time in the future is replaced by the current time of the service.',
    }),
  policyVersion: z
    .string()
    .min(1)
    .max(LIMITS.policyVersion)
    .refine(
      isValue,
      'Names no version: send the version of the privacy policy that the participant saw, such as "2026-05"',
    )
    .meta({ example: '2026-05', description: 'The version of the privacy policy to which the participant agreed.' }),
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
      'When the recording began and ended, and the gaps in between. If the clock of the media drifts, `anchors` map ' +
      'positions in the media to times. Impossible values are corrected or dropped, and the timeline is marked ' +
      '`doubtful`; a recording is never rejected for its timeline.',
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
      'Audio or video in WebM, Matroska, MP4 or Ogg, in any form that RFC 9110 allows. The operator may allow fewer ' +
      'types (`CONTENT_TYPES`). Returned as `type/subtype;codecs=…`, without other parameters.',
    pattern: CONTENT_TYPE_PATTERN,
    examples: ['video/webm;codecs=vp8,opus', 'video/mp4', 'audio/webm'],
  });

export const createRecordingBody = z.strictObject({
  participantId: participantId.refine(
    isValue,
    'Names no participant: send the opaque id of the participant who is recorded',
  ),
  kind: z.enum(RECORDING_KINDS).meta({ example: 'webcam' }),
  contentType,
  consent: consent.describe('Required. Without it the request is rejected with 422 `consent-missing`.'),
  parts: z
    .int()
    .min(0)
    .max(MAX_PARTS_PER_CALL)
    .nullish()
    .meta({ example: 1, description: 'How many part URLs to return. Default: 1.' }),
});

export const createRecordingHeaders = z.object({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'Must be 1 to 255 visible ASCII characters')
    .optional()
    .describe(
      'Chosen by the client, for example a UUID. Repeating a request with the same key returns the recording that the first request created.',
    ),
});

export const presignPartsBody = z.strictObject({
  parts: z
    .array(z.strictObject({ partNumber, sizeBytes: z.int().min(1).meta({ example: 5242880 }) }))
    .min(1)
    .max(MAX_PARTS_PER_CALL)
    .refine((parts) => new Set(parts.map((part) => part.partNumber)).size === parts.length, {
      message: 'A part number may appear only once',
    }),
});

export const completeRecordingBody = z.strictObject({
  parts: z
    .array(z.strictObject({ partNumber, etag }))
    .max(MAX_PART_NUMBER)
    .refine(
      (parts) => parts.every((part, index) => index === 0 || part.partNumber > (parts[index - 1]?.partNumber ?? 0)),
      {
        message: 'Must be in ascending order of part numbers, without duplicates',
      },
    )
    .nullish()
    .describe('The parts that the client has stored. They are checked against the parts in the store.'),
  timeline: timeline.nullish(),
});

export const playbackLinkBody = z.strictObject({
  reason: z
    .string()
    .min(1)
    .max(LIMITS.text)
    .nullish()
    .meta({ example: 'second assessor', description: 'Stored in the audit trail.' }),
  renewal: z
    .boolean()
    .optional()
    .meta({
      example: false,
      description:
        'Whether this link replaces one that the same viewing had before. Stored in the audit trail, which so tells ' +
        'viewings from renewals.',
    }),
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
        'Ids of recordings that this assessment may end early. Send only ids from an earlier ' +
        '`assessment-ends-recordings` problem, after somebody has checked the times.',
    }),
});

export const listQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'Must be a number from 1 to 200')
    .transform(Number)
    .pipe(z.int().min(1).max(200))
    .default(50)
    .describe('The maximum number of items.'),
  cursor: z.string().min(1).max(512).optional().describe('The `nextCursor` of the previous page.'),
  assessed: flag
    .optional()
    .describe('`true`: only recordings with an assessment. `false`: only recordings without one.'),
  dueBefore: timeInQuery.optional().describe('Only recordings whose `deleteBy` is before this time.'),
});

const receiptQuery = listQuery.pick({ cursor: true }).extend({
  limit: listQuery.shape.limit.unwrap().optional().describe('The maximum number of items in a page. Default: 50.'),
  deletedAfter: timeInQuery.optional().describe('Only deletions at or after this time.'),
  deletedBefore: timeInQuery.optional().describe('Only deletions before this time.'),
  reason: z.enum(DELETION_REASONS).optional().describe('Only deletions for this reason.'),
});
export const receiptsOfExamQuery = inOrder(
  receiptQuery.extend({ attempt: id.optional().describe('Only receipts of this attempt.') }),
  'deletedAfter',
  'deletedBefore',
);
export const receiptsOfParticipantQuery = inOrder(
  receiptQuery.extend({ exam: id.optional().describe('Only receipts of this exam. This reads fewer receipts.') }),
  'deletedAfter',
  'deletedBefore',
);

export const reportQuery = inOrder(
  z.strictObject({
    from: timeInQuery.optional().describe('The start of the period. Default: as far back as receipts are kept.'),
    to: timeInQuery.optional().describe('The end of the period. Default, and if in the future: now.'),
  }),
  'from',
  'to',
);

export const pageQuery = listQuery.pick({ limit: true, cursor: true });

export const eraseQuery = z.strictObject({ reason: z.enum(ERASURE_REASONS) });

export const exportQuery = z.strictObject({
  format: z
    .enum(['json', 'zip'])
    .default('json')
    .describe('`zip`: the document together with the media of the recordings.'),
  includeRestricted: flag.default(false).describe('Whether restricted recordings also come with a link or a file.'),
});

const restrictionReason = z.string().min(1).max(LIMITS.text).meta({
  example: 'accuracy contested, case 2026-114',
  description: 'Stored in the audit trail for as long as receipts are kept. Do not name a person.',
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
    description: 'Send exactly these headers, and no `Content-Type`.',
  }),
  expiresAt: time.meta({ example: '2026-11-02T10:00:00.000Z' }),
});

export const uploadSettings = z.object({
  partSizeBytes: z.int().positive().meta({
    example: 5242880,
    description: 'The size of every part except the last, for new recordings.',
  }),
  maxRecordingBytes: z.int().positive().meta({ example: 10737418240, description: 'The maximum size of a recording.' }),
  contentTypes: z.array(z.string()).meta({
    example: ['video/webm', 'video/mp4', 'audio/webm'],
    description: 'The allowed media types, without parameters.',
  }),
  uploads: z.enum(['direct', 'proxy']).meta({
    example: 'direct',
    description:
      '`direct`: the client sends parts to the store. `proxy`: there are no part URLs, and all media passes through the service.',
  }),
});

export const createdRecording = z.object({
  recording,
  upload: z.object({
    mode: z.enum(['direct', 'proxy']).meta({
      example: 'direct' as const,
      description: '`direct`: send parts to their part URLs. `proxy`: send each part with `PUT …/parts/{partNumber}`.',
    }),
    partSizeBytes: z
      .int()
      .positive()
      .meta({ example: 5242880, description: 'The size of every part except the last.' }),
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
    description: 'The earliest assessment reported. It is the one that counts.',
  }),
  deleteBy: time.meta({
    example: '2026-12-05T14:30:00.000Z',
    description:
      'The deadline: every recording of the attempt is deleted no later than this time. See also `deletableFrom`.',
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
      description: 'The deadline of the recording.',
    }),
    deletedAt: time.meta({ example: '2026-11-03T07:12:09.120Z' }),
    verifiedAt: time.meta({
      example: '2026-11-03T07:12:09.412Z',
      description: 'When a second listing confirmed that nothing was left.',
    }),
    objects: count.meta({ example: 3 }),
    versions: count.meta({ example: 0 }),
    bytes: count.meta({
      example: 283116244,
      description: 'At least so many were deleted. A part that arrives while its upload is deleted may not be counted.',
    }),
    actor: z.string().meta({ example: 'client:exam-player' }),
    chain: z.object({ run: z.string(), sequence: z.int().positive(), previous: z.string().nullable() }).meta({
      example: { run: 'request-20261103T071209409Z-4gq0v1m2c8s7t6u5', sequence: 1, previous: null },
      description: 'The run that wrote the receipt, its position in that run, and the SHA-256 of the previous receipt.',
    }),
    keptUntil: z.iso.date().optional().meta({
      example: '2027-12-04',
      description: 'The last day (UTC) on which the service keeps this receipt.',
    }),
    salt: z.string().optional().meta({
      example: 'c2FsdCBvZiAxNiBieXRlcw',
      description: 'A random value, so that nobody can guess which receipt a log entry stands for.',
    }),
    supersedes: z
      .array(z.string())
      .optional()
      .meta({ example: [], description: 'The hashes of earlier receipts of the recording that this one replaces.' }),
    jws: z
      .string()
      .optional()
      .meta({
        example: 'eyJhbGciOiJFZERTQSJ9.eyJyZWFzb24iOiJyZXRlbnRpb24ifQ.c2lnbmF0dXJl',
        description:
          'All other members, signed with a key from `/.well-known/jwks.json` (RFC 7515). Keep it: it proves the deletion ' +
          'without this service. Absent if the service has no signing key.',
      }),
  })
  .describe('Proof that the recording is no longer retrievable.');

const note = z.string().meta({
  example:
    'proctoring-recordings/acme\n4711\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— proctoring-recordings/acme Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n',
  description: 'A signed note (C2SP signed-note): the name, size and root hash of the log, with an Ed25519 signature.',
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
    'The public keys of the service (RFC 7517), as in `/.well-known/jwks.json`. Compare them with your own copy.',
});

export const checkpoint = z.object({
  origin: z.string().meta({ example: 'proctoring-recordings/acme', description: 'The name of the log.' }),
  size: count.meta({ example: 4711, description: 'The number of entries in the log.' }),
  checkpoint: note.nullable(),
});

export const consistencyQuery = z.strictObject({
  size: z
    .string()
    .regex(/^\d{1,15}$/, 'Must be a whole number: the size in the older checkpoint')
    .transform(Number)
    .pipe(count)
    .meta({ example: 4000, description: 'The log size in the older checkpoint.' }),
});
export const consistency = z.object({
  newer: note.nullable().describe('The latest checkpoint; null while the log is empty.'),
  hashes,
});

export const proofOfReceipt = z.object({
  version: z.literal(1),
  receipt: z.string().meta({ example: EXAMPLE_JWS, description: 'The signed receipt (RFC 7515).' }),
  inclusion: z
    .object({
      index: count.meta({ example: 4711, description: 'Its position in the log, starting at 0.' }),
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
      'Every log entry, in order: a version, the last day on which the receipt is kept, the hash of the receipt, the hash of the recording, how many receipts it replaces, and how many seconds before its deadline the recording was deleted.',
  }),
  receipts: z
    .array(z.string())
    .meta({ example: [EXAMPLE_JWS], description: 'Every signed receipt that is still kept.' }),
  unsigned: z.array(z.string()).meta({ example: [], description: 'Recordings whose receipt is unsigned.' }),
  unreadable: z.array(z.string()).meta({ example: [], description: 'Recordings whose receipt cannot be read.' }),
  keys: keySet,
});

export const recordingExplanation = explanation.extend({ receipt: receipt.nullable() });

export const receiptList = z.object({
  items: z.array(receipt),
  unreadable: z.array(z.object({ examId, attemptId, recordingId })).meta({
    example: [],
    description:
      'Receipts that cannot be read, so it is unknown whether they belong in this list. The operator has to act. Empty for ' +
      'a token bound to a participant.',
  }),
  unreadableCount: count.meta({
    example: 0,
    description: 'The number of receipts on this page that could not be read.',
  }),
  nextCursor,
});

export const participantErasure = z
  .object({ receipts: z.array(receipt) })
  .describe('A receipt for each recording that this call deleted.');

export const accessLog = z.object({ items: z.array(accessLogEntry), nextCursor });

const partNumbers = z.array(z.int()).meta({ example: [2, 3], description: 'The parts that the problem is about.' });

/** The additional members of problems; the table of problems lists them for each code. */
export const problemMembers = {
  errors: z.array(z.object({ path: z.string(), message: z.string() })).meta({
    example: [{ path: 'force', message: 'Is not known here' }],
    description: 'Every mistake, with its path, such as `parts.0.sizeBytes`.',
  }),
  scopes: z
    .array(z.string())
    .meta({ example: ['recordings:review'], description: 'The scopes of which the token needs one.' }),
  allowed: z
    .array(z.string())
    .meta({ example: ['video/webm', 'audio/webm', 'video/mp4'], description: 'The allowed types.' }),
  completedAt: time.meta({
    example: '2026-11-05T14:30:00.000Z',
    description: 'The time of the assessment that counts.',
  }),
  receipt,
  deadline: time.meta({ example: '2026-12-02T09:00:00.000Z', description: 'The deadline that has passed.' }),
  partNumbers,
  partSizeBytes: count.meta({ example: 5242880, description: 'The maximum size of a part.' }),
  maxParts: count.meta({ example: 2048, description: 'The maximum number of parts.' }),
  maxRecordingBytes: count.meta({ example: 10737418240, description: 'The maximum size of a recording.' }),
  maxContentBytes: count.meta({ example: 100_000_000, description: 'The maximum size of one request.' }),
  maxOverviewBytes: count.meta({ example: 2097152, description: 'The maximum size of an overview.' }),
  limit: count.meta({ example: 500, description: 'How often this may be done per day.' }),
  failed: z
    .array(z.object({ examId, attemptId, recordingId, code: z.string().meta({ example: 'store-unavailable' }) }))
    .describe('Recordings that could not be deleted yet.'),
  receipts: z.array(receipt).describe('Receipts of the recordings that were deleted.'),
  deleteBy: time.meta({
    example: '2026-10-05T14:30:00.000Z',
    description: 'The deadline that this assessment would set.',
  }),
  recordings: z
    .array(
      z.object({
        recordingId,
        createdAt: time.meta({ example: '2026-11-02T09:00:00.000Z' }),
        deleteBy: time.meta({
          example: '2026-12-02T09:00:00.000Z',
          description: 'The current deadline, which is unchanged.',
        }),
      }),
    )
    .describe('The recordings that the assessment would end early.'),
} satisfies Record<ProblemMember, z.ZodType>;

export const problem = z
  .looseObject({
    type: z.string().describe('A link to the explanation of the code, relative to the request.'),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What went wrong with this request, for people.'),
    code: z.string().describe('Stable. Programs decide by this member.'),
    requestId: z.string().describe('Give this to the operator, who finds the request in the log.'),
    ...z.object(problemMembers).partial().shape,
  })
  .describe('Problem details (RFC 9457). The members after the first six depend on `code`.');
