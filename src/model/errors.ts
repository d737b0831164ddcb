// The one error class of the service: a stable code, a sentence for people, and data for machines.

/** Every way in which a call can be refused. The HTTP layer alone turns a code into a status. */
export const ERROR_CODES = [
  'invalid-request',
  'invalid-id',
  'content-type-not-allowed',
  'consent-missing',
  'idempotency-key-reused',
  'attempt-assessed',
  'attempt-full',
  'recording-not-found',
  'recording-deleted',
  'recording-expired',
  'recording-stored',
  'recording-not-stored',
  'recording-restricted',
  'recording-unreadable',
  'recording-being-created',
  'erasure-incomplete',
  'recording-too-large',
  'part-too-large',
  'part-number-too-large',
  'parts-missing',
  'parts-mismatch',
  'parts-changed',
  'upload-gone',
  'uploads-proxied',
  'not-a-recording',
  'file-missing',
  'assessment-later',
  'assessment-in-future',
  'assessment-before-recording',
  'assessment-not-found',
  'reason-not-allowed',
  'store-unavailable',
  'clock-skew',
  'uploads-busy',
  'parts-left-over',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Thrown by the domain and the use cases; translated once, at the edge. `data` is shown to the caller. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, data: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.data = data;
  }
}
