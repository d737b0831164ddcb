// The texts of the page: each is set here, and set again when the language changes.
import { en, type Texts } from './texts/en.ts';
import { nl } from './texts/nl.ts';

export const LANGUAGES = { nl, en } as const;
export type Language = keyof typeof LANGUAGES;
/** How times and numbers are written: day before month, and 24 hours, in English too. */
const LOCALES = { nl: 'nl-NL', en: 'en-GB' } as const satisfies Record<Language, string>;
export type Text = (texts: Texts) => string;

const KEPT_AS = 'demo-language';
let language: Language = navigator.language.startsWith('nl') ? 'nl' : 'en';
const shown = new Map<Element, Text>();
const labelled = new Map<Element, Text>();
/** Elements that speak the language of their attribute `lang`. */
const speaking = new Set<HTMLElement>();

export function currentLocale(): string {
  return LOCALES[language];
}

/** In the current language. */
export function inWords(text: Text): string {
  return text(LANGUAGES[language]);
}

/** Also when the language changes later. */
export function showText(element: Element, text: Text): void {
  shown.set(element, text);
  const words = inWords(text);
  // Not set when equal: a live region would announce it again.
  if (element.textContent !== words) element.textContent = words;
}

export function clearText(element: Element): void {
  shown.delete(element);
  element.textContent = '';
}

/** Sets the accessible name of an element without text. */
export function showLabel(element: Element, text: Text): void {
  labelled.set(element, text);
  element.setAttribute('aria-label', inWords(text));
}

/** Also when the language changes later. */
export function followLanguage(element: HTMLElement): void {
  speaking.add(element);
  element.lang = currentLocale();
}

/** A new element with a text. */
export function withText<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text: Text,
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  showText(element, text);
  return element;
}

export function setLanguage(chosen: Language): void {
  language = chosen;
  sessionStorage.setItem(KEPT_AS, chosen);
  document.documentElement.lang = chosen;
  for (const element of speaking) {
    if (element.isConnected) element.lang = currentLocale();
    else speaking.delete(element);
  }
  document.title = LANGUAGES[chosen].title;
  for (const [elements, show] of [[shown, showText] as const, [labelled, showLabel] as const]) {
    for (const [element, text] of elements) {
      if (element.isConnected) show(element, text);
      else elements.delete(element);
    }
  }
}

/** Sets the texts that the HTML names, in the language that was chosen last. */
export function showAllTexts(): void {
  for (const element of document.querySelectorAll<HTMLElement>('[data-text]')) {
    showText(element, (texts) => String(texts[element.dataset.text as keyof Texts]));
  }
  for (const element of document.querySelectorAll<HTMLElement>('[data-label]')) {
    showLabel(element, (texts) => String(texts[element.dataset.label as keyof Texts]));
  }
  const kept = sessionStorage.getItem(KEPT_AS);
  setLanguage(kept === 'nl' || kept === 'en' ? kept : language);
}
