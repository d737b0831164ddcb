// The receipts of deletions, to read, to save and to print: after an erasure, and after consent was withdrawn.
import type { Receipt } from './api.ts';
import { openAttempt } from './candidate.ts';
import { noteRecording } from './engineers.ts';
import { forgetJourney, journey } from './journey.ts';
import { ask, byId, kindText, showError, whenShown } from './page.ts';
import { clearText, showText, type Text, withText } from './texts.ts';
import { inBytes, inDigits, inShort } from './words.ts';

let receipts: readonly Receipt[] = [];

export function prepareReceipts(): void {
  for (const view of ['receipt', 'withdrawn'] as const) whenShown(view, () => showReceipts(view));
  const onEach = (selector: string, act: () => Promise<void> | void) => {
    for (const button of document.querySelectorAll(selector)) {
      button.addEventListener('click', () => void Promise.resolve(act()).catch(showError));
    }
  };
  onEach('.download', save);
  onEach('.print', () => window.print());
  onEach('.again', startAgain);
}

/** @throws CallFailed */
async function showReceipts(view: 'receipt' | 'withdrawn'): Promise<void> {
  const attempt = await openAttempt();
  const found: Receipt[] = [];
  for (const id of Object.keys(journey.recordings ?? {})) {
    const { receipt } = await attempt.receipt(id);
    noteRecording(id, 'deleted');
    if (receipt) found.push(receipt);
  }
  receipts = found;
  const section = byId(view, HTMLElement);
  section.querySelector('.receipts')?.replaceChildren(...receipts.map(cardOf));
  for (const button of section.querySelectorAll<HTMLElement>('.download, .print')) button.hidden = found.length === 0;
  if (view === 'receipt') return;
  const what = byId('withdrawn-what', HTMLElement);
  clearText(what);
  const bytes = found.reduce((sum, receipt) => sum + receipt.bytes, 0);
  showText(what, (texts) =>
    found.length === 0
      ? texts.withdrawnNothing
      : texts.withdrawnWhat(texts.withdrawnRecordings(found.length, inDigits(found.length)), inBytes(bytes)),
  );
}

function cardOf(receipt: Receipt): HTMLElement {
  const entries: [Text, Text][] = [
    [(texts) => texts.receiptDeletedAt, () => inShort(receipt.deletedAt)],
    [(texts) => texts.receiptReason, instructionText(receipt.reason)],
    [(texts) => texts.receiptVerifiedAt, () => inShort(receipt.verifiedAt)],
    [
      (texts) => texts.receiptErased,
      (texts) => texts.receiptObjects(inDigits(receipt.objects), inBytes(receipt.bytes)),
    ],
    [(texts) => texts.receiptDeadline, () => inShort(receipt.deadline)],
    [(texts) => texts.receiptRecording, () => receipt.recordingId],
  ];
  const kind = journey.recordings?.[receipt.recordingId];
  const article = document.createElement('article');
  const list = document.createElement('dl');
  list.append(...entries.flatMap(([term, value]) => [withText('dt', term), withText('dd', value)]));
  article.append(
    withText('h2', (texts) => (kind ? texts.receiptHeading(kindText(kind)(texts)) : texts.receiptPlain)),
    list,
  );
  return article;
}

function instructionText(reason: string): Text {
  return (texts) =>
    ({ erasure: texts.receiptErasure, 'consent-withdrawn': texts.receiptWithdrawn })[reason] ??
    texts.receiptOtherReason(reason);
}

/** As the service wrote them. */
function save(): void {
  const json = new Blob([JSON.stringify(receipts, null, 2)], { type: 'application/json' });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(json);
  link.download = `receipts-${journey.attempt}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function startAgain(): Promise<void> {
  const isMeant = await ask({
    title: (texts) => texts.againAsk,
    text: (texts) => texts.againAskText,
    yes: (texts) => texts.againYes,
    no: (texts) => texts.againNo,
  });
  if (!isMeant) return;
  forgetJourney();
  location.assign(location.pathname);
}
