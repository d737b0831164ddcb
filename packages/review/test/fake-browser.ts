// A browser in Node, on jest's clock: media elements that load, seek and play, and a service that issues links to them.
import { jest } from '@jest/globals';
import type { ReviewRecording } from '../src/service.ts';
import { START_MS } from './recordings.ts';

/** A link that ended: Firefox errs at once, Chromium tries it for half a minute. */
export type OnExpiry = 'errs' | 'hangs';

export interface FakeBrowser {
  recordings: ReviewRecording[];
  linkLifeMs: number;
  /** How much the clock of the service is ahead; and whether its responses say so. */
  aheadMs: number;
  tellsDate: boolean;
  seekMs: number;
  onExpiry: OnExpiry;
  /** `away`: nothing can be reached. `damaged`: it serves what no browser can play. */
  store: 'serves' | 'away' | 'damaged';
  /** Recordings of which the store sends nothing, ever. */
  readonly hanging: Set<string>;
  /** The media of a recording run faster than the clock by this factor. */
  readonly pace: Map<string, number>;
  readonly durations: Map<string, number>;
  /** Recordings whose files do not say how long they are. */
  readonly untold: Set<string>;
  /** Positions, in seconds, from which to which the media of a recording cannot be decoded. */
  readonly damage: Map<string, { readonly from: number; readonly to: number }>;
  /** What the store has beside the media, and how long it takes to send it. */
  readonly overviews: Map<string, Uint8Array<ArrayBuffer>>;
  overviewMs: number;
  /** How long the service takes to list the recordings. */
  listMs: number;
  /** How long the service takes to say what has become of a recording. */
  receiptMs: number;
  /** Of each page of the recordings. */
  nextCursor: string | null;
  /** What the service answers instead; by method and what follows `/recordings` in the path. */
  refuse: (call: string) => { status: number; body: object; retryAfter?: number } | 'unreachable' | undefined;
  /** Every call of the service. */
  readonly calls: string[];
  /** Every link: of which recording, why, and when it was issued, in seconds. */
  readonly links: { recordingId: string; reason: string | undefined; isRenewal: boolean; atSeconds: number }[];
  /** Ends the links that were issued so far. */
  revoke(): void;
  readonly videos: readonly FakeVideo[];
  readonly document: EventTarget & { visibilityState: string };
  /** Lets time pass. */
  pass(seconds: number): Promise<void>;
  close(): void;
}

const LOAD_MS = 60;
const READY = { HAVE_METADATA: 1, HAVE_CURRENT_DATA: 2, HAVE_FUTURE_DATA: 3 };

export class FakeVideo extends EventTarget {
  readonly style = { cssText: '' };
  readonly part = { add: () => {} };
  preload = '';
  playsInline = false;
  disableRemotePlayback = false;
  muted = false;
  volume = 1;
  paused = true;
  seeking = false;
  readyState = 0;
  error: { readonly code: number } | null = null;
  readonly #world: FakeBrowser;
  readonly #linkEndsMs: (url: string) => number;
  #src = '';
  #rate = 1;
  #seconds = 0;
  #countedAtMs = 0;
  seeks = 0;

  constructor(world: FakeBrowser, linkEndsMs: (url: string) => number) {
    super();
    this.#world = world;
    this.#linkEndsMs = linkEndsMs;
  }

  get recordingId(): string {
    return new URL(this.#src).pathname.slice(1);
  }

  get isOpen(): boolean {
    return this.#src !== '';
  }

  get duration(): number {
    if (this.readyState === 0) return Number.NaN;
    return this.#world.untold.has(this.recordingId) ? Number.POSITIVE_INFINITY : this.#length;
  }

  get #length(): number {
    return this.#world.durations.get(this.recordingId) ?? 3_600;
  }

  get ended(): boolean {
    return this.currentTime >= this.#length;
  }

  set src(url: string) {
    this.#src = url;
    this.#fetch(LOAD_MS, () => {
      this.readyState = READY.HAVE_FUTURE_DATA;
      for (const name of ['loadedmetadata', 'loadeddata', 'canplay']) this.dispatchEvent(new Event(name));
    });
  }

  get currentTime(): number {
    this.#count();
    return this.#seconds;
  }

  set currentTime(seconds: number) {
    this.#count();
    this.#seconds = Math.min(this.#length, seconds);
    this.seeking = true;
    const seek = ++this.seeks;
    this.#fetch(this.#world.seekMs, () => {
      if (seek !== this.seeks) return;
      this.#count();
      this.seeking = false;
      this.dispatchEvent(new Event('seeked'));
    });
  }

  get playbackRate(): number {
    return this.#rate;
  }

  set playbackRate(rate: number) {
    this.#count();
    this.#rate = rate;
  }

  async play(): Promise<void> {
    this.#count();
    this.paused = false;
  }

  pause(): void {
    this.#count();
    this.paused = true;
  }

  removeAttribute(): void {
    this.#src = '';
  }

  load(): void {}
  remove(): void {}

  #count(): void {
    const elapsedMs = Date.now() - this.#countedAtMs;
    this.#countedAtMs = Date.now();
    if (this.paused || this.seeking || this.readyState < READY.HAVE_FUTURE_DATA) return;
    const pace = this.#world.pace.get(this.recordingId) ?? 1;
    this.#seconds = Math.min(this.#length, this.#seconds + (elapsedMs / 1000) * this.#rate * pace);
    if (this.#isDamaged) this.#fail(3);
  }

  get #isDamaged(): boolean {
    const { from, to } = this.#world.damage.get(this.recordingId) ?? { from: 1, to: 0 };
    return this.#seconds >= from && this.#seconds < to;
  }

  #fail(code: number): void {
    if (this.error) return;
    this.error = { code };
    setTimeout(() => this.dispatchEvent(new Event('error')), 0);
  }

  #fetch(ms: number, then: () => void): void {
    const url = this.#src;
    setTimeout(() => {
      if (this.#src !== url || this.error) return;
      const { store, onExpiry } = this.#world;
      const isServed = Date.now() < this.#linkEndsMs(url);
      if (this.#world.hanging.has(this.recordingId)) return;
      if (isServed && store === 'serves') return this.#isDamaged ? this.#fail(3) : then();
      if (!isServed && onExpiry === 'hangs') return;
      this.#fail(4);
    }, ms);
  }
}

