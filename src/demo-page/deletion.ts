// After the assessment: when each recording is deleted, erasure at once, and its receipts.
import type { Attempt, Receipt, StoredView } from './api.ts';
import { byId, goTo, kindText, onClick } from './page.ts';
import type { Watched } from './review.ts';
import { showText, type Text, withText } from './texts.ts';
import { fromNow, inBytes, inDigits, inFull, inShort, lasting } from './words.ts';

/** @throws CallFailed */
export async function showDeletion(
  attempt: Attempt,
  { deleteBy }: { deleteBy: string },
  watched: Watched,
  leadMs: number,
): Promise<void> {
  const recordings = await attempt.recordings();
  goTo('deletion');
  showText(byId('assessed', HTMLElement), (texts) => texts.deadlineAssessed(inFull(deleteBy), fromNow(deleteBy)));
  showText(byId('sweep-lead', HTMLElement), (texts) => texts.sweepLead(lasting(leadMs)));
  byId('due', HTMLElement).replaceChildren(...recordings.map(rowOf));
  const dueNow = recordings.filter(({ deletableFrom }) => Date.parse(deletableFrom) <= Date.now()).length;
  showText(byId('sweep-now', HTMLElement), (texts) => texts.sweepNow(inDigits(dueNow), inDigits(recordings.length)));
  const left = [...recordings];
  const erased: HTMLElement[] = [];
  onClick('erase', async () => {
    for (let recording = left[0]; recording; recording = left[0]) {
      erased.push(await erase(attempt, recording, watched.get(recording.recordingId)));
      left.shift();
    }
    byId('receipts', HTMLElement).replaceChildren(...erased);
    goTo('receipt');
  });
}

function rowOf(recording: StoredView): HTMLElement {
  const row = document.createElement('tr');
  const heading = withText('th', kindText(recording.kind));
  heading.scope = 'row';
  const cell = (name: Text, text: Text) => {
    const element = document.createElement('td');
    // Shown on a narrow page, where the table has no header row.
    const label = withText('span', name);
    label.className = 'heading';
    element.append(label, withText('span', text));
    return element;
  };
  row.append(
    heading,
    cell(
      (texts) => texts.sweepSize,
      () => inBytes(recording.sizeBytes ?? 0),
    ),
    cell(
      (texts) => texts.sweepFrom,
      () => inShort(recording.deletableFrom),
    ),
    cell(
      (texts) => texts.sweepBy,
      () => inShort(recording.deleteBy),
    ),
  );
  return row;
}

/** Erases a recording, then requests it again from the service and by its old link. */
async function erase(
  attempt: Attempt,
  { recordingId, kind }: StoredView,
  url: string | undefined,
): Promise<HTMLElement> {
  const receipt = await attempt.erase(recordingId);
  const status = await attempt.statusOf(recordingId);
  const linkStatus = url === undefined ? undefined : (await fetch(url)).status;
  const article = document.createElement('article');
  const whole = document.createElement('details');
  const json = document.createElement('pre');
  json.textContent = JSON.stringify(receipt, null, 2);
  json.tabIndex = 0;
  whole.append(
    withText('summary', (texts) => texts.receiptJson),
    json,
  );
  article.append(
    withText('h3', kindText(kind)),
    listOf(receipt),
    withText('p', (texts) => texts.receiptGone(String(status))),
    ...(linkStatus === undefined ? [] : [withText('p', (texts) => texts.receiptLink(String(linkStatus)))]),
    whole,
  );
  return article;
}

function listOf(receipt: Receipt): HTMLElement {
  const entries: [Text, Text][] = [
    [(texts) => texts.receiptReason, (texts) => texts.receiptErasure],
    [(texts) => texts.receiptDeletedAt, () => inShort(receipt.deletedAt)],
    [(texts) => texts.receiptVerifiedAt, () => inShort(receipt.verifiedAt)],
    [(texts) => texts.receiptDeadline, () => inShort(receipt.deadline)],
    [
      (texts) => texts.receiptErased,
      (texts) => texts.receiptObjects(inDigits(receipt.objects), inBytes(receipt.bytes)),
    ],
    [(texts) => texts.receiptActor, () => receipt.actor],
    [(texts) => texts.receiptRecording, () => receipt.recordingId],
  ];
  const list = document.createElement('dl');
  list.append(...entries.flatMap(([term, value]) => [withText('dt', term), withText('dd', value)]));
  return list;
}
