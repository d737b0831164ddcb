// An ObjectStore in memory: it passes the contract suite, and its clock is given.
import { hash } from 'node:crypto';
import { ReadableStream } from 'node:stream/web';
import { MIN_PART_SIZE_BYTES, type StoredPart } from '../../src/model/parts.ts';
import {
  type DeleteTarget,
  exactly,
  type ListedObject,
  type ListOptions,
  MAX_SMALL_OBJECT_BYTES,
  type ObjectStore,
  type OpenUpload,
  type UploadedPart,
} from '../../src/objectstore/object-store.ts';
import { StoreError } from '../../src/objectstore/store-error.ts';
import { compareKeys, SortedKeys } from './sorted-keys.ts';

export interface MemoryStoreOptions {
  readonly now: () => number;
  readonly versioned?: boolean;
  /** Of every part but the last. Default: S3's. */
  readonly minPartSizeBytes?: number;
  readonly hasTagging?: boolean;
  /** Completing twice answers true while the object is there, as Ceph RGW does. */
  readonly remembersCompletions?: boolean;
  /** Times of objects, and the store's own, in whole seconds: `Last-Modified` and `Date` have no more. */
  readonly wholeSeconds?: boolean;
  /** The date of what is written to a key now; a store may date an object when its PUT begins. Default: the store's clock. */
  readonly dateOf?: (key: string) => number;
  /** At most this many keys a page; S3 may always answer with fewer than were asked for. */
  readonly pageKeys?: number;
  /** Folder before folder, as a file system has them (SeaweedFS): `x/1` comes before `x-1/1`. Default: by bytes, as S3. */
  readonly order?: 'bytes' | 'tree';
  /** Which open uploads a listing shows (MinIO: of exactly one key). Default: those under the prefix. */
  readonly listsUploads?: 'by-prefix' | 'by-key' | 'never';
}

interface Version extends ListedObject {
  readonly versionId: string;
  /** Undefined: a delete marker. */
  readonly body: Uint8Array | undefined;
  tags: Readonly<Record<string, string>>;
}

interface Upload extends OpenUpload {
  readonly parts: Map<number, UploadedPart & { readonly body: Uint8Array }>;
}

const MAX_KEYS = 1000;

