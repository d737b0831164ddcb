// The layout of the player, over a review.
import { type Actions, Controls } from './controls.ts';
import { make, setAttribute, setText } from './dom.ts';
import { press } from './keys.ts';
import { linkTo } from './moment-link.ts';
import type { Review } from './review.ts';
import type { RecordingKind } from './service.ts';
import { Stage } from './stage.ts';
import { Timeline } from './timeline.ts';
import type { Words } from './words.ts';

const STAGED_EVERY_MS = 250;
/** A client may report any number of gaps; a page with all of them would stand still. */
const MAX_LISTED_MARKS = 500;

/** Shows a review: pictures, line, buttons, gaps, and what there is to say. */
export class Player {
  readonly review: Review;
  readonly element: HTMLElement;
  readonly #host: HTMLElement;
  readonly #stage: Stage;
  readonly #controls: Controls;
  readonly #timeline: Timeline;
  readonly #notes = make('div', { part: 'notes', class: 'notes' });
  readonly #status = make('p', { part: 'status', class: 'status', role: 'status' });
  readonly #marksTitle = make('h2');
  readonly #marks = make('ul');
  readonly #keys = make('dialog', { part: 'keys', class: 'keys' });
  readonly #player: HTMLElement;
  readonly #actions: Actions;
  #words: Words;
  #isReady = false;
  #stagedAtMs = 0;

  constructor(host: HTMLElement, review: Review, words: Words) {
    this.#host = host;
    this.review = review;
    this.#words = words;
    this.#actions = this.#newActions();
    this.#stage = new Stage(review);
    this.#controls = new Controls(review, this.#actions);
    this.#timeline = new Timeline(review);
    const { element: stage } = this.#stage;
    this.#player = make(
      'div',
      { class: 'player', hidden: true },
      make('div', { class: 'screen' }, stage, this.#timeline.element, this.#controls.element),
      make('div', { part: 'marks', class: 'marks' }, this.#marksTitle, this.#marks),
    );
    this.element = make(
      'section',
      { part: 'review', class: 'review' },
      this.#notes,
      this.#player,
      this.#status,
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

  #listen(): void {
    const { review } = this;
    review.ready.then(
      () => {
        this.#isReady = true;
        this.#say('');
        this.#draw();
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
    review.addEventListener('deletable', () => this.#say(this.#words.texts.deletable));
    review.addEventListener('failed', ({ detail: { error } }) => this.#say(this.#words.failure(error)));
    review.addEventListener('skipped', ({ detail: { fromMs, toMs, why } }) => {
      const { texts } = this.#words;
      const length = this.#words.length(toMs - fromMs);
      this.#say(why === 'still' ? texts.skippedStill(length) : texts.skippedHole(length));
    });
    review.addEventListener('ended', ({ detail: { why, gone } }) => {
      const { texts } = this.#words;
      const when = gone?.deletedAt ? texts.at(this.#words.day(Date.parse(gone.deletedAt))) : '';
      this.#say(why === 'restricted' ? texts.endedRestricted : texts.endedDeleted(when));
    });
    this.#stage.element.addEventListener('layout', () => this.#update());
    this.#player.addEventListener('fullscreenchange', () => this.#update());
    this.#player.addEventListener('keydown', (event) => {
      if (!press(event, { review, stage: this.#stage, actions: this.#actions })) return;
      event.preventDefault();
      this.#update();
    });
  }

  #newActions(): Actions {
    const { review } = this;
    return {
      toggle: () => (review.isPlaying ? review.pause() : review.play()),
      move: (ms) => review.seek(review.positionMs + ms),
      step: (frames) => review.step(frames),
      toMark: (direction) => {
        const mark = review.seekToMark(direction);
        this.#say(mark ? this.#words.mark(mark, review.line.fromMs) : this.#words.texts.noMark);
      },
      copyLink: () => void this.#copyLink(),
      toggleFullScreen: () => {
        const change = document.fullscreenElement ? document.exitFullscreen() : this.#player.requestFullscreen();
        change.catch(() => {});
      },
      showKeys: () => this.#keys.showModal(),
    };
  }

  async #copyLink(): Promise<void> {
    const at = new Date(this.review.positionMs);
    const link = linkTo(location.href, at);
    const isMeant = this.#host.dispatchEvent(new CustomEvent('moment', { detail: { at, link }, cancelable: true }));
    if (!isMeant) return;
    try {
      await navigator.clipboard.writeText(link);
      this.#say(this.#words.texts.copied);
    } catch {
      this.#say(this.#words.texts.notCopied(link));
    }
  }

  #draw(): void {
    const { texts } = this.#words;
    const { line } = this.review;
    this.#player.hidden = line.lanes.length === 0;
    if (!this.#isReady) this.#say(texts.loading);
    else if (line.lanes.length === 0) this.#say(texts.nothing);
    else if (this.#status.textContent === texts.loading) this.#say('');
    setText(this.#marksTitle, line.marks.length > 0 ? texts.marks : texts.noMarks);
    const marks = line.marks.slice(0, MAX_LISTED_MARKS).map((mark) => {
      const button = make('button', { type: 'button', part: 'mark' }, this.#words.mark(mark, line.fromMs));
      button.addEventListener('click', () => this.review.seek(mark.fromMs));
      return make('li', {}, button);
    });
    const more = line.marks.length - marks.length;
    this.#marks.replaceChildren(
      ...marks,
      ...(more > 0 ? [make('li', {}, texts.moreMarks(this.#words.number(more)))] : []),
    );
    this.#drawNotes();
    this.#timeline.draw(this.#words);
    this.#update();
  }

  #drawNotes(): void {
    const { texts } = this.#words;
    const { line, deletableFromMs } = this.review;
    const names = (recordings: readonly { readonly kind: RecordingKind }[]) => {
      const counts = Map.groupBy(recordings, ({ kind }) => kind);
      return [...counts].map(([kind, { length }]) => this.#words.count(texts[kind], length)).join(', ');
    };
    const notes = [
      deletableFromMs === undefined ? '' : texts.until(this.#words.day(deletableFromMs)),
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
    setAttribute(this.element, 'data-waiting', this.review.isWaiting && this.review.isPlaying);
  }

  #showPosition(): void {
    this.#controls.showPosition(this.#words);
    this.#timeline.showPosition(this.#words);
  }

  #say(text: string): void {
    setText(this.#status, text);
  }
}
