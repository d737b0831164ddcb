// A review without a layout: all recordings of an attempt, played in step on one line of time.
import type { Overview } from '@proctoring-recordings/exam-client';
import { TypedEventTarget } from './events.ts';
import { type Lane, type Line, lineOf, type Mark, type Piece, playableFrom } from './line.ts';
import { Links } from './links.ts';
import { Overviews } from './overviews.ts';
import { type Gone, ReviewError, type ReviewRecording, ReviewService, type ServiceOptions } from './service.ts';
import { type Stretch, stillOf, stillOfAll } from './still.ts';
import { Track, type TrackState } from './track.ts';

export interface ReviewOptions extends ServiceOptions {
  /** Why the recordings are watched. It is in the audit trail, with each link. */
  readonly reason?: string | undefined;
  /** Where to begin. Default: the beginning. */
  readonly startAt?: Date | undefined;
}

export interface LaneView {
  readonly lane: Lane;
  readonly state: TrackState;
  /** Contains the picture. Put it into the layout once. */
  readonly element: HTMLElement;
  /** What is shown now. Another element takes its place when a link is renewed. */
  readonly video: HTMLVideoElement | undefined;
  /** Pictures and activity of a recording of this lane; undefined while they load, and where there are none. */
  readonly overviewOf: (recordingId: string) => Overview | undefined;
  /** Where nothing changed in this lane. */
  readonly still: readonly Stretch[];
  /** Why a recording of this lane may not be played any longer; undefined where it may. */
  readonly endOf: (recordingId: string) => End | undefined;
}

export type End = 'restricted' | 'deleted';

export interface ReviewEvents {
  /** The position, in milliseconds since the epoch; several times a second while it moves. */
  position: { readonly atMs: number };
  /** It plays, pauses, waits, or changed its speed or sound; or the state of a lane, or `outage`, has changed. */
  change: undefined;
  /** The line has changed: recordings have come, have told how long they are, or may not be played any longer. */
  line: undefined;
  /** Pictures and activity have arrived. */
  overview: undefined;
  /** The line jumped over a time of which nothing was recorded or may be played, or, when asked to, over a still stretch. */
  skipped: { readonly fromMs: number; readonly toMs: number; readonly why: 'not-recorded' | 'ended' | 'still' };
  /** A recording may not be played any longer. */
  ended: { readonly recordingId: string; readonly why: End; readonly gone: Gone | undefined };
  /** From now on the recordings may be deleted at any moment. */
  deletable: undefined;
  /** The recordings cannot be listed. With the code `unreachable` it is tried again until they can. */
  failed: { readonly error: ReviewError };
}

/** The choice of `skipsStillOf` that asks all lanes. No lane has this id. */
export const ALL_LANES = 'all';
export const SPEEDS: readonly number[] = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const [MIN_SPEED, MAX_SPEED] = [0.5, 4];
const TICK_MS = 40;
/** While all wait for the leader to start, and for how long they do. */
const HELD_TICK_MS = 10;
const START_WITHIN_MS = 500;
/** How often the service is asked whether a recording was restricted or deleted; and when its silence is an outage. */
const ASK_EVERY_MS = 10_000;
const ANSWERS_WITHIN_MS = 8_000;
const LIST_AGAIN_AFTER_MS = 1_000;
/** A stall as short as this is made up for by playing faster. */
const UNNOTICED_STALL_MS = 150;
/** The line follows the leading media no further than this: beyond, they are out of step, and not the line. */
const LEADS_WITHIN_MS = 500;
/** Without media that lead, the line moves no further in one go: the computer may have slept. */
const MAX_TICK_MS = 1_000;
/** A frame at 30 a second, until the browser has told how far the frames are apart. */
const FRAME_MS = 1000 / 30;
/** A mark at which one already is, after a jump to it. */
const AT_MARK_MS = 250;
/** What ends the recording of one lane ends those of all, about so far apart: their marks are one to go to. */
export const SAME_MARK_MS = 1_000;
/** Of how many recordings the pictures are loaded at once. Those of the others come when the line reaches them. */
const MAX_LOADED_AHEAD = 20;
const SKIPPED_STILL_LEAVES_MS = 1_000;

