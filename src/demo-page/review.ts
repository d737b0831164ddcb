// The reviewer's step: plays the stored recordings on one clock, and shows their deadline.
import { offsetSeconds } from '@proctoring-recordings/exam-client';
import type { Attempt, StoredView } from './api.ts';
import { byId, goTo, onClick, showError } from './page.ts';
import { openPlayer, type Stream } from './player.ts';
import { showText, withText } from './texts.ts';
import { fromNow, inDigits, inFull, inSeconds } from './words.ts';

/** A smaller offset is not visible. */
const NO_OFFSET_SECONDS = 0.1;

/** The last link of each recording. */
export type Watched = Map<string, string>;

type Timed = StoredView & { readonly timeline: NonNullable<StoredView['timeline']> };

/** Resolves when the player is shown. @throws CallFailed */
export async function showReview(attempt: Attempt): Promise<Watched> {
  const watched: Watched = new Map();
  const recordings = await attempt.recordings();
  const parts = partsOf(recordings);
  goTo('review');
  showDeadline(recordings);
  const select = byId('part', HTMLSelectElement);
  const options = parts.map((_, index) =>
    withText('option', (texts) => texts.part(inDigits(index + 1), inDigits(parts.length))),
  );
  select.replaceChildren(...options);
  select.selectedIndex = parts.length - 1;
  byId('part-choice', HTMLElement).hidden = parts.length < 2;
  let close = () => {};
  const open = async () => {
    close();
    byId('link-dead', HTMLElement).hidden = true;
    close = await openPart(attempt, parts[select.selectedIndex] ?? [], watched);
  };
  select.addEventListener('change', () => void open().catch(showError));
  onClick('link-again', open);
  await open();
  return watched;
}

async function openPart(attempt: Attempt, part: readonly Timed[], watched: Watched): Promise<() => void> {
  const streams: Stream[] = [];
  for (const { recordingId, kind, timeline } of part) {
    const url = await attempt.playbackUrl(recordingId);
    watched.set(recordingId, url);
    streams.push({ kind, url, timeline });
  }
  showStep(part);
  return openPlayer(streams, () => {
    byId('link-dead', HTMLElement).hidden = false;
  });
}

function showStep(part: readonly Timed[]): void {
  const of = (wanted: string) => part.find(({ kind }) => kind === wanted)?.timeline;
  const [webcam, screen] = [of('webcam'), of('screen')];
  const offset = webcam && screen && offsetSeconds(webcam, screen);
  showText(byId('in-step', HTMLElement), (texts) => {
    if (offset === undefined) return part.length === 0 ? texts.reviewNothing : texts.oneStream;
    if (Math.abs(offset) < NO_OFFSET_SECONDS) return texts.inStepTogether;
    return (offset < 0 ? texts.inStepBefore : texts.inStep)(inSeconds(Math.abs(offset)));
  });
}

/** Groups recordings that ran at the same time; a reload begins another group. */
function partsOf(recordings: readonly StoredView[]): Timed[][] {
  const timed = recordings.filter((recording): recording is Timed => recording.timeline !== null);
  const parts: Timed[][] = [];
  for (const recording of timed.sort((a, b) => Date.parse(a.timeline.startedAt) - Date.parse(b.timeline.startedAt))) {
    const last = parts.at(-1);
    const endMs = Math.max(0, ...(last ?? []).map(({ timeline }) => Date.parse(timeline.endedAt)));
    if (last && Date.parse(recording.timeline.startedAt) < endMs) last.push(recording);
    else parts.push([recording]);
  }
  // The camera is first, even if it began later.
  for (const part of parts) part.sort((a, b) => (a.kind < b.kind ? 1 : -1));
  return parts;
}

function showDeadline(recordings: readonly StoredView[]): void {
  const [first] = [...recordings].sort((a, b) => Date.parse(a.deleteBy) - Date.parse(b.deleteBy));
  if (!first) return;
  const { deleteBy, deletableFrom } = first;
  showText(byId('deadline', HTMLElement), (texts) =>
    texts.deadlineUnassessed(inFull(deletableFrom), inFull(deleteBy), fromNow(deleteBy)),
  );
}
