// Permanent and temporary failures of a call, and what a permanent one means for a recording.

interface ClientErrorDetails {
  readonly partNumbers?: readonly number[] | undefined;
  readonly reason?: string | undefined;
  readonly cause?: unknown;
}

/** A permanent failure. `code` is the service's problem code, or one of the client's own. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  /** The parts that the service named. */
  readonly partNumbers: readonly number[];
  /** The reason in the receipt of a deletion. */
  readonly reason: string | undefined;

  constructor(code: string, message: string, { partNumbers = [], reason, cause }: ClientErrorDetails = {}) {
    super(message, { cause });
    this.code = code;
    this.partNumbers = partNumbers;
    this.reason = reason;
  }
}

/**
 * `continue`: the service or the store has ended the recording without a request of this client. Nothing is erased: a
 * new recording of the attempt gets all bytes that are still local, and all that follow. `erase`: it was deleted on
 * request, or it has no media. It stops, and its local bytes are erased.
 */
const CONSEQUENCES: Readonly<Record<string, 'continue' | 'erase'>> = {
  // The sweep completes an upload to which nothing was added for `UPLOAD_IDLE_LIMIT`.
  'recording-stored': 'continue',
  // The store has dropped the upload.
  'upload-gone': 'continue',
  // Deletion receipts are kept for longer than local bytes: without one, the recording was not deleted.
  'recording-not-found': 'continue',
  // This client aborts only what is empty.
  'recording-deleted aborted': 'continue',
  'recording-deleted erasure': 'erase',
  'recording-deleted consent-withdrawn': 'erase',
  'recording-deleted controller-instruction': 'erase',
  'nothing-recorded': 'erase',
};

/**
 * `keep` for every other code (`recording-expired`, `attempt-assessed`, `attempt-full`, `recording-too-large`, `parts-lost`, …): recording
 * stops, and the local bytes stay for the next session of the attempt, which tries again.
 */
export function consequenceOf({ code, reason }: ClientError): 'continue' | 'erase' | 'keep' {
  return CONSEQUENCES[`${code} ${reason}`] ?? CONSEQUENCES[code] ?? 'keep';
}

/** Why a recording waits: the network, the service or the store, the page's token, the browser's own storage. */
export type WaitingReason = 'offline' | 'unreachable' | 'unauthorized' | 'storage';

/**
 * What the service or the store responded to the last call that has to be repeated. `code`, `detail` and `requestId` are
 * those of the service's problem document, and `code` may be the store's. Without any of them, something else responded.
 */
export interface Refusal {
  readonly status: number;
  readonly code?: string;
  /** For the people who operate the page. */
  readonly detail?: string;
  /** For the operator of the service. */
  readonly requestId?: string;
}

/** Why a call waits, and the refusal, where there was a response. */
export interface Waiting {
  readonly reason: WaitingReason;
  readonly refusal?: Refusal | undefined;
}

/** A temporary failure: the call is repeated, not before `afterMs`. */
export class Unavailable extends Error implements Waiting {
  override readonly name = 'Unavailable';
  readonly reason: WaitingReason;
  readonly afterMs: number;
  readonly refusal: Refusal | undefined;

  constructor(reason: WaitingReason, message: string, afterMs = 0, refusal?: Refusal) {
    super(message);
    this.refusal = refusal;
    this.reason = reason;
    this.afterMs = afterMs;
  }
}
