// Plays one lane: its recordings one after another, over links that are renewed before they expire.
import { type Lane, type Piece, pieceAt } from './line.ts';
import { type Links, untilRenewalMs, usedBeforeEndMs } from './links.ts';
import { type Course, Media } from './media.ts';
import { type Link, ReviewError, type ReviewRecording } from './service.ts';

/**
 * `nothing`: the lane has nothing at this moment. `unreachable`: the service or the store does not respond, and is tried
 * again. `limited`: the service gives no more links for now. `refused`: it refuses the token. `broken`: the media cannot be
 * played.
 */
export type TrackState =
  | 'nothing'
  | 'loading'
  | 'playable'
  | 'restricted'
  | 'deleted'
  | 'unreachable'
  | 'limited'
  | 'refused'
  | 'broken';

export interface TrackEvents {
  onLink(recordingId: string, link: Link): void;
  /** The media have told how long they are. */
  onDuration(recordingId: string, seconds: number): void;
  onChange(): void;
}

/** The next recording of the lane is loaded so long before it begins. */
const AHEAD_MS = 15_000;
/** The element that leads is replaced after those that follow it, by this share of what is left of its link then. */
const LEADER_LATER = 0.3;
const RETRY_AFTER_MS = 2_000;
const MAX_RETRY_AFTER_MS = 60_000;
/** What does not load for so long is loaded over another link: Chromium would try an expired one for half a minute. */
const STUCK_AFTER_MS = 5_000;
/** Media that are not in step by then are given up: they are too slow, or nothing answers. */
const LOADS_WITHIN_MS = 20_000;
/** Media that fail over so many fresh links are broken, if the store responds. */
const MAX_FAILURES = 4;
/** MediaError.MEDIA_ERR_DECODE. */
const CANNOT_BE_DECODED = 3;
const RESPONDS_WITHIN_MS = 10_000;
/** Media that are broken at one moment are tried again this far from it, then twice as far, and so on. */
const TRIED_AGAIN_AFTER_MS = 10_000;
/** Refusals that say what has become of the recording. */
const ENDS: ReadonlyMap<string, TrackState> = new Map([
  ['recording-restricted', 'restricted'],
  ['recording-deleted', 'deleted'],
  ['recording-expired', 'deleted'],
  ['recording-not-found', 'deleted'],
]);
/** Those after which a recording is loaded again. Any other refusal is one of the token. */
const PASSES: ReadonlyMap<string, TrackState> = new Map([
  ['unreachable', 'unreachable'],
  ['rate-limited', 'limited'],
  ['daily-limit', 'limited'],
]);
/** States in which a recording is loaded again. */
const PASSING: ReadonlySet<TrackState> = new Set<TrackState>(['unreachable', 'limited', 'refused']);

export class Track {
  /** Contains what is shown. */
  readonly element: HTMLDivElement = document.createElement('div');
  readonly #links: Links;
  readonly #events: TrackEvents;
  /** What is known of a recording that is not played. */
  readonly #states = new Map<string, TrackState>();
  #lane: Lane;
  #current: Media | undefined;
  /** Takes the place of `current` as soon as it is in step. */
  #next: Media | undefined;
  #nextSinceMs = 0;
  #isOpening = false;
  #tryAtMs = 0;
  #failures = 0;
  /** Those that were counted. */
  readonly #failed = new WeakSet<Media>();
  #stuckSinceMs: number | undefined;
  /** Where on the line media were broken last, and how far from there they are tried again. */
  #broken: { readonly atMs: number; readonly withinMs: number } | undefined;
  #course: Course = { atMs: 0, speed: 1, isMoving: false };
  #isHeard = false;
  #volume = 1;
  #isClosed = false;

  constructor(lane: Lane, links: Links, events: TrackEvents) {
    this.#lane = lane;
    this.#links = links;
    this.#events = events;
    this.element.style.position = 'relative';
  }

  get lane(): Lane {
    return this.#lane;
  }

  /** The same lane, when recordings have come or have told how long they are. */
  set lane(lane: Lane) {
    this.#lane = lane;
  }

  /** What is shown now. Another element takes its place when a link is renewed. */
  get video(): HTMLVideoElement | undefined {
    return this.#current?.video;
  }

