// Tags are optional, and some stores take `PUT key?tagging` for a PUT of the object: rclone 1.75 and gofakes3 1.2 replace
// the recording by the XML of its tags. So tagging is tried first on a throw-away key.
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectTaggingCommand, PutObjectTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import { deleteOrThrow, type ObjectStore } from '../object-store.ts';
import { isStoreError } from '../store-error.ts';
import { isMissing } from './responses.ts';

const TAG_ATTEMPTS = 8;
const TAG_PAUSE_MS = 50;
const PROBE = Buffer.from('what tagging leaves as it is');
const PROBE_TAG = { probe: 'tagging' };

export type Tags = Readonly<Record<string, string>>;

export interface TaggingOptions {
  readonly client: S3Client;
  readonly at: (key: string) => { Bucket: string; Key: string };
  /** The adapter itself; the throw-away key is put there. */
  readonly store: ObjectStore;
  readonly scratchPrefix: string;
  /** Called once, when tagging turns out not to work. */
  readonly onMissing: () => void;
}

export class Tagging {
  readonly #options: TaggingOptions;
  readonly #scratchKey: string;
  /** Callers share one trial; one during which the store was unavailable is repeated. */
  #trial: Promise<boolean> | undefined;
  #isOff = false;

  constructor(options: TaggingOptions) {
    this.#options = options;
    this.#scratchKey = `${options.scratchPrefix}tagging-${crypto.randomUUID()}`;
  }

  async tag(key: string, tags: Tags): Promise<boolean> {
    try {
      if (!(await this.#works())) return false;
      await this.#write(key, tags);
      return true;
    } catch (error) {
      this.#turnOffUnlessUnavailable(error);
      return false;
    }
  }

  async tags(key: string): Promise<Record<string, string> | undefined> {
    try {
      return (await this.#works()) ? await this.#read(key) : undefined;
    } catch (error) {
      this.#turnOffUnlessUnavailable(error);
      if (isStoreError(error, 'unavailable')) throw error;
      return undefined;
    }
  }

  /** @throws StoreError `unavailable` */
  async #works(): Promise<boolean> {
    if (this.#isOff) return false;
    this.#trial ??= this.#tryOut();
    try {
      if (!(await this.#trial)) this.#turnOff();
    } catch (error) {
      this.#trial = undefined;
      throw error;
    }
    return !this.#isOff;
  }

  #turnOff(): void {
    if (!this.#isOff) this.#options.onMissing();
    this.#isOff = true;
  }

  /** A store that is unavailable, and an object that does not exist, say nothing about tagging. */
  #turnOffUnlessUnavailable(error: unknown): void {
    if (!isStoreError(error)) throw error;
    if (error.code !== 'unavailable' && !isMissing(error.cause)) this.#turnOff();
  }

  async #tryOut(): Promise<boolean> {
    const { store } = this.#options;
    const key = this.#scratchKey;
    try {
      await store.put(key, PROBE);
      await this.#write(key, PROBE_TAG);
      const [body, tags] = [await store.get(key), await this.#read(key)];
      return body !== undefined && PROBE.equals(body) && tags?.probe === PROBE_TAG.probe;
    } catch (error) {
      if (!isStoreError(error) || error.code === 'unavailable') throw error;
      return false;
    } finally {
      await this.#removeKey();
    }
  }

  /**
   * What an unavailable store did not delete is deleted by the next trial. A key that the store refuses to delete stays: the
   * doctor and `verify` report what is left under the scratch prefix. @throws StoreError `unavailable`
   */
  async #removeKey(): Promise<void> {
    const { store } = this.#options;
    const key = this.#scratchKey;
    try {
      const targets = (await store.isVersioned()) ? (await store.listVersions(key)).versions : [{ key }];
      await deleteOrThrow(store, targets);
    } catch (error) {
      if (!isStoreError(error) || error.code === 'unavailable') throw error;
    }
  }

  async #write(key: string, tags: Tags, attempt = 1): Promise<void> {
    const { client, at } = this.#options;
    const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    try {
      await client.send(new PutObjectTaggingCommand({ ...at(key), Tagging: { TagSet } }));
    } catch (error) {
      // Ceph answers 409 to the second of two calls that tag one object at once.
      if (!isStoreError(error) || error.storeCode !== 'OperationAborted' || attempt === TAG_ATTEMPTS) throw error;
      await sleep(Math.random() * TAG_PAUSE_MS * attempt);
      await this.#write(key, tags, attempt + 1);
    }
  }

  async #read(key: string): Promise<Record<string, string> | undefined> {
    const { client, at } = this.#options;
    const { TagSet } = await client.send(new GetObjectTaggingCommand(at(key)));
    return TagSet && Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
  }
}
