// The keys of the player, which work wherever the focus is in it.
import type { Actions } from './controls.ts';
import { hasSound, type Review, SPEEDS } from './review.ts';
import type { Stage } from './stage.ts';

const JUMP_MS = 5_000;
const STEP_MS = 10_000;
const LONG_JUMP_MS = 60_000;

interface Acted {
  readonly review: Review;
  readonly stage: Stage;
  readonly actions: Actions;
}

/** What the key does; undefined where it means nothing here. Keys with Ctrl, Alt or Meta belong to the browser. */
export function actionOf(event: KeyboardEvent, { review, stage, actions }: Acted): (() => unknown) | undefined {
  const { key, shiftKey } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || isTakenBy(event)) return undefined;
  const jumpMs = shiftKey ? LONG_JUMP_MS : JUMP_MS;
  const toLane = /^[1-9]$/.test(key) ? stage.pictures[Number(key) - 1] : undefined;
  if (toLane !== undefined || key === '0') return () => stage.enlarge(toLane ?? stage.large);
  const byKey: Record<string, () => unknown> = {
    ' ': actions.toggle,
    k: actions.toggle,
    arrowleft: () => actions.move(-jumpMs),
    arrowright: () => actions.move(jumpMs),
    j: () => actions.move(-STEP_MS),
    l: () => actions.move(STEP_MS),
    ',': () => actions.step(-1),
    '.': () => actions.step(1),
    '<': () => changeSpeed(review, -1),
    '>': () => changeSpeed(review, 1),
    n: () => actions.toMark('next'),
    p: () => actions.toMark('previous'),
    s: actions.skipStill,
    m: () => {
      review.isMuted = !review.isMuted;
    },
    a: () => nextSound(review),
    c: actions.copyLink,
    f: actions.toggleFullScreen,
    home: () => review.seek(review.line.fromMs),
    end: () => review.seek(review.line.toMs),
    '?': actions.showKeys,
  };
  return byKey[key.toLowerCase()];
}

/** A space presses a button, arrows move a slider or a choice, and letters are typed into a field. */
function isTakenBy({ key, target }: KeyboardEvent): boolean {
  if (target instanceof HTMLButtonElement) return key === ' ' || key === 'Enter';
  if (target instanceof HTMLInputElement) return target.type !== 'checkbox' || key === ' ';
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}

function changeSpeed(review: Review, by: 1 | -1): void {
  const index = SPEEDS.findIndex((speed) => speed >= review.speed);
  review.speed = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, index + by))] ?? 1;
}

/** The next lane that may have sound; after the last one none. */
function nextSound(review: Review): void {
  const ids = review.line.lanes.filter(hasSound).map(({ id }) => id);
  const index = review.sound === undefined ? -1 : ids.indexOf(review.sound);
  review.sound = ids[index + 1];
}
