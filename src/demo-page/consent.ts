// Consent: what is recorded, by whom and why, and two choices of equal weight; afterwards, what was agreed to.
import { askToWithdraw, openAttempt } from './candidate.ts';
import { releaseDevices } from './check.ts';
import { CONTROLLER } from './controller.ts';
import { journey, keepJourney } from './journey.ts';
import { advanceTo, byId, onClick, whenShown } from './page.ts';
import { withdrawConsent } from './record.ts';
import { showText } from './texts.ts';
import { inFull } from './words.ts';

export function prepareConsent(): void {
  showText(byId('consent-who', HTMLElement), (texts) => texts.consentWho(CONTROLLER.name));
  const contact = byId('consent-contact', HTMLAnchorElement);
  contact.href = `mailto:${CONTROLLER.contact}`;
  contact.textContent = CONTROLLER.contact;
  showText(byId('open-policy', HTMLElement), (texts) => texts.consentPolicy(CONTROLLER.policyVersion));
  preparePolicy();
  whenShown('consent', showConsent);
  onClick('agree', async () => {
    await openAttempt();
    keepJourney({ consentGivenAt: new Date().toISOString() });
    await advanceTo('check');
  });
  onClick('decline', async () => {
    releaseDevices();
    await advanceTo('declined');
  });
  onClick('change-choice', () => advanceTo('consent'));
  onClick('consent-back', () => advanceTo(journey.stage));
  onClick('consent-withdraw', async () => {
    if (!(await askToWithdraw())) return;
    releaseDevices();
    await withdrawConsent();
  });
}

/** Once something is recorded, the choice is made: it can only be withdrawn. */
function showConsent(): void {
  const { consentGivenAt, hasRecorded } = journey;
  const isGiven = hasRecorded === true && consentGivenAt !== undefined;
  byId('consent-choice', HTMLElement).hidden = isGiven;
  byId('consent-given', HTMLElement).hidden = !isGiven;
  byId('consent-withdraw', HTMLElement).hidden = journey.isWithdrawing === true;
  showText(byId('consent-title', HTMLElement), (texts) => (isGiven ? texts.consentGivenTitle : texts.consentTitle));
  showText(byId('consent-intro', HTMLElement), (texts) =>
    isGiven ? texts.consentGivenIntro : texts.consentIntro(CONTROLLER.name),
  );
  showText(byId('consent-facts-title', HTMLElement), (texts) =>
    isGiven ? texts.consentFactsGivenTitle : texts.consentFactsTitle,
  );
  if (!isGiven) return;
  showText(byId('consent-given-at', HTMLElement), (texts) =>
    texts.consentGivenAt(inFull(consentGivenAt), CONTROLLER.policyVersion),
  );
}

function preparePolicy(): void {
  const dialog = byId('policy', HTMLDialogElement);
  const { name, contact, policyVersion } = CONTROLLER;
  showText(byId('policy-title', HTMLElement), (texts) => texts.policyTitle(policyVersion));
  showText(byId('policy-who', HTMLElement), (texts) => texts.policyWho(name, contact));
  showText(byId('policy-rights', HTMLElement), (texts) => texts.policyRights(contact));
  onClick('open-policy', () => {
    dialog.showModal();
    byId('policy-title', HTMLElement).focus();
  });
  onClick('policy-close', () => dialog.close());
}
