// Uploads from creation to completion: parts to presigned URLs or through the service, or one file through the service.
import { z } from 'zod';
import { type ErrorCode, ServiceError } from '../../model/errors.ts';
import { recordingId } from '../../model/ids.ts';
import { completeRecording } from '../../recordings/complete.ts';
import { createRecording } from '../../recordings/create.ts';
import { abortRecording } from '../../recordings/delete.ts';
import { requireOverviewSize, storeOverview } from '../../recordings/overview.ts';
import { openProxiedPart } from '../../recordings/proxied-part.ts';
import { openProxiedUpload } from '../../recordings/proxied-upload.ts';
import { listUploadedParts, presignParts } from '../../recordings/upload.ts';
import { requireParticipant } from '../auth.ts';
import { COMPLETIONS, CREATIONS, DELETIONS, OVERVIEWS } from '../daily-limits.ts';
import { receiveFile } from '../multipart.ts';
import { operation } from '../operation.ts';
import { announcedBytes, receiveBytes } from '../part-body.ts';
import { OF_LIVE_RECORDING } from '../problems.ts';
import {
  completeRecordingBody,
  createdRecording,
  createRecordingBody,
  createRecordingHeaders,
  presignPartsBody,
  recording,
  signedParts,
  uploadedPart,
  uploadedParts,
  uploadSettings,
} from '../schemas.ts';

export const settings = operation('get', '/v1/upload-settings', {
  operationId: 'getUploadSettings',
  summary: 'Get the upload settings',
  description: 'For clients that split a file into parts before they start a recording. Makes no request to the store.',
  scopes: ['recordings:upload'],
  success: { description: 'The settings.', schema: uploadSettings },
  async handle({ ctx: { uploads } }) {
    const { partSizeBytes, maxRecordingBytes, contentTypes, mode } = uploads;
    return { partSizeBytes, maxRecordingBytes, contentTypes: [...contentTypes], uploads: mode };
  },
});

export const create = operation('post', '/v1/exams/{exam}/attempts/{attempt}/recordings', {
  operationId: 'createRecording',
  summary: 'Start a recording',
  description:
    'Opens an upload and returns the URLs of its first parts. The participant must have agreed: `consent` says when, and ' +
    'to which version of the privacy policy. Each call starts a new recording, unless it repeats an earlier ' +
    '`Idempotency-Key`.',
  scopes: ['recordings:upload'],
  urgency: 'upload',
  handsOut: true,
  perDay: CREATIONS,
  keepsToParticipant: true,
  headers: createRecordingHeaders,
  body: { schema: createRecordingBody, precheck: refuseWithoutConsent },
  success: {
    status: 201,
    description: 'The new recording, and where to send its first parts.',
    schema: createdRecording,
    example: (created) => ({
      ...created,
      recording: {
        ...created.recording,
        state: 'uploading' as const,
        container: null,
        storedAt: null,
        sizeBytes: null,
      },
    }),
    recordingIdAt: '/recording/recordingId',
  },
  problems: [
    'recording-deleted',
    'recording-unreadable',
    'consent-missing',
    'content-type-not-allowed',
    'attempt-assessed',
    'attempt-full',
    'attempt-of-another-participant',
    'recording-being-created',
    'idempotency-key-reused',
    'clock-skew',
  ],
  async handle({ ctx, principal, caller, ref, headers, body, res }) {
    requireParticipant(principal, body.participantId);
    const created = await createRecording(ctx, caller, ref, {
      ...body,
      parts: body.parts ?? 1,
      idempotencyKey: headers['idempotency-key'],
      isOfOneParticipant: principal.attempt !== undefined && principal.participant === undefined,
    });
    const { recordingId } = created.recording;
    res.setHeader('Location', `/v1/exams/${ref.exam}/attempts/${ref.attempt}/recordings/${recordingId}`);
    return created;
  },
});

/** A code of its own, because it is not a mistake in the client: the participant has not agreed (policy 3.4). */
function refuseWithoutConsent(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
  if ('consent' in body && body.consent !== null) return;
  throw new ServiceError('consent-missing', 'A recording needs the consent of the participant.', {
    errors: [{ path: 'consent', message: 'Must say when consent was given and to which policy version' }],
  });
}

