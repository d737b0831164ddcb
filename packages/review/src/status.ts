// What there is to say: what is so while it is so, and what has just happened.
import { make, setText } from './dom.ts';
import type { Words } from './words.ts';

/** A sentence, in the language of the moment. */
export type Said = (words: Words) => string;

const PASSES_AFTER_MS = 10_000;
const MAX_SAID = 3;

export class Status {
  readonly element: HTMLElement;
  readonly #standing = make('p', { role: 'status' });
  readonly #passing = make('p', { role: 'status' });
  readonly #again = make('button', { type: 'button', part: 'button' });
  #said: readonly Said[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #words: Words;

  constructor(words: Words, onAgain: () => void) {
    this.#words = words;
    this.#again.addEventListener('click', onAgain);
    this.element = make('div', { part: 'status', class: 'status' }, this.#standing, this.#again, this.#passing);
  }

  /** `standing`: what is so, if there is anything to say of it. `mayTryAgain`: whether the reviewer can do something about it. */
  show(words: Words, standing: Said | undefined, mayTryAgain: boolean): void {
    this.#words = words;
    setText(this.#standing, standing?.(words) ?? '');
    setText(this.#again, words.texts.tryAgain);
    this.#again.hidden = !mayTryAgain;
    this.#tell();
  }

  /** What has just happened. It goes after a while, with the next action, or when something else happens. */
  say(said: Said): void {
    this.keep(said);
    this.#timer = setTimeout(() => this.clear(), PASSES_AFTER_MS);
  }

  /** As `say`, but it stays until the next action. */
  keep(said: Said): void {
    this.clear();
    this.add(said);
  }

  /** As `keep`, after what was said last: neither takes the place of the other. */
  add(said: Said): void {
    clearTimeout(this.#timer);
    this.#said = [...this.#said, said].slice(-MAX_SAID);
    this.#tell();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#said = [];
    this.#tell();
  }

  #tell(): void {
    const sentences = new Set(this.#said.map((said) => said(this.#words)));
    setText(this.#passing, [...sentences].join(' '));
  }
}
