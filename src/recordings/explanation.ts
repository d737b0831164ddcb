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
      '`held`: kept until `deletableFrom`. `deletable`: the next sweep deletes it. `overdue`: past its deadline but not ' +
      'deleted. `being-deleted`: the deletion has begun but is not proven yet. `left-over`: written by a request after the ' +
      'deletion; the next sweep deletes it. `deleted`: there is a receipt. `vanished`: only the audit trail knows it; ' +
      'there is neither a recording nor a receipt.',
  }),
  rule: z.enum(RULES).meta({
    example: 'after-assessment',
    description:
      'The rule that determines the deletion. `after-assessment`, `unassessed`: the general retention. `tenant-order`: the ' +
      'shorter retention of the tenant. `ceiling`: the maximum of 30 days. `retention`: the deadline; the receipt does not ' +
      'say which rule set it. `erasure`, `consent-withdrawn`, `controller-instruction`: a request. `aborted`: the upload was ' +
      'aborted. `not-a-recording`: the content was not a recording. `left-over`, `unknown`: see `facts`.',
  }),
  summary: sentence.meta({
    example:
      'It is kept until 2026-12-04T14:30:00.000Z at least, and deleted by 2026-12-05T14:30:00.000Z: 30 days after the assessment of its attempt.',
    description: 'The answer in plain English.',
  }),
  wrong: z
    .boolean()
    .meta({ example: false, description: 'Whether the operator has to act. `facts` and `next` say why.' }),
  deletableFrom: time.nullable().meta({
    example: '2026-12-04T14:30:00.000Z',
    description: 'The earliest time at which a sweep may delete it; null if the deletion has begun.',
  }),
  deleteBy: time.nullable().meta({ example: '2026-12-05T14:30:00.000Z', description: 'The deadline.' }),
  facts: z
    .array(
      z.object({
        code: z.enum(FACTS).meta({ example: 'assessed' }),
        at: time.nullable().meta({ example: '2026-11-05T14:30:00.000Z' }),
        source: z.string().meta({
          example: 'assessment record',
          description: 'The source: an object in the bucket, the listing, a setting or the receipt.',
        }),
        sentence: sentence.meta({ example: 'Its attempt was assessed at 2026-11-05T14:30:00.000Z.' }),
      }),
    )
    .describe('What is known, with sources.'),
  next: z
    .array(
      z.object({
        code: z.enum(NEXT_STEPS).meta({ example: 'deletable' }),
        at: time
          .nullable()
          .meta({ example: '2026-12-04T14:30:00.000Z', description: 'null: at the next sweep, or immediately.' }),
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
