// What the auditor's report of a tenant has: one schema is its type, its JSON schema and its example.
import { z } from 'zod';
import { DELETION_REASONS } from '../bucket/documents.ts';
import { attemptId, count, examId, recordingId, tenantId, time } from '../model/recording.ts';

const number = (example: number, description: string) => count.meta({ example, description });
const at = (example: string, description: string) => time.meta({ example, description });
const atOrNull = (example: string, description: string) => time.nullable().meta({ example, description });
const sentence = (example: string, description: string) => z.string().meta({ example, description });

const ids = { examId, attemptId, recordingId };

const deletion = z.object({
  ...ids,
  reason: z.enum(DELETION_REASONS).meta({ example: 'retention' }),
  actor: z.string().meta({ example: 'sweeper' }),
  deadline: time.meta({ example: '2026-12-02T09:00:00.000Z' }),
  deletedAt: time.meta({ example: '2026-12-01T09:03:11.204Z' }),
  lateSeconds: number(0, 'Seconds after the deadline; 0 if on time.'),
});

const overdue = z.object({ ...ids, deleteBy: at('2026-12-02T09:00:00.000Z', 'The deadline, which has passed.') });

const restriction = z.object({
  ...ids,
  since: at('2026-11-20T10:00:00.000Z', 'When the restriction began.'),
  reason: z.string().nullable().meta({ example: 'case 2026-114' }),
  actor: z.string().nullable().meta({ example: 'desk:3' }),
  deleteBy: at('2026-12-02T09:00:00.000Z', 'The deadline. A restriction does not change it.'),
});

const listed = <T extends z.ZodType>(items: T, description: string) =>
  z
    .object({
      items: z.array(items).meta({ example: [] }),
      leftOut: number(0, 'The number of further items.'),
    })
    .describe(description);

const byExam = z.object({
  examId,
  begun: number(40, 'Recordings that began in the period and are still held or have a receipt.'),
  deleted: number(20, 'Recordings deleted in the period.'),
  late: number(0, 'Deleted after their deadline.'),
  onRequest: number(1, 'Deleted on request.'),
  held: number(20, 'Recordings still held.'),
  assessed: number(12, 'Held, attempt assessed.'),
  unassessed: number(8, 'Held, attempt not assessed.'),
  webcam: number(10, 'Held webcam recordings.'),
  screen: number(10, 'Held screen recordings.'),
  audio: number(0, 'Held audio recordings.'),
  kindUnknown: number(0, 'Held recordings without a readable description.'),
  overdue: number(0, 'Held past their deadline. Must be 0.'),
  earliestDeletableFrom: atOrNull(
    '2026-12-01T09:00:00.000Z',
    'The earliest time at which a sweep may delete a held recording.',
  ),
  earliestDeleteBy: atOrNull('2026-12-02T09:00:00.000Z', 'The earliest deadline of a held recording.'),
  latestDeleteBy: atOrNull('2026-12-24T09:00:00.000Z', 'The latest current deadline of a held recording.'),
  latestDeleteByIfAssessed: atOrNull(
    '2027-01-23T09:05:00.000Z',
    'The latest deadline that an assessment can still set for unassessed recordings; null if there are none.',
  ),
});

export const VERDICTS = ['yes', 'no', 'unknown'] as const;
export const VERDICT_REASONS = [
  'deleted-late',
  'overdue',
  'unreadable-receipts',
  'changed-receipts',
  'unsigned-receipts',
  'unchecked-signatures',
  'missing-receipts',
  'unlogged-receipts',
  'late-in-log',
  'log-unreadable',
  'unreadable-descriptions',
  'unknown-keys',
  'receipts-expired',
  'clock',
  'nothing-known',
] as const;

