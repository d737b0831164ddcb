// The assessment of an attempt, from which the retention is counted.
import { assessAttempt, readAssessment } from '../../recordings/assess.ts';
import { ASSESSMENTS } from '../daily-limits.ts';
import { operation } from '../operation.ts';
import { assessment, assessmentBody } from '../schemas.ts';

export const assess = operation('put', '/v1/exams/{exam}/attempts/{attempt}/assessment', {
  operationId: 'reportAssessment',
  summary: 'Report that an attempt was assessed',
  description:
    'Every recording of the attempt is deleted within the retention period after `completedAt`. Safe to repeat. The ' +
    'earliest assessment counts: a later one is refused, so that no deadline ever moves to a later time. A recording ' +
    'whose deadline has passed gets no new one: if it still exists, it is deleted now. An assessment that would end ' +
    'recordings early, because its deadline has passed or because they began after it, is refused with 409 ' +
    '`assessment-ends-recordings`, which names them. Name them in `confirm` where the time is right all the same. Every ' +
    'assessment is in the audit trail, with the caller.',
  scopes: ['assessments:write'],
  perDay: ASSESSMENTS,
  body: { schema: assessmentBody },
  success: { description: 'The assessment, and until when the recordings are kept.', schema: assessment },
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
  summary: 'See the assessment of an attempt',
  scopes: ['assessments:write', 'recordings:review'],
  success: { description: 'The assessment that counts.', schema: assessment },
  problems: ['assessment-not-found'],
  handle: ({ ctx, ref }) => readAssessment(ctx, ref),
});
