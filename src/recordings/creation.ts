// A creation that is running: until it is whole it may have to give way to another one.
import type { RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Manifest } from '../bucket/documents.ts';
import { SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingsContext } from './context.ts';
import { deleteRecording } from './delete.ts';

/** From the writing of its manifest on: a try that takes longer neither responds nor begins to give way. */
const DECIDES_WITHIN_MS = 30 * SECOND_MS;

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
  const requireStill = async () => {
    const entry = await bucket.participantEntry(manifest, ref);
    if (elapsedMs) requireInTime(elapsedMs);
    if (entry) throw stillBeingCreated();
  };
  if (elapsedMs) requireInTime(elapsedMs);
  await deleteRecording(context, ref, { reason: 'aborted', actor: 'service', isCreator: true, requireStill });
}

/** @throws ServiceError `recording-being-created` when other requests may take the try for dead */
export function requireInTime(elapsedMs: () => number): void {
  if (elapsedMs() > DECIDES_WITHIN_MS) throw stillBeingCreated();
}

export function stillBeingCreated(): ServiceError {
  return new ServiceError(
    'recording-being-created',
    'Another request for this attempt is running; send this one again.',
  );
}
