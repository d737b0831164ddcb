// A replica that remembers an upload, and does not know yet that it has ended elsewhere: it still hands out part URLs.
import type { Manifest } from '../../src/bucket/documents.ts';
import type { RecordingRef } from '../../src/model/ids.ts';
import { toIso } from '../../src/model/times.ts';
import { recordingKey } from '../kit/keys.ts';
import { mediaKey } from '../kit/service.ts';
import type { Api } from './api.ts';

const VALID_SECONDS = 3_600;

/** Call it while the upload is open. The function responds to `POST …/parts` with this body, whatever became of the upload. */
export async function rememberUpload(
  { service }: Api,
  ref: RecordingRef,
): Promise<(body: string) => Promise<Response>> {
  const { store, testStore, clock } = service;
  const manifest = Buffer.from((await store.get(recordingKey(ref, 'manifest'))) ?? []).toString();
  const { uploadId } = JSON.parse(manifest) as Manifest;
  return async (body) => {
    const { parts } = JSON.parse(body) as { parts: { partNumber: number; sizeBytes: number }[] };
    const signed = parts.map(async ({ partNumber, sizeBytes }) => ({
      partNumber,
      method: 'PUT',
      url: await testStore.presigner.presignPart(mediaKey(ref), { uploadId, partNumber, sizeBytes }, VALID_SECONDS),
      headers: { 'content-length': String(sizeBytes) },
      expiresAt: toIso(clock.now() + VALID_SECONDS * 1000),
    }));
    return Response.json({ parts: await Promise.all(signed) });
  };
}
