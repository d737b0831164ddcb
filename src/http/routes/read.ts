// What is recorded: one recording, those of an attempt, those of an exam.
import type { z } from 'zod';
import { type ListQuery, listRecordings } from '../../recordings/list.ts';
import { readRecording } from '../../recordings/read.ts';
import { operation } from '../operation.ts';
import { OF_LIVE_RECORDING } from '../problem-codes.ts';
import { listQuery, recording, recordingList } from '../schemas.ts';
import { EXAMPLE_RECORDING } from './examples.ts';

export const PAGE = {
  status: 200 as const,
  description: 'One page; `nextCursor` is null on the last.',
  schema: recordingList,
  example: { items: [EXAMPLE_RECORDING], nextCursor: null },
};

export const readOne = operation({
  operationId: 'getRecording',
  method: 'get',
  at: 'recording',
  suffix: '',
  summary: 'See a recording',
  description: 'What is known of it, without a link to play it. After its deletion: 410 with the `receipt`.',
  scopes: ['recordings:review'],
  success: { status: 200, description: 'The recording.', schema: recording, example: EXAMPLE_RECORDING },
  problems: [...OF_LIVE_RECORDING],
  async handle({ ctx, ref }) {
    return { body: await readRecording(ctx, ref) };
  },
});

export const listOfAttempt = operation({
  operationId: 'listRecordings',
  method: 'get',
  at: 'attempt',
  suffix: '/recordings',
  summary: 'List the recordings of an attempt',
  scopes: ['recordings:review'],
  query: listQuery,
  success: PAGE,
  problems: [],
  async handle({ ctx, ref, query }) {
    return { body: await listRecordings(ctx, ref, pageOf(query)) };
  },
});

export const listOfExam = operation({
  operationId: 'listRecordings',
  method: 'get',
  at: 'exam',
  suffix: '/recordings',
  summary: 'List the recordings of an exam',
  scopes: ['recordings:review'],
  query: listQuery,
  success: PAGE,
  problems: [],
  async handle({ ctx, ref, query }) {
    return { body: await listRecordings(ctx, ref, pageOf(query)) };
  },
});

/** A list's query, as the use cases take it. */
export function pageOf(query: z.output<typeof listQuery>): ListQuery {
  const { limit, cursor, assessed, dueBefore } = query;
  return { limit, cursor, assessed, dueBeforeMs: dueBefore === undefined ? undefined : Date.parse(dueBefore) };
}
