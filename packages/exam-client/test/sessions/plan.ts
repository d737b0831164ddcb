// What will happen in one session: the exam, the computer, and which faults come when; all from the seed.
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../../src/model/durations.ts';
import { newRandom, type Random } from '../../../../test/simulation/random.ts';

/** How often each kind of fault is drawn. */
const FAULTS = {
  // The line.
  offline: 5,
  'offline past the idle limit': 3,
  'line refused': 3,
  'line silent': 4,
  'service down': 3,
  'store blocked': 3,
  'requests lost': 4,
  'replies lost': 6,
  'requests hang': 4,
  'requests arrive late': 4,
  'service busy': 4,
  'puts refused': 4,
  'slow line': 3,
  'flapping line': 3,
  // The exam system.
  'token fails': 2,
  'token hangs': 2,
  'token is no token': 2,
  'service restarts': 2,
  'attempt assessed': 1,
  'recording erased': 1,
  // The page and the browser.
  reload: 6,
  crash: 6,
  'machine killed': 3,
  'second tab': 3,
  'disk full': 3,
  'disk refuses': 2,
  'disk hangs': 2,
  'site data cleared': 1,
  // The computer's time.
  'clock steps': 5,
  sleep: 4,
  suspended: 3,
  // The devices.
  muted: 4,
  'camera pulled': 2,
  'all tracks end': 2,
  'recorder fails': 2,
  'recorder gives nothing': 2,
  // The candidate.
  withdraw: 2,
  'finish twice': 3,
} as const;
export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

export interface Fault {
  readonly kind: FaultKind;
  /** After the beginning of the exam. */
  readonly atMs: number;
  readonly forMs: number;
  /** For what else is drawn when it happens. */
  readonly seed: number;
}

type Kind = 'webcam' | 'screen' | 'audio';
const KINDS: readonly (readonly Kind[])[] = [
  ['webcam'],
  ['webcam'],
  ['webcam', 'screen'],
  ['audio'],
  ['webcam', 'audio'],
];
/** Longer faults go on past this. */
const SHORT_EXAM_MINUTES = [2, 3, 4, 5, 7, 10, 15];
const BEGINNING_MS = 2 * SECOND_MS;
export const SWEEP_EVERY_MS = 10 * MINUTE_MS;

export type Plan = ReturnType<typeof newPlan>;

/** @param isClean without faults */
export function newPlan(seed: number, isClean: boolean) {
  const random = newRandom(seed, isClean ? 1 : 0);
  const idleLimitMs = random.pick([15 * MINUTE_MS, 15 * MINUTE_MS, 40 * MINUTE_MS]);
  const examMinutes = random.chance(0.03) ? 120 : random.pick(SHORT_EXAM_MINUTES);
  const examMs = examMinutes * MINUTE_MS + random.between(0, 5 * SECOND_MS);
  const wallAheadMs = isClean ? random.between(-200, 200) : aheadFrom(random);
  return {
    seed,
    isClean,
    examMs,
    idleLimitMs,
    kinds: random.pick(KINDS),
    hasMicrophone: random.chance(0.5),
    /** Of a recording: few, because time counts here, not size. */
    bytesPerSecond: examMinutes > 60 ? 1_500 : random.pick([2_000, 6_000, 12_000]),
    uploadMode: random.chance(0.05) ? ('proxy' as const) : ('direct' as const),
    wallAheadMs,
    tokenValidMs: random.pick([2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS]),
    hasLocks: random.chance(0.9),
    memoryLimitBytes: random.pick([undefined, 400_000]),
    faults: isClean ? [] : drawFaults(random, examMs, idleLimitMs),
    ...(isClean ? GOOD : drawOverviewFaults(newRandom(seed, 5))),
  };
}

const GOOD = { decoder: 'works', overviewFault: undefined } as const;

/** What is wrong with pictures and with the calls that send them, for the whole session. */
function drawOverviewFaults(random: Random) {
  return {
    decoder: random.pick(['works', 'works', 'works', 'now and then', 'fails', 'hangs', 'absent'] as const),
    overviewFault: random.pick([undefined, undefined, 'refused', 'slow', 'reply lost', 'hangs'] as const),
  };
}

/** Half of the computers have the right time; of the others some are days behind. */
function aheadFrom(random: Random): number {
  const ms = random.between(1, 9 * MINUTE_MS);
  return random.pick([0, 0, 0, random.between(-1_000, 1_000), ms, -ms, -3 * 24 * HOUR_MS]);
}

function drawFaults(random: Random, examMs: number, idleLimitMs: number): Fault[] {
  const faults = Array.from({ length: random.between(1, 5) }, (): Fault => {
    const kind = random.weighted(FAULTS);
    // Many meet the beginning: a create whose reply is lost, a page that is closed at once.
    const atMs = random.between(0, random.chance(0.15) ? BEGINNING_MS : examMs);
    return { kind, atMs, forMs: lengthOf(kind, random, idleLimitMs), seed: random.between(1, 1e6) };
  });
  return faults.sort((a, b) => a.atMs - b.atMs);
}

function lengthOf(kind: FaultKind, random: Random, idleLimitMs: number): number {
  if (kind === 'offline past the idle limit')
    return idleLimitMs + SWEEP_EVERY_MS + random.between(MINUTE_MS, 20 * MINUTE_MS);
  if (kind === 'sleep' || kind === 'suspended') return random.pick([15, 40, 100, 600, 3600]) * SECOND_MS;
  return random.pick([5, 20, 45, 90, 240, 600]) * SECOND_MS + random.between(0, 5 * SECOND_MS);
}
