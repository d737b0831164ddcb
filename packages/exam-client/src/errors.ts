// The two ways in which a call fails, permanently or for now; and what a permanent failure means for a recording.

interface ClientErrorDetails {
  readonly partNumbers?: readonly number[] | undefined;
  readonly reason?: string | undefined;
  readonly cause?: unknown;
}

/** Nothing will change by trying again. `code` is the service's problem code, or one of the client's own. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  /** Of the parts that the service named. */
  readonly partNumbers: readonly number[];
  /** Of a deletion: the reason in its receipt. */
  readonly reason: string | undefined;

  constructor(code: string, message: string, { partNumbers = [], reason, cause }: ClientErrorDetails = {}) {
    super(message, { cause });
    this.code = code;
    this.partNumbers = partNumbers;
    this.reason = reason;
  }
}

/**
 * `continue`: the service or the store has ended the recording, and this client did not ask for it. Nothing is erased: a
 * new recording of the attempt gets all that is still here, and what is recorded from now on. `erase`: it was deleted on
 * request or by its deadline, or the service will never accept it. It stops, and what is here of it is erased.
 */
const CONSEQUENCES: Readonly<Record<string, 'continue' | 'erase'>> = {
  // The sweep completes an upload to which nothing was added for `UPLOAD_IDLE_LIMIT`.
  'recording-stored': 'continue',
  // The store has dropped the upload.
  'upload-gone': 'continue',
  // Receipts of deletions outlive everything that a browser keeps: this was no deletion.
  'recording-not-found': 'continue',
  // This client aborts only what is empty.
  'recording-deleted aborted': 'continue',
  // `erasure`, `consent-withdrawn`, `controller-instruction`, `retention`, `not-a-recording`.
  'recording-deleted': 'erase',
  'recording-expired': 'erase',
  'attempt-assessed': 'erase',
  'consent-missing': 'erase',
  'not-a-recording': 'erase',
  'nothing-recorded': 'erase',
};

/**
 * `keep` for every other code (`attempt-full`, `recording-too-large`, `parts-lost`, …): recording stops, and what is here
 * stays for the next session of the attempt, which tries again.
 */
export function consequenceOf({ code, reason }: ClientError): 'continue' | 'erase' | 'keep' {
  return CONSEQUENCES[`${code} ${reason}`] ?? CONSEQUENCES[code] ?? 'keep';
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
