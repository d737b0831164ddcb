// Recordings: reading, listing and playing them, restricting their processing, deleting them before their deadline.
import type { z } from 'zod';
import { ServiceError } from '../../model/errors.ts';
import { readAccessLog } from '../../recordings/access-log.ts';
import { eraseRecording, withdrawRecording } from '../../recordings/delete.ts';
import { explainRecording } from '../../recordings/explain.ts';
import { type ListQuery, listRecordings } from '../../recordings/list.ts';
import { presignPlayback } from '../../recordings/playback.ts';
import { readRecording } from '../../recordings/read.ts';
import { liftRestriction, restrictRecording } from '../../recordings/restriction.ts';
import { type Principal, requireScope } from '../auth.ts';
import { DELETIONS, LINKS, RESTRICTIONS } from '../daily-limits.ts';
import { type Operation, operation } from '../operation.ts';
import { OF_LIVE_RECORDING } from '../problems.ts';
import {
  accessLog as accessLogPage,
  eraseQuery,
  liftRestrictionBody,
  liftRestrictionQuery,
  listQuery,
  pageQuery,
  playbackLink,
  playbackLinkBody,
  receipt,
  recording,
  recordingExplanation,
  recordingList,
  restrictionBody,
} from '../schemas.ts';

const A_PAGE = 'One page. `nextCursor` is null on the last page.';
export const PAGE = { description: A_PAGE, schema: recordingList };

export const readOne = operation('get', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}', {
  operationId: 'getRecording',
  summary: 'Get a recording',
  description:
    'Returns the description of the recording, without a playback link. `deleteBy` is the deadline; a sweep may delete the recording from `deletableFrom` on. After the deletion: 410 with the `receipt`.',
  scopes: ['recordings:review'],
  success: { description: 'The recording.', schema: recording },
  problems: [...OF_LIVE_RECORDING],
  handle: ({ ctx, ref }) => readRecording(ctx, ref),
});

type ListPath = '/v1/exams/{exam}/attempts/{attempt}/recordings' | '/v1/exams/{exam}/recordings';

function listAt(path: ListPath, operationId: string, summary: string): Operation {
  return operation('get', path, {
    operationId,
    summary,
    description: 'Includes uploads in progress. An unknown exam or attempt is not an error: the list is empty.',
    scopes: ['recordings:review'],
    query: listQuery,
    keepsToParticipant: true,
    success: PAGE,
    handle: ({ ctx, principal: { participant }, ref, query }) =>
      listRecordings(ctx, ref, { ...pageOf(query), participantId: participant }),
  });
}

export const listOfAttempt = listAt(
  '/v1/exams/{exam}/attempts/{attempt}/recordings',
  'listAttemptRecordings',
  'List the recordings of an attempt',
);
export const listOfExam = listAt('/v1/exams/{exam}/recordings', 'listExamRecordings', 'List the recordings of an exam');

/** A list's query, as the use cases take it. */
export function pageOf(query: z.output<typeof listQuery>): ListQuery {
  const { limit, cursor, assessed, dueBefore } = query;
  return { limit, cursor, assessed, dueBeforeMs: dueBefore === undefined ? undefined : Date.parse(dueBefore) };
}

export const playback = operation('post', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/playback-links', {
  operationId: 'createPlaybackLink',
  summary: 'Create a playback link',
  description:
    'The link is valid for minutes and never beyond the deadline. It is recorded in the audit trail before it is ' +
    'returned. Each call creates a new link. `overviewUrl` leads to the overview of the recording, if it has one.',
  scopes: ['recordings:review'],
  handsOut: true,
  perDay: LINKS,
  body: { schema: playbackLinkBody, optional: true },
  success: { status: 201, description: 'The link.', schema: playbackLink },
  problems: [...OF_LIVE_RECORDING, 'recording-not-stored', 'recording-restricted'],
  handle: ({ ctx, caller, ref, body }) =>
    presignPlayback(ctx, caller, ref, { reason: body.reason ?? undefined, renewal: body.renewal }),
});

