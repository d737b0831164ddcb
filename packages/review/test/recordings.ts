// Recordings of an attempt as the service describes them, for the tests of the player.
import type { Timeline } from '@proctoring-recordings/exam-client';
import type { RecordingKind, ReviewRecording } from '../src/service.ts';

export const START_MS = Date.UTC(2026, 10, 2, 9);
const DAY_MS = 86_400_000;

/** A moment of the attempt, in milliseconds since the epoch. */
export const at = (seconds: number): number => START_MS + 1000 * seconds;
export const iso = (seconds: number): string => new Date(at(seconds)).toISOString();

export interface Given extends Partial<Omit<ReviewRecording, 'timeline'>> {
  readonly from?: number;
  readonly to?: number;
  readonly timeline?: Partial<Timeline> | null;
}

/** Stored, and recorded from second 0 to second 60, unless something else is given. */
export function recordingOf(
  recordingId: string,
  kind: RecordingKind,
  { from = 0, to = 60, timeline = {}, ...given }: Given = {},
): ReviewRecording {
  return {
    recordingId,
    kind,
    contentType: 'video/webm;codecs=vp8,opus',
    container: 'webm',
    state: 'stored',
    createdAt: iso(from),
    storedAt: iso(to + 5),
    deleteBy: new Date(START_MS + 30 * DAY_MS).toISOString(),
    deletableFrom: new Date(START_MS + 29 * DAY_MS).toISOString(),
    restricted: false,
    truncated: false,
    timeline: timeline && { startedAt: iso(from), endedAt: iso(to), gaps: [], ...timeline },
    ...given,
  };
}
