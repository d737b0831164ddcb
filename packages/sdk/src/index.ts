// The package @proctoring-recordings/sdk, for servers: see docs/sdk.md.
export { ApiError } from './api-error.ts';
export { ProctoringRecordings } from './client.ts';
export type { ClientOptions } from './send.ts';
export type * from './types.ts';
