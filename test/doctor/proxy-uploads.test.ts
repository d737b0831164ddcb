// UPLOADS=proxy: what is left of the hole is nothing, for no part URL is ever made.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createRecording } from '../../src/recordings/create.ts';
import { presignParts } from '../../src/recordings/upload.ts';
import { CALLER, startTestService, type TestService } from '../kit/service.ts';

const INPUT = {
  participantId: 'p1',
  kind: 'webcam',
  contentType: 'video/webm',
  consent: { givenAt: '2026-01-01T00:00:00.000Z', policyVersion: '1' },
  parts: 5,
} as const;

let service: TestService;
let signed = 0;

beforeEach(async () => {
  service = startTestService({ uploads: { mode: 'proxy' } });
  signed = 0;
});

afterEach(async () => {
  await service.close();
});

function context() {
  const { presigner } = service.context;
  return {
    ...service.context,
    presigner: {
      presignPlayback: (...args: Parameters<typeof presigner.presignPlayback>) => presigner.presignPlayback(...args),
      presignPart: (...args: Parameters<typeof presigner.presignPart>) => {
        signed += 1;
        return presigner.presignPart(...args);
      },
    },
  };
}

test('creating a recording hands out no part URL, however many are asked for', async () => {
  const { upload } = await createRecording(context(), CALLER, { tenant: 'acme', exam: 'math', attempt: 'a1' }, INPUT);
  expect(upload.parts).toEqual([]);
  expect(signed).toBe(0);
});

test('asking for part URLs is refused, also for an upload that began before the switch', async () => {
  const attempt = { tenant: 'acme', exam: 'math', attempt: 'a1' };
  const direct = { ...context(), uploads: { ...service.context.uploads, mode: 'direct' as const } };
  const { recording } = await createRecording(direct, CALLER, attempt, INPUT);
  expect(signed).toBe(5);
  const ref = { ...attempt, recording: recording.recordingId };
  await expect(presignParts(context(), ref, [{ partNumber: 1, sizeBytes: 5 }])).rejects.toMatchObject({
    code: 'uploads-proxied',
  });
  expect(signed).toBe(5);
});
