// The package @proctoring-recordings/exam-client, which runs in the browser: see docs/exam-client.md.
export { ClientError, type Refusal, type WaitingReason } from './errors.ts';
export { keepInStep, type Player } from './keep-in-step.ts';
export type { StorageWarning } from './local-bytes.ts';
export { type Overview, type OverviewPicture, type OverviewPictures, readOverview } from './overview.ts';
export type { RecordingProblem } from './problems.ts';
export type { Progress, Recording, RecordingState, StoredRecording } from './recording.ts';
export type { Consent, RecordingKind } from './service.ts';
export { type ExamSession, type SessionEvents, type SessionOptions, startSession } from './session.ts';
export type { RecordingSource, RecordOptions } from './source.ts';
export { type Anchor, CUT_OUT, type Gap, mediaSeconds, offsetSeconds, type Timeline } from './timeline.ts';
