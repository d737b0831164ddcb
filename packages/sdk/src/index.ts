// The package @proctoring-recordings/sdk, for servers: see docs/sdk.md.
export { ProctoringRecordings } from './client.ts';
export type { ClientErrorCode } from './errors.ts';
export { ApiError, ConnectionError, RecordingsError, StoreError, TimeoutError } from './errors.ts';
export type { CallOptions, Retry } from './retry.ts';
export type { ClientOptions } from './send.ts';
export type { UploadSource } from './source.ts';
export type * from './types.ts';
export type { UploadOptions, UploadProgress } from './upload.ts';
