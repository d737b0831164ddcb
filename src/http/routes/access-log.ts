// Who was given a recording, and who was refused: GET …/access-log.
import { readAccessLog } from '../../recordings/access-log.ts';
import { operation } from '../operation.ts';
import { accessLog as accessLogPage, pageQuery } from '../schemas.ts';
import { EXAMPLE_ACCESS } from './examples.ts';

export const accessLog = operation({
  operationId: 'getAccessLog',
  method: 'get',
  at: 'recording',
  suffix: '/access-log',
  summary: 'See who was given a recording, and why',
  description:
    'Every link that was handed out and every one that was refused, exports, restrictions, and who ordered a deletion; ' +
    'oldest first. After its deletion too, for as long as its receipt is kept.',
  scopes: ['privacy:manage'],
  query: pageQuery,
  success: {
    status: 200,
    description: 'One page; `nextCursor` is null on the last.',
    schema: accessLogPage,
    example: { items: [EXAMPLE_ACCESS], nextCursor: null },
  },
  problems: [],
  async handle({ ctx, ref, query: { limit, cursor } }) {
    return { body: await readAccessLog(ctx, ref, { limit, cursor }) };
  },
});
