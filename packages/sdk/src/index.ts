// The package's `./sdk` export: the API for servers.
export { ApiError } from './api-error.ts';
export { ProctoringRecordings } from './client.ts';
export type { ClientOptions } from './send.ts';
export type * from './types.ts';
