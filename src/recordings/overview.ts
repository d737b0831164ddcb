// Stores the overview of a recording: small pictures of it, for a player, sent before the recording is completed.
import { Bucket } from '../bucket/bucket.ts';
import type { Manifest } from '../bucket/documents.ts';
import { ServiceError } from '../model/errors.ts';
import type { RecordingRef } from '../model/ids.ts';
import { MAX_OVERVIEW_BYTES, mistakesInOverview } from '../model/overview.ts';
import { together } from '../model/together.ts';
import type { RecordingsContext } from './context.ts';
import { enqueueIfDue } from './finalize.ts';
import { partsOf } from './part-buffers.ts';
import type { Holder } from './places.ts';
import { readLive } from './read.ts';
import { requireUploading } from './upload.ts';

/** @throws ServiceError `overview-too-large` */
export function requireOverviewSize(sizeBytes: number): void {
  if (sizeBytes <= MAX_OVERVIEW_BYTES) return;
  throw new ServiceError('overview-too-large', `An overview has at most ${MAX_OVERVIEW_BYTES} bytes.`, {
    maxOverviewBytes: MAX_OVERVIEW_BYTES,
  });
}

interface ReceivedOverview {
  /** Exactly `sizeBytes` bytes, at most `MAX_OVERVIEW_BYTES`. They are in memory as a whole, in a buffer that uploads share. */
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly sizeBytes: number;
  readonly holder: Holder;
}

/**
 * Stores an overview of a recording that is being uploaded, and replaces an earlier one. Safe to repeat. Costs a LIST, a PUT,
 * a LIST and a ListParts, and a GET unless the manifest is in memory.
 * @throws ServiceError `invalid-request`, `upload-gone`, and as `requireUploading`; StoreError; what `bytes` throws
 */
export async function storeOverview(
  context: RecordingsContext,
  ref: RecordingRef,
  { bytes, sizeBytes, holder }: ReceivedOverview,
): Promise<void> {
  const { buffers } = context.proxiedUploads;
  for await (const whole of partsOf(bytes, sizeBytes, buffers, holder)) {
    try {
      requireFormat(whole.bytes);
      await writeOverview(context, ref, whole.bytes);
    } finally {
      whole.release();
    }
  }
}

function requireFormat(overview: Uint8Array): void {
  const errors = mistakesInOverview(overview);
  const [first] = errors;
  if (!first) return;
  const detail = `The overview is not valid; see errors. ${first.path}: ${first.message}.`;
  throw new ServiceError('invalid-request', detail, { errors });
}

/**
 * The recording is listed at once before the write, not remembered: so an overview is at most as much newer than the end of its
 * upload as a request lasts. It is looked at again after the write, because a deletion or the deadline may have overtaken it:
 * then what was written is withdrawn. If the process dies or the store fails before that, a queue entry leads a sweep to it: that
 * of the deletion, which is younger than this request, or the one that is written here.
 *
 * A completion that overtakes the write changes nothing: it does not touch the overview, which stays, as if it had come first.
 * Its marker `stored` then knows none, or the one that was replaced, so `verify` does not compare an overview with a marker that
 * it may have missed. To withdraw the overview would be worse: it may be the one that the marker knows.
 */
async function writeOverview(context: RecordingsContext, ref: RecordingRef, overview: Uint8Array): Promise<void> {
  const bucket = new Bucket(context);
  const { manifest, deadlineMs } = await requireUploading(context, ref);
  await enqueueIfDue(context, bucket, ref, deadlineMs);
  await bucket.putOverview(ref, overview);
  try {
    await requireNotDeleted(context, ref, manifest);
  } catch (error) {
    // By a wrong clock it may only seem to be past its deadline.
    if (error instanceof ServiceError && error.code !== 'clock-skew') await bucket.withdraw(ref, 'overview');
    throw error;
  }
}

/**
 * A purge ends the upload before it deletes, and before it writes the receipt: what is written while the upload is open, or its
 * media are there, is deleted and counted with the rest. A manifest alone shows nothing: it may stand beside a receipt.
 */
async function requireNotDeleted(context: RecordingsContext, ref: RecordingRef, { uploadId }: Manifest): Promise<void> {
  const key = new Bucket(context).mediaKey(ref);
  const [{ state }, parts] = await together(readLive(context, ref), context.store.listParts(key, uploadId));
  if (parts || state.objects.media) return;
  // A completion may have come between the two.
  if ((await readLive(context, ref)).state.objects.media) return;
  throw new ServiceError('upload-gone', 'The upload of this recording was ended meanwhile; begin a new recording.');
}
