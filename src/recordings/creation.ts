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
 * @param elapsedMs since its manifest was written; undefined: it has no key, so no other request can finish it
 * @throws ServiceError `recording-being-created` when another request may have
 */
export async function giveWay(
  context: RecordingsContext,
  bucket: Bucket,
  { state: { ref }, manifest }: Try,
  elapsedMs: (() => number) | undefined,
): Promise<void> {
  if (elapsedMs === undefined) return discardRecording(context, ref, { actor: 'service', isCreator: true });
  const requireStill = async () => {
    const entry = await bucket.participantEntry(manifest, ref);
    requireInTime(elapsedMs);
    if (entry) throw stillBeingCreated();
  };
  requireInTime(elapsedMs);
  await discardRecording(context, ref, { actor: 'service', isCreator: true, requireStill });
}
