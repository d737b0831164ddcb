// Links to play a recording: POST …/playback-links. The link stands in the body alone: proxies log headers.
import { presignPlayback } from '../../recordings/playback.ts';
import { operation } from '../operation.ts';
import { OF_LIVE_RECORDING } from '../problem-codes.ts';
import { playbackLink, playbackLinkBody } from '../schemas.ts';
import { EXAMPLE_LINK } from './examples.ts';

export const playback = operation({
  operationId: 'createPlaybackLink',
  method: 'post',
  at: 'recording',
  suffix: '/playback-links',
  summary: 'Get a link to play a recording',
  description:
    'The link lives for minutes, never beyond the deadline, and is written to the audit trail before it is handed out. ' +
    'Each call makes another.',
  scopes: ['recordings:review'],
  handsOut: true,
  body: { schema: playbackLinkBody, optional: true, example: { reason: 'second assessor' } },
  success: {
    status: 201,
    description: 'The link.',
    schema: playbackLink,
    example: EXAMPLE_LINK,
  },
  problems: [...OF_LIVE_RECORDING, 'recording-not-stored', 'recording-restricted'],
  async handle({ ctx, caller, ref, body }) {
    return { body: await presignPlayback(ctx, caller, ref, body.reason) };
  },
});
