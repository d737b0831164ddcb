// What the calls take and answer: the types of the schemas that the service validates with and documents itself by.
import type { z } from 'zod';
import type { ProblemCode } from '../../../src/http/problem-codes.ts';
import type * as schemas from '../../../src/http/schemas.ts';

export type CreateRecording = z.input<typeof schemas.createRecordingBody>;
export type CreatedRecording = z.output<typeof schemas.createdRecording>;
export type PresignParts = z.input<typeof schemas.presignPartsBody>;
export type PresignedPart = z.output<typeof schemas.signedParts>['parts'][number];
export type UploadedPart = z.output<typeof schemas.uploadedParts>['parts'][number];
export type CompleteRecording = z.input<typeof schemas.completeRecordingBody>;
export type Recording = z.output<typeof schemas.recording>;
export type PlaybackLink = z.output<typeof schemas.playbackLink>;
export type Assessment = z.output<typeof schemas.assessment>;
export type Receipt = z.output<typeof schemas.receipt>;
export type Problem = z.output<typeof schemas.problem>;
/** Every `code` of a problem: what each means stands at `/docs#problems`. */
export type ErrorCode = ProblemCode | 'unexpected-answer';
export type DeletionReason = z.output<typeof schemas.eraseQuery>['reason'];

/** One sitting of an exam. */
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
