// Deletes by DeleteObjects where the store has it and lets it, and else key by key.
import { DeleteObjectCommand, DeleteObjectsCommand, type S3Client } from '@aws-sdk/client-s3';
import { isDispensable } from '../needs.ts';
import type { DeleteFailure, DeleteTarget } from '../object-store.ts';
import { isStoreError } from '../store-error.ts';
import { calling } from './answers.ts';

/** The most keys of one DeleteObjects (S3 API). */
const DELETE_BATCH = 1000;
/** What a deletion may be answered with when there is nothing to delete. */
const GONE: readonly string[] = ['NoSuchKey', 'NoSuchVersion', 'NotFound'];

export interface DeletionOptions {
  readonly client: S3Client;
  readonly at: (key: string) => { Bucket: string; Key: string };
  /** Told once, when the store does not know DeleteObjects. */
  readonly onMissing: () => void;
}

export class Deletion {
  readonly #options: DeletionOptions;
  #hasBatches = true;

  constructor(options: DeletionOptions) {
    this.#options = options;
  }

  async delete(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    for (let from = 0; from < targets.length; from += DELETE_BATCH) {
      const batch = targets.slice(from, from + DELETE_BATCH);
      failures.push(...((this.#hasBatches && (await this.#batch(batch))) || (await this.#each(batch))));
    }
    return failures;
  }

  /** Undefined: it did not say what became of which key. */
  async #batch(targets: readonly DeleteTarget[]): Promise<DeleteFailure[] | undefined> {
    const { client, at, onMissing } = this.#options;
    const { Bucket } = at('');
    const Objects = targets.map(({ key, versionId }) => ({ Key: at(key).Key, VersionId: versionId }));
    try {
      const { Errors = [] } = await calling('DeleteObjects', () =>
        client.send(new DeleteObjectsCommand({ Bucket, Delete: { Quiet: true, Objects } })),
      );
      const keys = new Map(targets.map(({ key }) => [at(key).Key, key]));
      const failures: DeleteFailure[] = [];
      for (const { Key = '', VersionId: versionId, Code: code = 'Unknown' } of Errors) {
        const key = keys.get(Key);
        if (key === undefined) return undefined;
        if (!GONE.includes(code)) failures.push({ key, versionId, code });
      }
      return failures;
    } catch (error) {
      if (isStoreError(error, 'not-implemented')) {
        this.#hasBatches = false;
        onMissing();
        return undefined;
      }
      // Ceph RGW refuses a whole batch for one key that XML cannot carry, such as \u0001 (measured on 16.2). And a key of
      // the store may be let do the one and not the other.
      if (isDispensable(error) && !isStoreError(error, 'no-such-bucket')) return undefined;
      throw error;
    }
  }

  async #each(targets: readonly DeleteTarget[]): Promise<DeleteFailure[]> {
    const { client, at } = this.#options;
    const failures: DeleteFailure[] = [];
    for (const target of targets) {
      try {
        await calling('DeleteObject', () =>
          client.send(new DeleteObjectCommand({ ...at(target.key), VersionId: target.versionId })),
        );
      } catch (error) {
        if (!isStoreError(error) || error.code === 'unavailable') throw error;
        if (!GONE.includes(error.storeCode)) failures.push({ ...target, code: error.storeCode });
      }
    }
    return failures;
  }
}
