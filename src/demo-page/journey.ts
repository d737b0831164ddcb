// How far this tab has come, kept for as long as the tab lives, so that a reload continues there. It has no token.
import type { RecordingKind } from '@proctoring-recordings/exam-client';

export const VIEWS = ['consent', 'declined', 'check', 'record', 'review', 'deletion', 'receipt', 'withdrawn'] as const;
export type View = (typeof VIEWS)[number];

export interface Journey {
  readonly attempt: string;
  /** The furthest view. */
  stage: View;
  /** All stages so far. */
  past?: readonly View[];
  /** ISO 8601; undefined until the candidate has agreed. */
  consentGivenAt?: string;
  /** Something was recorded, perhaps before a reload. */
  hasRecorded?: boolean;
  /** The candidate has finished: what is left is sent, and nothing more is recorded. */
  isFinished?: boolean;
  /** The candidate has withdrawn consent: nothing more is recorded or sent, and a reload goes on deleting. */
  isWithdrawing?: boolean;
  /** All recordings that the service made: the kind of each, by its id. */
  recordings?: Readonly<Record<string, RecordingKind>>;
}

const KEPT_AS = 'demo-journey';

/** Which views can be visited at each stage. */
const VISITABLE: Record<View, readonly View[]> = {
  consent: ['consent'],
  declined: ['declined', 'consent'],
  check: ['check', 'consent'],
  record: ['record', 'consent'],
  review: ['review', 'consent'],
  deletion: ['deletion', 'review', 'consent'],
  receipt: ['receipt'],
  withdrawn: ['withdrawn'],
};

export const journey: Journey = restore();

export function keepJourney(changes: Partial<Omit<Journey, 'attempt'>>): void {
  Object.assign(journey, changes);
  sessionStorage.setItem(KEPT_AS, JSON.stringify(journey));
}

export function forgetJourney(): void {
  sessionStorage.removeItem(KEPT_AS);
}

export function isVisitable(view: string): view is View {
  return VISITABLE[journey.stage].includes(view as View);
}

function restore(): Journey {
  const kept = sessionStorage.getItem(KEPT_AS);
  if (kept !== null) return JSON.parse(kept) as Journey;
  return { attempt: `try-${crypto.randomUUID()}`, stage: 'consent' };
}
