// The reviewer's view: the player of all recordings, their deadline, and the assessment.
import '@proctoring-recordings/review';
import type { Attempt, StoredView } from './api.ts';
import { openAttempt } from './candidate.ts';
import { noteRecording } from './engineers.ts';
import { advanceTo, ask, byId, onClick, whenHidden, whenShown } from './page.ts';
import { followLanguage, inWords, showText } from './texts.ts';
import { fromNow, inFull } from './words.ts';

/** Not after another view was shown, while the recordings were read. */
let mayPlay = false;

export function prepareReview(): void {
  whenShown('review', showReview);
  whenHidden('review', removePlayer);
  onClick('assess', async () => {
    const isMeant = await ask({
      title: (texts) => texts.assessAsk,
      text: (texts) => texts.assessAskText,
      yes: (texts) => texts.assessYes,
      no: (texts) => texts.cancel,
    });
    if (!isMeant) return;
    await (await openAttempt()).assess();
    await advanceTo('deletion');
  });
}

/** @throws CallFailed */
async function showReview(): Promise<void> {
  mayPlay = true;
  const attempt = await openAttempt();
  const recordings = await attempt.recordings();
  const stored = recordings.filter(({ state }) => state === 'stored');
  for (const { recordingId, kind, state } of stored) noteRecording(recordingId, `${kind}, ${state}`);
  showDeadline(stored);
  if (mayPlay) placePlayer(attempt);
}

function placePlayer(attempt: Attempt): void {
  const place = byId('player', HTMLElement);
  if (place.hasChildNodes()) return;
  const player = document.createElement('proctoring-review');
  player.setAttribute('service', location.origin);
  player.setAttribute('exam', attempt.exam);
  player.setAttribute('attempt', attempt.id);
  player.setAttribute(
    'reason',
    inWords((texts) => texts.reviewReason),
  );
  player.getToken = () => attempt.token('reviewer');
  followLanguage(player);
  place.append(player);
}

/** It asks the service for news for as long as it is in the page. */
function removePlayer(): void {
  mayPlay = false;
  byId('player', HTMLElement).replaceChildren();
}

function showDeadline(recordings: readonly StoredView[]): void {
  const [first] = [...recordings].sort((a, b) => Date.parse(a.deleteBy) - Date.parse(b.deleteBy));
  const isAssessed = first?.assessment != null;
  byId('assess', HTMLElement).hidden = isAssessed || first === undefined;
  byId('assess-hint', HTMLElement).hidden = isAssessed || first === undefined;
  showText(byId('deadline', HTMLElement), (texts) => {
    if (!first) return texts.reviewNothing;
    const { deleteBy, deletableFrom } = first;
    const deadline = isAssessed ? texts.deadlineAssessed : texts.deadlineUnassessed;
    return `${deadline(inFull(deleteBy), fromNow(deleteBy))} ${texts.deadlineFrom(inFull(deletableFrom))}`;
  });
}
