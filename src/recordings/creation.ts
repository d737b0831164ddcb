// A creation that is running: until it is whole it may have to give way to another one.
import type { RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Manifest } from '../bucket/documents.ts';
import type { RecordingsContext } from './context.ts';
import { requireInTime, stillBeingCreated } from './creation-time.ts';
import { discardRecording } from './delete.ts';

/** A creation of which the manifest is written. */
export interface Try {
  readonly state: RecordingState;
  readonly manifest: Manifest;
}

/**
 * Deletes what this request has begun, unless another request has finished it meanwhile.
 * @param writtenAtMs when its manifest was written; undefined: it has no key, so no other request can finish it
 * @throws ServiceError `recording-being-created` when another request may have
 */
export async function giveWay(
  context: RecordingsContext,
  bucket: Bucket,
  { state: { ref }, manifest }: Try,
  writtenAtMs: number | undefined,
): Promise<void> {
  if (writtenAtMs === undefined) return discardRecording(context, ref, { actor: 'service', isCreator: true });
  const requireStill = async () => {
    const entry = await bucket.participantEntry(manifest, ref);
    requireInTime(context, writtenAtMs);
    if (entry) throw stillBeingCreated();
  };
  requireInTime(context, writtenAtMs);
  await discardRecording(context, ref, { actor: 'service', isCreator: true, requireStill });
}
