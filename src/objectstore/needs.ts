// What the service needs of a store, and what it does without the rest. Used by the doctor, the self-test and the sweep.
import { isStoreError, isUndecided } from './store-error.ts';

export interface Capability {
  /** The name in a report. */
  readonly name: string;
  /** `optional`: the service works without it, though less well. */
  readonly need: 'needed' | 'optional';
  /** What could not be done without it, or what the service does instead. */
  readonly without: string;
  /** S3's names of them. */
  readonly operations: readonly string[];
}

function needed(name: string, without: string, ...operations: readonly string[]): Capability {
  return { name, need: 'needed', without, operations };
}

function optional(name: string, without: string, ...operations: readonly string[]): Capability {
  return { name, need: 'optional', without, operations };
}

export const CAPABILITIES = {
  clock: needed('clock', 'deadlines could not be checked'),
  'read-write': needed('read as written', 'recordings could not be kept or played', 'PutObject', 'GetObject'),
  delete: needed('deleted permanently', 'recordings could not be deleted', 'DeleteObject', 'ListObjectVersions'),
  abort: needed(
    'uploads ended permanently',
    'recordings that are being uploaded could not be deleted',
    'AbortMultipartUpload',
    'ListParts',
  ),
  listings: needed('listings show writes at once', 'a deletion could not be proven', 'ListObjectsV2'),
  'listing-pages': needed('listings in pages', 'a sweep would miss recordings that are due', 'ListObjectsV2'),
  'listing-folders': needed('listings of folders', 'a sweep would miss recordings that are due', 'ListObjectsV2'),
  'listing-times': needed(
    'listings in order of time',
    'a sweep would miss recordings that are due, because it stops reading at the first later deadline',
    'ListObjectsV2',
  ),
  parts: needed(
    'upload in parts',
    'recordings could not be uploaded',
    'CreateMultipartUpload',
    'UploadPart',
    'ListParts',
    'CompleteMultipartUpload',
  ),
  'object-lock': optional(
    'no object lock',
    'the service tries a deletion to find out whether objects are locked',
    'GetObjectLockConfiguration',
  ),
  versioning: optional(
    'versioning',
    'a deletion removes all versions that ListObjectVersions shows; without both operations, nothing can be deleted',
    'GetBucketVersioning',
  ),
  'batch-delete': optional('batch delete', 'the service deletes objects one by one, which is slower', 'DeleteObjects'),
  'listing-order': optional('listings in byte order', 'a sweep lists attempts one by one'),
  'upload-listing': optional(
    'uploads listed by folder',
    'a sweep reads all keys under attempts/ to find abandoned uploads',
    'ListMultipartUploads',
  ),
  'object-tagging': optional(
    'tagging',
    'media have no tags; no deadline depends on tags',
    'PutObjectTagging',
    'GetObjectTagging',
  ),
  'conditional-writes': optional('conditional writes', 'the service does not use conditional writes'),
  'small-parts': optional('small parts', 'the service sends no parts below 5 MiB except the last'),
  'unequal-parts': optional('unequal parts', 'the service sends parts of equal size'),
  'stray-uploads': optional(
    'rule for stray uploads',
    'only sweeps end abandoned uploads, not the store',
    'GetBucketLifecycleConfiguration',
    'PutBucketLifecycleConfiguration',
  ),
  /** Where CORS_ORIGINS is set its check fails by itself. */
  cors: optional('CORS for browsers', 'no page can upload directly to the store', 'GetBucketCors', 'PutBucketCors'),
} as const satisfies Readonly<Record<string, Capability>>;

export type CapabilityId = keyof typeof CAPABILITIES;

/** Whether an operation (S3's name) is needed. One that is not in the table counts as needed: its refusal is an error. */
export function isNeeded(operation: string): boolean {
  const using = Object.values(CAPABILITIES).filter(({ operations }) => operations.includes(operation));
  return using.length === 0 || using.some(({ need }) => need === 'needed');
}

/**
 * Whether the service continues without the operation that failed: it is optional, and the store refused it, does not know
 * it, or sent an unreadable response. False while a repetition may succeed.
 */
export function isDispensable(error: unknown): boolean {
  return isStoreError(error) && !isNeeded(error.operation) && !isUndecided(error);
}

export function capabilityOf(id: string): Capability | undefined {
  return Object.hasOwn(CAPABILITIES, id) ? CAPABILITIES[id as CapabilityId] : undefined;
}
