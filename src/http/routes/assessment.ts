// The assessment of an attempt, from which the retention is counted.
import { assessAttempt, readAssessment } from '../../recordings/assess.ts';
import { ASSESSMENTS } from '../daily-limits.ts';
import { operation } from '../operation.ts';
import { assessment, assessmentBody } from '../schemas.ts';

export const assess = operation('put', '/v1/exams/{exam}/attempts/{attempt}/assessment', {
  operationId: 'reportAssessment',
  summary: 'Report that an attempt was assessed',
  description:
    'Sets the deadline of every recording of the attempt: the retention period, at most 30 days, counted from ' +
    '`completedAt`. Sweeps delete each recording between `deletableFrom` and `deleteBy`. Safe to repeat.\n\n' +
    'An assessment cannot be withdrawn or moved to a later time: the earliest one counts, and a later one is refused. ' +
    'Recordings whose deadline has already passed are deleted now. If the assessment would end recordings early, because ' +
    'its deadline has passed or because they began after `completedAt`, it is refused with 409 ' +
    '`assessment-ends-recordings`, which lists them. If the time is correct, repeat the call with their ids in `confirm`. ' +
    'Every assessment is recorded in the audit trail with the caller.',
  scopes: ['assessments:write'],
  perDay: ASSESSMENTS,
  body: { schema: assessmentBody },
  success: { description: 'The assessment that counts, and the deadline that it sets.', schema: assessment },
  problems: [
    'recording-being-created',
    'assessment-later',
    'assessment-in-future',
    'assessment-before-recording',
    'assessment-too-old',
    'assessment-ends-recordings',
    'clock-skew',
  ],
  handle: ({ ctx, caller, ref, body: { completedAt, confirm } }) =>
    assessAttempt(ctx, caller, ref, { completedAtMs: Date.parse(completedAt), confirm }),
});

export const readAssessed = operation('get', '/v1/exams/{exam}/attempts/{attempt}/assessment', {
  operationId: 'getAssessment',
  summary: 'Get the assessment of an attempt',
  scopes: ['assessments:write', 'recordings:review'],
  success: { description: 'The assessment that counts.', schema: assessment },
  problems: ['assessment-not-found'],
  handle: ({ ctx, ref }) => readAssessment(ctx, ref),
});