/** Begins to read the recordings of an attempt. Plays nothing before `play`. */
export function openReview(options: ReviewOptions): Review {
  return new Review(options);
}

export class Review extends TypedEventTarget<ReviewEvents> {
  readonly #service: ReviewService;
  readonly #links: Links;
  readonly #overviews = new Overviews(() => this.#noteOverview());
  readonly #durations = new Map<string, number>();
  readonly #tracks = new Map<string, Track>();
  readonly #over = new AbortController();
  /** Resolves when the recordings are known. @throws ReviewError */
  readonly ready: Promise<void>;
  #recordings: ReadonlyMap<string, ReviewRecording> = new Map();
  #line: Line = lineOf([], this.#durations);
  #still: readonly Stretch[] = [];
  #stillByLane: ReadonlyMap<string, readonly Stretch[]> = new Map();
  #positionMs = 0;
  #tickedAtMs = 0;
  /** When it began to move. */
  #startedAtMs = 0;
  #isPlaying = false;
  #isWaiting = false;
  #awaitedSinceMs: number | undefined;
  #speed = 1;
  #sound: string | undefined;
  #volume = 1;
  #isMuted = false;
  #skipsStillOf: string | undefined;
  #isChangeNoted = false;
  #isDeletableTold = false;
  #isAsking = false;
  #endPause = () => {};
  /** Those of all lanes, as they were told last. */
  #states = '';
  readonly #ended = new Map<string, End>();
  #outage: ReviewError | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: ReviewOptions) {
    super();
    this.#service = new ReviewService(options, this.#over.signal);
    this.#links = new Links(this.#service, options.reason ?? '');
    this.ready = this.#begin(options.startAt);
    this.ready.catch(() => {});
    const { signal } = this.#over;
    document.addEventListener('visibilitychange', () => void this.#askAgain(), { signal });
    globalThis.addEventListener('online', () => this.retry(), { signal });
  }

  get line(): Line {
    return this.#line;
  }

  get lanes(): readonly LaneView[] {
    return this.#line.lanes.map((lane) => this.#viewOf(lane));
  }

  /** On the line, in milliseconds since the epoch. */
  get positionMs(): number {
    return this.#positionMs;
  }

  /** Whether it plays, or will as soon as everything has loaded. */
  get isPlaying(): boolean {
    return this.#isPlaying;
  }

  /** Whether it waits for media that load. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** From 0.5 to 4. */
  get speed(): number {
    return this.#speed;
  }

  set speed(speed: number) {
    this.#speed = Math.min(MAX_SPEED, Math.max(MIN_SPEED, speed));
    this.#tick();
    this.emit('change', undefined);
  }

  /** The id of the lane that is heard; undefined for none. */
  get sound(): string | undefined {
    return this.#sound;
  }

  set sound(laneId: string | undefined) {
    this.#sound = laneId;
    this.#setSound();
  }

