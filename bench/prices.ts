// What providers charge for requests: their price lists, and the class of each operation.
import type { Counts, Operation } from './operations.ts';

type PriceClass = 'A' | 'B' | 'free';

export interface PriceList {
  readonly provider: string;
  /** Where the prices and the classes are from, and of which day. */
  readonly source: string;
  /** In US dollars for a million requests. */
  readonly perMillion: Readonly<Record<'A' | 'B', number>>;
  readonly classOf: (operation: Operation) => PriceClass | undefined;
}

const DELETIONS: readonly Operation[] = ['DeleteObject', 'DeleteObjects', 'AbortMultipartUpload'];
const LISTS: readonly Operation[] = ['ListMultipartUploads', 'ListObjectVersions', 'ListObjectsV2', 'ListParts'];
const WRITES: readonly Operation[] = ['CompleteMultipartUpload', 'CreateMultipartUpload', 'PutObject', 'UploadPart'];
const READS: readonly Operation[] = ['GetObject', 'HeadObject'];

function classes(members: Readonly<Record<PriceClass, readonly Operation[]>>): PriceList['classOf'] {
  return (operation) =>
    (Object.keys(members) as PriceClass[]).find((priceClass) => members[priceClass].includes(operation));
}

export const PRICE_LISTS: readonly PriceList[] = [
  {
    provider: 'AWS S3 (us-east-1, Standard)',
    source:
      '[S3 pricing](https://aws.amazon.com/s3/pricing/), as quoted in 2026 by [others](https://c3x.dev/blog/s3-request-fees-explained): ' +
      'PUT, COPY, POST and LIST cost 5 dollars a million, others 0.40; DELETE is free. DeleteObjects is a POST and counts as one here',
    perMillion: { A: 5, B: 0.4 },
    classOf: classes({
      A: [...WRITES, ...LISTS, 'PutObjectTagging', 'DeleteObjects'],
      B: [...READS, 'GetBucketVersioning', 'GetObjectTagging'],
      free: ['DeleteObject', 'AbortMultipartUpload'],
    }),
  },
  {
    provider: 'Cloudflare R2 (Standard)',
    source:
      '[R2 pricing](https://developers.cloudflare.com/r2/pricing/): class A costs 4.50 dollars a million, class B 0.36; DeleteObject ' +
      'and AbortMultipartUpload are free. DeleteObjects is not named there and counts as free here',
    perMillion: { A: 4.5, B: 0.36 },
    classOf: classes({ A: [...WRITES, ...LISTS], B: READS, free: DELETIONS }),
  },
  {
    provider: 'Backblaze B2',
    source:
      "[B2's transactions](https://www.backblaze.com/cloud-storage/transaction-pricing): listings cost 4 dollars a million (class C), " +
      'GetObject and HeadObject 0.40 (class B), after 2,500 free ones of each a day; writes and deletions are free',
    perMillion: { A: 4, B: 0.4 },
    classOf: classes({ A: [...LISTS, 'GetBucketVersioning'], B: READS, free: [...WRITES, ...DELETIONS] }),
  },
];

export interface Bill {
  readonly dollars: number;
  readonly requests: Readonly<Record<PriceClass | 'unknown', number>>;
}

export function billOf({ perMillion, classOf }: PriceList, counts: Counts): Bill {
  const requests = { A: 0, B: 0, free: 0, unknown: 0 };
  for (const [operation, count] of Object.entries(counts) as [Operation, number][]) {
    requests[classOf(operation) ?? 'unknown'] += count;
  }
  return { dollars: (requests.A * perMillion.A + requests.B * perMillion.B) / 1e6, requests };
}
