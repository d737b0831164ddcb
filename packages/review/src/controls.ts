// The row of buttons: play, steps, gaps, speed, sound, link, full screen.
import { type Icon, iconButton, make, setAttribute, setName, setText, showIcon } from './dom.ts';
import { ALL_LANES, hasSound, type Review, SPEEDS } from './review.ts';
import type { Words } from './words.ts';

/** What a button or a key does. */
export interface Actions {
  readonly toggle: () => void;
  readonly move: (ms: number) => void;
  readonly step: (frames: number) => void;
  readonly toMark: (direction: 'next' | 'previous') => void;
  /** To the next choice of what is skipped. */
  readonly skipStill: () => void;
  readonly copyLink: () => void;
  readonly toggleFullScreen: () => void;
  readonly showKeys: () => void;
}

const NONE = '';
type ButtonName = 'back' | 'forward' | 'frameBack' | 'frameForward' | 'previousMark' | 'nextMark' | 'copyLink' | 'keys';

export class Controls {
  readonly element: HTMLElement;
  readonly #review: Review;
  readonly #play: HTMLButtonElement;
  readonly #buttons: Readonly<Record<ButtonName, HTMLButtonElement>>;
  readonly #full: HTMLButtonElement;
  readonly #time = make('output', { part: 'time', class: 'time', 'aria-live': 'off' });
  readonly #speed = make('select', { part: 'select' });
  readonly #sound = make('select', { part: 'select' });
  readonly #volume = make('input', { type: 'range', min: 0, max: 1, step: 0.05, part: 'volume' });
  readonly #skipStill = make('select', { part: 'select skip-still' });

  constructor(review: Review, actions: Actions) {
    this.#review = review;
    const button = (icon: Icon, onClick: () => void) => iconButton(icon, 'button', onClick);
    this.#play = iconButton('play', 'button play-button', () => actions.toggle());
    this.#play.classList.add('primary');
    const buttons = {
      previousMark: button('previousMark', () => actions.toMark('previous')),
      back: button('back', () => actions.move(-10_000)),
      frameBack: button('frameBack', () => actions.step(-1)),
      frameForward: button('frameForward', () => actions.step(1)),
      forward: button('forward', () => actions.move(10_000)),
      nextMark: button('nextMark', () => actions.toMark('next')),
      copyLink: button('link', () => actions.copyLink()),
      keys: button('keys', () => actions.showKeys()),
    };
    this.#buttons = buttons;
    this.#full = button('full', () => actions.toggleFullScreen());
    this.#full.hidden = !document.fullscreenEnabled;
    this.#speed.addEventListener('change', () => {
      review.speed = Number(this.#speed.value);
    });
    this.#sound.addEventListener('change', () => {
      review.sound = this.#sound.value === NONE ? undefined : this.#sound.value;
    });
    this.#volume.addEventListener('input', () => {
      review.volume = Number(this.#volume.value);
      review.isMuted = false;
    });
    this.#skipStill.addEventListener('change', () => {
      review.skipsStillOf = this.#skipStill.value === NONE ? undefined : this.#skipStill.value;
    });
    const { previousMark, back, frameBack, frameForward, forward, nextMark, copyLink, keys } = buttons;
    const row = (...children: readonly HTMLElement[]) => make('div', { class: 'row' }, ...children);
    this.element = make(
      'div',
      { part: 'controls', class: 'controls' },
      row(this.#play, back, forward, frameBack, frameForward, previousMark, nextMark, this.#time),
      row(this.#speed, this.#skipStill, this.#sound, this.#volume, copyLink, keys, this.#full),
    );
  }

  focus(): void {
    this.#play.focus();
  }

  /** What moves with the position. */
  showPosition(words: Words): void {
    const { line, positionMs } = this.#review;
    const at = words.clock(positionMs - line.fromMs);
    setText(this.#time, `${at} / ${words.clock(line.toMs - line.fromMs)} · ${words.time(positionMs)}`);
  }

  update(words: Words): void {
    const { texts } = words;
    const { isPlaying, lanes, line, speed, sound, volume, isMuted, skipsStillOf } = this.#review;
    showIcon(this.#play, isPlaying ? 'pause' : 'play');
    setName(this.#play, isPlaying ? texts.pause : texts.play);
    for (const [name, button] of Object.entries(this.#buttons)) setName(button, texts[name as ButtonName]);
    for (const name of ['previousMark', 'nextMark'] as const) this.#buttons[name].disabled = line.marks.length === 0;
    setName(this.#full, document.fullscreenElement ? texts.leaveFullScreen : texts.fullScreen);
    setName(this.#speed, texts.speed);
    setOptions(
      this.#speed,
      SPEEDS.map((each) => [String(each), texts.times(words.number(each))]),
      String(speed),
    );
    const heard = lanes.map(({ lane }) => lane).filter(hasSound);
    const sounds = heard.map((lane) => [lane.id, words.sound(lane)] as const);
    setName(this.#sound, texts.sound);
    setOptions(this.#sound, [...sounds, [NONE, texts.noSound]], sound ?? NONE);
    setName(this.#volume, texts.volume);
    this.#volume.value = String(isMuted ? 0 : volume);
    this.#volume.hidden = sound === undefined;
    const choices = stillChoices(this.#review);
    setName(this.#skipStill, texts.skipStill);
    setOptions(
      this.#skipStill,
      [undefined, ...choices].map((choice) => [choice ?? NONE, words.still(this.#review, choice)]),
      skipsStillOf ?? NONE,
    );
    this.#skipStill.hidden = choices.length === 0;
    this.showPosition(words);
  }
}

/** Of what `skipsStillOf` can be, where it would skip something. */
export function stillChoices({ lanes, still }: Review): string[] {
  const choices = lanes.filter((view) => view.still.length > 0).map(({ lane }) => lane.id);
  return still.length > 0 && lanes.length > 1 ? [ALL_LANES, ...choices] : choices;
}

/** The choice after the present one; after the last one none. */
export function nextStill(review: Review): string | undefined {
  const choices = stillChoices(review);
  const { skipsStillOf } = review;
  return choices[skipsStillOf === undefined ? 0 : choices.indexOf(skipsStillOf) + 1];
}

function setOptions(select: HTMLSelectElement, options: readonly (readonly [string, string])[], value: string): void {
  const isSame =
    options.length === select.options.length &&
    options.every(([id, text], index) => select.options[index]?.value === id && select.options[index]?.text === text);
  if (!isSame) select.replaceChildren(...options.map(([id, text]) => make('option', { value: id }, text)));
  if (select.value !== value) select.value = value;
  setAttribute(select, 'data-value', value);
}
