// The package @proctoring-recordings/review: the web component <proctoring-review>, and the review behind it.
import { ProctoringReview } from './element.ts';

export { ProctoringReview, type ReviewElementEvents } from './element.ts';
export type { Lane, Line, Mark, MarkKind, Piece } from './line.ts';
export {
  ALL_LANES,
  type End,
  type LaneView,
  openReview,
  type Review,
  type ReviewEvents,
  type ReviewOptions,
  SPEEDS,
} from './review.ts';
export { type Gone, type RecordingKind, ReviewError, type ReviewRecording, type ServiceOptions } from './service.ts';
export type { Stretch } from './still.ts';
export type { TrackState } from './track.ts';

declare global {
  interface HTMLElementTagNameMap {
    'proctoring-review': ProctoringReview;
  }
}

if (globalThis.customElements && !customElements.get('proctoring-review')) {
  customElements.define('proctoring-review', ProctoringReview);
}
