// The reviewer's view: plays the stored recordings, part after part, lists their gaps, and shows their deadline.
import { offsetSeconds } from '@proctoring-recordings/exam-client';
import type { StoredView } from './api.ts';
import { openAttempt } from './candidate.ts';
import { noteRecording } from './engineers.ts';
import { advanceTo, ask, byId, kindText, onClick, whenShown } from './page.ts';
import { leaderOf, lengthMs, openPlayer, type Player, positionOf, prepareSpeeds, reasonText } from './player.ts';
import { showText, type Text, withText } from './texts.ts';
import { fromNow, inDigits, inFull, inSeconds, onClock } from './words.ts';

/** A smaller offset is not visible. */
const NO_OFFSET_SECONDS = 0.1;

type Timed = StoredView & { readonly timeline: NonNullable<StoredView['timeline']> };

/** A place where nothing, or not everything, was recorded. */
interface Hole {
  /** The index of the part to which a click leads, and the position in it. */
  readonly part: number;
  readonly seconds: number;
  readonly text: Text;
}

/** The last playback link of each recording. */
export const watched = new Map<string, string>();

let parts: readonly (readonly Timed[])[] | undefined;
let holes: readonly Hole[] = [];
let player: Player | undefined;
let openIndex = 0;

export function prepareReview(): void {
  prepareSpeeds();
  whenShown('review', showReview);
  const select = byId('part', HTMLSelectElement);
  select.addEventListener('change', () => openPart(select.selectedIndex));
  onClick('next-gap', goToNextGap);
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

/** The player stays as it is when one comes back to it. @throws CallFailed */
async function showReview(): Promise<void> {
  const recordings = await (await openAttempt()).recordings();
  const stored = recordings.filter(({ state }) => state === 'stored');
  for (const { recordingId, kind, state } of stored) noteRecording(recordingId, `${kind}, ${state}`);
  showDeadline(stored);
  if (parts !== undefined) return;
  parts = partsOf(stored);
  holes = holesOf(parts);
  const count = parts.length;
  const options = parts.map((_, index) =>
    withText('option', (texts) => texts.part(inDigits(index + 1), inDigits(count))),
  );
  byId('part', HTMLSelectElement).replaceChildren(...options);
  byId('part-choice', HTMLElement).hidden = count < 2;
  listHoles();
  byId('player', HTMLElement).hidden = count === 0;
  openPart(0);
}

export function closeReview(): void {
  player?.close();
  player = undefined;
  parts = undefined;
}

function openPart(index: number, startSeconds = 0, isPlaying = false): void {
  const part = parts?.[index] ?? [];
  player?.close();
  openIndex = index;
  byId('part', HTMLSelectElement).selectedIndex = index;
  showStep(part);
  player = openPlayer({
    streams: part,
    startSeconds,
    isPlaying,
    link: async (recordingId) => {
      const url = await (await openAttempt()).playbackUrl(recordingId);
      watched.set(recordingId, url);
      return url;
    },
    // The exam goes on in the next part.
    onEnded: () => index + 1 < (parts?.length ?? 0) && openPart(index + 1, 0, true),
  });
}

function goTo({ part, seconds }: Hole): void {
  if (part === openIndex) player?.seek(seconds);
  else openPart(part, seconds);
}

function goToNextGap(): void {
  const at = player?.seconds ?? 0;
  const next = holes.find(({ part, seconds }) => part > openIndex || (part === openIndex && seconds > at + 0.1));
  const status = byId('review-status', HTMLElement);
  showText(status, next ? next.text : (texts) => texts.noNextGap);
  if (next) goTo(next);
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
  const found: Timed[][] = [];
  for (const recording of timed.sort((a, b) => startMs(a) - startMs(b))) {
    const last = found.at(-1);
    if (last && startMs(recording) < Math.max(...last.map(endMs))) last.push(recording);
    else found.push([recording]);
  }
  // The camera is first, even if it began later.
  for (const part of found) part.sort((a, b) => (a.kind < b.kind ? 1 : -1));
  return found;
}

/** The gaps of all parts, and the time between the parts, in order. */
function holesOf(all: readonly (readonly Timed[])[]): Hole[] {
  return all.flatMap((part, index) => [...betweenParts(all, index), ...gapsOf(part, index, all.length)]);
}

function gapsOf(part: readonly Timed[], index: number, count: number): Hole[] {
  const leader = leaderOf(part);
  if (!leader) return [];
  return part
    .flatMap(({ kind, timeline }) =>
      timeline.gaps.map((gap): Hole => {
        const { from } = positionOf(gap, leader);
        const length = () => inSeconds(lengthMs({ startedAt: gap.from, endedAt: gap.to }) / 1000);
        const own: Text = (texts) =>
          texts.gap(kindText(kind)(texts), onClock(from), length(), reasonText(gap.reason)(texts));
        const text: Text = (texts) =>
          count === 1 ? own(texts) : texts.gapInPart(texts.part(inDigits(index + 1), inDigits(count)), own(texts));
        return { part: index, seconds: from, text };
      }),
    )
    .sort((a, b) => a.seconds - b.seconds);
}

/** From the end of the part before it to the beginning of this one. */
function betweenParts(all: readonly (readonly Timed[])[], index: number): Hole[] {
  const [before, after] = [all[index - 1], all[index]];
  if (!before || !after) return [];
  const seconds = (Math.min(...after.map(startMs)) - Math.max(...before.map(endMs))) / 1000;
  const text: Text = (texts) => texts.gapBetween(inDigits(index), inDigits(index + 1), inSeconds(seconds));
  return [{ part: index, seconds: 0, text }];
}

function listHoles(): void {
  const items = holes.map((hole) => {
    const item = document.createElement('li');
    const button = withText('button', hole.text);
    button.type = 'button';
    button.addEventListener('click', () => goTo(hole));
    item.append(button);
    return item;
  });
  const nothing = withText('li', (texts) => texts.gapsNone);
  byId('gaps', HTMLElement).replaceChildren(...(items.length > 0 ? items : [nothing]));
  byId('next-gap', HTMLElement).hidden = items.length === 0;
}

function showDeadline(recordings: readonly StoredView[]): void {
  const [first] = [...recordings].sort((a, b) => Date.parse(a.deleteBy) - Date.parse(b.deleteBy));
  const isAssessed = first?.assessment != null;
  byId('assess', HTMLElement).hidden = isAssessed || first === undefined;
  byId('assess-hint', HTMLElement).hidden = isAssessed || first === undefined;
  showText(byId('deadline', HTMLElement), (texts) => {
    if (!first) return texts.reviewNothing;
    const { deleteBy } = first;
    return (isAssessed ? texts.deadlineAssessed : texts.deadlineUnassessed)(inFull(deleteBy), fromNow(deleteBy));
  });
}

const startMs = ({ timeline }: Timed) => Date.parse(timeline.startedAt);
const endMs = ({ timeline }: Timed) => Date.parse(timeline.endedAt);
