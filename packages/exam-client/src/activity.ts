// How much each second of the media changes, by the encoded size of its frames.
import { MAX_ACTIVITY_SECONDS } from './overview.ts';

/** Plain data of a bounded size: it is kept in IndexedDB. */
export interface ActivityState {
  /** When second 0 begins, in the times of the media. */
  fromMs: number;
  /** Of the seconds that are over. */
  values: number[];
  /** Of the second after them, so far. */
  bytes: number;
  /** Of the last keyframe. */
  keyframeBytes: number | undefined;
}

export interface MeasuredFrame {
  readonly timeMs: number;
  readonly sizeBytes: number;
  readonly isKeyframe: boolean;
}

export function newActivity(fromMs: number): ActivityState {
  return { fromMs, values: [], bytes: 0, keyframeBytes: undefined };
}

/** Frames come in order; one that is a little late counts for the last second. */
export function measure(activity: ActivityState, { timeMs, sizeBytes, isKeyframe }: MeasuredFrame): void {
  const second = Math.floor((timeMs - activity.fromMs) / 1000);
  if (second >= MAX_ACTIVITY_SECONDS) return;
  while (activity.values.length < second) {
    activity.values.push(scaled(activity.bytes));
    activity.bytes = 0;
  }
  // A keyframe has the whole picture: only what differs from the one before it has changed.
  const before = activity.keyframeBytes ?? sizeBytes;
  activity.bytes += isKeyframe ? Math.abs(sizeBytes - before) : sizeBytes;
  if (isKeyframe) activity.keyframeBytes = sizeBytes;
}

/** Of each second of media that begin at `fromMs`, to the nearest second that was measured. */
export function activityOf(activity: ActivityState, fromMs: number, durationMs: number): Uint8Array {
  const measured = [...activity.values, scaled(activity.bytes)];
  const skipped = Math.round((fromMs - activity.fromMs) / 1000);
  const seconds = Math.min(MAX_ACTIVITY_SECONDS, Math.ceil(durationMs / 1000));
  return Uint8Array.from({ length: seconds }, (_, second) => measured[second + skipped] ?? 0);
}

function scaled(bytes: number): number {
  return Math.min(255, Math.round(16 * Math.log2(1 + bytes)));
}
