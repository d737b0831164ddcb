// The end of an upload: completed into a recording, or given up.
import { z } from 'zod';
import { completeRecording } from '../../recordings/complete.ts';
import { abortRecording } from '../../recordings/delete.ts';
import { operation } from '../operation.ts';
import { OF_LIVE_RECORDING } from '../problem-codes.ts';
import { completeRecordingBody, recording } from '../schemas.ts';
import { EXAMPLE_RECORDING } from './examples.ts';

/** Ten thousand parts with their ETags, about 70 bytes each. */
const COMPLETE_BODY_BYTES = 1024 * 1024;

export const complete = operation({
  operationId: 'completeRecording',
  method: 'post',
  at: 'recording',
  suffix: '/complete',
  summary: 'Complete a recording',
  description:
    'Makes the parts one recording. The body is optional: `parts` are checked against what the store has, `timeline` is ' +
    'kept with the recording. Safe to repeat: the answer is the same. What is no recording of the announced type is ' +
    'deleted.',
  scopes: ['recordings:upload'],
  body: {
    schema: completeRecordingBody,
    optional: true,
    limitBytes: COMPLETE_BODY_BYTES,
    example: {
      parts: [{ partNumber: 1, etag: '"9b2cf535f27731c974343645a3985328"' }],
      timeline: {
        startedAt: '2026-11-02T09:00:00.000Z',
        endedAt: '2026-11-02T11:00:00.000Z',
        gaps: [{ from: '2026-11-02T09:30:00.000Z', to: '2026-11-02T09:31:10.000Z', reason: 'reconnected' }],
      },
    },
  },
  success: { status: 200, description: 'The recording.', schema: recording, example: EXAMPLE_RECORDING },
  problems: [
    ...OF_LIVE_RECORDING,
    'parts-missing',
    'parts-mismatch',
    'parts-changed',
    'upload-gone',
    'not-a-recording',
    'recording-too-large',
  ],
  async handle({ ctx, ref, body }) {
    return { body: await completeRecording(ctx, ref, body) };
  },
});

export const abort = operation({
  operationId: 'abortRecording',
  method: 'post',
  at: 'recording',
  suffix: '/abort',
  summary: 'Give up an upload',
  description: 'The parts that had arrived are deleted. Safe to repeat.',
  scopes: ['recordings:upload'],
  success: { status: 204, description: 'Nothing of the upload is left.', schema: z.undefined() },
  problems: ['recording-deleted', 'recording-unreadable', 'recording-stored', 'recording-being-created'],
  async handle({ ctx, caller, ref }) {
    await abortRecording(ctx, caller, ref);
    return { body: undefined };
  },
});
