// Tags are a nicety, and some stores take `PUT key?tagging` for a PUT of the object: rclone 1.75 and gofakes3 1.2 replace
// the recording by the XML of its tags. So tagging is tried out first, where it can harm nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectTaggingCommand, PutObjectTaggingCommand, type S3Client } from '@aws-sdk/client-s3';
import { DOCTOR_PREFIX } from '../../bucket/layout.ts';
import type { ObjectStore } from '../object-store.ts';
import { isStoreError } from '../store-error.ts';
import { calling } from './answers.ts';
import { isMissing } from './errors.ts';

const TAG_ATTEMPTS = 8;
const TAG_PAUSE_MS = 50;
const PROBE = Buffer.from('what tagging leaves as it is');
const PROBE_TAG = { probe: 'tagging' };

export type Tags = Readonly<Record<string, string>>;

export interface TaggingOptions {
  readonly client: S3Client;
  readonly at: (key: string) => { Bucket: string; Key: string };
  /** Where the throw-away key is put. */
  readonly store: ObjectStore;
  /** Told once, when tagging turns out not to work. */
  readonly onMissing: () => void;
}

export class Tagging {
  readonly #options: TaggingOptions;
  readonly #key = `${DOCTOR_PREFIX}tagging-${crypto.randomUUID()}`;
  /** Whether it works; undefined until it was found out. */
  #works: Promise<boolean> | undefined;
  #isOff = false;

  constructor(options: TaggingOptions) {
    this.#options = options;
  }

  async tag(key: string, tags: Tags): Promise<boolean> {
    try {
      if (!(await this.#isSafe())) return false;
      await this.#write(key, tags);
      return true;
    } catch (error) {
      this.#judge(error);
      return false;
    }
  }

  async tags(key: string): Promise<Record<string, string> | undefined> {
    try {
      return (await this.#isSafe()) ? await this.#read(key) : undefined;
    } catch (error) {
      this.#judge(error);
      if (isStoreError(error, 'unavailable')) throw error;
      return undefined;
    }
  }

  /** A store in trouble, and an object that is not there, say nothing about tagging. */
  #judge(error: unknown): void {
    if (isStoreError(error) && (error.code === 'unavailable' || isMissing(error.cause))) return;
    if (!isStoreError(error)) throw error;
    this.#turnOff();
  }

  #turnOff(): void {
    if (this.#isOff) return;
    this.#isOff = true;
    this.#works = Promise.resolve(false);
    this.#options.onMissing();
  }

  /** Callers share one trial; one that found the store in trouble is made again. @throws StoreError */
  #isSafe(): Promise<boolean> {
    this.#works ??= this.#tryOut().catch((error: unknown) => {
      this.#works = undefined;
      throw error;
    });
    return this.#works;
  }

  async #tryOut(): Promise<boolean> {
    const works = await this.#keepsTags().finally(() => this.#removeKey());
    if (!works) this.#turnOff();
    return works;
  }

  async #keepsTags(): Promise<boolean> {
    const { store } = this.#options;
    try {
      await store.put(this.#key, PROBE);
      await this.#write(this.#key, PROBE_TAG);
      const [body, tags] = [await store.get(this.#key), await this.#read(this.#key)];
      return body !== undefined && PROBE.equals(body) && tags?.probe === PROBE_TAG.probe;
    } catch (error) {
      if (!isStoreError(error) || error.code === 'unavailable') throw error;
      return false;
    }
  }

  /** What a store in trouble does not remove is removed by the next trial. @throws StoreError `unavailable` */
  async #removeKey(): Promise<void> {
    const { store } = this.#options;
    const key = this.#key;
    try {
      await store.delete((await store.isVersioned()) ? (await store.listVersions(key)).versions : [{ key }]);
    } catch (error) {
      if (!isStoreError(error) || error.code === 'unavailable') throw error;
    }
  }

  async #write(key: string, tags: Tags, attempt = 1): Promise<void> {
    const { client, at } = this.#options;
    const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    try {
      await calling('PutObjectTagging', () =>
        client.send(new PutObjectTaggingCommand({ ...at(key), Tagging: { TagSet } })),
      );
    } catch (error) {
      // Ceph answers 409 to the second of two calls that tag one object at once.
      if (!isStoreError(error) || error.storeCode !== 'OperationAborted' || attempt === TAG_ATTEMPTS) throw error;
      await sleep(Math.random() * TAG_PAUSE_MS * attempt);
      await this.#write(key, tags, attempt + 1);
    }
  }

  async #read(key: string): Promise<Record<string, string> | undefined> {
    const { client, at } = this.#options;
    const { TagSet } = await calling('GetObjectTagging', () => client.send(new GetObjectTaggingCommand(at(key))));
    return TagSet && Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]));
  }
}
