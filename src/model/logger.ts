// The port of the log: which fields a line may have. Anything that is not named here cannot be logged (policy 8.5).

/** No field for URLs, bodies, headers, names or tokens: what cannot be named cannot leak. */
export const LOG_FIELDS = [
  'requestId',
  'traceId',
  'method',
  'route',
  'status',
  'durationMs',
  'tenant',
  'actor',
  'code',
  'causes',
  'stack',
  'examId',
  'attemptId',
  'recordingId',
  'event',
  'reason',
  'detail',
  'operation',
  'storeCode',
  'aborted',
  'host',
  'port',
  'endpoint',
  'bucket',
  'region',
  'version',
  'signal',
  'schedule',
  'check',
  'startedAt',
  'finishedAt',
  'dryRun',
  'due',
  'recordings',
  'objects',
  'versions',
  'bytes',
  'kept',
  'failed',
  'overdue',
  'oldestOverdueSeconds',
  'requests',
  'requestsPerRecording',
  'count',
] as const;

export type LogField = (typeof LOG_FIELDS)[number];
export type LogValue = string | number | boolean | readonly string[] | null | undefined;
export type LogFields = Readonly<Partial<Record<LogField, LogValue>>>;

export type Log = (message: string, fields?: LogFields) => void;

export interface Logger {
  readonly error: Log;
  readonly warn: Log;
  readonly info: Log;
  readonly debug: Log;
  /** Written at every level, and marked `channel: "audit"`, so that it can be routed and kept apart. */
  readonly audit: Log;
}
