// The layout of the player, over a review.
import { type Actions, Controls, nextStill, stillChoices } from './controls.ts';
import { make, setAttribute, setText } from './dom.ts';
import { actionOf } from './keys.ts';
import type { Mark } from './line.ts';
import { linkTo } from './moment-link.ts';
import { type Review, SAME_MARK_MS } from './review.ts';
import type { RecordingKind, ReviewError } from './service.ts';
import { Stage } from './stage.ts';
import { type Said, Status } from './status.ts';
import { Timeline } from './timeline.ts';
import type { Words } from './words.ts';

const STAGED_EVERY_MS = 250;
const MARGIN_PX = 12;
/** What the page has above the player is seen with it, up to this share of the window. */
const HIGHEST_HEADER = 0.3;
/** A client may report any number of gaps; a page with all of them would stand still. */
const MAX_LISTED_MARKS = 500;

/** Shows a review: pictures, line, buttons, gaps, and what there is to say. */
export class Player {
  readonly review: Review;
  /** The focus may be here, so that the keys work after a click on a picture. */
  readonly element: HTMLElement;
  readonly #host: HTMLElement;
  readonly #stage: Stage;
  readonly #controls: Controls;
  readonly #timeline: Timeline;
  readonly #status: Status;
  readonly #notes = make('div', { part: 'notes', class: 'notes' });
  readonly #screen: HTMLElement;
  readonly #marksTitle = make('h2');
  readonly #marks = make('ul');
  readonly #marksPart = make('div', { part: 'marks', class: 'marks' }, this.#marksTitle, this.#marks);
  readonly #keys = make('dialog', { part: 'keys', class: 'keys' });
  readonly #actions: Actions;
  #words: Words;
  #isReady = false;
  /** Why the recordings are not known. */
  #failure: ReviewError | undefined;
  #isDeletable = false;
  #wantsFocus = false;
  #stagedAtMs = 0;

