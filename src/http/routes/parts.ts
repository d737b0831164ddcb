// The parts of an upload: where to send the next ones, and which have arrived.
import { listUploadedParts, presignParts } from '../../recordings/upload.ts';
import { operation } from '../operation.ts';
import { OF_LIVE_RECORDING } from '../problem-codes.ts';
import { presignPartsBody, signedParts, uploadedParts } from '../schemas.ts';
import { EXAMPLE_SIGNED_PART } from './examples.ts';

/** A thousand parts with their sizes, generously. */
const PARTS_BODY_BYTES = 512 * 1024;

export const presign = operation({
  operationId: 'presignParts',
  method: 'post',
  at: 'recording',
  suffix: '/parts',
  summary: 'Get URLs for more parts',
  description:
    'Every part but the last has exactly `partSizeBytes`. Each URL takes a part of exactly the size that was named, ' +
    'until it expires or the upload ends. Safe to repeat: a part that is sent again replaces the one before.',
  scopes: ['recordings:upload'],
  handsOut: true,
  body: {
    schema: presignPartsBody,
    limitBytes: PARTS_BODY_BYTES,
    example: { parts: [{ partNumber: 1, sizeBytes: 5242880 }] },
  },
  success: {
    status: 200,
    description: 'One URL for each part that was named.',
    schema: signedParts,
    example: { parts: [EXAMPLE_SIGNED_PART] },
  },
  problems: [...OF_LIVE_RECORDING, 'part-too-large', 'part-number-too-large', 'recording-stored', 'uploads-proxied'],
  async handle({ ctx, ref, body }) {
    return { body: { parts: await presignParts(ctx, ref, body.parts) } };
  },
});

export const listUploaded = operation({
  operationId: 'listParts',
  method: 'get',
  at: 'recording',
  suffix: '/parts',
  summary: 'See which parts have arrived',
  description: 'What the store has, to resume an upload after a crash or a lost connection.',
  scopes: ['recordings:upload'],
  success: {
    status: 200,
    description: 'The parts, in order of their numbers.',
    schema: uploadedParts,
    example: { parts: [{ partNumber: 1, sizeBytes: 5242880, etag: '"9b2cf535f27731c974343645a3985328"' }] },
  },
  problems: [...OF_LIVE_RECORDING, 'recording-stored', 'upload-gone'],
  async handle({ ctx, ref }) {
    return { body: { parts: await listUploadedParts(ctx, ref) } };
  },
});
