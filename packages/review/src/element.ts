// The web component: reads the attributes, asks for the reason, and lays out the player.
import { type Actions, Controls } from './controls.ts';
import { make, setAttribute, setText } from './dom.ts';
import { press } from './keys.ts';
import { openReview, type Review, type ReviewEvents } from './review.ts';
import { Stage } from './stage.ts';
import { STYLE } from './style.ts';
import { Timeline } from './timeline.ts';
import { Words } from './words.ts';

/** The fragment of an address that leads to a moment: `#review-at=2026-11-02T09:30:00.000Z`. */
const MOMENT = /(?:^#|&)review-at=([^&]+)/;
const EVENTS = ['position', 'change', 'line', 'overview', 'skipped', 'ended', 'deletable', 'failed'] as const;

export interface ReviewElementEvents extends ReviewEvents {
  /** The recordings are known, and the player is there. */
  ready: { readonly review: Review };
  /** A link to the present moment was asked for. `preventDefault` keeps the player from copying it. */
  moment: { readonly at: Date; readonly link: string };
}

// Imported where there are no elements, such as on a server, it can be referred to and not used.
const Base: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * `<proctoring-review service="https://recordings.example" exam="math-101" attempt="attempt-1">`: plays the recordings of an
 * attempt. It begins when it is in the page and has `service`, `exam`, `attempt` and the property `getToken`. Without the
 * attribute `reason` it asks the reviewer for one. `start-at` is the moment to begin at (ISO 8601), `lang` the language:
 * `en` or `nl`. Its events are those of `ReviewElementEvents`.
 */
export class ProctoringReview extends Base {
  static readonly observedAttributes: readonly string[] = ['service', 'exam', 'attempt', 'reason', 'lang'];
  #getToken: (() => string | Promise<string>) | undefined;
  #opened: Opened | undefined;
  #words = new Words('en');
  #isBeginning = false;
  readonly #root: ShadowRoot | undefined;

  constructor() {
    super();
    if (!globalThis.HTMLElement) return;
    this.#root = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.#root.adoptedStyleSheets = [sheet];
  }

  /** Returns a token with the scope `recordings:review`; asked for before each call of the service. */
  get getToken(): (() => string | Promise<string>) | undefined {
    return this.#getToken;
  }

  set getToken(getToken: (() => string | Promise<string>) | undefined) {
    this.#getToken = getToken;
    this.#beginSoon();
  }

  /** The review behind it; undefined before it has begun. */
  get review(): Review | undefined {
    return this.#opened?.review;
  }

  connectedCallback(): void {
    this.#beginSoon();
  }

  disconnectedCallback(): void {
    this.#close();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === 'lang') this.#opened?.speak(this.#newWords());
    else {
      this.#close();
      this.#beginSoon();
    }
  }

  override addEventListener<Name extends keyof ReviewElementEvents & string>(
    name: Name,
    listener: (event: CustomEvent<ReviewElementEvents[Name]>) => void,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: AddEventListenerOptions | boolean,
  ): void;
  override addEventListener(name: string, listener: unknown, options?: AddEventListenerOptions | boolean): void {
    super.addEventListener(name, listener as EventListener, options);
  }

  /** Attributes and the property may be set one after another. */
  #beginSoon(): void {
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    queueMicrotask(() => {
      this.#isBeginning = false;
      this.#begin();
    });
  }

  #begin(): void {
    const [service, exam, attempt] = ['service', 'exam', 'attempt'].map((name) => this.getAttribute(name));
    if (!this.isConnected || this.#opened || !this.#getToken || service == null || !exam || !attempt) return;
    this.#words = this.#newWords();
    const reason = this.getAttribute('reason');
    if (reason) this.#open({ service, exam, attempt }, reason);
    else this.#askReason((given) => this.#open({ service, exam, attempt }, given));
  }

  #newWords(): Words {
    const closest = this.closest('[lang]')?.getAttribute('lang');
    return new Words(closest || navigator.language);
  }

  #askReason(onGiven: (reason: string) => void): void {
    const { texts } = this.#words;
    const list = make('datalist', { id: 'reasons' }, ...texts.reasons.map((value) => make('option', { value })));
    const input = make('input', {
      name: 'reason',
      required: true,
      maxlength: 200,
      list: 'reasons',
      autocomplete: 'off',
    });
    const label = make('label', {}, make('span', {}, texts.reasonLabel), input, list);
    const submit = make('button', { type: 'submit', part: 'button', class: 'primary' }, texts.watch);
    const title = make('h2', {}, texts.reasonTitle);
    const form = make(
      'form',
      { part: 'reason', class: 'reason' },
      title,
      make('p', {}, texts.reasonHint),
      label,
      submit,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      onGiven(input.value.trim());
    });
    this.#root?.replaceChildren(form);
  }

  #open(of: { readonly service: string; readonly exam: string; readonly attempt: string }, reason: string): void {
    const getToken = this.#getToken;
    if (!getToken || !this.#root) return;
    const fragment = MOMENT.exec(location.hash)?.[1];
    const startAt = fragment === undefined ? this.getAttribute('start-at') : decodeURIComponent(fragment);
    const review = openReview({ ...of, getToken, reason, startAt: startAt ? new Date(startAt) : undefined });
    for (const name of EVENTS) {
      review.addEventListener(name, ({ detail }) => this.dispatchEvent(new CustomEvent(name, { detail })));
    }
    this.#opened = new Opened(this, review, this.#words);
    this.#root.replaceChildren(this.#opened.element);
    review.ready.then(
      () => this.dispatchEvent(new CustomEvent('ready', { detail: { review } })),
      () => {},
    );
  }

  #close(): void {
    this.#opened?.review.close();
    this.#opened = undefined;
    this.#root?.replaceChildren();
  }
}

