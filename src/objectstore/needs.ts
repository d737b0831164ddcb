// What the service needs of a store, and what it does without the rest: the doctor, the self-test and the sweep judge by it.

import { isStoreError, isUnreadable } from './store-error.ts';

export type Need = 'needed' | 'optional';

export interface Capability {
  /** In a report. */
  readonly name: string;
  /** S3's operations, by their names. */
  readonly operations: readonly string[];
  /** `optional`: the service does its work without it, though less well. */
  readonly need: Need;
  /** What could not be done without it, or what the service does instead. */
  readonly without: string;
}

export const CAPABILITIES = {
  clock: {
    name: 'clock',
    operations: [],
    need: 'needed',
    without: 'deadlines could not be checked',
  },
  'read-write': {
    name: 'read as written',
    operations: ['PutObject', 'GetObject'],
    need: 'needed',
    without: 'recordings could not be kept or played',
  },
  delete: {
    name: 'deleted permanently',
    operations: ['DeleteObject', 'ListObjectVersions'],
    need: 'needed',
    without: 'recordings could not be deleted',
  },
  abort: {
    name: 'uploads ended permanently',
    operations: ['AbortMultipartUpload', 'ListParts'],
    need: 'needed',
    without: 'recordings that are being uploaded could not be deleted',
  },
  listings: {
    name: 'listings show writes at once',
    operations: ['ListObjectsV2'],
    need: 'needed',
    without: 'a deletion could not be proven',
  },
  'listing-pages': {
    name: 'listings in pages',
    operations: ['ListObjectsV2'],
    need: 'needed',
    without: 'some of what is due would not be found',
  },
  'listing-folders': {
    name: 'listings of folders',
    operations: ['ListObjectsV2'],
    need: 'needed',
    without: 'some of what is due would not be found',
  },
  'listing-times': {
    name: 'listings in order of time',
    operations: ['ListObjectsV2'],
    need: 'needed',
    without: 'some of what is due would not be found: the sweep reads until the first later deadline',
  },
  parts: {
    name: 'upload in parts',
    operations: ['CreateMultipartUpload', 'UploadPart', 'ListParts', 'CompleteMultipartUpload'],
    need: 'needed',
    without: 'recordings could not be uploaded',
  },
  'object-lock': {
    name: 'no object lock',
    operations: ['GetObjectLockConfiguration'],
    need: 'optional',
    without: 'a trial of deletion tells whether objects are locked',
  },
  versioning: {
    name: 'versioning',
    operations: ['GetBucketVersioning'],
    need: 'optional',
    without: 'a deletion takes all that ListObjectVersions shows; where neither answers, nothing can be deleted',
  },
  'batch-delete': {
    name: 'batch delete',
    operations: ['DeleteObjects'],
    need: 'optional',
    without: 'the service deletes key by key, more slowly',
  },
  'listing-order': {
    name: 'listings in byte order',
    operations: [],
    need: 'optional',
    without: 'the sweep lists attempts one by one',
  },
  'upload-listing': {
    name: 'uploads listed by folder',
    operations: ['ListMultipartUploads'],
    need: 'optional',
    without: 'the sweep reads all of attempts/ to find abandoned uploads',
  },
  'object-tagging': {
    name: 'tagging',
    operations: ['PutObjectTagging', 'GetObjectTagging'],
    need: 'optional',
    without: 'media have no tags, and nothing depends on them',
  },
  'conditional-writes': {
    name: 'conditional writes',
    operations: [],
    need: 'optional',
    without: 'the service never leans on them',
  },
  'small-parts': {
    name: 'small parts',
    operations: [],
    need: 'optional',
    without: 'the service sends none',
  },
  'unequal-parts': {
    name: 'unequal parts',
    operations: [],
    need: 'optional',
    without: 'the service sends equal ones',
  },
  'stray-uploads': {
    name: 'rule for stray uploads',
    operations: ['GetBucketLifecycleConfiguration', 'PutBucketLifecycleConfiguration'],
    need: 'optional',
    without: 'the sweep alone ends abandoned uploads',
  },
  /** Where CORS_ORIGINS is set its check fails by itself. */
  cors: {
    name: 'CORS for browsers',
    operations: ['GetBucketCors', 'PutBucketCors'],
    need: 'optional',
    without: 'no page may upload to the store by itself',
  },
} as const satisfies Readonly<Record<string, Capability>>;

export type CapabilityId = keyof typeof CAPABILITIES;

const NEEDED = operationsThatAre('needed');
const OPTIONAL = operationsThatAre('optional');

function operationsThatAre(need: Need): ReadonlySet<string> {
  const capabilities: readonly Capability[] = Object.values(CAPABILITIES);
  return new Set(capabilities.filter((each) => each.need === need).flatMap(({ operations }) => operations));
}

/** Of an operation by S3's name. One that nobody has judged is needed: its refusal is never passed over. */
export function isNeeded(operation: string): boolean {
  return NEEDED.has(operation) || !OPTIONAL.has(operation);
}

/**
 * Whether the service goes on without it: refused, not known, or never answered in a way that can be read, and not needed.
 * A store in trouble is asked again.
 */
export function isDispensable(error: unknown): boolean {
  if (!isStoreError(error) || isNeeded(error.operation)) return false;
  return error.code !== 'unavailable' || isUnreadable(error);
}

export function capabilityOf(id: string): Capability | undefined {
  return Object.hasOwn(CAPABILITIES, id) ? CAPABILITIES[id as CapabilityId] : undefined;
}
