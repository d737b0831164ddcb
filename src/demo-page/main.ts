// The page at /demo: from consent to receipt, and back to where it was after a reload.
import { prepareCheck } from './check.ts';
import { prepareConsent } from './consent.ts';
import { prepareDeadline } from './deadline.ts';
import { watchRequests } from './engineers.ts';
import { claimAttempt, journey, keepJourney } from './journey.ts';
import { byId, showAddressed, showError } from './page.ts';
import { prepareReceipts } from './receipts.ts';
import { finishRecording, prepareRecord, withdrawConsent } from './record.ts';
import { prepareReview } from './review.ts';
import { LANGUAGES, type Language, setLanguage, showAllTexts } from './texts.ts';

showAllTexts();
watchRequests();
prepareLanguages();
byId('skip', HTMLElement).addEventListener('click', (event) => {
  // The fragment of the address is the view.
  event.preventDefault();
  byId('main', HTMLElement).focus();
});

if (isSecureContext) void openAlone().catch(showError);
else {
  const { pathname, port } = location;
  const link = byId('secure', HTMLAnchorElement);
  link.href = `http://localhost:${port}${pathname}`;
  link.textContent = link.href;
  byId('insecure', HTMLElement).hidden = false;
}

/** Two tabs of one attempt would record it twice: the second one waits. */
async function openAlone(): Promise<void> {
  const elsewhere = byId('elsewhere', HTMLElement);
  await claimAttempt(() => {
    elsewhere.hidden = false;
    byId('elsewhere-title', HTMLElement).focus();
  });
  // Reads what the other tab has done.
  if (!elsewhere.hidden) return location.reload();
  await openPage();
}

async function openPage(): Promise<void> {
  for (const prepare of [
    prepareConsent,
    prepareCheck,
    prepareRecord,
    prepareReview,
    prepareDeadline,
    prepareReceipts,
  ]) {
    prepare();
  }
  addEventListener('popstate', () => void showAddressed());
  if (journey.isWithdrawing && journey.stage !== 'withdrawn') return withdrawConsent();
  if (journey.stage !== 'record') return showAddressed();
  if (journey.isFinished) return finishRecording();
  // The devices were released with the page.
  keepJourney({ stage: 'check' });
  await showAddressed();
}

function prepareLanguages(): void {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>('[data-language]')];
  const mark = () => {
    for (const button of buttons) button.ariaPressed = String(button.lang === document.documentElement.lang);
  };
  mark();
  for (const button of buttons) {
    button.addEventListener('click', () => {
      if (Object.hasOwn(LANGUAGES, button.lang)) setLanguage(button.lang as Language);
      mark();
    });
  }
}
