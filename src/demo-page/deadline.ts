// After the assessment: when each recording is deleted, and deletion at once.
import type { StoredView } from './api.ts';
import { deleteLeadMs, openAttempt } from './candidate.ts';
import { noteDeleted } from './engineers.ts';
import { keepJourney } from './journey.ts';
import { advanceTo, ask, byId, kindText, onClick, whenShown } from './page.ts';
import { showText, type Text, withText } from './texts.ts';
import { fromNow, inBytes, inFull, inShort, lasting } from './words.ts';

export function prepareDeadline(): void {
  whenShown('deletion', showDeadline);
  onClick('erase', async () => {
    const isMeant = await ask({
      title: (texts) => texts.eraseAsk,
      text: (texts) => texts.eraseAskText,
      yes: (texts) => texts.eraseYes,
      no: (texts) => texts.eraseNo,
    });
    if (isMeant) await eraseAll();
  });
}

/** @throws CallFailed */
async function showDeadline(): Promise<void> {
  const recordings = await (await openAttempt()).recordings();
  const leadMs = await deleteLeadMs();
  const [first] = [...recordings].sort((a, b) => Date.parse(a.deleteBy) - Date.parse(b.deleteBy));
  showText(byId('assessed', HTMLElement), (texts) =>
    first ? texts.deadlineAssessed(inFull(first.deleteBy), fromNow(first.deleteBy)) : texts.reviewNothing,
  );
  showText(byId('due-why', HTMLElement), (texts) => texts.dueWhy(lasting(leadMs)));
  showDates(first);
  byId('due', HTMLElement).replaceChildren(...recordings.map(rowOf));
}

/** From the assessment to the deadline. */
function showDates(first: StoredView | undefined): void {
  const dates: [Text, string | undefined][] = [
    [(texts) => texts.dateAssessed, first?.assessment?.completedAt],
    [(texts) => texts.dateFrom, first?.deletableFrom],
    [(texts) => texts.dateBy, first?.deleteBy],
  ];
  const items = dates.flatMap(([name, date]) => {
    if (date === undefined) return [];
    const item = document.createElement('li');
    item.append(
      withText('span', name),
      withText('strong', () => inShort(date)),
    );
    return [item];
  });
  byId('dates', HTMLElement).replaceChildren(...items);
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
      (texts) => texts.dueSize,
      () => inBytes(recording.sizeBytes ?? 0),
    ),
    cell(
      (texts) => texts.dueFrom,
      () => inShort(recording.deletableFrom),
    ),
    cell(
      (texts) => texts.dueBy,
      () => inShort(recording.deleteBy),
    ),
  );
  return row;
}

/** Erases each recording, then requests it again from the service and by a link from before. */
async function eraseAll(): Promise<void> {
  const attempt = await openAttempt();
  const recordings = await attempt.recordings();
  for (const { recordingId } of recordings) {
    const url = await attempt.playbackUrl(recordingId);
    await attempt.erase(recordingId);
    const { status } = await attempt.receipt(recordingId);
    noteDeleted(status, (await fetch(url)).status);
  }
  keepJourney({ recordings: Object.fromEntries(recordings.map(({ recordingId, kind }) => [recordingId, kind])) });
  await advanceTo('receipt');
}