/** Enough for a thousand parts with their sizes. */
const PARTS_BODY_BYTES = 512 * 1024;

export const presign = operation('post', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/parts', {
  operationId: 'presignParts',
  summary: 'Get URLs for more parts',
  description:
    'Every part except the last has exactly `partSizeBytes` bytes. Each URL accepts one part of exactly the requested size, ' +
    'until the URL expires or the upload ends. Safe to repeat: sending a part again replaces it.',
  scopes: ['recordings:upload'],
  urgency: 'upload',
  handsOut: true,
  body: { schema: presignPartsBody, limitBytes: PARTS_BODY_BYTES },
  success: { description: 'One URL for each requested part.', schema: signedParts },
  problems: [...OF_LIVE_RECORDING, 'part-too-large', 'part-number-too-large', 'recording-stored', 'uploads-proxied'],
  handle: async ({ ctx, ref, body }) => ({ parts: await presignParts(ctx, ref, body.parts) }),
});

export const putPart = operation(
  'put',
  '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/parts/{partNumber}',
  {
    operationId: 'putPart',
    summary: 'Send a part through the service',
    description:
      'For clients that cannot reach the store. The body is the raw bytes of the part. The service streams them to the ' +
      'store, which keeps the whole part or nothing. An upload may mix parts sent this way and parts sent to part URLs. ' +
      'Safe to repeat: sending a part again replaces it.',
    scopes: ['recordings:upload'],
    urgency: 'upload',
    handsOut: true,
    takesBytes: true,
    success: { description: 'The part, as stored.', schema: uploadedPart },
    problems: [
      ...OF_LIVE_RECORDING,
      'invalid-request',
      'unsupported-media-type',
      'length-required',
      'part-too-large',
      'part-number-too-large',
      'request-aborted',
      'request-idle',
      'uploads-busy',
      'recording-stored',
      'upload-gone',
    ],
    handle({ ctx, principal, ref: { partNumber, ...ref }, req, every }) {
      const sizeBytes = announcedBytes(req);
      const uploader = { tenant: ref.tenant, caller: principal.id };
      return ctx.proxiedUploads.run(uploader, async (turn) => {
        const part = await openProxiedPart(ctx, ref, { partNumber, sizeBytes });
        return receiveBytes(req, { every, turn }, (bytes) => part.write(bytes));
      });
    },
  },
);

export const listUploaded = operation('get', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/parts', {
  operationId: 'listParts',
  summary: 'List the stored parts',
  description: 'Use it to resume an upload after a crash or a lost connection.',
  scopes: ['recordings:upload'],
  urgency: 'upload',
  success: { description: 'The parts, ordered by number.', schema: uploadedParts },
  problems: [...OF_LIVE_RECORDING, 'recording-stored', 'upload-gone'],
  handle: async ({ ctx, ref }) => ({ parts: await listUploadedParts(ctx, ref) }),
});

export const putOverview = operation('put', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/overview', {
  operationId: 'putOverview',
  summary: 'Send the overview of a recording',
  description:
    'The overview has small pictures of the recording, and how much each second of it changed, for a player. It is ' +
    'optional, has at most 2 MiB, and is sent before the recording is completed. Safe to repeat: sending an overview again ' +
    'replaces it.',
  scopes: ['recordings:upload'],
  urgency: 'upload',
  handsOut: true,
  perDay: OVERVIEWS,
  takesBytes: true,
  success: { status: 204, description: 'The overview is stored.', schema: z.void() },
  problems: [
    ...OF_LIVE_RECORDING,
    'invalid-request',
    'unsupported-media-type',
    'length-required',
    'overview-too-large',
    'request-aborted',
    'request-idle',
    'uploads-busy',
    'recording-stored',
    'upload-gone',
  ],
  handle({ ctx, principal, ref, req, every }) {
    const sizeBytes = announcedBytes(req, 'overview');
    requireOverviewSize(sizeBytes);
    const uploader = { tenant: ref.tenant, caller: principal.id };
    return ctx.proxiedUploads.run(uploader, (turn) =>
      receiveBytes(req, { every, turn }, (bytes) => storeOverview(ctx, ref, { bytes, sizeBytes, holder: uploader })),
    );
  },
});

