// The calls' arguments and results. The schemas are those of the service's OpenAPI document.
import type { ProblemCode, Receipt, ReceiptList, SignedParts, UploadedParts } from './schemas.ts';

export type {
  AccessLogEntry,
  Assessment,
  Checkpoint,
  CompleteRecording,
  ConsistencyProof,
  CreatedRecording,
  CreateRecording,
  DeletionReason,
  Explanation,
  KeySet,
  ParticipantErasure,
  ParticipantExport,
  PlaybackLink,
  PresignParts,
  Problem,
  Proof,
  Receipt,
  ReceiptList,
  ReceiptProof,
  Recording,
  Report,
  UploadSettings,
} from './schemas.ts';

export type SignedPart = SignedParts['parts'][number];
export type UploadedPart = UploadedParts['parts'][number];
/** `unexpected-answer`: the response is not from the service. */
export type ErrorCode = ProblemCode | 'unexpected-answer';

/** One attempt at an exam. */
export interface AttemptPath {
  readonly exam: string;
  readonly attempt: string;
}

export interface RecordingPath extends AttemptPath {
  readonly recording: string;
}

/** One participant, in all exams. */
export interface ParticipantPath {
  readonly participant: string;
}

/** A `Date`, or a text such as `2026-11-02T09:00:00Z`. */
export type Time = Date | string;

export interface ListFilter {
  readonly assessed?: boolean;
  /** Only those that must be deleted before this time. */
  readonly dueBefore?: Time;
  /** Recordings a page, 1 to 200; 50 when absent. */
  readonly limit?: number;
}

export interface ReceiptFilter {
  /** Only what was deleted at this time or after it. */
  readonly deletedAfter?: Time;
  /** Only what was deleted before this time. */
  readonly deletedBefore?: Time;
  readonly reason?: Receipt['reason'];
  /** Receipts a page, 1 to 200; 50 when absent. */
  readonly limit?: number;
}

export interface Period {
  /** From this time on. Default: as far back as receipts go. */
  readonly from?: Time;
  /** Before this time. Default: until now. */
  readonly to?: Time;
}

/** Whether the service is ready, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

/** Gets the ids of each receipt that exists and cannot be read: the operator has to act. */
export type OnUnreadable = (ids: ReceiptList['unreadable'][number]) => void;
