// When a recording was recorded: its beginning, its end, its gaps and its drift. In its row by the page's clock, in its
// timeline by the service's.
import { type ClockState, holeOf, now, type SessionClock, serviceTime, toIso } from './clock.ts';
import type { RecordingRow } from './local-bytes.ts';
import { BUFFER_FULL, CUT_OUT, type Gap, LOST, type Timeline } from './timeline.ts';

/** The service accepts no more gaps of one recording. */
const MAX_GAPS = 1_000;
const ANCHORED_EVERY_MS = 60_000;
const MIN_DRIFT_MS = 100;
/** The service accepts 100, with the one of the beginning. */
const MAX_ANCHORS = 99;

export class RecordedTime {
  readonly #row: RecordingRow;
  readonly #clock: SessionClock;
  readonly #isLeftover: boolean;
  #lastAtMs: number;
  #endedAtMs = Number.POSITIVE_INFINITY;
  #anchoredAtMs: number;
  /** Since then, the frames that arrived with the shortest delay: when the media would have begun by them. */
  #nearest = { begunMs: Number.POSITIVE_INFINITY, mediaMs: 0 };

  /** The times of a leftover are of the earlier visit's clock, which its row has. */
  constructor(row: RecordingRow, clock: SessionClock, isLeftover: boolean) {
    this.#row = row;
    this.#clock = clock;
    this.#isLeftover = isLeftover;
    this.#lastAtMs = row.lastAtMs ?? row.createdAtMs;
    this.#anchoredAtMs = this.#lastAtMs;
  }

  /** When the last bytes arrived. */
  get lastAtMs(): number {
    return this.#lastAtMs;
  }

