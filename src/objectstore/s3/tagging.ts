// Tags are optional, and some stores take `PUT key?tagging` for a PUT of the object: rclone 1.75 and gofakes3 1.2 replace
// the recording by the XML of its tags. So tagging is tried first on a throw-away key.
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectTaggingCommand, PutObjectTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import { memoize } from '../../model/memoize.ts';
import { deleteOrThrow, type ObjectStore } from '../object-store.ts';
import { isStoreError, type StoreError } from '../store-error.ts';
import { isMissing } from './responses.ts';

const TAG_ATTEMPTS = 8;
const TAG_PAUSE_MS = 50;
const PROBE = Buffer.from('what tagging leaves as it is');
const PROBE_TAG = { probe: 'tagging' };

export interface TaggingOptions {
  readonly client: S3Client;
  readonly at: (key: string) => { Bucket: string; Key: string };
  /** The adapter itself; the throw-away key is put there. */
  readonly store: ObjectStore;
  readonly scratchPrefix: string;
  /** Called once, when tagging turns out not to work. */
  readonly onMissing: () => void;
}

export function taggingOn(options: TaggingOptions): Pick<ObjectStore, 'tag' | 'tags'> {
  const { client, at, store, onMissing } = options;
  const scratchKey = `${options.scratchPrefix}tagging-${crypto.randomUUID()}`;
  let isOff = false;
  /** Callers share one trial; one during which the store was unavailable is repeated. */
  const trial = memoize(tryOut);

  /** Undefined when tagging does not work, or the object does not exist. @throws StoreError `unavailable` */
  async function whereItWorks<T>(act: () => Promise<T>): Promise<T | undefined> {
    if (isOff) return undefined;
    try {
      if ((await trial()) && !isOff) return await act();
      turnOff();
    } catch (error) {
      // A store that is unavailable, and an object that does not exist, say nothing about tagging.
      requireRefusal(error);
      if (!isMissing(error.cause)) turnOff();
    }
    return undefined;
  }

  function turnOff(): void {
    if (!isOff) onMissing();
    isOff = true;
  }

  async function tryOut(): Promise<boolean> {
    try {
      await store.put(scratchKey, PROBE);
      await write(scratchKey, PROBE_TAG);
      const [body, tags] = [await store.get(scratchKey), await read(scratchKey)];
      return body !== undefined && PROBE.equals(body) && tags?.probe === PROBE_TAG.probe;
    } catch (error) {
      requireRefusal(error);
      return false;
    } finally {
      await removeKey();
    }
  }

  /**
   * What an unavailable store did not delete is deleted by the next trial. A key that the store refuses to delete stays: the
   * doctor and `verify` report what is left under the scratch prefix. @throws StoreError `unavailable`
   */
  async function removeKey(): Promise<void> {
    try {
      const isVersioned = await store.isVersioned();
      const targets = isVersioned ? (await store.listVersions(scratchKey)).versions : [{ key: scratchKey }];
      await deleteOrThrow(store, targets);
    } catch (error) {
      requireRefusal(error);
    }
  }

  async function write(key: string, tags: Readonly<Record<string, string>>, attempt = 1): Promise<void> {
    const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    try {
      await client.send(new PutObjectTaggingCommand({ ...at(key), Tagging: { TagSet } }));
    } catch (error) {
      // Ceph responds with 409 to the second of two concurrent calls that tag one object.
      if (!isStoreError(error) || error.storeCode !== 'OperationAborted' || attempt === TAG_ATTEMPTS) throw error;
      await sleep(Math.random() * TAG_PAUSE_MS * attempt);
      await write(key, tags, attempt + 1);
    }
  }

  async function read(key: string): Promise<Record<string, string> | undefined> {
    const { TagSet } = await client.send(new GetObjectTaggingCommand(at(key)));
    return TagSet && Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
  }

  return {
    async tag(key, tags) {
      try {
        return (await whereItWorks(() => write(key, tags).then(() => true))) ?? false;
      } catch (error) {
        if (isStoreError(error)) return false;
        throw error;
      }
    },
    tags: (key) => whereItWorks(() => read(key)),
  };
}

/** Throws the error unless the store refused the call. */
function requireRefusal(error: unknown): asserts error is StoreError {
  if (!isStoreError(error) || error.code === 'unavailable') throw error;
}
