// A creation that is running: until it is whole it may have to give way to another one.
import type { Attempt, RecordingState } from '../bucket/attempt.ts';
import type { Bucket } from '../bucket/bucket.ts';
import type { Manifest } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingsContext } from './context.ts';
import { requireInTime, stillBeingCreated } from './creation-time.ts';
import { discardRecording } from './delete.ts';
import { readManifest } from './read.ts';

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

/** How often a creation looks whether a later one has given way: a few store calls away. */
const MAX_LOOKS = 10;

/**
 * Creations at once do not see each other at their beginning. Of two that both list again once their manifest is written at
 * least one sees the other. It gives way to an older one, and to one that is whole; a younger one that is still being
 * created gives way itself, and is waited for. So one is left, as a rule the oldest, or none where one died.
 * @param after a listing after the manifest of `own` was written
 * @param rivalsIn of a listing, those that may not stand beside `own`, oldest first
 * @throws ServiceError `refusal` when another one stands, `recording-being-created`; its own recording is deleted then
 */
export async function requireFirst(
  context: RecordingsContext,
  bucket: Bucket,
  own: Try,
  {
    after,
    elapsedMs,
    rivalsIn,
    refusal,
  }: {
    readonly after: Attempt;
    readonly elapsedMs: (() => number) | undefined;
    readonly rivalsIn: (attempt: Attempt) => Promise<readonly Try[]>;
    readonly refusal: () => ServiceError;
  },
): Promise<void> {
  const { ref } = own.state;
  for (let look = 1, attempt = after; ; look += 1) {
    const rivals = await rivalsIn(attempt);
    const [oldest] = rivals;
    if (!oldest) return;
    const isLost = oldest.state.ref.recording < ref.recording || (await isAnyWhole(bucket, rivals));
    if (isLost || look === MAX_LOOKS) {
      await giveWay(context, bucket, own, elapsedMs);
      throw isLost ? refusal() : stillBeingCreated();
    }
    attempt = await bucket.attempt(ref);
  }
}

/** Whether one of them has its participant index entry as its last write leaves it. */
async function isAnyWhole(bucket: Bucket, tries: readonly Try[]): Promise<boolean> {
  for (const { state, manifest } of tries) {
    if (await bucket.participantEntry(manifest, state.ref)) return true;
  }
  return false;
}

/** Undefined where it was deleted since the listing, or cannot be read: a damaged manifest must not end an exam. */
export async function tryOf(context: RecordingsContext, state: RecordingState): Promise<Try | undefined> {
  try {
    return { state, manifest: await readManifest(context, state.ref) };
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}
