// How far this attempt has come, kept so that a reload continues there, and a new tab where something is unsent. It has no token.
import type { RecordingKind } from '@proctoring-recordings/exam-client';

const VIEWS = ['consent', 'declined', 'check', 'record', 'review', 'deletion', 'receipt', 'withdrawn'] as const;
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
/** The page that a reload replaces keeps the attempt a moment longer. */
const HELD_BY_A_RELOAD_MS = 1_000;

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
  for (const storage of [sessionStorage, localStorage]) storage.setItem(KEPT_AS, JSON.stringify(journey));
}

export function forgetJourney(): void {
  for (const storage of [sessionStorage, localStorage]) storage.removeItem(KEPT_AS);
}

/**
 * Resolves when this tab alone has the attempt, and keeps it for as long as the page lives.
 * `onElsewhere` is called when another tab has it, which this one waits for.
 */
export function claimAttempt(onElsewhere: () => void): Promise<void> {
  const timer = setTimeout(onElsewhere, HELD_BY_A_RELOAD_MS);
  return new Promise((resolve) => {
    void navigator.locks.request(`demo-${journey.attempt}`, () => {
      clearTimeout(timer);
      resolve();
      return new Promise(() => {});
    });
  });
}

export function isVisitable(view: string): view is View {
  return VISITABLE[journey.stage].includes(view as View);
}

function restore(): Journey {
  const [own, last] = [sessionStorage, localStorage].map((storage) => parse(storage.getItem(KEPT_AS)));
  // The copy in a duplicated tab is older than what its original kept.
  if (own) return last?.attempt === own.attempt ? last : own;
  return last && mayBeUnsent(last) ? last : { attempt: `try-${crypto.randomUUID()}`, stage: 'consent' };
}

/** Undefined also for what another version of this page kept, whose stages this one may not know. */
function parse(kept: string | null): Journey | undefined {
  try {
    const journey = JSON.parse(kept ?? 'null') as Journey | null;
    return journey && VIEWS.includes(journey.stage) ? journey : undefined;
  } catch {
    return undefined;
  }
}

function mayBeUnsent({ hasRecorded, isWithdrawing, stage }: Journey): boolean {
  return isWithdrawing ? stage !== 'withdrawn' : hasRecorded === true && (stage === 'check' || stage === 'record');
}
