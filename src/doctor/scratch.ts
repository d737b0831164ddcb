// Throw-away keys in the bucket, under a prefix of their own. All of them are removed again.
import pMap from 'p-map';
import { DOCTOR_PREFIX } from '../bucket/layout.ts';
import { eachItem } from '../bucket/listing.ts';
import type { RandomBytes } from '../model/ids.ts';
import type { StoredPart } from '../model/parts.ts';
import {
  type DeleteTarget,
  endUpload,
  listAllMultipartUploads,
  type ObjectStore,
} from '../objectstore/object-store.ts';
import { type CheckResult, warning } from './check.ts';

const ROUNDS = 5;
const CONCURRENCY = 4;
export const MEDIA = { contentType: 'video/webm' };

export class Scratch {
  readonly prefix: string;
  readonly #store: ObjectStore;
  readonly #keys: string[] = [];
  /** Keys of uploads by their ids: not every store lists open uploads. */
  readonly #uploads = new Map<string, string>();
  readonly #refusals = new Set<string>();

  constructor(store: ObjectStore, randomBytes: RandomBytes) {
    this.#store = store;
    this.prefix = `${DOCTOR_PREFIX}${Buffer.from(randomBytes(16)).toString('hex')}/`;
  }

  /** A key that was never used before. */
  key(name: string): string {
    const key = `${this.prefix}${this.#keys.length + 1}-${name}`;
    this.#keys.push(key);
    return key;
  }

  /** Whether the object has exactly these bytes. */
  async holds(key: string, body: Buffer): Promise<boolean> {
    const found = await this.#store.get(key);
    return found !== undefined && body.equals(found);
  }

  /** Opens an upload of a key under the prefix, and remembers it. */
  async openUpload(key: string): Promise<string> {
    const uploadId = await this.#store.createMultipartUpload(key, MEDIA);
    this.#uploads.set(uploadId, key);
    return uploadId;
  }

  /** Uploads a part of each size. */
  async uploadParts(key: string, uploadId: string, sizes: readonly number[]): Promise<StoredPart[]> {
    const parts: StoredPart[] = [];
    for (const [index, sizeBytes] of sizes.entries()) {
      const etag = await this.#store.uploadPart(key, uploadId, index + 1, Buffer.alloc(sizeBytes, index));
      parts.push({ partNumber: index + 1, sizeBytes, etag });
    }
    return parts;
  }

  /**
   * Ends every upload and deletes every object under the prefix, with all versions. Safe to repeat; never throws. Resolves
   * with a line about what could not be removed, or without lines.
   */
  async cleanUp(id: string): Promise<CheckResult[]> {
    if (this.#keys.length === 0) return [];
    await this.#findUploads();
    let count = 0;
    const end = async ([uploadId, key]: [string, string]) => {
      await endUpload(this.#store, key, uploadId).catch(() => (count += 1));
    };
    await pMap(this.#uploads, end, { concurrency: CONCURRENCY });
    count += await this.#deleteObjects().catch(() => this.#keys.length);
    if (count === 0) return [];
    const why = this.#refusals.size > 0 ? ` (${[...this.#refusals].join(', ')})` : '';
    const reason = `${count} uploads or objects under ${this.prefix} could not be removed${why}.`;
    const remedy = `Delete what is under ${this.prefix}, and let the service's key delete objects and abort uploads.`;
    return [{ id, name: 'throw-away keys removed', ...warning(reason, remedy) }];
  }

  /** Ends uploads whose creation lost its response, or that another process made. A store may list none. */
  async #findUploads(): Promise<void> {
    try {
      for await (const { uploadId, key } of listAllMultipartUploads(this.#store, this.prefix)) {
        this.#uploads.set(uploadId, key);
      }
    } catch {
      // The known uploads are still ended.
    }
  }

  /** Resolves with how many are left. */
  async #deleteObjects(): Promise<number> {
    const store = this.#store;
    const list = (versions: boolean) => Array.fromAsync(eachItem(store, this.prefix, versions));
    if (await store.isVersioned().catch(() => true)) return this.#deleteListed(() => list(true));
    await this.#delete(this.#keys.map((key) => ({ key })));
    const objects = await this.#deleteListed(() => list(false));
    // A bucket may keep versions although its setting says that it does not.
    return objects || this.#deleteListed(() => list(true).catch(() => []));
  }

  /** Repeats until the listing is empty: a listing may show a write late. */
  async #deleteListed(list: () => Promise<readonly DeleteTarget[]>): Promise<number> {
    for (let round = 0; ; round += 1) {
      const items = await list();
      if (items.length === 0 || round === ROUNDS) return items.length;
      if ((await this.#delete(items)) === items.length) return items.length;
    }
  }

  /** Resolves with how many the store refused. */
  async #delete(targets: readonly DeleteTarget[]): Promise<number> {
    const failures = await this.#store.delete(targets);
    for (const { code } of failures) this.#refusals.add(code);
    return failures.length;
  }
}
