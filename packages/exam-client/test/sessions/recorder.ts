// MediaStream and MediaRecorder of a page (MediaStream Recording API): a camera that can be muted, pulled out or fail.
import type { RecordingKind } from '../../src/service.ts';
import type { Film, Hole } from './film.ts';
import { forgetful } from './listeners.ts';
import type { Page } from './page.ts';

export class FakeTrack extends EventTarget {
  readonly kind: 'video' | 'audio';
  readyState: 'live' | 'ended' = 'live';
  muted = false;
  enabled = true;

  constructor(kind: 'video' | 'audio') {
    super();
    forgetful(this);
    this.kind = kind;
  }

  stop(): void {
    this.readyState = 'ended';
  }

  setMuted(muted: boolean): void {
    if (this.muted === muted || this.readyState === 'ended') return;
    this.muted = muted;
    this.dispatchEvent(new Event(muted ? 'mute' : 'unmute'));
  }

  /** The device was pulled out, or the candidate has ended the sharing. */
  end(): void {
    if (this.readyState === 'ended') return;
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

export class FakeStream extends EventTarget {
  readonly id = 'stream';
  readonly recordedAs: RecordingKind;
  readonly #tracks: readonly FakeTrack[];
  /** The recorders on it: what happens to the device happens to them. */
  readonly recorders = new Set<RecorderControls>();

  /** @param recordedAs the kind of the recordings of it */
  constructor(recordedAs: RecordingKind, tracks: readonly FakeTrack[]) {
    super();
    this.recordedAs = recordedAs;
    this.#tracks = tracks;
  }

  get active(): boolean {
    return this.#tracks.some(({ readyState }) => readyState === 'live');
  }

  getTracks = () => [...this.#tracks];
  getVideoTracks = () => this.#tracks.filter(({ kind }) => kind === 'video');
  getAudioTracks = () => this.#tracks.filter(({ kind }) => kind === 'audio');
}

/** What a fault does to a recorder. */
export interface RecorderControls {
  readonly film: Film;
  /** It fires `error`, gives what it has, and stops. */
  fail(): void;
  /** From now on it gives no bytes, or gives them again. */
  starve(isStarved: boolean): void;
  /** Nothing of the picture is there meanwhile. */
  miss(why: string): void;
  missNoMore(why: string): void;
}

const RECORDED = ['video/webm', 'audio/webm'];
/** Bytes come a moment after the end of their time. */
const DELAY_MS = 20;

/** A Blob whose bytes are at hand without a detour. */
class RecordedBlob extends Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>, type: string) {
    super([bytes], { type });
    this.#bytes = bytes;
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve(this.#bytes.slice().buffer);
  }
}

export function mediaRecorderOf(page: Page, openFilm: (stream: FakeStream) => Film) {
  const { world } = page.machine;
  return class FakeRecorder extends EventTarget implements RecorderControls {
    static isTypeSupported(type: string): boolean {
      return RECORDED.includes(type.split(';')[0]?.trim().toLowerCase() ?? '');
    }

    readonly stream: FakeStream;
    readonly mimeType: string;
    readonly film: Film;
    state: 'inactive' | 'recording' | 'paused' = 'inactive';
    #timesliceMs = Number.POSITIVE_INFINITY;
    #timer = 0;
    /** Since when media are taken; undefined while none are. */
    #takingSinceMs: number | undefined;
    /** Of what is not handed over yet: its beginning, and the length of its media. */
    #fromMs = 0;
    #pendingMs = 0;
    #isStarved = false;
    readonly #holes = new Map<string, Hole>();

    constructor(stream: FakeStream, options: { mimeType?: string } = {}) {
      super();
      if (options.mimeType && !FakeRecorder.isTypeSupported(options.mimeType)) {
        throw new DOMException(`${options.mimeType} is not recorded.`, 'NotSupportedError');
      }
      this.stream = stream;
      this.mimeType = options.mimeType || 'video/webm;codecs=vp8';
      this.film = openFilm(stream);
    }

    start(timesliceMs = Number.POSITIVE_INFINITY): void {
      if (!this.stream.active) throw new DOMException('All tracks have ended.', 'NotSupportedError');
      this.state = 'recording';
      this.#timesliceMs = timesliceMs;
      this.stream.recorders.add(this);
      page.whenClosed(() => this.#over());
      page.whenFrozen({ freeze: () => this.#stopTaking(), thaw: (clockStood) => this.#thaw(clockStood) });
      for (const track of this.stream.getTracks()) track.addEventListener('ended', () => this.#trackEnded());
      page.setTimeout(() => this.dispatchEvent(new Event('start')));
      this.#take();
      this.#fromMs = world.nowMs;
      if (this.stream.getVideoTracks().some(({ muted }) => muted)) this.miss('muted');
      this.#again();
    }

    stop(): void {
      if (this.state === 'inactive') throw new DOMException('It is not recording.', 'InvalidStateError');
      this.#finish();
    }

    pause(): void {
      if (this.state !== 'recording') return;
      this.state = 'paused';
      this.#stopTaking();
      this.#pausedAtMs = world.nowMs;
      page.setTimeout(() => this.dispatchEvent(new Event('pause')));
    }
    #pausedAtMs = 0;

    resume(): void {
      if (this.state !== 'paused') return;
      this.state = 'recording';
      this.film.holes.push({ fromMs: this.#pausedAtMs, toMs: world.nowMs, why: 'paused' });
      this.#take();
      page.setTimeout(() => this.dispatchEvent(new Event('resume')));
    }

    requestData(): void {
      page.setTimeout(() => this.#give());
    }

    fail(): void {
      if (this.state === 'inactive') return;
      this.film.failedAtMs = world.nowMs;
      const error = new DOMException('The encoder failed.', 'UnknownError');
      this.dispatchEvent(Object.assign(new Event('error'), { error }));
      this.#finish();
    }

    starve(isStarved: boolean): void {
      if (this.state === 'inactive' || this.#isStarved === isStarved) return;
      if (isStarved) this.#give();
      this.#isStarved = isStarved;
      if (isStarved) this.miss('starved');
      else this.missNoMore('starved');
    }

    miss(why: string): void {
      if (this.state === 'inactive' || this.#holes.has(why)) return;
      const hole = { fromMs: world.nowMs, toMs: Number.POSITIVE_INFINITY, why };
      this.#holes.set(why, hole);
      this.film.holes.push(hole);
    }

    missNoMore(why: string): void {
      const hole = this.#holes.get(why);
      if (hole) hole.toMs = world.nowMs;
      this.#holes.delete(why);
    }

    #again(): void {
      if (this.#timesliceMs === Number.POSITIVE_INFINITY) return;
      this.#timer = page.setTimeout(() => {
        this.#again();
        page.setTimeout(() => this.#give(), DELAY_MS);
      }, this.#timesliceMs);
    }

    #take(): void {
      if (this.state !== 'recording' || page.isFrozen || this.#takingSinceMs !== undefined) return;
      this.#takingSinceMs = world.nowMs;
      if (this.#pendingMs === 0) this.#fromMs = world.nowMs;
    }

    #stopTaking(): void {
      if (this.#takingSinceMs === undefined) return;
      this.#pendingMs += world.nowMs - this.#takingSinceMs;
      this.#takingSinceMs = undefined;
      this.#stoppedAtMs = world.nowMs;
    }
    #stoppedAtMs = 0;

    #thaw(clockStood: boolean): void {
      if (this.state !== 'recording') return;
      const hole = { fromMs: this.#stoppedAtMs, toMs: world.nowMs, why: clockStood ? 'slept' : 'suspended' };
      this.film.holes.push(hole);
      if (!clockStood) {
        this.#give();
        this.film.skip(hole.toMs - hole.fromMs);
      }
      this.#take();
    }

    /** Hands over what was taken since the last time. */
    #give(): void {
      const toMs = this.#takingSinceMs === undefined ? this.#stoppedAtMs : world.nowMs;
      this.#stopTaking();
      const [fromMs, mediaMs] = [this.#fromMs, this.#pendingMs];
      this.#pendingMs = 0;
      this.#take();
      if (mediaMs === 0) return;
      if (this.#isStarved) {
        this.film.skip(mediaMs);
        return;
      }
      const bytes = this.film.next({ fromMs, toMs, handedAtMs: world.nowMs }, mediaMs);
      const data = new RecordedBlob(bytes, this.mimeType);
      this.dispatchEvent(Object.assign(new Event('dataavailable'), { data, timecode: mediaMs }));
    }

    #trackEnded(): void {
      if (this.state === 'inactive') return;
      if (this.stream.active) this.miss('ended');
      else this.#finish();
    }

    #finish(): void {
      this.#stopTaking();
      this.#over();
      page.setTimeout(() => {
        this.#give();
        this.dispatchEvent(new Event('stop'));
      });
    }

    #over(): void {
      if (this.state === 'inactive') return;
      if (this.state === 'paused') this.film.holes.push({ fromMs: this.#pausedAtMs, toMs: world.nowMs, why: 'paused' });
      this.state = 'inactive';
      for (const why of this.#holes.keys()) this.missNoMore(why);
      this.stream.recorders.delete(this);
      this.film.endedAtMs = world.nowMs;
      page.clearTimeout(this.#timer);
    }
  };
}
