// The question why the recordings are watched.
import { make, setText } from './dom.ts';
import type { Words } from './words.ts';

const MAX_LENGTH = 200;

export class ReasonForm {
  readonly element: HTMLFormElement;
  readonly #title = make('h2');
  readonly #hint = make('p');
  readonly #label = make('span');
  readonly #reasons = make('datalist', { id: 'reasons' });
  readonly #submit = make('button', { type: 'submit', part: 'button', class: 'primary' });

  constructor(words: Words, onGiven: (reason: string) => void) {
    const input = make('input', {
      name: 'reason',
      required: true,
      pattern: '.*\\S.*',
      maxlength: MAX_LENGTH,
      list: 'reasons',
      autocomplete: 'off',
    });
    const label = make('label', {}, this.#label, input, this.#reasons);
    const props = { part: 'reason', class: 'reason' };
    this.element = make('form', props, this.#title, this.#hint, label, this.#submit);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      onGiven(input.value.trim());
    });
    this.speak(words);
  }

  /** What was typed stays. */
  speak({ language, texts }: Words): void {
    this.element.lang = language;
    setText(this.#title, texts.reasonTitle);
    setText(this.#hint, texts.reasonHint);
    setText(this.#label, texts.reasonLabel);
    setText(this.#submit, texts.watch);
    this.#reasons.replaceChildren(...texts.reasons.map((value) => make('option', { value })));
  }
}