export const report = z
  .object({
    format: z.literal('proctoring-recordings-report'),
    version: z.literal(1),
    number: sentence(
      'acme/2025-12-01/2026-12-01/20261201T000000000Z',
      'Identifies the report: tenant, period and time of creation.',
    ),
    tenantId,
    period: z.object({
      from: at('2025-12-01T00:00:00.000Z', 'The start, inclusive.'),
      to: at('2026-12-01T00:00:00.000Z', 'The end, exclusive.'),
    }),
    verdict: z.object({
      question: sentence('Was everything deleted in time?', 'The question that the report answers.'),
      answer: z.enum(VERDICTS).meta({ example: 'yes', description: '`unknown`: not everything could be checked.' }),
      summary: sentence(
        'Yes, according to the receipts. Each of the 20 receipts of this period shows that the recording was deleted by its deadline. None of ' +
          'the 20 recordings held at 2026-12-01 00:00 UTC is past its deadline.',
        'The answer in plain English.',
      ),
      limit: sentence(
        'This report cannot show whether a receipt is missing. The checker of the proof can: see “How to check this report”.',
        'What the answer does not cover.',
      ),
      reasons: z
        .array(z.object({ code: z.enum(VERDICT_REASONS), sentence: z.string() }))
        .meta({ example: [], description: 'Why the answer is not yes.' }),
    }),
    totals: byExam.omit({ examId: true }).extend({
      restricted: number(1, 'Held recordings whose processing is restricted.'),
      beingDeleted: number(0, 'Held recordings whose deletion has begun but is not proven yet.'),
      withoutDescription: number(0, 'Remains of recordings without a description. The next sweep deletes them.'),
      heldBytes: number(5662310400, 'Bytes of media held, including older versions.'),
      deletedBytes: number(5662324880, 'Bytes deleted in the period.'),
    }),
    reasons: z
      .array(
        z.object({
          reason: z.enum(DELETION_REASONS).meta({ example: 'retention' }),
          deleted: number(19, 'The number of recordings.'),
        }),
      )
      .describe('The deletions in the period by reason, including reasons without deletions.'),
    exams: z.array(byExam).describe('The numbers by exam. `totals` covers all exams.'),
    examsLeftOut: number(0, 'The number of exams that are not listed.'),
    closest: deletion.nullable().describe('The deletion closest to its deadline, or furthest past it.'),
    late: listed(deletion, 'Deletions after their deadline, the latest first.'),
    onRequest: listed(deletion, 'Deletions on request, the newest first, with `actor` and `reason`.'),
    overdue: listed(overdue, 'Held recordings past their deadline, the oldest deadline first.'),
    restrictions: listed(restriction, 'Held recordings whose processing is restricted.'),
    notChecked: z.object({
      unreadableReceipts: listed(z.object(ids), 'Receipts that cannot be read.'),
      changedReceipts: listed(
        z.object(ids),
        'Receipts whose signature does not match: somebody else changed or made them. They are not counted.',
      ),
      unreadableDescriptions: listed(z.object(ids), 'Held recordings whose description cannot be read.'),
      unknownKeys: number(0, 'Objects in the folders of the tenant that this service did not create.'),
      receiptsExpiredBefore: atOrNull(
        '2025-12-01T00:00:00.000Z',
        'Deletions before this time are not covered, because their receipts have expired.',
      ),
      unsignedReceipts: number(0, 'Receipts without a signature.'),
      uncheckedSignatures: number(0, 'Receipts whose signature was not checked because the key was missing.'),
      isLogUnreadable: z
        .boolean()
        .meta({ example: false, description: 'Whether the log of receipts is damaged or signed with an unknown key.' }),
      missingReceipts: count.nullable().meta({
        example: 0,
        description:
          'Deletions in the log without a readable receipt. null if not compared: there is no log, or the period covers only ' +
          'a part of it.',
      }),
      lateInLog: count.nullable().meta({
        example: 0,
        description: 'Deletions after their deadline according to the log. null if not compared.',
      }),
      unloggedReceipts: count.nullable().meta({
        example: 0,
        description: 'Signed receipts older than three days that are not in the log. null if not compared.',
      }),
      notes: z
        .array(z.string())
        .meta({ example: ['Whether a receipt is missing is checked by `verify`, which the operator runs.'] })
        .describe('What the report does not check.'),
    }),
    settings: z.object({
      afterAssessmentSeconds: number(2592000, 'The retention after the assessment.'),
      unassessedSeconds: number(2592000, 'The retention of unassessed recordings.'),
      tenantOrderSeconds: count
        .nullable()
        .meta({ example: null, description: 'The shorter retention of the tenant, if any.' }),
      ceilingSeconds: number(2592000, 'The longest possible retention.'),
      deletionMarginSeconds: number(86400, 'The deletion margin: how long before the deadline sweeps delete.'),
      logRetentionSeconds: number(31536000, 'The retention of receipts and the audit trail.'),
    }),
    checkpoint: z.string().nullable().meta({
      example: null,
      description: 'The latest checkpoint of the log of receipts, a signed note; null if there is none.',
    }),
    generatedAt: at('2026-12-01T00:00:00.000Z', 'When reading began, by the clock of the service.'),
    finishedAt: at('2026-12-01T00:00:09.000Z', 'When reading ended.'),
    storeClock: atOrNull(
      '2026-12-01T00:00:00.000Z',
      'The clock of the store when reading began; null if it sent none.',
    ),
    serviceVersion: z.string().meta({ example: '0.2.0' }),
    compared: z
      .array(z.string())
      .meta({ example: ['For each deletion: the time of the deletion with the deadline. Both are in its receipt.'] })
      .describe('The comparisons that were made.'),
    howToCheck: z.array(z.object({ step: z.string(), call: z.string().describe('The call or command to use.') })).meta({
      example: [
        {
          step: 'Ask for a recording that a receipt names: the service should say that it is gone, with the same receipt.',
          call: '`GET /v1/exams/{exam}/attempts/{attempt}/recordings/{recording}`, answered with 410.',
        },
      ],
    }),
  })
  .describe('What was recorded, deleted and is held for a tenant, and whether everything was deleted on time.');

export type Report = z.output<typeof report>;
export type ReportedDeletion = z.output<typeof deletion>;
export type ReportedExam = z.output<typeof byExam>;