/** Every call takes effect at one moment: before its promise is returned, or when the last byte of a stream has come. */
export class MemoryStore implements ObjectStore {
  readonly #options: MemoryStoreOptions;
  /** Versions of each key, the latest first. */
  readonly #objects = new Map<string, Version[]>();
  readonly #keys = new SortedKeys();
  readonly #uploads = new Map<string, Upload>();
  readonly #completed = new Map<string, string>();
  /** Keys that the store refuses to delete. */
  readonly refusedKeys = new Set<string>();
  #names = 0;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
  }

  /** A function that puts every object and upload back as it is now; what is compared by a version or an upload id is the same. */
  snapshot(): () => void {
    const objects = [...this.#objects].map(
      ([key, versions]) => [key, versions.map((version) => ({ ...version }))] as const,
    );
    const uploads = [...this.#uploads].map(
      ([id, upload]) => [id, { ...upload, parts: new Map(upload.parts) }] as const,
    );
    return () => {
      for (const key of this.#objects.keys()) this.#keys.delete(key);
      this.#objects.clear();
      this.#uploads.clear();
      for (const [key, versions] of objects) {
        this.#objects.set(
          key,
          versions.map((version) => ({ ...version })),
        );
        this.#keys.add(key);
      }
      for (const [id, upload] of uploads) this.#uploads.set(id, { ...upload, parts: new Map(upload.parts) });
    };
  }

  /** The store's clock. */
  now(): number {
    return this.#told(this.#options.now());
  }

  #told(timeMs: number): number {
    return this.#options.wholeSeconds ? Math.floor(timeMs / 1000) * 1000 : timeMs;
  }

  /** The current body of a key; undefined if there is none. */
  peek(key: string): Uint8Array | undefined {
    return this.#current(key)?.body;
  }

  peekTags(key: string): Readonly<Record<string, string>> | undefined {
    return this.#options.hasTagging === false ? undefined : this.#current(key)?.tags;
  }

  /** All keys under a prefix that a reader finds, in order. */
  keysUnder(prefix: string): string[] {
    return this.#readable(prefix).map(({ key }) => key);
  }

  openUploads(prefix: string): OpenUpload[] {
    const open = [...this.#uploads.values()].filter(({ key }) => key.startsWith(prefix));
    return open.map(({ key, uploadId, initiatedMs }) => ({ key, uploadId, initiatedMs })).sort(byKeyThenId);
  }

  /** Of a store that does not list them all only those with parts: nothing leads to an empty one that no manifest names. */
  uploadsToEnd(prefix: string): OpenUpload[] {
    const { listsUploads = 'by-prefix' } = this.#options;
    const isFilled = ({ uploadId }: OpenUpload) => (this.#uploads.get(uploadId)?.parts.size ?? 0) > 0;
    return this.openUploads(prefix).filter((upload) => listsUploads === 'by-prefix' || isFilled(upload));
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    this.#write(key, new Uint8Array(body));
  }

  async get(key: string) {
    const body = this.peek(key);
    if (body && body.length > MAX_SMALL_OBJECT_BYTES) throw new StoreError('too-large', 'GetObject', 'EntityTooLarge');
    return body;
  }

  async getStart(key: string, length: number) {
    return this.peek(key)?.subarray(0, length);
  }

  async getRange(key: string, offset: number, length: number) {
    const body = this.peek(key);
    return body && ReadableStream.from([body.subarray(offset, offset + length)]);
  }

  async list(prefix: string, { startAfter, limit = MAX_KEYS }: ListOptions = {}) {
    const length = Math.min(limit, this.#options.pageKeys ?? MAX_KEYS);
    const isTree = this.#options.order === 'tree';
    // One more tells whether there are more.
    const found = isTree ? this.#inTree(prefix, startAfter) : this.#readable(prefix, startAfter, length + 1);
    const page = found.slice(0, length);
    const objects = page.map(({ key, sizeBytes, lastModifiedMs, etag }) => {
      return { key, sizeBytes, lastModifiedMs, etag };
    });
    return { objects, truncated: page.length < found.length, storeTimeMs: this.now() };
  }

  async listVersions(prefix: string, { cursor }: { cursor?: string | undefined } = {}) {
    const all = this.#under(prefix).flatMap((versions) =>
      versions.map(({ key, versionId, sizeBytes, lastModifiedMs, etag, body }, index) => {
        const about = { key, versionId, sizeBytes, lastModifiedMs, etag };
        return { ...about, isLatest: index === 0, isDeleteMarker: body === undefined };
      }),
    );
    const page = this.#page(all, cursor, (a, b) => compareKeys(a.key, b.key) || compareKeys(b.versionId, a.versionId));
    return { versions: page.items, cursor: page.cursor, storeTimeMs: this.now() };
  }

  async isVersioned() {
    return this.#options.versioned === true;
  }

  async delete(targets: readonly DeleteTarget[]) {
    const refused = targets.filter(({ key }) => this.refusedKeys.has(key));
    for (const { key, versionId } of targets.filter((target) => !refused.includes(target))) {
      if (versionId === undefined && this.#options.versioned) this.#write(key, undefined);
      else this.#drop(key, versionId);
    }
    return refused.map(({ key }) => ({ key, code: 'AccessDenied' }));
  }

  async tag(key: string, tags: Readonly<Record<string, string>>) {
    const current = this.#current(key);
    if (!current?.body || this.#options.hasTagging === false) return false;
    current.tags = { ...tags };
    return true;
  }

  async tags(key: string) {
    const tags = this.peek(key) && this.peekTags(key);
    return tags && { ...tags };
  }

  async createMultipartUpload(key: string) {
    const uploadId = this.#newName('upload');
    this.#uploads.set(uploadId, { key, uploadId, initiatedMs: this.now(), parts: new Map() });
    return uploadId;
  }

  async uploadPart(key: string, uploadId: string, partNumber: number, given: Uint8Array) {
    const upload = this.#upload(key, uploadId);
    if (!upload) throw new StoreError('no-such-upload', 'UploadPart', 'NoSuchUpload');
    const body = new Uint8Array(given);
    const etag = `"${hash('md5', body)}"`;
    upload.parts.set(partNumber, { partNumber, sizeBytes: body.length, etag, lastModifiedMs: this.now(), body });
    return etag;
  }

  async streamPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: AsyncIterable<Uint8Array>,
    sizeBytes: number,
  ) {
    const chunks = await Array.fromAsync(exactly(body, sizeBytes));
    return this.uploadPart(key, uploadId, partNumber, Buffer.concat(chunks));
  }

  async listParts(key: string, uploadId: string) {
    const upload = this.#upload(key, uploadId);
    const parts = upload && [...upload.parts.values()].sort((a, b) => a.partNumber - b.partNumber);
    return parts?.map(({ partNumber, sizeBytes, etag, lastModifiedMs }) => {
      return { partNumber, sizeBytes, etag, lastModifiedMs };
    });
  }

  async completeMultipartUpload(key: string, uploadId: string, parts: readonly StoredPart[]) {
    const upload = this.#upload(key, uploadId);
    if (!upload) {
      const isRemembered = this.#options.remembersCompletions && this.#completed.get(uploadId) === key;
      return isRemembered === true && this.peek(key) !== undefined;
    }
    const bodies = parts.map(({ partNumber, etag }, index) => {
      const part = upload.parts.get(partNumber);
      const isSmall = (part?.sizeBytes ?? 0) < (this.#options.minPartSizeBytes ?? MIN_PART_SIZE_BYTES);
      if (part?.etag !== etag || (isSmall && index < parts.length - 1)) {
        throw new StoreError('invalid-parts', 'CompleteMultipartUpload', 'InvalidPart');
      }
      return part.body;
    });
    this.#uploads.delete(uploadId);
    this.#completed.set(uploadId, key);
    const hashes = parts.map((part) => Buffer.from(part.etag.replaceAll('"', ''), 'hex'));
    this.#write(key, new Uint8Array(Buffer.concat(bodies)), `"${hash('md5', Buffer.concat(hashes))}-${parts.length}"`);
    return true;
  }

  async abortMultipartUpload(key: string, uploadId: string) {
    if (this.#upload(key, uploadId)) this.#uploads.delete(uploadId);
  }

  async listMultipartUploads(prefix: string, { cursor }: { cursor?: string | undefined } = {}) {
    const { listsUploads = 'by-prefix' } = this.#options;
    const open = listsUploads === 'never' ? [] : this.openUploads(prefix);
    const shown = listsUploads === 'by-key' ? open.filter(({ key }) => key === prefix) : open;
    const page = this.#page(shown, cursor, byKeyThenId);
    return { uploads: page.items, cursor: page.cursor, storeTimeMs: this.now() };
  }

  /** The page after the cursor. The cursor is the last item of the page before; it may have been deleted since. */
  #page<T>(all: readonly T[], cursor: string | undefined, compare: (a: T, b: T) => number) {
    const after = cursor === undefined ? undefined : (JSON.parse(cursor) as T);
    const left = after === undefined ? all : all.filter((item) => compare(item, after) > 0);
    const items = left.slice(0, this.#options.pageKeys ?? MAX_KEYS);
    return { items, cursor: items.length < left.length ? JSON.stringify(items.at(-1)) : undefined };
  }

  #newName(kind: string): string {
    this.#names += 1;
    return `${kind}-${String(this.#names).padStart(8, '0')}`;
  }

  #current(key: string): Version | undefined {
    return this.#objects.get(key)?.[0];
  }

  #upload(key: string, uploadId: string): Upload | undefined {
    const upload = this.#uploads.get(uploadId);
    return upload?.key === key ? upload : undefined;
  }

  /** At most `most` of them. */
  #readable(prefix: string, startAfter = '', most = Number.POSITIVE_INFINITY): Version[] {
    const found: Version[] = [];
    this.#visit(prefix, startAfter, ([latest]) => {
      if (latest?.body) found.push(latest);
      return found.length < most;
    });
    return found;
  }

  #inTree(prefix: string, startAfter = ''): Version[] {
    const sorted = this.#readable(prefix).sort((a, b) => compareInTree(a.key, b.key));
    return sorted.filter(({ key }) => compareInTree(key, startAfter) > 0);
  }

  /** The versions of each key. */
  #under(prefix: string): Version[][] {
    const found: Version[][] = [];
    this.#visit(prefix, '', (versions) => found.push(versions) > 0);
    return found;
  }

  /** Until it returns false. */
  #visit(prefix: string, startAfter: string, visit: (versions: Version[]) => boolean): void {
    const after = `${startAfter}\0`;
    this.#keys.visitFrom(
      compareKeys(prefix, after) < 0 ? after : prefix,
      (key) => key.startsWith(prefix) && visit(this.#objects.get(key) ?? []),
    );
  }

  #write(key: string, body: Uint8Array | undefined, etag = body && `"${hash('md5', body)}"`): void {
    const versionId = this.#options.versioned ? this.#newName('version') : 'null';
    const versions = this.#objects.get(key);
    const older = this.#options.versioned ? versions : [];
    const lastModifiedMs = this.#told(this.#options.dateOf?.(key) ?? this.#options.now());
    const about = { key, versionId, sizeBytes: body?.length ?? 0, lastModifiedMs, etag };
    this.#objects.set(key, [{ ...about, body, tags: {} }, ...(older ?? [])]);
    if (!versions) this.#keys.add(key);
  }

  #drop(key: string, versionId: string | undefined): void {
    const left = this.#objects.get(key)?.filter((version) => versionId && version.versionId !== versionId) ?? [];
    if (left.length > 0) this.#objects.set(key, left);
    else if (this.#objects.delete(key)) this.#keys.delete(key);
  }
}

function byKeyThenId(a: OpenUpload, b: OpenUpload): number {
  return compareKeys(a.key, b.key) || compareKeys(a.uploadId, b.uploadId);
}

function compareInTree(a: string, b: string): number {
  return compareKeys(a.replaceAll('/', '\0'), b.replaceAll('/', '\0'));
}
