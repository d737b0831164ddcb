// Starts a recording: POST …/recordings.
import { ServiceError } from '../../model/errors.ts';
import { createRecording } from '../../recordings/create.ts';
import { operation } from '../operation.ts';
import { createdRecording, createRecordingBody, createRecordingHeaders } from '../schemas.ts';
import { EXAMPLE_SIGNED_PART, EXAMPLE_UPLOADING } from './examples.ts';

export const create = operation({
  operationId: 'createRecording',
  method: 'post',
  at: 'attempt',
  suffix: '/recordings',
  summary: 'Start a recording',
  description:
    'Opens an upload and answers with the URLs of its first parts. The participant must have agreed: `consent` says ' +
    'when, and to what. Each call starts another recording, unless it repeats the `Idempotency-Key` of one before it.',
  scopes: ['recordings:upload'],
  handsOut: true,
  headers: createRecordingHeaders,
  body: {
    schema: createRecordingBody,
    precheck: refuseWithoutConsent,
    example: {
      participantId: EXAMPLE_UPLOADING.participantId,
      kind: EXAMPLE_UPLOADING.kind,
      contentType: EXAMPLE_UPLOADING.contentType,
      consent: EXAMPLE_UPLOADING.consent,
      parts: 1,
    },
  },
  success: {
    status: 201,
    description: 'The recording, and where to send its first parts.',
    schema: createdRecording,
    example: {
      recording: EXAMPLE_UPLOADING,
      upload: { partSizeBytes: 5242880, maxParts: 2048, parts: [EXAMPLE_SIGNED_PART] },
    },
    location: 'The path of the recording.',
    recordingIdAt: '/recording/recordingId',
  },
  problems: [
    'recording-deleted',
    'recording-unreadable',
    'consent-missing',
    'content-type-not-allowed',
    'attempt-assessed',
    'attempt-full',
    'recording-being-created',
    'idempotency-key-reused',
    'clock-skew',
  ],
  async handle({ ctx, caller, ref, headers, body }) {
    const idempotencyKey = headers['idempotency-key'];
    const created = await createRecording(ctx, caller, ref, { ...body, parts: body.parts ?? 1, idempotencyKey });
    const { recordingId } = created.recording;
    const location = `/v1/exams/${ref.exam}/attempts/${ref.attempt}/recordings/${recordingId}`;
    return { body: created, location };
  },
});

/** A code of its own, because it is no slip of the client's author: the participant has not agreed (policy 3.4). */
function refuseWithoutConsent(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
  const consent: unknown = Object.hasOwn(body, 'consent') ? Reflect.get(body, 'consent') : undefined;
  if (consent !== undefined && consent !== null) return;
  throw new ServiceError('consent-missing', 'A recording needs the consent of the participant.', {
    errors: [{ path: 'consent', message: 'Must say when consent was given, and to which policy' }],
  });
}