/** The problems of completing an upload. */
const OF_COMPLETION: readonly ErrorCode[] = [
  'parts-missing',
  'parts-mismatch',
  'parts-changed',
  'upload-gone',
  'not-a-recording',
  'recording-restricted',
  'recording-too-large',
];

/** Ten thousand parts with their ETags, about 70 bytes each. */
const COMPLETE_BODY_BYTES = 1024 * 1024;

export const complete = operation('post', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/complete', {
  operationId: 'completeRecording',
  summary: 'Complete a recording',
  description:
    'Combines the parts into one recording. The body is optional: `parts` are checked against the parts in the store, and ' +
    '`timeline` is stored with the recording. Safe to repeat: the response is the same. `container` is detected from the ' +
    'content, whatever type was announced. An upload that is certainly not a recording is deleted with 422 ' +
    '`not-a-recording`. If it is restricted, the response is 423 and the privacy desk decides.',
  scopes: ['recordings:upload'],
  urgency: 'upload',
  perDay: COMPLETIONS,
  body: { schema: completeRecordingBody, optional: true, limitBytes: COMPLETE_BODY_BYTES },
  success: { description: 'The recording.', schema: recording },
  problems: [...OF_LIVE_RECORDING, ...OF_COMPLETION],
  handle: ({ ctx, caller, ref, body: { parts, timeline } }) =>
    completeRecording(ctx, ref, { parts: parts ?? undefined, timeline: timeline ?? undefined, by: caller }),
});

export const abort = operation('post', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/abort', {
  operationId: 'abortRecording',
  summary: 'Abort an upload',
  description: 'Deletes the stored parts, unless the recording is restricted. Safe to repeat.',
  scopes: ['recordings:upload'],
  urgency: 'upload',
  perDay: DELETIONS,
  success: { status: 204, description: 'Nothing of the upload is left.', schema: z.void() },
  problems: ['recording-deleted', 'recording-unreadable', 'recording-stored', 'recording-restricted', 'clock-skew'],
  handle: ({ ctx, caller, ref }) => abortRecording(ctx, caller, ref),
});

export const content = operation('post', '/v1/exams/{exam}/attempts/{attempt}/recordings/{recording}/content', {
  operationId: 'uploadContent',
  summary: 'Upload a whole recording through the service',
  description:
    'For small files. The service streams the form field `file` to the store and then completes the recording. A request ' +
    'may have at most `MAX_CONTENT_BYTES` bytes. If the connection breaks, start again: the new request replaces what the ' +
    'earlier one left. If the response is 409 `recording-stored`, call `…/complete` to get the recording.',
  scopes: ['recordings:upload'],
  urgency: 'upload',
  handsOut: true,
  takesFile: true,
  success: { description: 'The recording.', schema: recording },
  problems: [
    ...OF_LIVE_RECORDING,
    'unsupported-media-type',
    'malformed-form',
    'request-aborted',
    'request-idle',
    'uploads-busy',
    'file-missing',
    'content-too-large',
    'recording-stored',
    ...OF_COMPLETION,
    'parts-left-over',
  ],
  async handle({ ctx, principal, caller, ref, req, res, every }) {
    if (!req.is('multipart/form-data')) {
      const message = 'Send the recording as multipart/form-data, in the field "file".';
      throw new ServiceError('unsupported-media-type', message);
    }
    const uploader = { tenant: ref.tenant, caller: principal.id, file: recordingId(ref) };
    return ctx.proxiedUploads.run(uploader, async (turn) => {
      const upload = await openProxiedUpload(ctx, ref, uploader, caller);
      const limits = { ...ctx.uploads, partSizeBytes: upload.partSizeBytes };
      await receiveFile(req, res, limits, { every, turn }, (file) => upload.write(file));
      return upload.complete();
    });
  },
});
