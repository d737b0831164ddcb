// One part of an attempt: one or two recordings on one clock, with one bar to seek, gaps marked on it, and keys.
import { type Gap, keepInStep, mediaSeconds, offsetSeconds, type Timeline } from '@proctoring-recordings/exam-client';
import type { StoredView } from './api.ts';
import { byId, icon, kindText, showError } from './page.ts';
import { showLabel, showText, type Text, withText } from './texts.ts';
import { inDigits, inSeconds, onClock } from './words.ts';

export interface Stream {
  readonly recordingId: string;
  readonly kind: StoredView['kind'];
  readonly timeline: Timeline;
}

export interface PlayerOptions {
  readonly streams: readonly Stream[];
  /** A new playback link: the first one, and one whenever a link has expired. */
  link(recordingId: string): Promise<string>;
  readonly startSeconds?: number | undefined;
  readonly isPlaying?: boolean | undefined;
  onEnded(): void;
}

export interface Player {
  readonly seconds: number;
  seek(seconds: number): void;
  close(): void;
}

const JUMP_SECONDS = 5;
const SPEEDS = [0.5, 0.75, 1, 1.5, 2, 3, 4];
/** A link that fails so soon after it was made has not expired: something else is wrong. */
const RENEWED_AT_MOST_EVERY_MS = 10_000;
/** A position that was set is read back rounded. */
const ROUNDED_SECONDS = 0.05;
const REASONS: Record<string, Text> = {
  muted: (texts) => texts.gapMuted,
  stalled: (texts) => texts.gapStalled,
  asleep: (texts) => texts.gapStalled,
  'buffer-full': (texts) => texts.gapFull,
  lost: (texts) => texts.gapLost,
};

export function reasonText(reason: string): Text {
  return REASONS[reason] ?? ((texts) => texts.gapOther);
}

/** The longest recording, on whose clock a part is played. */
export function leaderOf(streams: readonly Stream[]): Stream | undefined {
  return [...streams].sort((a, b) => lengthMs(b.timeline) - lengthMs(a.timeline))[0];
}

/** Where the media of a gap would be, on the clock of the leader. */
export function positionOf({ from, to }: Gap, leader: Stream): { from: number; to: number } {
  const at = (time: string) => mediaSeconds(leader.timeline, new Date(time));
  return { from: Math.max(0, at(from)), to: at(to) };
}

/** The speeds to choose from; once, before any part is opened. */
export function prepareSpeeds(): void {
  const options = SPEEDS.map((factor) => {
    const option = withText('option', (texts) => texts.speed(inDigits(factor)));
    option.value = String(factor);
    option.selected = factor === 1;
    return option;
  });
  byId('speed', HTMLSelectElement).replaceChildren(...options);
}

export function openPlayer(options: PlayerOptions): Player | undefined {
  const { streams } = options;
  const leader = leaderOf(streams);
  const area = byId('videos', HTMLElement);
  delete area.dataset.large;
  if (!leader) {
    area.replaceChildren();
    return undefined;
  }
  const over = new AbortController();
  const { signal } = over;
  const screens = streams.map((stream) => new Screen(stream, options, signal, streams.length > 1));
  const lead = screens.find(({ stream }) => stream === leader);
  if (!lead) return undefined;
  area.replaceChildren(...screens.map(({ figure }) => figure));
  const { video } = lead;
  const stops = screens.flatMap((screen) => {
    if (screen === lead) return [];
    screen.video.muted = true;
    const offset = (seconds: number) => offsetSeconds(leader.timeline, screen.stream.timeline, seconds);
    return [keepInStep(video, screen.video, offset)];
  });
  control(video, signal);
  const markGaps = () => showMarks(streams, leader, video.duration);
  video.addEventListener('loadedmetadata', markGaps, { signal });
  const veil = () => {
    for (const screen of screens) screen.veilGap(leader, video.currentTime);
  };
  for (const name of ['timeupdate', 'seeking', 'seeked']) video.addEventListener(name, veil, { signal });
  video.addEventListener('ended', () => options.onEnded(), { signal });
  for (const screen of screens) void screen.load(screen === lead ? options.startSeconds : undefined, options.isPlaying);
  return {
    get seconds() {
      return video.currentTime;
    },
    seek: (seconds) => {
      video.currentTime = seconds;
    },
    close() {
      over.abort();
      for (const stop of stops) stop();
      for (const screen of screens) screen.video.removeAttribute('src');
    },
  };
}

