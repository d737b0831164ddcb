// A bucket in memory as a test sees it: the store, the presigned URLs of it, and what a browser gets by them.
import { setImmediate } from 'node:timers/promises';
import type { ObjectStore } from '../../src/objectstore/object-store.ts';
import type { PartToSign, Presigner } from '../../src/objectstore/presigner.ts';
import { createS3Client } from '../../src/objectstore/s3/client.ts';
import { createS3Presigner } from '../../src/objectstore/s3/presigner.ts';
import { isStoreError } from '../../src/objectstore/store-error.ts';
import { intercepting } from './interventions.ts';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.ts';

/** One request to the store, by S3's name for it. */
export interface CountedRequest {
  readonly operation: string;
}

/** What a test may do with any store, in memory or not. */
export interface TestStore {
  readonly store: ObjectStore;
  readonly presigner: Presigner;
  /** Every request since the store was opened; empty it with `requests.length = 0`. */
  readonly requests: CountedRequest[];
  /** Uses a presigned URL, as a browser would. */
  fetch(
    url: string,
    request?: { method?: string; body?: Uint8Array; headers?: Record<string, string> },
  ): Promise<Response>;
  /** Of a store in memory: a function that puts everything back as it is now. */
  readonly snapshot?: () => () => void;
  /** Safe to call twice. */
  close(): Promise<void>;
}

const SETTINGS = {
  endpoint: 'http://store.test',
  region: 'us-east-1',
  bucket: 'recordings',
  keyPrefix: '',
  forcePathStyle: true,
  credentials: { accessKeyId: 'SERVICEKEY', secretAccessKey: 'service-secret' },
};
const CLIENT = createS3Client(SETTINGS);
const refuse = (status = 403) => new Response(null, { status });

/** Names that S3 and this project spell differently. */
const OPERATIONS: Readonly<Record<string, string>> = {
  put: 'PutObject',
  get: 'GetObject',
  getStart: 'GetObject',
  getRange: 'GetObject',
  list: 'ListObjectsV2',
  listVersions: 'ListObjectVersions',
  isVersioned: 'GetBucketVersioning',
  delete: 'DeleteObjects',
  tag: 'PutObjectTagging',
  tags: 'GetObjectTagging',
};

type Issued = { readonly key: string; readonly untilMs: number; readonly part?: PartToSign };

/** Its URLs are signed as those of S3 are; one that it has not issued, or that was changed, is refused. */
export function openMemoryBucket(options: MemoryStoreOptions & { readonly now: () => number }): TestStore {
  const { now } = options;
  const memory = new MemoryStore(options);
  const requests: CountedRequest[] = [];
  const issued = new Map<string, Issued>();
  const signer = createS3Presigner({ client: CLIENT, settings: SETTINGS, now });
  const issue = (url: string, about: Omit<Issued, 'untilMs'>, seconds: number) => {
    issued.set(url, { ...about, untilMs: now() + seconds * 1000 });
    return url;
  };

  async function putPart({ key, part }: Issued, body: Uint8Array): Promise<Response> {
    if (!part || body.length !== part.sizeBytes) return refuse();
    try {
      const etag = await memory.uploadPart(key, part.uploadId, part.partNumber, body);
      return new Response(null, { status: 200, headers: { etag } });
    } catch (error) {
      if (isStoreError(error, 'no-such-upload')) return refuse(404);
      throw error;
    }
  }

  function read({ key }: Issued, url: string, range: string | undefined): Response {
    const whole = memory.peek(key);
    if (!whole) return refuse(404);
    const query = new URL(url).searchParams;
    const disposition = query.get('response-content-disposition');
    const headers = {
      ...(disposition && { 'content-disposition': disposition }),
      'content-type': query.get('response-content-type') ?? '',
      'cache-control': query.get('response-cache-control') ?? '',
      'accept-ranges': 'bytes',
    };
    const asked = /^bytes=(?=.*\d)(\d*)-(\d*)$/.exec(range ?? '');
    if (!asked) return new Response(Buffer.from(whole), { status: 200, headers });
    const [, first, end] = asked;
    // Without a first byte the number is how many of the last bytes are asked for.
    const from = first ? Number(first) : Math.max(whole.length - Number(end), 0);
    const last = first && end ? Math.min(Number(end), whole.length - 1) : whole.length - 1;
    if (from > last) return refuse(416);
    const body = Buffer.from(whole.subarray(from, last + 1));
    const contentRange = `bytes ${from}-${last}/${whole.length}`;
    return new Response(body, { status: 206, headers: { ...headers, 'content-range': contentRange } });
  }

  return {
    store: intercepting(memory, async (call, _, go) => {
      requests.push({ operation: OPERATIONS[call] ?? call.charAt(0).toUpperCase() + call.slice(1) });
      const answer = go();
      // It may fail before it is awaited.
      answer.catch(() => {});
      // The call takes effect at once; before its answer comes, other work that is ready runs, as with a network.
      await setImmediate();
      return answer;
    }),
    requests,
    snapshot: () => memory.snapshot(),
    presigner: {
      presignPart: async (key, part, seconds) =>
        issue(await signer.presignPart(key, part, seconds), { key, part }, seconds),
      presignPlayback: async (key, media, seconds) =>
        issue(await signer.presignPlayback(key, media, seconds), { key }, seconds),
    },
    async fetch(url, { method = 'GET', body = new Uint8Array(), headers = {} } = {}) {
      const known = issued.get(url);
      if (!known || known.untilMs < now() || method !== (known.part ? 'PUT' : 'GET')) return refuse();
      return known.part ? putPart(known, body) : read(known, url, headers.range);
    },
    close: async () => {},
  };
}
