// Throw-away keys in the bucket: made under a prefix of their own, and all taken away again.
import pMap from 'p-map';
import { DOCTOR_PREFIX } from '../bucket/layout.ts';
import { eachItem } from '../bucket/listing.ts';
import type { RandomBytes } from '../model/ids.ts';
import { endUpload } from '../objectstore/end-upload.ts';
import { listAllMultipartUploads, type ObjectStore } from '../objectstore/object-store.ts';
import type { CheckResult } from './check.ts';

const ROUNDS = 5;
const CONCURRENCY = 4;
const MEDIA = { contentType: 'video/webm' };

export class Workspace {
  readonly prefix: string;
  readonly #store: ObjectStore;
  readonly #keys: string[] = [];
  /** Keys of uploads by their ids: not every store lists what is open. */
  readonly #uploads = new Map<string, string>();

  constructor(store: ObjectStore, randomBytes: RandomBytes) {
    this.#store = store;
    this.prefix = `${DOCTOR_PREFIX}${Buffer.from(randomBytes(16)).toString('hex')}/`;
  }

  /** A key that nobody has used. */
  key(name: string): string {
    const key = `${this.prefix}${this.#keys.length + 1}-${name}`;
    this.#keys.push(key);
    return key;
  }

  /** Opens an upload of a key under the prefix, and remembers it. */
  async openUpload(key: string): Promise<string> {
    const uploadId = await this.#store.createMultipartUpload(key, MEDIA);
    this.#uploads.set(uploadId, key);
    return uploadId;
  }

  /**
   * Ends every upload and deletes every object under the prefix, with all versions. Resolves with how many of them may
   * be left. Safe to repeat; never throws.
   */
  async dispose(): Promise<number> {
    if (this.#keys.length === 0) return 0;
    await this.#findUploads();
    const uploads = await pMap(this.#uploads, ([uploadId, key]) => this.#end(key, uploadId), {
      concurrency: CONCURRENCY,
    });
    const objects = await this.#deleteObjects().catch(() => this.#keys.length);
    return uploads.filter((isEnded) => !isEnded).length + objects;
  }

  /** Those whose opening was answered with an error, or that somebody else opened. A store may list none. */
  async #findUploads(): Promise<void> {
    try {
      for await (const { uploadId, key } of listAllMultipartUploads(this.#store, this.prefix)) {
        this.#uploads.set(uploadId, key);
      }
    } catch {
      // What was remembered is ended all the same.
    }
  }

  async #end(key: string, uploadId: string): Promise<boolean> {
    try {
      await endUpload(this.#store, key, uploadId);
      return true;
    } catch {
      return false;
    }
  }

  async #deleteObjects(): Promise<number> {
    const store = this.#store;
    const versioned = await store.isVersioned().catch(() => true);
    if (!versioned) await store.delete(this.#keys.map((key) => ({ key })));
    for (let round = 0; ; round += 1) {
      const items = await Array.fromAsync(eachItem(store, this.prefix, versioned));
      if (items.length === 0) break;
      if (round === ROUNDS) return items.length;
      await store.delete(items);
    }
    // A bucket may keep versions and say that it does not.
    const hidden = await Array.fromAsync(eachItem(store, this.prefix, true)).catch(() => []);
    if (hidden.length > 0) await store.delete(hidden);
    return hidden.length > 0 ? (await Array.fromAsync(eachItem(store, this.prefix, true))).length : 0;
  }
}

/** A line that says what could not be removed; none when all was. */
export async function cleanUp(workspace: Workspace, id: string): Promise<CheckResult[]> {
  const left = await workspace.dispose();
  if (left === 0) return [];
  return [
    {
      id,
      name: 'throw-away keys removed',
      status: 'warning',
      reason: `${left} uploads or objects under ${workspace.prefix} could not be removed.`,
      remedy: `Delete what is under ${workspace.prefix}, and let the service's key delete objects and abort uploads.`,
    },
  ];
}