/** The picture of one recording, and what lies over it where there is none. */
class Screen {
  readonly stream: Stream;
  readonly figure = document.createElement('figure');
  readonly video = document.createElement('video');
  readonly #veil = document.createElement('div');
  readonly #options: PlayerOptions;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #isBroken = false;

  constructor(stream: Stream, options: PlayerOptions, signal: AbortSignal, canBeLarge: boolean) {
    this.stream = stream;
    this.#options = options;
    const { kind } = stream;
    this.figure.dataset.kind = kind;
    this.#veil.className = 'veil';
    this.video.preload = 'auto';
    this.video.playsInline = true;
    this.video.addEventListener('error', () => this.#renew(), { signal });
    this.video.addEventListener('loadeddata', () => this.#clear(), { signal });
    const caption = withText('figcaption', kindText(kind));
    const frame = document.createElement('div');
    frame.className = 'frame';
    frame.append(this.video, this.#veil);
    this.figure.append(frame, caption);
    if (!canBeLarge) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'icon-button enlarge';
    button.ariaPressed = 'false';
    button.append(icon('large'));
    showLabel(button, (texts) => texts.enlarge(kindText(kind)(texts)));
    button.addEventListener('click', () => enlarge(kind));
    frame.append(button);
  }

  async load(startSeconds?: number, isPlaying?: boolean): Promise<void> {
    this.#say((texts) => texts.loading);
    this.#renewedAtMs = performance.now();
    try {
      this.video.src = await this.#options.link(this.stream.recordingId);
    } catch (error) {
      this.#break();
      return showError(error);
    }
    this.video.playbackRate = Number(byId('speed', HTMLSelectElement).value);
    if (startSeconds) this.video.currentTime = startSeconds;
    if (isPlaying && startSeconds !== undefined) void this.video.play().catch(() => {});
  }

  /** Says where the recording has a gap instead of showing a black picture without a word. */
  veilGap(leader: Stream, seconds: number): void {
    if (this.#isBroken || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    const gap = this.stream.timeline.gaps.find((each) => {
      const { from, to } = positionOf(each, leader);
      return seconds >= from - ROUNDED_SECONDS && seconds < to;
    });
    if (gap) this.#say((texts) => texts.veilGap(reasonText(gap.reason)(texts)));
    else this.#clear();
  }

  /** A link that has expired is renewed at once, where the picture was. */
  #renew(): void {
    if (!this.video.hasAttribute('src')) return;
    if (performance.now() - this.#renewedAtMs < RENEWED_AT_MOST_EVERY_MS) this.#break();
    else void this.load(this.video.currentTime, !this.video.paused);
  }

  #break(): void {
    this.#isBroken = true;
    const button = withText('button', (texts) => texts.loadAgain);
    button.type = 'button';
    button.addEventListener('click', () => {
      this.#isBroken = false;
      void this.load(this.video.currentTime, false);
    });
    this.#veil.replaceChildren(
      withText('p', (texts) => texts.notLoaded),
      button,
    );
    this.#veil.hidden = false;
  }

  #say(text: Text): void {
    let line = this.#veil.firstElementChild;
    if (!(line instanceof HTMLParagraphElement) || this.#veil.childElementCount > 1) {
      line = document.createElement('p');
      this.#veil.replaceChildren(line);
    }
    showText(line, text);
    this.#veil.hidden = false;
  }

  #clear(): void {
    this.#isBroken = false;
    this.#veil.hidden = true;
  }
}

function enlarge(kind: string): void {
  const area = byId('videos', HTMLElement);
  const isLarge = area.dataset.large === kind;
  if (isLarge) delete area.dataset.large;
  else area.dataset.large = kind;
  for (const figure of area.querySelectorAll<HTMLElement>('figure')) {
    const button = figure.querySelector('.enlarge');
    if (button) button.ariaPressed = String(!isLarge && figure.dataset.kind === kind);
  }
}

