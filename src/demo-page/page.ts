// Shared by all views: the elements of the page, the view that is shown, questions, and the display of problems.
import { CallFailed } from './api.ts';
import { describeStep } from './engineers.ts';
import { isVisitable, journey, keepJourney, type View } from './journey.ts';
import { clearText, showText, type Text, withText } from './texts.ts';
import { inDigits } from './words.ts';

type Step = 'consent' | 'record' | 'review' | 'deletion' | 'receipt';

const STEPS: Record<Step, Text> = {
  consent: (texts) => texts.stepConsent,
  record: (texts) => texts.stepRecord,
  review: (texts) => texts.stepReview,
  deletion: (texts) => texts.stepDeletion,
  receipt: (texts) => texts.stepReceipt,
};
const STEP_OF: Record<View, Step> = {
  consent: 'consent',
  declined: 'consent',
  check: 'record',
  record: 'record',
  review: 'review',
  deletion: 'deletion',
  receipt: 'receipt',
  withdrawn: 'receipt',
};

const TITLES: Record<View, Text> = {
  consent: (texts) => texts.stepConsent,
  declined: (texts) => texts.declinedTitle,
  check: (texts) => texts.checkTitle,
  record: (texts) => texts.stepRecord,
  review: (texts) => texts.reviewTitle,
  deletion: (texts) => texts.deletionTitle,
  receipt: (texts) => texts.receiptTitle,
  withdrawn: (texts) => texts.withdrawnTitle,
};

/** What each view does whenever it is shown. */
const onShow = new Map<View, () => Promise<void> | void>();
/** What some views do when another one is shown. */
const onHide = new Map<View, () => void>();

/** @throws Error when the HTML has no such element */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`no ${kind.name} #${id}`);
}

export function whenShown(view: View, act: () => Promise<void> | void): void {
  onShow.set(view, act);
}

export function whenHidden(view: View, act: () => void): void {
  onHide.set(view, act);
}

/** A new stage: what was before can be visited only as far as it still means something. */
export async function advanceTo(stage: View): Promise<void> {
  keepJourney({ stage, past: [...(journey.past ?? []), journey.stage] });
  history.pushState(null, '', `#/${stage}`);
  await show(stage);
}

/** Shows what the address names, as far as it can be visited; otherwise the stage. */
export async function showAddressed(): Promise<void> {
  // The player adds the moment of a link to it.
  const [wanted = ''] = location.hash.slice(2).split('&');
  const view = isVisitable(wanted) ? wanted : journey.stage;
  if (wanted !== view) history.replaceState(null, '', `#/${view}`);
  await show(view);
}

/** Counts what is shown, so that a view that was slow to load does not replace a later one. */
let shown = 0;

async function show(view: View): Promise<void> {
  const own = ++shown;
  clearText(byId('problem', HTMLElement));
  try {
    await onShow.get(view)?.();
  } catch (error) {
    showError(error);
  }
  if (own !== shown) return;
  for (const section of document.querySelectorAll('main > section')) {
    section.toggleAttribute('hidden', section.id !== view);
  }
  for (const [each, act] of onHide) if (each !== view) act();
  document.body.dataset.view = view;
  showTitle(TITLES[view]);
  showSteps(view);
  describeStep(view);
  document.querySelector<HTMLElement>(`#${view} h1`)?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** The title of the browser's tab; a dot shows from any other tab that this one records. */
export function showTitle(text: Text, isRecording = false): void {
  const title = document.querySelector('title');
  if (title) showText(title, (texts) => `${isRecording ? '● ' : ''}${text(texts)} – ${texts.title}`);
}

/** The steps that can be visited are links. */
function showSteps(view: View): void {
  const names = Object.keys(STEPS) as Step[];
  const current = STEP_OF[view];
  showText(byId('where', HTMLElement), (texts) =>
    texts.where(inDigits(names.indexOf(current) + 1), inDigits(names.length), STEPS[current](texts)),
  );
  for (const item of document.querySelectorAll<HTMLElement>('#steps li')) {
    const step = item.dataset.step as Step;
    const target = [journey.stage, step].find((each) => STEP_OF[each] === step && each !== view && isVisitable(each));
    const label = withText(target === undefined ? 'span' : 'a', STEPS[step]);
    if (target !== undefined) label.setAttribute('href', `#/${target}`);
    item.replaceChildren(label);
    const isPast = step !== STEP_OF[journey.stage] && journey.past?.some((each) => STEP_OF[each] === step);
    item.classList.toggle('past', isPast === true);
    if (step === current) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
  }
}

export interface Question {
  readonly title: Text;
  readonly text: Text;
  readonly yes: Text;
  readonly no: Text;
}

/** Before what cannot be undone: the safe answer has the focus, and Escape gives it. */
export function ask({ title, text, yes, no }: Question): Promise<boolean> {
  const dialog = byId('question', HTMLDialogElement);
  const [accept, refuse] = [byId('question-yes', HTMLButtonElement), byId('question-no', HTMLButtonElement)];
  showText(byId('question-title', HTMLElement), title);
  showText(byId('question-text', HTMLElement), text);
  showText(accept, yes);
  showText(refuse, no);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
    accept.onclick = () => dialog.close('yes');
    refuse.onclick = () => dialog.close('no');
    dialog.returnValue = '';
    dialog.showModal();
    refuse.focus();
  });
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

/** An icon of the sprite in index.html. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}