/** Replaces the globals that the player uses, until it is closed. */
export function openBrowser(recordings: ReviewRecording[]): FakeBrowser {
  jest.useFakeTimers({ now: START_MS, doNotFake: ['queueMicrotask', 'nextTick', 'setImmediate'] });
  const ends = new Map<string, number>();
  const videos: FakeVideo[] = [];
  const document = Object.assign(new EventTarget(), {
    visibilityState: 'visible',
    createElement: (name: string) => {
      if (name !== 'video') return { style: {}, append: () => {}, remove: () => {} };
      const video = new FakeVideo(world, (url) => ends.get(url) ?? 0);
      videos.push(video);
      return video;
    },
  });
  const world: FakeBrowser = {
    recordings,
    linkLifeMs: 600_000,
    aheadMs: 0,
    tellsDate: true,
    seekMs: 80,
    onExpiry: 'errs',
    store: 'serves',
    hanging: new Set(),
    pace: new Map(),
    durations: new Map(),
    untold: new Set(),
    damage: new Map(),
    overviews: new Map(),
    overviewMs: 100,
    listMs: 0,
    receiptMs: 0,
    nextCursor: null,
    refuse: () => undefined,
    calls: [],
    links: [],
    revoke: () => {
      for (const url of ends.keys()) ends.set(url, 0);
    },
    videos,
    document,
    async pass(seconds) {
      await jest.advanceTimersByTimeAsync(1000 * seconds);
    },
    close() {
      jest.useRealTimers();
      Object.assign(globalThis, before);
    },
  };
  const { fetch, addEventListener } = globalThis;
  const before = { fetch, addEventListener, document: undefined, HTMLMediaElement: undefined };
  Object.assign(globalThis, {
    document,
    HTMLMediaElement: READY,
    addEventListener: () => {},
    fetch: async (input: string, init?: RequestInit) => {
      init?.signal?.throwIfAborted();
      return respond(world, ends, input, init);
    },
  });
  return world;
}

async function respond(
  world: FakeBrowser,
  ends: Map<string, number>,
  input: string,
  init?: RequestInit,
): Promise<Response> {
  if (input.startsWith('http://store.test')) {
    if (world.store === 'away') throw new TypeError('Failed to fetch');
    const [, recordingId = '', object] = new URL(input).pathname.split('/');
    if (object !== 'overview') return new Response('');
    await new Promise((resolve) => setTimeout(resolve, world.overviewMs));
    return new Response(world.overviews.get(recordingId));
  }
  const [, path = ''] = input.split('/recordings');
  const call = `${init?.method} ${path.replace(/\?.*/, '')}`;
  world.calls.push(call);
  const refusal = world.refuse(call);
  if (refusal === 'unreachable') throw new TypeError('Failed to fetch');
  const headers: Record<string, string> = world.tellsDate
    ? { date: new Date(Date.now() + world.aheadMs).toUTCString() }
    : {};
  if (refusal?.retryAfter) headers['retry-after'] = String(refusal.retryAfter);
  if (refusal) return Response.json(refusal.body, { status: refusal.status, headers });
  const [, recordingId = ''] = /^\/(\w+)/.exec(path) ?? [];
  if (call.startsWith('POST')) return issue(world, ends, recordingId, init?.body as string, headers);
  const takesMs = recordingId === '' ? world.listMs : world.receiptMs;
  if (takesMs > 0) await new Promise((resolve) => setTimeout(resolve, takesMs));
  return Response.json({ items: world.recordings, nextCursor: world.nextCursor }, { headers });
}

function issue(
  world: FakeBrowser,
  ends: Map<string, number>,
  recordingId: string,
  body: string,
  headers: Record<string, string>,
): Response {
  const said = JSON.parse(body) as { reason?: string; renewal?: boolean };
  const url = `http://store.test/${recordingId}?link=${world.links.length}`;
  const endsMs = Math.floor(Date.now() / 1000) * 1000 + world.linkLifeMs;
  ends.set(url, endsMs);
  const atSeconds = (Date.now() - START_MS) / 1000;
  world.links.push({ recordingId, reason: said.reason, isRenewal: said.renewal === true, atSeconds });
  const overviewUrl = world.overviews.has(recordingId) ? `http://store.test/${recordingId}/overview` : null;
  const link = { url, expiresAt: new Date(endsMs + world.aheadMs).toISOString(), overviewUrl };
  return Response.json(link, { status: 201, headers });
}
