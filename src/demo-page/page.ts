// Shared by all steps: the elements of the page, the step that is shown, and the display of problems.
import { CallFailed } from './api.ts';
import { clearText, showText, type Text } from './texts.ts';

export type Section = 'consent' | 'sources' | 'record' | 'review' | 'deletion' | 'receipt' | 'withdrawn';

/** The index of a section among the steps. */
const STEP_OF: Partial<Record<Section, string>> = { sources: 'record' };

/** @throws Error when the HTML has no such element */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`no ${kind.name} #${id}`);
}

/** Shows one section alone, and moves the focus to its heading. */
export function goTo(name: Section): void {
  clearText(byId('problem', HTMLElement));
  for (const section of document.querySelectorAll('main > section'))
    section.toggleAttribute('hidden', section.id !== name);
  for (const step of document.querySelectorAll<HTMLElement>('#steps li')) {
    if (step.dataset.step === (STEP_OF[name] ?? name)) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
  }
  document.querySelector<HTMLElement>(`#${name} h2`)?.focus();
  scrollTo(0, 0);
}

export function showProblem(text: Text): void {
  showText(byId('problem', HTMLElement), text);
}

/** Runs `act` on every click, once at a time; what it throws is shown. */
export function onClick(id: string, act: () => Promise<void> | void): void {
  const button = byId(id, HTMLButtonElement);
  button.addEventListener('click', () => void whileBusy(button, act));
}

export async function whileBusy(button: HTMLButtonElement, act: () => Promise<void> | void): Promise<void> {
  if (button.ariaDisabled === 'true') return;
  // Not `disabled`, which would take the focus away.
  button.ariaDisabled = 'true';
  clearText(byId('problem', HTMLElement));
  try {
    await act();
  } catch (error) {
    showError(error);
  } finally {
    button.ariaDisabled = null;
  }
}

export function showError(error: unknown): void {
  if (error instanceof CallFailed && error.detail === undefined) {
    showProblem((texts) => texts.serviceDown);
    return;
  }
  const detail = error instanceof CallFailed && error.detail ? error.detail : String(error);
  showProblem((texts) => texts.problem(detail));
}

export function kindText(kind: 'webcam' | 'screen' | 'audio'): Text {
  return (texts) => ({ webcam: texts.camera, screen: texts.screen, audio: texts.audio })[kind];
}