/** The player of one review. */
class Opened {
  readonly review: Review;
  readonly element: HTMLElement;
  readonly #host: HTMLElement;
  readonly #stage: Stage;
  readonly #controls: Controls;
  readonly #timeline: Timeline;
  readonly #notes = make('div', { part: 'notes', class: 'notes' });
  readonly #status = make('p', { part: 'status', class: 'status', role: 'status' });
  readonly #marksTitle = make('h3');
  readonly #marks = make('ul');
  readonly #keys = make('dialog', { part: 'keys', class: 'keys' });
  readonly #player: HTMLElement;
  readonly #actions: Actions;
  #words: Words;
  #isReady = false;

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
        this.#draw();
      },
      () => {},
    );
    review.addEventListener('line', () => this.#draw());
    review.addEventListener('overview', () => this.#draw());
    review.addEventListener('change', () => this.#update());
    review.addEventListener('position', () => this.#showPosition());
    review.addEventListener('deletable', () => this.#say(this.#words.texts.deletable));
    review.addEventListener('failed', ({ detail: { error } }) => {
      const { texts } = this.#words;
      this.#say(`${texts.failed} ${texts.failedCodes[error.code] ?? error.message}`);
    });
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
    const address = new URL(location.href);
    const others = address.hash
      .replace(/^#/, '')
      .split('&')
      .filter((part) => part && !part.startsWith('review-at='));
    address.hash = [...others, `review-at=${at.toISOString()}`].join('&');
    const link = address.href;
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
    const marks = line.marks.map((mark) => {
      const button = make('button', { type: 'button', part: 'mark' }, this.#words.mark(mark, line.fromMs));
      button.addEventListener('click', () => this.review.seek(mark.fromMs));
      return make('li', {}, button);
    });
    this.#marks.replaceChildren(...marks);
    this.#drawNotes();
    this.#timeline.draw(this.#words);
    this.#update();
  }

  #drawNotes(): void {
    const { texts } = this.#words;
    const { line, deletableFromMs } = this.review;
    const names = (recordings: readonly { readonly kind: 'webcam' | 'screen' | 'audio' }[]) =>
      recordings.map(({ kind }) => texts[kind]).join(', ');
    const notes = [
      deletableFromMs === undefined ? '' : texts.until(this.#words.day(deletableFromMs)),
      line.lanes.some(({ pieces }) => pieces.some(({ isEstimated }) => isEstimated)) ? texts.estimated : '',
      line.uploading.length > 0 ? texts.uploading(names(line.uploading)) : '',
      line.unplayable.length > 0 ? texts.unplayable(names(line.unplayable)) : '',
    ];
    this.#notes.replaceChildren(...notes.filter(Boolean).map((note) => make('p', {}, note)));
  }

  #drawKeys(): void {
    const { texts } = this.#words;
    const rows = texts.keyTexts.flatMap(([keys, text]) => [
      make('dt', {}, make('kbd', {}, keys)),
      make('dd', {}, text),
    ]);
    const close = make('button', { type: 'submit', part: 'button' }, '×');
    setAttribute(close, 'aria-label', 'OK');
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
