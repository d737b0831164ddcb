// What an explanation of a recording has: stable codes for programs, and a sentence beside each for people.
import { z } from 'zod';
import { DELETION_REASONS, type DocumentIds, type Receipt } from '../bucket/documents.ts';
import { attemptId, examId, recordingId, tenantId, time } from '../model/recording.ts';
import { RETENTION_RULES } from '../model/retention.ts';
import { toIso } from '../model/times.ts';

export const STATES = ['held', 'deletable', 'overdue', 'being-deleted', 'left-over', 'deleted', 'vanished'] as const;
export type ExplainedState = (typeof STATES)[number];

/** What ended it, or will: a rule of retention, a request, or that it is no recording any more. */
export const RULES = [...RETENTION_RULES, ...DELETION_REASONS, 'left-over', 'unknown'] as const;
export type ExplainedRule = (typeof RULES)[number];

export const FACTS = [
  'created',
  'created-ahead',
  'description-unreadable',
  'description-lost',
  'uploading',
  'stored',
  'truncated',
  'assessed',
  'not-assessed',
  'retention',
  'margin',
  'restricted',
  'warned',
  'deletion-requested',
  'queued',
  'not-queued',
  'queue-not-searched',
  'deleted',
  'receipt-unreadable',
  'audited',
] as const;

export const NEXT_STEPS = [
  'assessment-counts',
  'deletable',
  'deleted-by-sweep',
  'deadline',
  'receipt-kept',
  'run-verify',
] as const;

const sentence = z.string();

export const explanation = z.object({
  tenantId,
  examId,
  attemptId,
  recordingId,
  explainedAt: time.meta({ example: '2026-11-20T08:00:00.000Z' }),
  state: z.enum(STATES).meta({
    example: 'held',
    description:
      'held: kept until its time comes. deletable: the next sweep deletes it. overdue: past its deadline, and still ' +
      'there. being-deleted: its deletion was decided, and is not proven yet. left-over: what a request wrote after a ' +
      'deletion; the next sweep deletes it. deleted: a receipt proves it. vanished: neither it nor a receipt is there, and ' +
      'the audit trail knows it.',
  }),
  rule: z.enum(RULES).meta({
    example: 'after-assessment',
    description:
      'What ends it, or has ended it. after-assessment, unassessed: the general retention. tenant-order: the shorter one ' +
      'that the organisation ordered. ceiling: the 30 days that no setting exceeds. retention: its deadline, of which the ' +
      'receipt does not say what set it. erasure, consent-withdrawn, controller-instruction: a request. aborted: its ' +
      'upload was given up. not-a-recording: its content was none. left-over, unknown: see `facts`.',
  }),
  summary: sentence.meta({
    example:
      'It is kept until 2026-12-04T14:30:00.000Z at least, and deleted by 2026-12-05T14:30:00.000Z: 30 days after the assessment of its attempt.',
    description: 'The answer in plain English.',
  }),
  wrong: z
    .boolean()
    .meta({ example: false, description: 'Whether an operator has to act: `facts` and `next` say why.' }),
  deletableFrom: time
    .nullable()
    .meta({ example: '2026-12-04T14:30:00.000Z', description: 'Null where it is decided.' }),
  deleteBy: time.nullable().meta({ example: '2026-12-05T14:30:00.000Z', description: 'Its deadline.' }),
  facts: z
    .array(
      z.object({
        code: z.enum(FACTS).meta({ example: 'assessed' }),
        at: time.nullable().meta({ example: '2026-11-05T14:30:00.000Z' }),
        source: z.string().meta({
          example: 'assessment record',
          description: 'Where it is known from: an object of the bucket, the listing, a setting, the receipt.',
        }),
        sentence: sentence.meta({ example: 'Its attempt was assessed at 2026-11-05T14:30:00.000Z.' }),
      }),
    )
    .describe('What is known, and from where.'),
  next: z
    .array(
      z.object({
        code: z.enum(NEXT_STEPS).meta({ example: 'deletable' }),
        at: time
          .nullable()
          .meta({ example: '2026-12-04T14:30:00.000Z', description: 'Null: at the next sweep, or at once.' }),
        sentence: sentence.meta({ example: 'From 2026-12-04T14:30:00.000Z on, the first sweep deletes it.' }),
      }),
    )
    .describe('What happens next, in order.'),
});

export type Explanation = z.output<typeof explanation> & { readonly receipt: Receipt | null };
/** What is said of a recording, beside which one it is. */
export type Explained = Omit<Explanation, keyof DocumentIds | 'explainedAt'>;
export type Fact = Explanation['facts'][number];

export function fact(code: Fact['code'], atMs: number, source: string, sentenceOf: (at: string) => string): Fact {
  const at = toIso(atMs);
  return { code, at, source, sentence: sentenceOf(at) };
}
