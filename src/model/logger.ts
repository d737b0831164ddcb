// The port of the log: which fields a line may have. Anything that is not named here cannot be logged (policy 8.5).

/** There is no field for URLs, bodies, headers, names or tokens, so they cannot be logged. */
const BY_SUBJECT = [
  // A request and its principal.
  ['requestId', 'traceId', 'method', 'route', 'status', 'durationMs', 'aborted', 'tenant', 'actor'],
  // A failure.
  ['code', 'causes', 'stack', 'operation', 'storeCode'],
  // What is audited, or found.
  ['examId', 'attemptId', 'recordingId', 'event', 'reason', 'detail', 'check'],
  // The process and its store.
  ['host', 'port', 'version', 'revision', 'signal', 'schedule', 'endpoint', 'bucket', 'region'],
  // A run of the sweeper or the verifier.
  ['startedAt', 'finishedAt', 'dryRun', 'due', 'recordings', 'objects', 'versions', 'bytes', 'kept'],
  ['late', 'greatestLatenessSeconds', 'provenBefore', 'empty', 'failed', 'overdue', 'oldestOverdueSeconds'],
  ['requests', 'requestsPerRecording', 'count'],
] as const;
export const LOG_FIELDS = BY_SUBJECT.flat();

export type LogValue = string | number | boolean | readonly string[] | null | undefined;
export type LogFields = Readonly<Partial<Record<(typeof LOG_FIELDS)[number], LogValue>>>;

export type Log = (message: string, fields?: LogFields) => void;

export interface Logger {
  readonly error: Log;
  readonly warn: Log;
  readonly info: Log;
  readonly debug: Log;
  /** Written at every level, and marked `channel: "audit"`, so that it can be routed and kept apart. */
  readonly audit: Log;
}