  /** `onAgain`: the reviewer wants to open the attempt once more, after it was refused. */
  constructor(host: HTMLElement, review: Review, words: Words, onAgain: () => void) {
    this.#host = host;
    this.review = review;
    this.#words = words;
    this.#actions = this.#newActions();
    this.#stage = new Stage(review);
    this.#controls = new Controls(review, this.#actions);
    this.#timeline = new Timeline(review);
    this.#status = new Status(words, onAgain);
    this.#screen = make(
      'div',
      { class: 'screen' },
      this.#stage.element,
      this.#status.element,
      this.#timeline.element,
      this.#controls.element,
    );
    this.element = make(
      'section',
      // The line goes from left to right, whatever the page does.
      { part: 'review', class: 'review', tabindex: -1, dir: 'ltr' },
      this.#screen,
      this.#notes,
      this.#marksPart,
      this.#keys,
    );
    this.#listen();
    this.speak(words);
  }

  speak(words: Words): void {
    this.#words = words;
    setAttribute(this.element, 'lang', words.language);
    setAttribute(this.element, 'aria-label', words.texts.label);
    this.#drawKeys();
    this.#draw();
  }

  /** Now it has the focus, and as soon as there is a button to play, that has. */
  takeFocus(): void {
    this.#wantsFocus = true;
    this.element.focus();
    this.#giveFocus();
  }

  #giveFocus(): void {
    const hasIt = (this.element.getRootNode() as ShadowRoot).activeElement === this.element;
    if (!this.#wantsFocus || !hasIt || this.review.line.lanes.length === 0) return;
    this.#wantsFocus = false;
    this.#controls.focus();
  }

  #listen(): void {
    const { review } = this;
    review.ready.then(
      () => {
        this.#isReady = true;
        this.#failure = undefined;
        this.#draw();
        this.#giveFocus();
      },
      () => {},
    );
    review.addEventListener('line', () => this.#draw());
    review.addEventListener('overview', () => {
      this.#timeline.draw(this.#words);
      this.#update();
    });
    review.addEventListener('change', () => this.#update());
    review.addEventListener('position', () => {
      this.#showPosition();
      // What a lane says changes with the position too, though seldom.
      if (performance.now() - this.#stagedAtMs < STAGED_EVERY_MS) return;
      this.#stagedAtMs = performance.now();
      this.#stage.update(this.#words);
    });
    review.addEventListener('deletable', () => {
      this.#isDeletable = true;
      this.#draw();
    });
    review.addEventListener('failed', ({ detail: { error } }) => {
      this.#failure = error;
      this.#update();
    });
    review.addEventListener('skipped', ({ detail: { fromMs, toMs, why } }) => {
      const isEnded = why === 'ended';
      this.#status[isEnded ? 'add' : 'say']((words) => {
        const { skippedStill, skippedEnded, skippedHole } = words.texts;
        const said = { still: skippedStill, ended: skippedEnded, 'not-recorded': skippedHole }[why];
        return said(words.length(toMs - fromMs));
      });
    });
    review.addEventListener('ended', ({ detail: { why, gone } }) => {
      this.#status.add((words) => {
        const { endedRestricted, endedDeleted, at } = words.texts;
        const when = gone?.deletedAt ? at(words.day(Date.parse(gone.deletedAt))) : '';
        return why === 'restricted' ? endedRestricted : endedDeleted(when);
      });
    });
    this.#stage.element.addEventListener('layout', () => this.#update());
    this.element.addEventListener('fullscreenchange', () => {
      this.#update();
      this.#fit();
    });
    this.element.addEventListener('keydown', (event) => {
      if (this.#keys.open || !this.#isReady) return;
      const act = actionOf(event, { review, stage: this.#stage, actions: this.#actions });
      if (!act) return;
      event.preventDefault();
      this.#status.clear();
      const { speed, sound, isMuted } = review;
      act();
      if (review.speed !== speed) this.#status.say((words) => words.speed(review.speed));
      if (review.sound !== sound || review.isMuted !== isMuted) this.#status.say((words) => words.heard(review));
      this.#update();
    });
    this.element.addEventListener('pointerdown', ({ target }) => {
      if (!this.#status.element.contains(target as Node)) this.#status.clear();
    });
    const watch = new ResizeObserver(() => this.#fit());
    for (const part of [this.#screen, ...this.#belowStage]) watch.observe(part);
    const onResize = () =>
      this.element.isConnected ? this.#fit() : globalThis.removeEventListener('resize', onResize);
    globalThis.addEventListener('resize', onResize);
  }

  get #belowStage(): readonly HTMLElement[] {
    return [this.#status.element, this.#timeline.element, this.#controls.element];
  }

  /** Pictures, line and buttons together are no higher than the window. */
  #fit(): void {
    const { rowGap } = getComputedStyle(this.#screen);
    const below = this.#belowStage.map(({ offsetHeight }) => offsetHeight + Number.parseFloat(rowGap));
    const above = this.#screen.getBoundingClientRect().top + scrollY;
    const header = document.fullscreenElement || above > HIGHEST_HEADER * innerHeight ? 0 : above;
    const heightPx = innerHeight - header - below.reduce((sum, height) => sum + height, 0) - 2 * MARGIN_PX;
    this.#stage.fit({ widthPx: this.#screen.clientWidth, heightPx });
  }

  #newActions(): Actions {
    const { review } = this;
    return {
      toggle: () => (review.isPlaying ? review.pause() : review.play()),
      move: (ms) => review.seek(review.positionMs + ms),
      step: (frames) => review.step(frames),
      toMark: (direction) => {
        const mark = review.seekToMark(direction);
        const none: Said = ({ texts }) => (direction === 'next' ? texts.noMark : texts.noEarlierMark);
        this.#status.keep(mark ? this.#saidOf(mark) : none);
      },
      skipStill: () => {
        const choice = nextStill(review);
        review.skipsStillOf = choice;
        const hasChoice = stillChoices(review).length > 0;
        this.#status.say((words) => (hasChoice ? words.still(review, choice) : words.texts.noStill));
      },
      copyLink: () => void this.#copyLink(),
      toggleFullScreen: () => {
        const change = document.fullscreenElement ? document.exitFullscreen() : this.element.requestFullscreen();
        change.catch(() => {});
      },
      showKeys: () => this.#keys.showModal(),
    };
  }

  /** All that is missing from there on: a reload is a gap in each lane. */
  #saidOf({ fromMs }: Mark): Said {
    const { line } = this.review;
    const marks = line.marks.filter((mark) => mark.fromMs >= fromMs && mark.fromMs - fromMs <= SAME_MARK_MS);
    return (words) => marks.map((mark) => words.mark(mark, line.fromMs)).join('; ');
  }

  async #copyLink(): Promise<void> {
    const at = new Date(this.review.positionMs);
    const link = linkTo(location.href, at);
    const isMeant = this.#host.dispatchEvent(new CustomEvent('moment', { detail: { at, link }, cancelable: true }));
    if (!isMeant) return;
    try {
      await navigator.clipboard.writeText(link);
      this.#status.say(({ texts }) => texts.copied);
    } catch {
      this.#status.keep(({ texts }) => texts.notCopied(link));
    }
  }

  #draw(): void {
    const isEmpty = this.review.line.lanes.length === 0;
    setAttribute(this.element, 'data-empty', isEmpty);
    this.#marksPart.hidden = isEmpty;
    this.#drawMarks();
    this.#drawNotes();
    this.#timeline.draw(this.#words);
    this.#update();
    this.#fit();
  }

  #drawMarks(): void {
    const { texts } = this.#words;
    const { line } = this.review;
    setText(this.#marksTitle, line.marks.length > 0 ? texts.marks : texts.noMarks);
    const marks = line.marks.slice(0, MAX_LISTED_MARKS);
    const more = line.marks.length - marks.length;
    const said = marks.map((mark) => this.#words.mark(mark, line.fromMs));
    // A button that is replaced loses the focus.
    const isSame =
      said.length === this.#marks.children.length &&
      said.join() === [...this.#marks.children].map(({ textContent }) => textContent).join();
    if (isSame && more === 0) return;
    const items = marks.map((mark, index) => {
      const button = make('button', { type: 'button', part: 'mark' }, said[index] ?? '');
      button.addEventListener('click', () => this.review.seek(mark.fromMs));
      return make('li', {}, button);
    });
    const rest = more > 0 ? [make('li', {}, texts.moreMarks(this.#words.number(more)))] : [];
    this.#marks.replaceChildren(...items, ...rest);
  }

  #drawNotes(): void {
    const { texts } = this.#words;
    const { line, deletableFromMs } = this.review;
    const names = (recordings: readonly { readonly kind: RecordingKind }[]) => {
      const counts = Map.groupBy(recordings, ({ kind }) => kind);
      return [...counts].map(([kind, { length }]) => this.#words.count(texts[kind], length)).join(', ');
    };
    const notes = [
      deletableFromMs === undefined || this.#isDeletable ? '' : texts.until(this.#words.day(deletableFromMs)),
      line.lanes.some(({ pieces }) => pieces.some(({ isEstimated }) => isEstimated)) ? texts.estimated : '',
      line.uploading.length > 0 ? texts.uploading(names(line.uploading)) : '',
      line.unplayable.length > 0 ? texts.unplayable(names(line.unplayable)) : '',
      line.beside.length > 0 ? texts.beside(names(line.beside)) : '',
    ];
    this.#notes.replaceChildren(...notes.filter(Boolean).map((note) => make('p', {}, note)));
  }

  #drawKeys(): void {
    const { texts } = this.#words;
    const rows = texts.keyTexts.flatMap(([keys, text]) => [
      make('dt', {}, make('kbd', {}, keys)),
      make('dd', {}, text),
    ]);
    const close = make('button', { type: 'submit', part: 'button' }, texts.close);
    const form = make('form', { method: 'dialog' }, make('h2', {}, texts.keys), close);
    this.#keys.replaceChildren(form, make('dl', {}, ...rows));
    setAttribute(this.#keys, 'aria-label', texts.keys);
  }

  #update(): void {
    this.#stage.update(this.#words);
    this.#controls.update(this.#words);
    this.#showPosition();
    this.#status.show(this.#words, this.#standing, this.#failure !== undefined && this.#failure.code !== 'unreachable');
    setAttribute(this.element, 'data-waiting', this.review.isWaiting && this.review.isPlaying);
  }

  /** What is so, the gravest first. */
  get #standing(): Said | undefined {
    const { line, isOver, outage } = this.review;
    const failure = this.#failure;
    if (failure) return (words) => `${words.texts.failed} ${words.refusal(failure)}`;
    if (!this.#isReady) return ({ texts }) => texts.loading;
    if (line.lanes.length === 0) return ({ texts }) => texts.nothing;
    if (isOver) return ({ texts }) => texts.over;
    if (outage) return (words) => `${words.refusal(outage)} ${words.texts.outage}`;
    return this.#isDeletable ? ({ texts }) => texts.deletable : undefined;
  }

  #showPosition(): void {
    this.#controls.showPosition(this.#words);
    this.#timeline.showPosition(this.#words);
  }
}
