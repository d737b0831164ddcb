// When the frames of a film were taken: where it begins in the attempt, how its clock drifts, and a pause that is cut out.
import type { Timeline } from '../../../packages/exam-client/test/own-parts.ts';

/** All films are of one attempt, which began four hours ago: a player does not believe a time that cannot be. */
export const ATTEMPT_AT_MS: number = 1000 * Math.floor(Date.now() / 1000) - 4 * 3_600_000;

export interface MediaTime {
  /** Of the media, without what was cut out. */
  readonly seconds: number;
  /** Since the beginning of the attempt. */
  readonly beginsAtMs: number;
  /** How much faster the media's clock is than the wall's; at most 99 anchors say so. */
  readonly driftPpm?: number;
  /** At that position of the media the wall's clock is suddenly so much further: frames are missing and no gap says so. */
  readonly step?: { readonly atSeconds: number; readonly ms: number };
  /** The gap `buffer-full`: at that position of the media nothing was recorded for so long. Not with drift or a step. */
  readonly pause?: { readonly atSeconds: number; readonly ms: number };
}

const MAX_ANCHORS = 100;
const ANCHOR_EVERY_SECONDS = 60;
/** Anchors rise in both times. */
const INSTANT_SECONDS = 0.001;

/** When a position of the media was recorded, in milliseconds since the beginning of the attempt. */
export function wallMs({ beginsAtMs, driftPpm = 0, step, pause }: MediaTime, seconds: number): number {
  const added = [step, pause].map((jump) => (jump && seconds >= jump.atSeconds ? jump.ms : 0));
  return added.reduce((sum, ms) => sum + ms, beginsAtMs + (seconds * 1000) / (1 + driftPpm / 1e6));
}

/** What a client reports of it. */
export function timelineOf(time: MediaTime): Timeline {
  const { seconds, pause } = time;
  const pausedAt = pause && wallMs(time, pause.atSeconds);
  return {
    startedAt: toIso(wallMs(time, 0)),
    endedAt: toIso(wallMs(time, seconds)),
    gaps:
      pause && pausedAt !== undefined
        ? [{ from: toIso(pausedAt - pause.ms), to: toIso(pausedAt), reason: 'buffer-full' }]
        : [],
    ...anchorsOf(time),
  };
}

/** Whether there is a picture of that moment, and of all moments within so many milliseconds of it. */
export function hasPictureAt(time: MediaTime, atMs: number, withinMs: number): boolean {
  const { seconds, step, pause } = time;
  const isNear = (fromMs: number, toMs: number) => atMs > fromMs - withinMs && atMs < toMs + withinMs;
  const isMissing = [step, pause].some((jump) => {
    if (!jump) return false;
    const toMs = wallMs(time, jump.atSeconds);
    return isNear(toMs - jump.ms, toMs);
  });
  return !isMissing && atMs - withinMs >= wallMs(time, 0) && atMs + withinMs <= wallMs(time, seconds);
}

function anchorsOf(time: MediaTime): Pick<Timeline, 'anchors'> {
  const { seconds, driftPpm, step } = time;
  if (driftPpm === undefined && !step) return {};
  const every = Math.max(ANCHOR_EVERY_SECONDS, seconds / (MAX_ANCHORS - 4));
  const positions = Array.from({ length: Math.ceil(seconds / every) }, (_, index) => index * every);
  const atStep = step ? [step.atSeconds - INSTANT_SECONDS, step.atSeconds] : [];
  const all = [...new Set([...positions, ...atStep, seconds])].sort((a, b) => a - b);
  return { anchors: all.map((mediaSeconds) => ({ at: toIso(wallMs(time, mediaSeconds)), mediaSeconds })) };
}

function toIso(ms: number): string {
  return new Date(ATTEMPT_AT_MS + Math.round(ms)).toISOString();
}
