// The language of the page, and the texts that its HTML names.
import { type Words, en as wordsInEnglish } from '../words/en.ts';
import { nl as wordsInDutch } from '../words/nl.ts';
import { en, type Texts } from './texts/en.ts';
import { nl } from './texts/nl.ts';

const LANGUAGES = { nl: { texts: nl, words: wordsInDutch }, en: { texts: en, words: wordsInEnglish } };
type Language = keyof typeof LANGUAGES;

let language: Language = navigator.language.startsWith('nl') ? 'nl' : 'en';

export function inLanguage(): { readonly texts: Texts; readonly words: Words } {
  return LANGUAGES[language];
}

/** Shows the texts, and what `show` adds, now and whenever the language changes. */
export function showTexts(show: () => void): void {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>('[data-language]')];
  function showAll(): void {
    const { texts } = inLanguage();
    const textOf = (name = '') => {
      const text = texts[name as keyof Texts];
      if (typeof text !== 'string') throw new Error(`there is no text ${name}`);
      return text;
    };
    document.documentElement.lang = language;
    document.title = texts.title;
    for (const element of document.querySelectorAll<HTMLElement>('[data-text]')) {
      element.textContent = textOf(element.dataset.text);
    }
    for (const element of document.querySelectorAll<HTMLElement>('[data-label]')) {
      element.ariaLabel = textOf(element.dataset.label);
    }
    for (const button of buttons) button.ariaPressed = String(button.lang === language);
    show();
  }
  for (const button of buttons) {
    button.addEventListener('click', () => {
      language = button.lang as Language;
      showAll();
    });
  }
  showAll();
}
