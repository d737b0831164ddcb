// One or two recordings on one clock: one bar to seek, gaps marked on it, keys.
import { type Gap, keepInStep, mediaSeconds, offsetSeconds, type Timeline } from '@proctoring-recordings/exam-client';
import type { StoredView } from './api.ts';
import { byId, kindText } from './page.ts';
import { showText, type Text, withText } from './texts.ts';
import { inSeconds, onClock } from './words.ts';

export interface Stream {
  readonly kind: StoredView['kind'];
  readonly url: string;
  readonly timeline: Timeline;
}

const JUMP_SECONDS = 5;
const REASONS: Record<string, Text> = {
  muted: (texts) => texts.gapMuted,
  stalled: (texts) => texts.gapStalled,
  asleep: (texts) => texts.gapStalled,
  'buffer-full': (texts) => texts.gapFull,
};

/** Shows the streams; the longest leads. The returned function removes them. */
export function openPlayer(streams: readonly Stream[], onBroken: () => void): () => void {
  const over = new AbortController();
  const { signal } = over;
  const videos = streams.map(({ kind, url }) => openVideo(kind, url));
  const leaderIndex = streams.findIndex(
    ({ timeline }) => lengthMs(timeline) === Math.max(...streams.map(({ timeline }) => lengthMs(timeline))),
  );
  const [lead, leader] = [streams[leaderIndex], videos[leaderIndex]];
  if (!lead || !leader) return () => {};
  byId('videos', HTMLElement).replaceChildren(...videos.map(({ figure }) => figure));
  const { video } = leader;
  const stops = streams.flatMap((stream, index) => {
    const follower = videos[index]?.video;
    if (!follower || index === leaderIndex) return [];
    follower.muted = true;
    return [keepInStep(video, follower, offsetSeconds(lead.timeline, stream.timeline))];
  });
  for (const each of videos) each.video.addEventListener('error', onBroken, { signal });
  control(video, signal);
  video.addEventListener('loadedmetadata', () => markGaps(streams, lead.timeline, video), { signal });
  listGaps(streams, lead.timeline, video);
  return () => {
    over.abort();
    for (const stop of stops) stop();
    for (const each of videos) each.video.removeAttribute('src');
  };
}

function openVideo(kind: StoredView['kind'], url: string): { figure: HTMLElement; video: HTMLVideoElement } {
  const figure = document.createElement('figure');
  const video = document.createElement('video');
  video.preload = 'auto';
  video.playsInline = true;
  video.src = url;
  figure.append(video, withText('figcaption', kindText(kind)));
  return { figure, video };
}

function control(video: HTMLVideoElement, signal: AbortSignal): void {
  const seek = byId('seek', HTMLInputElement);
  const play = byId('play', HTMLButtonElement);
  const position = byId('position', HTMLElement);
  const toggle = () => (video.paused ? void video.play().catch(() => {}) : video.pause());
  const moveTo = (seconds: number) => {
    video.currentTime = Math.min(Math.max(0, seconds), video.duration || 0);
  };
  const update = () => {
    const duration = Number.isFinite(video.duration) ? video.duration : 0;
    const at = onClock(video.currentTime);
    seek.max = String(duration);
    seek.value = String(video.currentTime);
    position.textContent = `${at} / ${onClock(duration)}`;
    showText(play, (texts) => (video.paused ? texts.play : texts.pause));
    showValue(seek, video.currentTime, duration);
  };
  for (const name of ['loadedmetadata', 'durationchange', 'timeupdate', 'seeking', 'play', 'pause', 'ended']) {
    video.addEventListener(name, update, { signal });
  }
  play.addEventListener('click', toggle, { signal });
  seek.addEventListener('input', () => moveTo(Number(seek.value)), { signal });
  byId('player', HTMLElement).addEventListener(
    'keydown',
    (event) => {
      const isOnButton = event.target instanceof HTMLButtonElement;
      const jump = { ArrowLeft: -JUMP_SECONDS, ArrowRight: JUMP_SECONDS }[event.key];
      if (event.key === ' ' && !isOnButton) toggle();
      else if (jump !== undefined) moveTo(video.currentTime + jump);
      else return;
      event.preventDefault();
    },
    { signal },
  );
  update();
}

/** The accessible value of the bar: a length of time, not a number. */
function showValue(seek: HTMLInputElement, at: number, duration: number): void {
  seek.ariaValueText = `${inSeconds(Math.floor(at))} / ${inSeconds(Math.floor(duration))}`;
}

/** Where the media of a gap would be, on the clock of the leader. */
function gapsOf(
  streams: readonly Stream[],
  timeline: Timeline,
): { kind: StoredView['kind']; gap: Gap; from: number; to: number }[] {
  return streams
    .flatMap(({ kind, timeline: { gaps } }) =>
      gaps.map((gap) => ({
        kind,
        gap,
        from: Math.max(0, mediaSeconds(timeline, new Date(gap.from))),
        to: mediaSeconds(timeline, new Date(gap.to)),
      })),
    )
    .sort((a, b) => a.from - b.from);
}

function markGaps(streams: readonly Stream[], timeline: Timeline, { duration }: HTMLVideoElement): void {
  const marks = gapsOf(streams, timeline).map(({ from, to }) => {
    const mark = document.createElement('span');
    mark.style.left = `${(Math.min(from, duration) / duration) * 100}%`;
    mark.style.width = `${((Math.min(to, duration) - Math.min(from, duration)) / duration) * 100}%`;
    return mark;
  });
  byId('marks', HTMLElement).replaceChildren(...marks);
}

/** The gaps as a list; a click on one seeks to it. */
function listGaps(streams: readonly Stream[], timeline: Timeline, video: HTMLVideoElement): void {
  const items = gapsOf(streams, timeline).map(({ kind, gap, from }) => {
    const item = document.createElement('li');
    const reason = REASONS[gap.reason] ?? ((texts) => texts.gapOther);
    const button = withText('button', (texts) =>
      texts.gap(
        kindText(kind)(texts),
        onClock(from),
        inSeconds(lengthMs({ startedAt: gap.from, endedAt: gap.to }) / 1000),
        reason(texts),
      ),
    );
    button.type = 'button';
    button.addEventListener('click', () => {
      video.currentTime = from;
    });
    item.append(button);
    return item;
  });
  const nothing = withText('li', (texts) => texts.gapsNone);
  byId('gaps', HTMLElement).replaceChildren(...(items.length > 0 ? items : [nothing]));
}

function lengthMs({ startedAt, endedAt }: Pick<Timeline, 'startedAt' | 'endedAt'>): number {
  return Date.parse(endedAt) - Date.parse(startedAt);
}