  get state(): TrackState {
    const piece = this.#piece;
    if (!piece) return 'nothing';
    const known = this.#states.get(piece.recording.recordingId);
    if (known && !(PASSING.has(known) && this.#isPlayable(piece))) return known;
    return this.#isPlayable(piece) ? 'playable' : 'loading';
  }

  /** Whether it cannot be loaded now, and is tried again. */
  get isPassing(): boolean {
    return PASSING.has(this.state);
  }

  /** Whether the line has to wait for it. */
  get isAwaited(): boolean {
    const piece = this.#piece;
    const { state } = this;
    const isReady = piece !== undefined && isOf(this.#current, piece) && this.#current?.isReady;
    return (state === 'loading' || state === 'playable') && !isReady;
  }

  /** Where its media are on the line, in milliseconds since the epoch; undefined where they do not play. */
  get atMs(): number | undefined {
    const piece = this.#piece;
    return piece && isOf(this.#current, piece) ? this.#current?.atMs : undefined;
  }

  /** How far its frames are apart, as far as it has played. */
  get frameMs(): number | undefined {
    return this.#current?.frameMs;
  }

  hear(isHeard: boolean, volume: number): void {
    this.#isHeard = isHeard;
    this.#volume = volume;
    this.#setSound();
  }

  /** What the service says of its recordings now: what was restricted or deleted is not shown any longer. */
  review(recordings: ReadonlyMap<string, ReviewRecording>): void {
    for (const piece of this.#lane.pieces) {
      const { recordingId } = piece.recording;
      const now = recordings.get(recordingId);
      const known = this.#states.get(recordingId);
      const ended = !now ? 'deleted' : now.restricted ? 'restricted' : undefined;
      if (ended && ended !== known) this.#end(piece, ended);
      if (!ended && (known === 'restricted' || known === 'deleted')) this.#states.delete(recordingId);
    }
  }

  /** Called often while the line moves or waits, and whenever it was moved. `isLeading`: the line follows this track. */
  follow(course: Course, isLeading: boolean): void {
    this.#course = course;
    const piece = this.#piece;
    if (!piece) {
      this.#rest(course);
      return;
    }
    this.#passBroken(piece);
    // The element knows of it before its event comes.
    for (const media of [this.#current, this.#next]) if (media?.hasFailed) this.#countFailure(media);
    if (this.#next?.hasFailed) this.#giveUpNext();
    else if (this.#next && Date.now() > this.#nextSinceMs + LOADS_WITHIN_MS) this.#giveUpSlow(this.#next);
    const isReplaced = !isOf(this.#current, piece) || this.#current?.hasFailed;
    if (isReplaced && isOf(this.#next, piece)) this.#promote();
    if (isOf(this.#current, piece)) this.#current?.follow(course, isLeading);
    this.#next?.follow(course, false);
    if (isOf(this.#next, piece) && this.#next?.isInStep(course)) this.#promote();
    const current = isOf(this.#current, piece) ? this.#current : undefined;
    if (!current) this.#open(piece);
    else if (this.#isDue(current, course, isLeading)) this.#open(piece, true);
  }

  /** Loads again, at once, what was given up. */
  retry(): void {
    this.#broken = undefined;
    this.#failures = 0;
    this.#tryAtMs = 0;
    for (const [recordingId, state] of this.#states) {
      if (PASSING.has(state) || state === 'broken') this.#states.delete(recordingId);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
    this.element.remove();
  }

  get #piece(): Piece | undefined {
    return pieceAt(this.#lane, this.#course.atMs);
  }

  #isPlayable(piece: Piece): boolean {
    return isOf(this.#current, piece) && this.#current?.hasPicture === true && !this.#current.hasFailed;
  }

  /** The lane has nothing now. What comes soon is loaded. */
  #rest(course: Course): void {
    this.#current?.rest();
    const { atMs, speed, isMoving } = course;
    const coming = this.#lane.pieces.find(({ fromMs }) => fromMs > atMs);
    if (!coming || !isMoving || coming.fromMs - atMs > AHEAD_MS * speed) return;
    if (!isOf(this.#current, coming) && !isOf(this.#next, coming)) this.#open(coming);
  }

  /** Whether another link is needed. While nothing moves, none is: each is an entry of the audit trail. */
  #isDue(current: Media, { isMoving }: Course, isLeading: boolean): boolean {
    const nowMs = Date.now();
    const { link } = current;
    if (current.isReady) this.#stuckSinceMs = undefined;
    else this.#stuckSinceMs ??= nowMs;
    if (this.#next) return false;
    if (current.hasFailed) return true;
    const leftMs = untilRenewalMs(link);
    if (this.#stuckSinceMs !== undefined) return leftMs < 0 || nowMs > this.#stuckSinceMs + STUCK_AFTER_MS;
    return isMoving && leftMs < (isLeading ? -LEADER_LATER * usedBeforeEndMs(link) : 0);
  }

  #open(piece: Piece, isRenewal = false): void {
    const known = this.#states.get(piece.recording.recordingId);
    const mayOpen = known === undefined || PASSING.has(known);
    if (!mayOpen || this.#isOpening || this.#isClosed || Date.now() < this.#tryAtMs) return;
    // Nobody sees it, and nobody hears it.
    if (document.visibilityState === 'hidden' && !this.#course.isMoving) return;
    this.#isOpening = true;
    void this.#load(piece, isRenewal).finally(() => {
      this.#isOpening = false;
      if (!this.#isClosed) this.#events.onChange();
    });
  }

  async #load(piece: Piece, isRenewal: boolean): Promise<void> {
    const { recordingId } = piece.recording;
    try {
      const link = await (isRenewal ? this.#links.renew(recordingId) : this.#links.get(recordingId));
      if (this.#isClosed || this.#isEnded(recordingId)) return;
      this.#events.onLink(recordingId, link);
      // A link is no sign yet that the store responds.
      if (this.#states.get(recordingId) !== 'unreachable') this.#states.delete(recordingId);
      this.#stuckSinceMs = undefined;
      this.#next?.close();
      const media = new Media(piece, link, () => this.#noteMedia(media));
      this.#next = media;
      this.#nextSinceMs = Date.now();
      this.element.append(media.video);
      if (!this.#current) this.#promote();
    } catch (error) {
      if (this.#isClosed) return;
      const { code, retryAfterMs } = error instanceof ReviewError ? error : { code: 'unreachable', retryAfterMs: 0 };
      const ended = ENDS.get(code);
      if (ended) return this.#end(piece, ended);
      this.#states.set(recordingId, PASSES.get(code) ?? 'refused');
      this.#failures += 1;
      this.#waitBeforeNext(retryAfterMs);
    }
  }

  /** What cannot be decoded at one moment may be whole at others: one more try is enough to know. */
  #passBroken({ recording }: Piece): void {
    const { atMs = 0, withinMs = 0 } = this.#broken ?? {};
    const isAway = this.#broken !== undefined && Math.abs(this.#course.atMs - atMs) >= withinMs;
    if (!isAway || this.#states.get(recording.recordingId) !== 'broken') return;
    this.#states.delete(recording.recordingId);
    this.#failures = MAX_FAILURES - 1;
    this.#tryAtMs = 0;
  }

  /** A store that never answers keeps neither the lane nor the line waiting. */
  #giveUpSlow(media: Media): void {
    this.#giveUpNext();
    this.#failures += 1;
    this.#waitBeforeNext();
    if (!this.#current?.isReady) this.#states.set(media.piece.recording.recordingId, 'unreachable');
  }

  #giveUpNext(): void {
    this.#next?.close();
    this.#next = undefined;
  }

  /** After many failures it is the media, if the store responds: an element says the same of both. Counts each once. */
  #countFailure(media: Media): void {
    if (this.#failed.has(media)) return;
    this.#failed.add(media);
    const { piece, link, video } = media;
    // What came and cannot be decoded will hardly be better over another link.
    this.#failures += video.error?.code === CANNOT_BE_DECODED ? MAX_FAILURES / 2 : 1;
    this.#waitBeforeNext();
    if (this.#failures < MAX_FAILURES) return;
    this.#states.set(piece.recording.recordingId, 'unreachable');
    void responds(link.url).then((isReached) => isReached && !this.#isClosed && this.#break(piece));
  }

  #break(piece: Piece): void {
    const withinMs = this.#broken ? 2 * this.#broken.withinMs : TRIED_AGAIN_AFTER_MS;
    this.#broken = { atMs: this.#course.atMs, withinMs };
    this.#end(piece, 'broken');
  }

  /** At least `askedMs`. */
  #waitBeforeNext(askedMs = 0): void {
    const waitMs = Math.min(MAX_RETRY_AFTER_MS, RETRY_AFTER_MS * 2 ** Math.min(10, this.#failures - 1));
    this.#tryAtMs = Date.now() + Math.max(askedMs, waitMs);
  }

  #noteMedia(media: Media): void {
    const { durationSeconds, piece } = media;
    if (media.hasFailed) this.#countFailure(media);
    if (durationSeconds !== undefined) this.#events.onDuration(piece.recording.recordingId, durationSeconds);
    // Its first picture, from the beginning of the file, does not count.
    if (!media.hasFailed && media.isInStep(this.#course)) {
      this.#failures = 0;
      this.#broken = undefined;
      if (!this.#isEnded(piece.recording.recordingId)) this.#states.delete(piece.recording.recordingId);
    }
    this.#events.onChange();
  }

  #promote(): void {
    const before = this.#current;
    this.#current = this.#next;
    this.#next = undefined;
    this.#current?.show();
    this.#setSound();
    before?.close();
    this.#events.onChange();
  }

  #isEnded(recordingId: string): boolean {
    const known = this.#states.get(recordingId);
    return known !== undefined && !PASSING.has(known);
  }

  /** It is not shown any longer. */
  #end(piece: Piece, state: TrackState): void {
    this.#states.set(piece.recording.recordingId, state);
    if (isOf(this.#current, piece) || isOf(this.#next, piece)) this.#drop();
    this.#events.onChange();
  }

  #drop(): void {
    this.#current?.close();
    this.#next?.close();
    this.#current = undefined;
    this.#next = undefined;
  }

  #setSound(): void {
    const { video } = this;
    if (!video) return;
    if (video.muted === this.#isHeard) video.muted = !this.#isHeard;
    if (video.volume !== this.#volume) video.volume = this.#volume;
  }
}

/** Whether anything responds there. Nothing of the response is read. */
async function responds(url: string): Promise<boolean> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(RESPONDS_WITHIN_MS)]);
  const response = await fetch(url, { mode: 'no-cors', cache: 'no-store', signal }).catch(() => undefined);
  over.abort();
  return response !== undefined;
}

/** Pieces are made anew with the line; the recording stays. */
function isOf(media: Media | undefined, { recording }: Piece): boolean {
  return media?.piece.recording.recordingId === recording.recordingId;
}
