// The web component: reads the attributes, asks for the reason, and lays out the player.
import { make } from './dom.ts';
import { momentIn } from './moment-link.ts';
import { Player } from './player.ts';
import { openReview, type Review, type ReviewEvents } from './review.ts';
import { STYLE } from './style.ts';
import { Words } from './words.ts';

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
  #player: Player | undefined;
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
    return this.#player?.review;
  }

  connectedCallback(): void {
    globalThis.addEventListener('hashchange', this.#toMoment);
    this.#beginSoon();
  }

  disconnectedCallback(): void {
    globalThis.removeEventListener('hashchange', this.#toMoment);
    // A page may only move it.
    queueMicrotask(() => this.isConnected || this.#close());
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === 'lang' && this.#player) this.#player.speak(this.#newWords());
    else {
      this.#close();
      this.#beginSoon();
    }
  }

  override addEventListener<Name extends keyof ReviewElementEvents>(
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

  /** A link to a moment, followed in the page that is open. */
  readonly #toMoment = (): void => {
    const atMs = Date.parse(momentIn(location.hash) ?? '');
    if (!Number.isNaN(atMs)) this.review?.seek(atMs);
  };

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
    if (!this.isConnected || this.#player || !this.#getToken || service == null || !exam || !attempt) return;
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
      pattern: '.*\\S.*',
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
    const startAt = momentIn(location.hash) ?? this.getAttribute('start-at');
    const review = openReview({ ...of, getToken, reason, startAt: startAt ? new Date(startAt) : undefined });
    for (const name of EVENTS) {
      review.addEventListener(name, ({ detail }) => this.dispatchEvent(new CustomEvent(name, { detail })));
    }
    this.#player = new Player(this, review, this.#words);
    this.#root.replaceChildren(this.#player.element);
    review.ready.then(
      () => this.dispatchEvent(new CustomEvent('ready', { detail: { review } })),
      () => {},
    );
  }

  #close(): void {
    this.#player?.review.close();
    this.#player = undefined;
    this.#root?.replaceChildren();
  }
}