function control(video: HTMLVideoElement, signal: AbortSignal): void {
  const seek = byId('seek', HTMLInputElement);
  const play = byId('play', HTMLButtonElement);
  const speed = byId('speed', HTMLSelectElement);
  const volume = byId('volume', HTMLInputElement);
  const mute = byId('mute', HTMLButtonElement);
  const toggle = () => (video.paused ? void video.play().catch(() => {}) : video.pause());
  const moveTo = (seconds: number) => {
    video.currentTime = Math.min(Math.max(0, seconds), video.duration || 0);
  };
  const update = () => {
    const duration = Number.isFinite(video.duration) ? video.duration : 0;
    seek.max = String(duration);
    seek.value = String(video.currentTime);
    byId('position', HTMLElement).textContent = `${onClock(video.currentTime)} / ${onClock(duration)}`;
    showText(byId('play-text', HTMLElement), (texts) => (video.paused ? texts.play : texts.pause));
    document.getElementById('play-icon')?.setAttribute('href', video.paused ? '#i-play' : '#i-pause');
    // A length of time, not a number.
    seek.ariaValueText = `${inSeconds(Math.floor(video.currentTime))} / ${inSeconds(Math.floor(duration))}`;
  };
  const hear = () => {
    video.volume = Number(volume.value);
    const isSilent = video.muted || video.volume === 0;
    document.getElementById('mute-icon')?.setAttribute('href', isSilent ? '#i-muted' : '#i-sound');
    showLabel(mute, (texts) => (isSilent ? texts.unmuteLabel : texts.muteLabel));
  };
  for (const name of ['loadedmetadata', 'durationchange', 'timeupdate', 'seeking', 'play', 'pause', 'ended']) {
    video.addEventListener(name, update, { signal });
  }
  play.addEventListener('click', toggle, { signal });
  seek.addEventListener('input', () => moveTo(Number(seek.value)), { signal });
  const setSpeed = () => {
    video.playbackRate = Number(speed.value);
  };
  speed.addEventListener('change', setSpeed, { signal });
  volume.addEventListener('input', hear, { signal });
  mute.addEventListener(
    'click',
    () => {
      video.muted = !video.muted;
      hear();
    },
    { signal },
  );
  const area = byId('screen-area', HTMLElement);
  const full = byId('full', HTMLButtonElement);
  full.hidden = !document.fullscreenEnabled;
  full.addEventListener(
    'click',
    () => void (document.fullscreenElement ? document.exitFullscreen() : area.requestFullscreen()).catch(() => {}),
    { signal },
  );
  byId('player', HTMLElement).addEventListener(
    'keydown',
    (event) => {
      const { target } = event;
      if (target instanceof HTMLSelectElement || target === volume) return;
      const jump = { ArrowLeft: -JUMP_SECONDS, ArrowRight: JUMP_SECONDS }[event.key];
      if (event.key === ' ' && !(target instanceof HTMLButtonElement)) toggle();
      else if (jump !== undefined) moveTo(video.currentTime + jump);
      else return;
      event.preventDefault();
    },
    { signal },
  );
  update();
  hear();
}

function showMarks(streams: readonly Stream[], leader: Stream, duration: number): void {
  const share = (seconds: number) => (Math.min(seconds, duration) / duration) * 100;
  const marks = streams
    .flatMap(({ timeline }) => timeline.gaps)
    .map((gap) => {
      const { from, to } = positionOf(gap, leader);
      const mark = document.createElement('span');
      mark.style.left = `${share(from)}%`;
      mark.style.width = `${share(to) - share(from)}%`;
      return mark;
    });
  byId('marks', HTMLElement).replaceChildren(...marks);
}

export function lengthMs({ startedAt, endedAt }: Pick<Timeline, 'startedAt' | 'endedAt'>): number {
  return Date.parse(endedAt) - Date.parse(startedAt);
}
