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
  lateSeconds: number(0, 'How long after its deadline; 0 when it was in time.'),
});

const overdue = z.object({ ...ids, deleteBy: at('2026-12-02T09:00:00.000Z', 'Its deadline, which has passed.') });

const restriction = z.object({
  ...ids,
  since: at('2026-11-20T10:00:00.000Z', 'Since when it may not be played.'),
  reason: z.string().nullable().meta({ example: 'case 2026-114' }),
  actor: z.string().nullable().meta({ example: 'desk:3' }),
  deleteBy: at('2026-12-02T09:00:00.000Z', 'Its deadline, which a restriction does not move.'),
});

const listed = <T extends z.ZodType>(items: T, description: string) =>
  z
    .object({
      items: z.array(items).meta({ example: [] }),
      leftOut: number(0, 'How many more there are.'),
    })
    .describe(description);

const byExam = z.object({
  examId,
  begun: number(
    40,
    'Recordings that began in the period, and are still held or have a receipt. One that was lost without a receipt is not counted.',
  ),
  deleted: number(20, 'Recordings that were deleted in the period.'),
  late: number(0, 'Of these, those that were deleted after their deadline.'),
  onRequest: number(1, 'Of these, those whose deletion was requested.'),
  held: number(20, 'Recordings that are still held.'),
  assessed: number(12, 'Of these, those whose attempt was assessed.'),
  unassessed: number(8, 'Of these, those whose attempt was not assessed.'),
  webcam: number(10, 'Of those that are held, those of a webcam.'),
  screen: number(10, 'Of those that are held, those of a screen.'),
  audio: number(0, 'Of those that are held, those of sound alone.'),
  kindUnknown: number(0, 'Of those that are held, those without a description that can be read.'),
  overdue: number(0, 'Of those that are held, those past their deadline: none may be.'),
  earliestDeletableFrom: atOrNull(
    '2026-12-01T09:00:00.000Z',
    'From then on a sweep may have deleted some of what is held.',
  ),
  earliestDeleteBy: atOrNull('2026-12-02T09:00:00.000Z', 'The earliest deadline of what is held.'),
  latestDeleteBy: atOrNull('2026-12-24T09:00:00.000Z', 'The latest deadline of what is held, as things are now.'),
  latestDeleteByIfAssessed: atOrNull(
    '2027-01-23T09:05:00.000Z',
    'The latest deadline that an assessment can still give to what is held unassessed; null where nothing is.',
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
      'Names this report: whose, of which days, made when.',
    ),
    tenantId,
    period: z.object({
      from: at('2025-12-01T00:00:00.000Z', 'From this time on.'),
      to: at('2026-12-01T00:00:00.000Z', 'Before this time.'),
    }),
    verdict: z.object({
      question: sentence('Was everything deleted in time?', 'What the report answers.'),
      answer: z.enum(VERDICTS).meta({ example: 'yes', description: 'unknown: not everything could be checked.' }),
      summary: sentence(
        'Yes, according to the receipts. Each of the 20 receipts of this period shows that the recording was deleted by its deadline. None of ' +
          'the 20 recordings held at 2026-12-01 00:00 UTC is past its deadline.',
        'The answer in plain English.',
      ),
      limit: sentence(
        'This report cannot show whether a receipt is missing. The checker of the proof can: see “How to check this report”.',
        'What the answer does not rest on.',
      ),
      reasons: z
        .array(z.object({ code: z.enum(VERDICT_REASONS), sentence: z.string() }))
        .meta({ example: [], description: 'Why the answer is not yes.' }),
    }),
    totals: byExam.omit({ examId: true }).extend({
      restricted: number(1, 'Held recordings whose processing is restricted.'),
      beingDeleted: number(0, 'Held recordings whose deletion was decided, and is not proven yet.'),
      withoutDescription: number(0, 'What is left of recordings without a description; the next sweep deletes it.'),
      heldBytes: number(5662310400, 'How many bytes of media are held, older versions included.'),
      deletedBytes: number(5662324880, 'How many bytes were deleted in the period.'),
    }),
    reasons: z
      .array(
        z.object({ reason: z.enum(DELETION_REASONS).meta({ example: 'retention' }), deleted: number(19, 'How many.') }),
      )
      .describe('Why recordings were deleted in the period: every reason, also those of which there is no deletion.'),
    exams: z.array(byExam).describe('By exam; the totals have all exams.'),
    examsLeftOut: number(0, 'Exams without a row of their own.'),
    closest: deletion
      .nullable()
      .describe('Of all deletions of the period, the one that came closest to its deadline, or furthest past it.'),
    late: listed(deletion, 'Deletions after their deadline, the latest first.'),
    onRequest: listed(
      deletion,
      'Deletions that were requested, the newest first: by whom (`actor`) and why (`reason`).',
    ),
    overdue: listed(overdue, 'Held recordings past their deadline, the oldest deadline first.'),
    restrictions: listed(restriction, 'Held recordings whose processing is restricted.'),
    notChecked: z.object({
      unreadableReceipts: listed(z.object(ids), 'Receipts that exist and cannot be read.'),
      changedReceipts: listed(
        z.object(ids),
        'Receipts that are not as the service has signed them: somebody else has changed or made them. They are not counted.',
      ),
      unreadableDescriptions: listed(z.object(ids), 'Held recordings whose description cannot be read.'),
      unknownKeys: number(0, 'Objects in the folders of the tenant that this service did not make.'),
      receiptsExpiredBefore: atOrNull(
        '2025-12-01T00:00:00.000Z',
        'The part of the period before this is not covered: receipts of deletions before it have expired.',
      ),
      unsignedReceipts: number(0, 'Receipts that were read and have no signature.'),
      uncheckedSignatures: number(0, 'Receipts whose signature was not checked, because the key was not given.'),
      isLogUnreadable: z
        .boolean()
        .meta({ example: false, description: 'Whether the log of receipts is damaged, or signed by an unknown key.' }),
      missingReceipts: count.nullable().meta({
        example: 0,
        description:
          'Deletions in the log for which there is no receipt that can be read. Null: it was not compared, because there is no ' +
          'log, or the period is a part of what it has.',
      }),
      lateInLog: count.nullable().meta({
        example: 0,
        description:
          'Deletions after their deadline that the log has, whatever the receipts say. Null: it was not compared.',
      }),
      unloggedReceipts: count.nullable().meta({
        example: 0,
        description:
          'Signed receipts that are older than three days, and are not in the log. Null: it was not compared.',
      }),
      notes: z
        .array(z.string())
        .meta({ example: ['Whether a receipt is missing is checked by `verify`, which the operator runs.'] })
        .describe('What such a report never checks.'),
    }),
    settings: z.object({
      afterAssessmentSeconds: number(2592000, 'How long recordings are kept after the assessment.'),
      unassessedSeconds: number(2592000, 'How long recordings are kept that nobody has assessed.'),
      tenantOrderSeconds: count
        .nullable()
        .meta({ example: null, description: 'The shorter retention that the organisation has ordered, if any.' }),
      ceilingSeconds: number(2592000, 'The longest retention, whatever is set.'),
      deletionMarginSeconds: number(86400, 'How long before the deadline sweeps delete.'),
      logRetentionSeconds: number(31536000, 'How long receipts and the audit trail are kept.'),
    }),
    checkpoint: z.string().nullable().meta({
      example: null,
      description: 'The latest checkpoint of the log of receipts, a signed note; null where there is none.',
    }),
    generatedAt: at('2026-12-01T00:00:00.000Z', 'When reading began, by the clock of the service.'),
    finishedAt: at('2026-12-01T00:00:09.000Z', 'When all was read.'),
    storeClock: atOrNull('2026-12-01T00:00:00.000Z', 'The clock of the store when reading began; null: it sent none.'),
    serviceVersion: z.string().meta({ example: '0.2.0' }),
    compared: z
      .array(z.string())
      .meta({ example: ['For each deletion: the time of the deletion with the deadline. Both are in its receipt.'] })
      .describe('What was compared with what.'),
    howToCheck: z.array(z.object({ step: z.string(), call: z.string().describe('By which calls or commands.') })).meta({
      example: [
        {
          step: 'Ask for a recording that a receipt names: the service should say that it is gone, with the same receipt.',
          call: '`GET /v1/exams/{exam}/attempts/{attempt}/recordings/{recording}`, answered with 410.',
        },
      ],
    }),
  })
  .describe('What was recorded, deleted and is held of a tenant, and whether everything was deleted in time.');

export type Report = z.output<typeof report>;
export type ReportedDeletion = z.output<typeof deletion>;
export type ReportedExam = z.output<typeof byExam>;
