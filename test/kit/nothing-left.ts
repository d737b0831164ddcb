// What a deletion promises of the bucket.
import { expect } from '@jest/globals';
import type { RecordingRef } from '../../src/model/ids.ts';
import { listAll, listAllMultipartUploads, type ObjectStore } from '../../src/objectstore/object-store.ts';
import { recordingKey, recordingPrefix } from './keys.ts';

/** Neither objects nor open uploads of a recording are left. */
export async function expectNothingLeft(store: ObjectStore, ref: RecordingRef): Promise<void> {
  const prefix = recordingPrefix(ref);
  const objects = await Array.fromAsync(listAll(store, prefix));
  // Some stores show the uploads of an exact key alone.
  const uploads = await Array.fromAsync(listAllMultipartUploads(store, recordingKey(ref, 'media')));
  expect({ keys: objects.map(({ key }) => key), uploads }).toEqual({ keys: [], uploads: [] });
}
