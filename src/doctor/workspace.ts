// Throw-away keys in the bucket: made under a prefix of their own, and all taken away again.
import type { RandomBytes } from '../domain/ids.ts';
import { listItems, listItemVersions } from '../storage/attempt-state.ts';
import { listAllMultipartUploads, type ObjectStore } from '../storage/object-store.ts';

/** Inside the key prefix; no key of the service begins with it. */
export const DOCTOR_PREFIX = 'doctor/';

const ROUNDS = 5;

export class Workspace {
  readonly prefix: string;
  readonly #store: ObjectStore;
  #keys = 0;

  constructor(store: ObjectStore, randomBytes: RandomBytes) {
    this.#store = store;
    this.prefix = `${DOCTOR_PREFIX}${Buffer.from(randomBytes(16)).toString('hex')}/`;
  }

  /** A key that nobody has used. */
  key(name: string): string {
    this.#keys += 1;
    return `${this.prefix}${this.#keys}-${name}`;
  }

  /**
   * Aborts every upload and deletes every object under the prefix, with all versions, until the store lists none. Safe
   * to repeat. @throws StoreError; Error when something stays
   */
  async dispose(): Promise<void> {
    const versioned = await this.#store.isVersioned();
    for (let round = 0; round < ROUNDS; round += 1) {
      let found = 0;
      for await (const { key, uploadId } of listAllMultipartUploads(this.#store, this.prefix)) {
        found += 1;
        await this.#store.abortMultipartUpload(key, uploadId);
      }
      const items = await (versioned ? listItemVersions : listItems)(this.#store, this.prefix);
      if (items.length > 0) await this.#store.delete(items);
      if (found + items.length === 0) return;
    }
    throw new Error('throw-away keys stay');
  }
}