  get seconds(): number {
    return (this.#lastAtMs - (this.#row.startedAtMs ?? this.#lastAtMs)) / 1000;
  }

  begin(atMs: number): void {
    this.#row.startedAtMs = atMs;
  }

  /** After a pause, which is no silence. */
  resume(): void {
    this.#lastAtMs = now();
  }

  end(): void {
    this.#endedAtMs = now();
  }

  /** Whether it was being recorded in some of that time. */
  was(fromMs: number, toMs: number): boolean {
    const { startedAtMs = Number.POSITIVE_INFINITY } = this.#row;
    return !this.#isLeftover && startedAtMs < toMs && fromMs < this.#endedAtMs;
  }

  /** How much of the media had arrived then. `mediaMs`: the time of the last frame, if there is any. */
  arrived(atMs: number, mediaMs: number | undefined): void {
    this.#lastAtMs = atMs;
    this.#row.lastAtMs = atMs;
    this.noteClock();
    if (mediaMs !== undefined) this.#compareClocks(atMs, mediaMs);
  }

  /** The row is what a later visit knows of this visit's clock. */
  noteClock(): void {
    if (!this.#isLeftover) this.#row.clock = this.#clock.state;
  }

  /** By the page's clock. False when there are too many. */
  add(gap: Gap): boolean {
    if (this.#row.gaps.length >= MAX_GAPS) return false;
    this.#row.gaps.push(gap);
    return true;
  }

  /** The silences of more than `limitMs` before bytes that arrive now, as far as no gap explains them. */
  silencesUntil(atMs: number, limitMs: number): Gap[] {
    if (this.#isLeftover || atMs - this.#lastAtMs <= limitMs) return [];
    const known = this.#row.gaps
      .map(({ from, to }) => ({ fromMs: Date.parse(from), toMs: Date.parse(to) }))
      .filter(({ toMs }) => toMs > this.#lastAtMs);
    let fromMs = this.#lastAtMs;
    const silences: Gap[] = [];
    for (const gap of [...known, { fromMs: atMs, toMs: atMs }]) {
      const isLong = gap.fromMs - fromMs > limitMs;
      if (isLong) silences.push({ from: toIso(fromMs), to: toIso(gap.fromMs), reason: 'no-bytes' });
      fromMs = Math.max(fromMs, gap.toMs);
    }
    return silences;
  }

  ofService({ from, to, reason }: Gap): Gap {
    return { from: this.#serviceIso(Date.parse(from)), to: this.#serviceIso(Date.parse(to)), reason };
  }

  /** By the service's clock, as far as its responses have shown it. */
  get timeline(): Timeline {
    const startedAtMs = this.#atMs(this.#row.continuation?.skippedMs ?? 0);
    // A jump that is not told apart yet counts as sleep in all times, so it is a gap too.
    const holes = this.#clockState.jumps.map(holeOf).filter(({ toMs }) => toMs <= this.#lastAtMs);
    const assumed = holes.map(({ fromMs, toMs, reason }) => ({ from: toIso(fromMs), to: toIso(toMs), reason }));
    const gaps = [...this.#row.gaps, ...assumed].filter(({ to }) => Date.parse(to) > startedAtMs);
    const lost = gaps.filter(({ reason }) => reason === LOST);
    return {
      startedAt: this.#serviceIso(startedAtMs),
      endedAt: this.#serviceIso(Math.max(startedAtMs, this.#lastAtMs, ...lost.map(({ to }) => Date.parse(to)))),
      gaps: gaps.map((gap) => this.ofService(gap)),
      ...this.#anchors(startedAtMs),
    };
  }

  /**
   * Frames arrive a little after they were taken: of each minute, the one with the shortest delay shows best when the media
   * would have begun. The first minute gives the beginning; where a later one differs, the media drift from the clock.
   */
  #compareClocks(atMs: number, lastMs: number): void {
    if (this.#row.gaps.some(({ reason }) => CUT_OUT.has(reason))) return;
    const begunMs = atMs - lastMs;
    const { startedAtMs = begunMs, anchors = [] } = this.#row;
    if (lastMs < ANCHORED_EVERY_MS && anchors.length === 0) this.#row.startedAtMs = Math.min(startedAtMs, begunMs);
    if (begunMs < this.#nearest.begunMs) this.#nearest = { begunMs, mediaMs: lastMs };
    if (atMs < this.#anchoredAtMs + ANCHORED_EVERY_MS) return;
    this.#anchoredAtMs = atMs;
    const { begunMs: nearestMs, mediaMs } = this.#nearest;
    this.#nearest = { begunMs: Number.POSITIVE_INFINITY, mediaMs: 0 };
    const before = anchors.at(-1);
    const beforeMs = before ? before.atMs - before.mediaMs : (this.#row.startedAtMs ?? nearestMs);
    if (Math.abs(nearestMs - beforeMs) < MIN_DRIFT_MS || anchors.length >= MAX_ANCHORS) return;
    this.#row.anchors = [...anchors, { atMs: nearestMs + mediaMs, mediaMs }];
  }

  /** Nothing where the media keep pace with the clock. */
  #anchors(startedAtMs: number): Pick<Timeline, 'anchors'> {
    const skippedMs = this.#row.continuation?.skippedMs ?? 0;
    const later = (this.#row.anchors ?? []).filter(({ mediaMs }) => mediaMs > skippedMs);
    if (later.length === 0) return {};
    const all = [{ atMs: startedAtMs, mediaMs: skippedMs }, ...later];
    return {
      anchors: all.map(({ atMs, mediaMs }) => ({
        at: this.#serviceIso(atMs),
        mediaSeconds: (mediaMs - skippedMs) / 1000,
      })),
    };
  }

  #serviceIso(pageMs: number): string {
    return toIso(serviceTime(pageMs, this.#clockState, this.#clock.state.offsetMs));
  }

  get #clockState(): ClockState {
    return (this.#isLeftover ? this.#row.clock : undefined) ?? this.#clock.state;
  }

  /** The time at which `recordedMs` had been recorded; pauses are not in the file. */
  #atMs(recordedMs: number): number {
    const firstAtMs = this.#row.startedAtMs ?? this.#row.createdAtMs;
    return this.#row.gaps
      .filter(({ reason }) => reason === BUFFER_FULL)
      .reduce(
        (atMs, { from, to }) => (Date.parse(from) <= atMs ? atMs + Date.parse(to) - Date.parse(from) : atMs),
        firstAtMs + recordedMs,
      );
  }
}