  /** From 0 to 1. */
  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#setSound();
  }

  /** Whether nothing is heard, whatever the sound and the volume are. */
  get isMuted(): boolean {
    return this.#isMuted;
  }

  set isMuted(isMuted: boolean) {
    this.#isMuted = isMuted;
    this.#setSound();
  }

  /** The id of the lane whose still stretches are jumped over, `ALL_LANES` for those of `still`; undefined for none. */
  get skipsStillOf(): string | undefined {
    return this.#skipsStillOf;
  }

  set skipsStillOf(choice: string | undefined) {
    this.#skipsStillOf = choice;
    this.emit('change', undefined);
  }

  /** Where no lane changes; empty where the activity of a lane is not known. */
  get still(): readonly Stretch[] {
    return this.#still;
  }

  /** When the first recording that may be played may be deleted, in milliseconds since the epoch; undefined without one. */
  get deletableFromMs(): number | undefined {
    const played = [...this.#recordings.values()].filter(({ recordingId }) => !this.#ended.has(recordingId));
    const times = played.map(({ deletableFrom }) => Date.parse(deletableFrom));
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Why nobody knows now whether a recording was restricted or deleted; undefined while the service answers. */
  get outage(): ReviewError | undefined {
    return this.#outage;
  }

  /** Whether there were recordings, and none of them may be played any longer. */
  get isOver(): boolean {
    return this.#line.lanes.length > 0 && this.#played.length === 0;
  }

  /** At the end it begins anew. */
  play(): void {
    this.#isPlaying = this.#played.length > 0;
    this.seek(this.#positionMs >= this.#line.toMs ? this.#line.startMs : this.#positionMs);
  }

  pause(): void {
    this.#isPlaying = false;
    this.#tick();
    this.emit('change', undefined);
  }

  /** To a moment, in milliseconds since the epoch; one beyond an end of the line is that end. */
  seek(atMs: number): void {
    this.#positionMs = Math.min(this.#line.toMs, Math.max(this.#line.fromMs, atMs));
    // All stand still until all are there.
    this.#steer(false);
    this.#awaitedSinceMs = 0;
    this.#tick();
    this.emit('position', { atMs: this.#positionMs });
    this.emit('change', undefined);
  }

  /** By that many frames; pauses. */
  step(frames: number): void {
    this.#isPlaying = false;
    this.seek(this.#positionMs + frames * (this.#leader?.frameMs ?? FRAME_MS));
  }

  /** To the next mark after the position, or the last one before it. Returns undefined where there is none. */
  seekToMark(direction: 'next' | 'previous'): Mark | undefined {
    const firsts: Mark[] = [];
    for (const mark of this.#line.marks) {
      if (mark.fromMs - (firsts.at(-1)?.fromMs ?? Number.NEGATIVE_INFINITY) > SAME_MARK_MS) firsts.push(mark);
    }
    const at = this.#positionMs;
    const mark =
      direction === 'next'
        ? firsts.find(({ fromMs }) => fromMs > at + AT_MARK_MS)
        : firsts.findLast(({ fromMs }) => fromMs < at - AT_MARK_MS);
    if (mark) this.seek(mark.fromMs);
    return mark;
  }

  /** Loads again, at once, what could not be loaded. */
  retry(): void {
    this.#endPause();
    for (const track of this.#tracks.values()) track.retry();
    this.#tick();
    void this.#askAgain();
  }

  /** Safe to repeat. */
  close(): void {
    this.#over.abort();
    this.#endPause();
    this.#isPlaying = false;
    clearInterval(this.#timer);
    for (const track of this.#tracks.values()) track.close();
    this.#overviews.close();
  }

  /** @throws ReviewError */
  async #begin(startAt: Date | undefined): Promise<void> {
    try {
      this.#recordings = byId(await this.#list());
      if (!this.#over.signal.aborted) this.#show(startAt);
    } catch (error) {
      const known = error instanceof ReviewError ? error : new ReviewError('unexpected', String(error));
      if (!this.#over.signal.aborted) this.emit('failed', { error: known });
      throw known;
    }
  }

  /** Tried again while the service does not respond. */
  async #list(): Promise<ReviewRecording[]> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#service.recordings();
      } catch (error) {
        const isPassing = error instanceof ReviewError && error.code === 'unreachable';
        if (!isPassing || this.#over.signal.aborted) throw error;
        if (failures === 0) this.emit('failed', { error });
        await this.#pauseBeforeList(Math.min(ASK_EVERY_MS, LIST_AGAIN_AFTER_MS * 2 ** failures));
      }
    }
  }

  /** `retry` ends it, and so does `close`. */
  async #pauseBeforeList(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#endPause = resolve;
    await promise;
    clearTimeout(timer);
  }

  #show(startAt: Date | undefined): void {
    for (const { recordingId, restricted } of this.#recordings.values()) {
      if (restricted) this.#ended.set(recordingId, 'restricted');
    }
    this.#draw();
    const startMs = startAt?.getTime() ?? Number.NaN;
    this.#positionMs = Number.isNaN(startMs) ? this.#line.startMs : startMs;
    this.seek(this.#positionMs);
    this.#sound = this.#line.lanes.find(hasSound)?.id;
    this.#setSound();
    const asking = setInterval(() => void this.#askAgain(), ASK_EVERY_MS);
    this.#over.signal.addEventListener('abort', () => clearInterval(asking));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    void this.#loadOverviews();
  }

  /** What was on the line stays there when it is deleted: it is told, and not forgotten. */
  #draw(): void {
    const known = this.#pieces.map(({ recording }) => recording);
    const gone = known.filter(({ recordingId }) => !this.#recordings.has(recordingId));
    this.#line = lineOf([...this.#recordings.values(), ...gone], this.#durations);
    const ids = new Set(this.#line.lanes.map(({ id }) => id));
    for (const [id, track] of this.#tracks) {
      if (ids.has(id)) continue;
      track.close();
      this.#tracks.delete(id);
    }
    for (const lane of this.#line.lanes) {
      const track = this.#tracks.get(lane.id);
      if (track) track.lane = lane;
      else this.#tracks.set(lane.id, this.#newTrack(lane));
    }
    for (const track of this.#tracks.values()) track.review(this.#recordings);
    this.#findStill();
    this.emit('line', undefined);
  }

  #newTrack(lane: Lane): Track {
    return new Track(lane, this.#links, {
      onLink: (recordingId, link) => void this.#overviews.load(recordingId, link),
      onDuration: (recordingId, seconds) => {
        const isEstimated = this.#recordings.get(recordingId)?.timeline === null;
        if (!isEstimated || this.#durations.get(recordingId) === seconds) return;
        this.#durations.set(recordingId, seconds);
        this.#draw();
      },
      onChange: () => this.#noteChange(),
    });
  }

  #viewOf(lane: Lane): LaneView {
    const track = this.#tracks.get(lane.id) ?? this.#newTrack(lane);
    return {
      lane,
      state: track.state,
      element: track.element,
      video: track.video,
      overviewOf: (recordingId) => this.#overviews.of(recordingId),
      still: this.#stillByLane.get(lane.id) ?? [],
      endOf: (recordingId) => this.#ended.get(recordingId),
    };
  }

  /** One after another: those of recordings that the line has not reached too. Each link is used when it does. */
  async #loadOverviews(): Promise<void> {
    const recordings = this.#pieces.map(({ recording }) => recording);
    for (const { recordingId, restricted } of recordings.slice(0, MAX_LOADED_AHEAD)) {
      if (this.#over.signal.aborted || restricted) continue;
      const link = await this.#links.get(recordingId).catch(() => undefined);
      if (link) await this.#overviews.load(recordingId, link);
    }
  }

  #noteOverview(): void {
    this.#findStill();
    this.emit('overview', undefined);
  }

  #findStill(): void {
    this.#stillByLane = new Map(this.#line.lanes.map((lane) => [lane.id, this.#stillOf(lane)]));
    this.#still = stillOfAll(this.#line, ({ id }) => this.#stillByLane.get(id) ?? []);
  }

  #stillOf({ pieces }: Lane): Stretch[] {
    return pieces.flatMap((piece) => {
      const overview = this.#overviews.of(piece.recording.recordingId);
      return overview ? stillOf(piece, overview) : [];
    });
  }

  /** Was a recording restricted, deleted, or stored meanwhile? While nobody sees the page, nobody is told. */
  async #askAgain(): Promise<void> {
    const isSeen = document.visibilityState !== 'hidden';
    if (!isSeen || this.#isAsking || this.#over.signal.aborted || this.#timer === undefined) return;
    this.#tellDeletable();
    const recordings = await this.#askRecordings();
    if (!recordings || this.#over.signal.aborted) return;
    const before = this.#recordings;
    this.#recordings = byId(recordings);
    for (const track of this.#tracks.values()) track.review(this.#recordings);
    const isNew = recordings.some((recording) => before.get(recording.recordingId)?.state !== recording.state);
    if (isNew) this.#draw();
    const ended = this.#noteEnds(new Set([...before.keys(), ...this.#recordings.keys()]));
    for (const recordingId of ended) await this.#tellEnd(recordingId);
    this.emit('change', undefined);
  }

  /** Undefined where the service does not say; then `outage` is why. */
  async #askRecordings(): Promise<ReviewRecording[] | undefined> {
    this.#isAsking = true;
    const silent = new ReviewError('unreachable', 'The service does not respond.');
    const timer = setTimeout(() => this.#noteOutage(silent), ANSWERS_WITHIN_MS);
    try {
      const recordings = await this.#service.recordings();
      this.#noteOutage(undefined);
      return recordings;
    } catch (error) {
      this.#noteOutage(error instanceof ReviewError ? error : new ReviewError('unexpected', String(error)));
      return undefined;
    } finally {
      clearTimeout(timer);
      this.#isAsking = false;
    }
  }

  #noteOutage(outage: ReviewError | undefined): void {
    if (this.#over.signal.aborted || outage?.code === this.#outage?.code) return;
    this.#outage = outage;
    this.emit('change', undefined);
  }

  /** Returns those that may not be played any longer, and could be until now. */
  #noteEnds(recordingIds: Iterable<string>): string[] {
    const ended: string[] = [];
    let isChanged = false;
    for (const recordingId of recordingIds) {
      const now = this.#recordings.get(recordingId);
      const end = !now ? 'deleted' : now.restricted ? 'restricted' : undefined;
      if (end === this.#ended.get(recordingId)) continue;
      isChanged = true;
      if (!end) this.#ended.delete(recordingId);
      else {
        this.#ended.set(recordingId, end);
        this.#links.forget(recordingId);
        this.#overviews.forget(recordingId);
        ended.push(recordingId);
      }
    }
    if (isChanged) this.emit('line', undefined);
    if (this.isOver && this.#isPlaying) this.pause();
    return ended;
  }

  async #tellEnd(recordingId: string): Promise<void> {
    const why = this.#ended.get(recordingId);
    const gone = why === 'deleted' ? await this.#service.gone(recordingId) : undefined;
    if (why && !this.#over.signal.aborted) this.emit('ended', { recordingId, why, gone });
  }

  #tellDeletable(): void {
    if (this.#isDeletableTold || !(this.#service.nowMs >= (this.deletableFromMs ?? Number.POSITIVE_INFINITY))) return;
    this.#isDeletableTold = true;
    this.emit('deletable', undefined);
  }

  #tick(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#tickedAtMs;
    this.#tickedAtMs = nowMs;
    if (this.#over.signal.aborted || this.#line.lanes.length === 0) return;
    this.#await(nowMs);
    const isMoving = this.#isPlaying && !this.#isWaiting;
    if (!isMoving) this.#startedAtMs = nowMs;
    const isHeld = isMoving && this.#isHeld;
    if (isHeld) setTimeout(() => this.#tick(), HELD_TICK_MS);
    else if (isMoving) this.#move(elapsedMs);
    this.#steer(isMoving, isHeld);
    const states = [...this.#tracks.values()].map(({ state }) => state).join();
    if (states === this.#states) return;
    this.#states = states;
    this.emit('change', undefined);
  }

  /** Tracks change while they are steered, several at once. */
  #noteChange(): void {
    if (this.#isChangeNoted) return;
    this.#isChangeNoted = true;
    queueMicrotask(() => {
      this.#isChangeNoted = false;
      this.#tick();
      this.emit('change', undefined);
    });
  }

  /** Whether some lane is not ready, for longer than it can make up for. */
  #await(nowMs: number): void {
    const tracks = [...this.#tracks.values()];
    // Nobody would see what the line passes over.
    const isUnseen = tracks.some(({ isPassing }) => isPassing) && tracks.every(({ state }) => state !== 'playable');
    const isAwaited = isUnseen || tracks.some((track) => track.isAwaited);
    this.#awaitedSinceMs = isAwaited ? (this.#awaitedSinceMs ?? nowMs) : undefined;
    const isWaiting = this.#awaitedSinceMs !== undefined && nowMs - this.#awaitedSinceMs > UNNOTICED_STALL_MS;
    if (isWaiting === this.#isWaiting) return;
    this.#isWaiting = isWaiting;
    this.emit('change', undefined);
  }

  /** Media with sound start later than others: all wait for the leader, rather than run ahead of it. */
  get #isHeld(): boolean {
    const tracks = [...this.#tracks.values()];
    const isStanding = this.#leader !== undefined && tracks.every(({ atMs }) => atMs === undefined);
    return isStanding && performance.now() - this.#startedAtMs < START_WITHIN_MS;
  }

  #move(elapsedMs: number): void {
    const before = this.#positionMs;
    const expectedMs = before + Math.min(elapsedMs, MAX_TICK_MS) * this.#speed;
    const leaderMs = this.#leader?.atMs;
    // The timer of a page that nobody sees runs once a second, or once a minute; its media play on.
    const withinMs = Math.max(LEADS_WITHIN_MS, elapsedMs) * Math.max(1, this.#speed);
    const isLed = leaderMs !== undefined && Math.abs(leaderMs - expectedMs) < withinMs;
    // It never runs backwards, even where the media's clock does.
    this.#positionMs = Math.max(before, isLed ? leaderMs : expectedMs);
    this.#skip();
    if (this.#positionMs >= this.#line.toMs) {
      this.#positionMs = this.#line.toMs;
      this.#isPlaying = false;
      this.emit('change', undefined);
    }
    this.emit('position', { atMs: this.#positionMs });
  }

  #skip(): void {
    const fromMs = this.#positionMs;
    const playableMs = playableFrom(this.#played, fromMs);
    if (playableMs === undefined || playableMs > fromMs) {
      const toMs = playableMs ?? this.#line.toMs;
      const isEnded = this.#pieces.some(
        (piece) => this.#ended.has(piece.recording.recordingId) && piece.fromMs < toMs && fromMs < piece.toMs,
      );
      this.#positionMs = toMs;
      if (isEnded || playableMs !== undefined) {
        this.emit('skipped', { fromMs, toMs, why: isEnded ? 'ended' : 'not-recorded' });
      }
      return;
    }
    const stretch = this.#skippable.find((still) => still.fromMs <= fromMs && fromMs < still.toMs);
    const toMs = stretch ? stretch.toMs - SKIPPED_STILL_LEAVES_MS : fromMs;
    if (toMs <= fromMs) return;
    this.#positionMs = toMs;
    this.emit('skipped', { fromMs, toMs, why: 'still' });
  }

  get #pieces(): Piece[] {
    return this.#line.lanes.flatMap(({ pieces }) => pieces);
  }

  /** The pieces that may be played. */
  get #played(): Piece[] {
    return this.#pieces.filter(({ recording }) => !this.#ended.has(recording.recordingId));
  }

  get #skippable(): readonly Stretch[] {
    const choice = this.#skipsStillOf;
    if (choice === undefined) return [];
    return choice === ALL_LANES ? this.#still : (this.#stillByLane.get(choice) ?? []);
  }

  /** The track that the line follows: the one that is heard, so that its sound plays evenly, or the first that plays. */
  get #leader(): Track | undefined {
    const playing = [...this.#tracks.values()].filter(({ state }) => state === 'playable');
    return playing.find(({ lane }) => lane.id === this.#sound) ?? playing[0];
  }

  #steer(isMoving: boolean, isHeld = false): void {
    const leader = this.#leader;
    const course = { atMs: this.#positionMs, speed: this.#speed };
    for (const track of this.#tracks.values()) {
      const isLeading = track === leader;
      track.follow({ ...course, isMoving: isMoving && (isLeading || !isHeld) }, isLeading);
    }
  }

  #setSound(): void {
    for (const track of this.#tracks.values()) {
      track.hear(track.lane.id === this.#sound && !this.#isMuted, this.#volume);
    }
    this.emit('change', undefined);
  }
}

function byId(recordings: readonly ReviewRecording[]): ReadonlyMap<string, ReviewRecording> {
  return new Map(recordings.map((recording) => [recording.recordingId, recording]));
}

/** Whether the lane may have sound: unless its recordings say what they are made of, and no sound is among it. */
export function hasSound({ kind, pieces }: Lane): boolean {
  const says = (type: string) => /codecs=/i.test(type) && !/opus|mp4a|vorbis|flac|pcm/i.test(type);
  return kind === 'audio' || pieces.some(({ recording }) => !says(recording.contentType));
}