export const erase = operation('delete', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}', {
  operationId: 'eraseRecording',
  summary: 'Delete a recording now',
  description:
    'The scope `privacy:manage` allows any reason. The scope `recordings:upload`, on a token bound to the attempt, allows ' +
    'only `consent-withdrawn`: a participant can withdraw consent at any time, also during an upload. Only the privacy desk ' +
    'can delete a restricted recording: without `privacy:manage` the response is 423, and the request is recorded in the ' +
    'access log.',
  scopes: ['privacy:manage', 'recordings:upload'],
  perDay: DELETIONS,
  query: eraseQuery,
  success: { description: 'The receipt.', schema: receipt },
  problems: ['reason-not-allowed', 'recording-restricted', 'recording-unreadable', 'clock-skew'],
  async handle({ ctx, principal, caller, ref, query }) {
    if (principal.scopes.has('privacy:manage')) return eraseRecording(ctx, caller, ref, query.reason);
    requireWithdrawal(principal, query.reason);
    return withdrawRecording(ctx, caller, ref);
  },
});

/** It was checked before that a bound token is bound to this attempt. */
function requireWithdrawal(principal: Principal, reason: z.output<typeof eraseQuery>['reason']): void {
  if (principal.attempt === undefined) requireScope(principal, ['privacy:manage']);
  if (reason === 'consent-withdrawn') return;
  throw new ServiceError('reason-not-allowed', 'A token for uploads may delete for the reason consent-withdrawn only.');
}

export const restrict = operation('put', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/restriction', {
  operationId: 'restrictRecording',
  summary: 'Restrict the processing of a recording',
  description:
    'While a recording is restricted, playback is refused with 423. Links issued earlier expire within minutes. The ' +
    'deadline does not change: the recording is still deleted on time. Safe to repeat: the first reason is kept, and each ' +
    'call is recorded in the audit trail.',
  scopes: ['privacy:manage'],
  perDay: RESTRICTIONS,
  body: { schema: restrictionBody },
  success: {
    description: 'The recording.',
    schema: recording,
    example: (described) => ({ ...described, restricted: true }),
  },
  problems: [...OF_LIVE_RECORDING],
  handle: ({ ctx, caller, ref, body }) => restrictRecording(ctx, caller, ref, body.reason),
});

export const lift = operation('delete', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/restriction', {
  operationId: 'liftRestriction',
  summary: 'Lift the restriction of a recording',
  description:
    'It can be played again, until its deadline. The reason is optional, in the query or in the body: not every client ' +
    'can send a body with DELETE. Safe to repeat.',
  scopes: ['privacy:manage'],
  perDay: RESTRICTIONS,
  query: liftRestrictionQuery,
  body: { schema: liftRestrictionBody, optional: true },
  success: { description: 'The recording.', schema: recording },
  problems: [...OF_LIVE_RECORDING],
  handle: ({ ctx, caller, ref, query, body }) => liftRestriction(ctx, caller, ref, body.reason ?? query.reason),
});

export const accessLog = operation('get', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/access-log', {
  operationId: 'getAccessLog',
  summary: 'Get the access log of a recording',
  description:
    'Playback links issued and refused, exports, restrictions, and deletions requested and refused, oldest first. The ' +
    'access log stays readable after the deletion for as long as receipts are kept, even if the receipt itself was removed.',
  scopes: ['privacy:manage'],
  query: pageQuery,
  success: { description: A_PAGE, schema: accessLogPage },
  handle: ({ ctx, ref, query: { limit, cursor } }) => readAccessLog(ctx, ref, { limit, cursor }),
});

export const explain = operation('get', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/explanation', {
  operationId: 'explainRecording',
  summary: 'Explain why a recording is held or gone',
  description:
    'Which rule set the deadline, what is known and from which source, what happens next, and until when the receipt is ' +
    'kept. Each statement has a code for programs and a sentence for people. Available after the deletion for as long as ' +
    'the receipt is kept.',
  scopes: ['privacy:manage'],
  success: {
    description: 'The explanation.',
    schema: recordingExplanation,
    example: (explained) => ({ ...explained, receipt: null }),
  },
  problems: ['clock-skew'],
  handle: ({ ctx, ref }) => explainRecording(ctx, ref),
});
