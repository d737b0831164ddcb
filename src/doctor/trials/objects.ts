// Objects: read as they were written, tagged without harm, and deleted by the purge's own path.
import { targetsOf } from '../../bucket/listing.ts';
import { CAPABILITIES, type Capability } from '../../objectstore/needs.ts';
import type { ListedVersion, ObjectStore } from '../../objectstore/object-store.ts';
import { isStoreError } from '../../objectstore/store-error.ts';
import { info, lacking, ok, refusal } from '../check.ts';
import { BYTES, isSame, trial } from './trial.ts';

const RANGE = { offset: 8, length: 5 };
const TAGS = { 'delete-by': '2026-01-01T00:00:00Z' };

export const readWrite = trial('read-write', async ({ store, workspace }) => {
  const { offset, length } = RANGE;
  const key = workspace.key('written');
  await store.put(key, BYTES);
  const range = await store.getRange(key, offset, length);
  const chunks = range && Buffer.concat(await Array.fromAsync(range));
  if (!isSame(await store.get(key), BYTES)) return wrong('GetObject (not what was written)');
  if (!isSame(chunks, BYTES.subarray(offset, offset + length)))
    return wrong('GetObject (not the range that was asked)');
  if (await store.get(workspace.key('never-written'))) return wrong('GetObject (what was never written)');
  return ok('An object was read as it was written, whole and in part.');
});

const wrong = (fault: string) =>
  lacking(fault, `The store does not give back what was written: ${fault}.`, CAPABILITIES['read-write']);

/** Written twice, so that a bucket that keeps versions has an older one, whatever it says of itself. */
export const deletion = trial('delete', async ({ store, workspace }) => {
  const key = workspace.key('deleted');
  for (const _ of [1, 2]) await store.put(key, BYTES);
  const versioned = await store.isVersioned();
  const [failure] = await store.delete(await targetsOf(store, key, versioned));
  if (failure) {
    const code = failure.code === 'AccessDenied' ? 'access-denied' : 'unexpected';
    return refusal({ code, operation: 'DeleteObject', storeCode: failure.code }, CAPABILITIES.delete);
  }
  if (await store.get(key)) return stays('DeleteObject (what was deleted can be read)');
  if ((await store.list(key)).objects.length > 0) return stays('ListObjectsV2 (what was deleted is listed)');
  if ((await versionsOf(store, key, versioned)).length > 0) {
    return stays(versioned ? 'DeleteObject (a version stays)' : 'GetBucketVersioning (versions are kept and not told)');
  }
  return ok(`An object that was written twice is gone${versioned ? ', with every version' : ''}.`);
});

const stays = (fault: string) => lacking(fault, `What was deleted is still there: ${fault}.`, CAPABILITIES.delete);

/** A bucket that says that it keeps none may not know the question. */
async function versionsOf(store: ObjectStore, key: string, versioned: boolean): Promise<readonly ListedVersion[]> {
  try {
    return (await store.listVersions(key)).versions;
  } catch (error) {
    if (versioned || !isStoreError(error) || error.code === 'unavailable') throw error;
    return [];
  }
}

/** Some stores take a PutObjectTagging for a PutObject: the recording would be overwritten by its tags. */
export const tagging = trial('object-tagging', async ({ store, workspace }) => {
  const key = workspace.key('tagged');
  await store.put(key, BYTES);
  const isTagged = await store.tag(key, TAGS);
  if (!isSame(await store.get(key), BYTES)) {
    const reason = 'A tag overwrote its object: the store takes PutObjectTagging for PutObject.';
    return { ...lacking('PutObjectTagging (it overwrites the object)', reason, HARM), value: 'harmful' };
  }
  const tags = await store.tags(key);
  return isTagged && tags?.['delete-by'] === TAGS['delete-by']
    ? ok('Tags are kept as they are set, and the object stays as it is.', 'yes')
    : info(`The store keeps no tags: ${CAPABILITIES['object-tagging'].without}.`, null, 'no');
});

const HARM: Capability = { ...CAPABILITIES['object-tagging'], without: 'a tag would destroy the recording' };
