// A recording sent through the service, for clients that cannot reach the bucket: POST …/content.
import { openProxiedUpload } from '../../recordings/proxied-upload.ts';
import { receiveFile } from '../multipart.ts';
import { operation } from '../operation.ts';
import { HttpError, OF_LIVE_RECORDING } from '../problem-codes.ts';
import { recording } from '../schemas.ts';
import { EXAMPLE_RECORDING } from './examples.ts';

export const content = operation({
  operationId: 'uploadContent',
  method: 'post',
  at: 'recording',
  suffix: '/content',
  summary: 'Upload a whole recording through the service',
  description:
    'The field `file` of a form is streamed to the store as it arrives, and completed at its end. Safe to repeat: what ' +
    'an earlier try left is replaced; after `recording-stored`, `…/complete` answers what that try would have.',
  scopes: ['recordings:upload'],
  handsOut: true,
  takesFile: true,
  success: { status: 200, description: 'The recording.', schema: recording, example: EXAMPLE_RECORDING },
  problems: [
    ...OF_LIVE_RECORDING,
    'unsupported-media-type',
    'malformed-form',
    'request-aborted',
    'request-idle',
    'uploads-busy',
    'file-missing',
    'invalid-request',
    'recording-too-large',
    'recording-stored',
    'upload-gone',
    'not-a-recording',
    'parts-missing',
    'parts-mismatch',
    'parts-changed',
    'parts-left-over',
  ],
  async handle({ ctx, ref, req, res }) {
    if (!req.is('multipart/form-data')) {
      throw new HttpError('unsupported-media-type', 'Send the recording as multipart/form-data, in the field "file".');
    }
    return ctx.proxiedUploads.run(async () => {
      const upload = await openProxiedUpload(ctx, ref);
      const { idleMs, every } = ctx.proxiedUploads;
      const limits = { maxFileBytes: ctx.uploads.maxRecordingBytes, idleMs, every };
      await receiveFile(req, res, limits, (file) => upload.write(file));
      return { body: await upload.complete() };
    });
  },
});
