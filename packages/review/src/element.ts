// The web component: reads the attributes, asks for the reason, and lays out the player.
import { momentIn } from './moment-link.ts';
import { Player } from './player.ts';
import { ReasonForm } from './reason-form.ts';
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
  #form: ReasonForm | undefined;
  #words = new Words('en');
  #languages: MutationObserver | undefined;
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
    this.#languages = new MutationObserver(this.#speak);
    this.#languages.observe(document, { subtree: true, attributes: true, attributeFilter: ['lang'] });
    this.#speak();
    this.#beginSoon();
  }

  disconnectedCallback(): void {
    globalThis.removeEventListener('hashchange', this.#toMoment);
    this.#languages?.disconnect();
    // A page may only move it.
    queueMicrotask(() => this.isConnected || this.#close());
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now) return;
    if (name === 'lang') this.#speak();
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
    return new Words(languageAround(this) || navigator.language);
  }

  readonly #speak = (): void => {
    const words = this.#newWords();
    if (words.locale === this.#words.locale) return;
    this.#words = words;
    this.#player?.speak(words);
    this.#form?.speak(words);
  };

  #askReason(onGiven: (reason: string) => void): void {
    this.#form = new ReasonForm(this.#words, (reason) => {
      onGiven(reason);
      // The focus was in the form.
      this.#player?.takeFocus();
    });
    this.#root?.replaceChildren(this.#form.element);
  }

  #open(of: { readonly service: string; readonly exam: string; readonly attempt: string }, reason: string): void {
    const getToken = this.#getToken;
    if (!getToken || !this.#root) return;
    const startAt = momentIn(location.hash) ?? this.getAttribute('start-at');
    const review = openReview({ ...of, getToken, reason, startAt: startAt ? new Date(startAt) : undefined });
    for (const name of EVENTS) {
      review.addEventListener(name, ({ detail }) => this.dispatchEvent(new CustomEvent(name, { detail })));
    }
    const openAgain = () => {
      this.#close();
      this.#open(of, reason);
      this.#player?.takeFocus();
    };
    this.#form = undefined;
    this.#player = new Player(this, review, this.#words, openAgain);
    this.#root.replaceChildren(this.#player.element);
    review.ready.then(
      () => this.dispatchEvent(new CustomEvent('ready', { detail: { review } })),
      () => {},
    );
  }

  #close(): void {
    this.#player?.review.close();
    this.#player = undefined;
    this.#form = undefined;
    this.#root?.replaceChildren();
  }
}

/** Of the nearest element with `lang`, also where the element is part of another component; undefined without one. */
function languageAround(element: Element): string | undefined {
  const closest = element.closest('[lang]');
  if (closest) return closest.getAttribute('lang') ?? undefined;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? languageAround(root.host) : undefined;
}
