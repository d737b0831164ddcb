// The calls' arguments and results. The schemas are those of the service's OpenAPI document.
import type { ProblemCode, SignedParts, UploadedParts } from './schemas.ts';

export type {
  Assessment,
  CompleteRecording,
  CreatedRecording,
  CreateRecording,
  DeletionReason,
  PlaybackLink,
  PresignParts,
  Problem,
  Receipt,
  Recording,
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

export interface ListFilter {
  readonly assessed?: boolean;
  /** Only those that must be deleted before this time. */
  readonly dueBefore?: string;
  /** Recordings a page, 1 to 200; 50 when absent. */
  readonly limit?: number;
}
