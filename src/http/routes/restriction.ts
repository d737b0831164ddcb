// Restriction of processing: put on a recording, and lifted, by the controller.
import { liftRestriction, restrictRecording } from '../../recordings/restriction.ts';
import { operation } from '../operation.ts';
import { OF_LIVE_RECORDING } from '../problem-codes.ts';
import { liftRestrictionBody, liftRestrictionQuery, recording, restrictionBody } from '../schemas.ts';
import { EXAMPLE_RECORDING } from './examples.ts';

export const restrict = operation({
  operationId: 'restrictRecording',
  method: 'put',
  at: 'recording',
  suffix: '/restriction',
  summary: 'Restrict the processing of a recording',
  description:
    'Playback is refused (423) while it stands; links that were made before live for minutes at most. The recording is ' +
    'kept, and its deadline is not touched: it is deleted on time. Safe to repeat: the first reason stands, each call is ' +
    'in the audit trail.',
  scopes: ['privacy:manage'],
  body: { schema: restrictionBody, example: { reason: 'accuracy contested, case 2026-114' } },
  success: {
    status: 200,
    description: 'The recording.',
    schema: recording,
    example: { ...EXAMPLE_RECORDING, restricted: true },
  },
  problems: [...OF_LIVE_RECORDING],
  async handle({ ctx, caller, ref, body }) {
    return { body: await restrictRecording(ctx, caller, ref, body.reason) };
  },
});

export const lift = operation({
  operationId: 'liftRestriction',
  method: 'delete',
  at: 'recording',
  suffix: '/restriction',
  summary: 'Lift the restriction of a recording',
  description:
    'It can be played again, until its deadline. The reason may stand in the query or in the body, because not every ' +
    'client can send a body with DELETE, or be left out. Safe to repeat.',
  scopes: ['privacy:manage'],
  query: liftRestrictionQuery,
  body: { schema: liftRestrictionBody, optional: true, example: { reason: 'case 2026-114 is closed' } },
  success: { status: 200, description: 'The recording.', schema: recording, example: EXAMPLE_RECORDING },
  problems: [...OF_LIVE_RECORDING],
  async handle({ ctx, caller, ref, query, body }) {
    return { body: await liftRestriction(ctx, caller, ref, body.reason ?? query.reason) };
  },
});
