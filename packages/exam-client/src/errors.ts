// The two ways in which a call ends without success: for good, or only for now.

/** Nothing will change by trying again. `code` is the service's problem code, or one of the client's own. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  /** Of the parts that the service named. */
  readonly partNumbers: readonly number[];

  constructor(code: string, message: string, partNumbers: readonly number[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.partNumbers = partNumbers;
  }
}

/** Why nothing moves at present. */
export type WaitingReason = 'offline' | 'unreachable' | 'unauthorized';

/** It is tried again, not before `afterMs`. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  readonly reason: WaitingReason;
  readonly afterMs: number;

  constructor(reason: WaitingReason, message: string, afterMs = 0) {
    super(message);
    this.reason = reason;
    this.afterMs = afterMs;
  }
}
