// Turns what the SDK throws into a StoreError, at the one place where it enters.
import { StoreError, type StoreErrorCode } from '../store-error.ts';

const CODES: Readonly<Record<string, StoreErrorCode>> = {
  AccessDenied: 'access-denied',
  InvalidAccessKeyId: 'access-denied',
  SignatureDoesNotMatch: 'access-denied',
  ExpiredToken: 'access-denied',
  CredentialsProviderError: 'access-denied',
  NoSuchBucket: 'no-such-bucket',
  NoSuchUpload: 'no-such-upload',
  InvalidPart: 'invalid-parts',
  InvalidPartOrder: 'invalid-parts',
  EntityTooSmall: 'invalid-parts',
  NotImplemented: 'not-implemented',
  MethodNotAllowed: 'not-implemented',
  OperationAborted: 'unavailable',
  SlowDown: 'unavailable',
  ServiceUnavailable: 'unavailable',
  InternalError: 'unavailable',
  RequestTimeout: 'unavailable',
  TimeoutError: 'unavailable',
};

/** Ceph RGW says NoSuchKey of an upload that is gone (measured on 16.2). */
const UPLOAD_OPERATIONS = new Set(['UploadPart', 'ListParts', 'CompleteMultipartUpload', 'AbortMultipartUpload']);

interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly Code?: string;
  readonly code?: string;
}

/** The store's own word for what went wrong: `NoSuchKey`, `ECONNREFUSED`, … */
export function storeCodeOf(error: unknown): string {
  const { name = 'Unknown', Code, code } = (error ?? {}) as Partial<SdkError>;
  return Code ?? (name === 'Error' || name === 'AggregateError' ? (code ?? name) : name);
}

export function httpStatusOf(error: unknown): number | undefined {
  return (error as Partial<SdkError> | undefined)?.$metadata?.httpStatusCode;
}

/** A 404 in the store's own words. */
export function isMissing(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes(storeCodeOf(error)) && !isBare404(error);
}

/** A 404 without a code of S3: as likely of a proxy on the way as of the store, so it proves nothing by itself. */
export function isBare404(error: unknown): boolean {
  const thrown = error instanceof StoreError ? error.cause : error;
  return httpStatusOf(thrown) === 404 && (thrown as SdkError).Code === undefined;
}

export function toStoreError(operation: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (isBare404(error)) return new StoreError('unavailable', operation, 'NotFound', { cause: error });
  const storeCode = storeCodeOf(error);
  const code =
    UPLOAD_OPERATIONS.has(operation) && storeCode === 'NoSuchKey'
      ? 'no-such-upload'
      : codeOf(storeCode, httpStatusOf(error));
  return new StoreError(code, operation, storeCode, { cause: error });
}

function codeOf(storeCode: string, status: number | undefined): StoreErrorCode {
  const known = CODES[storeCode];
  if (known) return known;
  if (status === 501 || status === 405) return 'not-implemented';
  if (status === 403 || status === 401) return 'access-denied';
  // An answer of success that cannot be read was cut short on its way.
  if (status === undefined || status < 300) return 'unavailable';
  return status >= 500 || status === 429 ? 'unavailable' : 'unexpected';
}
