// The page at /demo: from consent to receipt, one step after the other.
import { Attempt, readSettings } from './api.ts';
import { showDeletion } from './deletion.ts';
import { byId, goTo, onClick, showProblem, whileBusy } from './page.ts';
import { record } from './record.ts';
import { showReview } from './review.ts';
import { clearText, LANGUAGES, type Language, setLanguage, showAllTexts, showText } from './texts.ts';

/** Kept for the life of the tab: after a reload the same attempt continues. */
const ATTEMPT = 'demo-attempt';

showAllTexts();
const languageButtons = [...document.querySelectorAll<HTMLButtonElement>('[data-language]')];
const markLanguage = () => {
  for (const button of languageButtons) button.ariaPressed = String(button.lang === document.documentElement.lang);
};
markLanguage();
for (const button of languageButtons) {
  button.addEventListener('click', () => {
    if (Object.hasOwn(LANGUAGES, button.lang)) setLanguage(button.lang as Language);
    markLanguage();
  });
}

for (const button of document.querySelectorAll('.again')) {
  button.addEventListener('click', () => {
    sessionStorage.removeItem(ATTEMPT);
    location.reload();
  });
}

if (isSecureContext) askConsent();
else {
  const address = `http://localhost:${location.port}/demo`;
  showProblem((texts) => texts.insecure(address));
}

function askConsent(): void {
  const kept = sessionStorage.getItem(ATTEMPT);
  byId('left-over', HTMLElement).hidden = kept === null;
  const id = kept ?? `try-${crypto.randomUUID()}`;
  const agree = byId('agree', HTMLInputElement);
  const error = byId('consent-error', HTMLElement);
  goTo('consent');
  agree.addEventListener('change', () => agree.checked && clearText(error));
  const form = byId('consent-form', HTMLFormElement);
  const next = byId('consent-next', HTMLButtonElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    agree.ariaInvalid = String(!agree.checked);
    if (agree.checked) {
      void whileBusy(next, () => sitExam(id, new Date().toISOString()));
      return;
    }
    showText(error, (texts) => texts.consentMissing);
    agree.focus();
  });
}

async function sitExam(attemptId: string, consentGivenAt: string): Promise<void> {
  const { exam, deleteLeadMs } = await readSettings();
  const attempt = new Attempt(exam, attemptId);
  const outcome = await record(attempt, consentGivenAt, () => sessionStorage.setItem(ATTEMPT, attemptId));
  sessionStorage.removeItem(ATTEMPT);
  if (outcome === 'withdrawn') return goTo('withdrawn');
  const watched = await showReview(attempt);
  onClick('assess', async () => showDeletion(attempt, await attempt.assess(), watched, deleteLeadMs));
}
