// What the tests do inside a page: one session, its events told to the test, and sources whose every byte is known.
import {
  type ExamSession,
  keepInStep,
  type RecordingKind,
  type RecordOptions,
  startSession,
} from '../../../src/client/index.ts';
import { type SyntheticOptions, syntheticWebm } from '../../client/synthetic-webm.ts';

interface StartOptions {
  readonly service: string;
  readonly attempt: string;
  /** Answers of `getToken`, the last one for ever; `throws` and `never` are what they say. */
  readonly tokens: readonly string[];
  readonly memoryLimitBytes?: number;
}

let session: ExamSession;
let abort: AbortController;
let camera: MediaStream | undefined;
let tokensAsked = 0;
/** What MediaRecorder made, to be compared with what is stored. */
const recorders: WatchedRecorder[] = [];

class WatchedRecorder extends MediaRecorder {
  readonly blobs: Blob[] = [];
  startedMs = 0;
  seconds = 0;

  constructor(stream: MediaStream, options?: MediaRecorderOptions) {
    super(stream, options);
    recorders.push(this);
    this.addEventListener('start', () => {
      this.startedMs = performance.now();
    });
    this.addEventListener('stop', () => {
      this.seconds = (performance.now() - this.startedMs) / 1000;
    });
    this.addEventListener('dataavailable', ({ data }) => this.blobs.push(data));
  }
}
globalThis.MediaRecorder = WatchedRecorder;

/** Where and when the next part goes. */
let partUrl = (url: string): string => url;
let sendPart = (send: () => void): void => send();

class PartRequest extends XMLHttpRequest {
  override open(method: string, url: string): void {
    super.open(method, partUrl(url), true);
  }

  override send(body?: XMLHttpRequestBodyInit | null): void {
    sendPart(() => super.send(body));
  }
}
globalThis.XMLHttpRequest = PartRequest;

/** In turns to a port that nobody listens on, and to the store with a signature that is wrong. */
function failEveryThirdPart(): void {
  let sent = 0;
  let failed = 0;
  partUrl = (url) => {
    sent += 1;
    if (sent % 3 !== 0) return url;
    failed += 1;
    tell('part-failed');
    return failed % 2 === 0 ? `${url}0` : 'http://127.0.0.1:1/';
  };
}

/** The first parts lie about until their URLs have expired. */
function delayFirstParts(count: number, delayMs: number): void {
  let left = count;
  sendPart = (send) => {
    if (left-- > 0) setTimeout(send, delayMs);
    else send();
  };
}

function tell(name: string, detail: object = {}): void {
  console.log(`harness ${JSON.stringify({ name, ...detail })}`);
}

function start({ service, attempt, tokens, memoryLimitBytes }: StartOptions): void {
  abort = new AbortController();
  session = startSession({
    service,
    exam: 'math',
    attempt,
    participantId: 'p1',
    consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '3' },
    getToken: () => giveToken(tokens[Math.min(tokensAsked++, tokens.length - 1)] ?? ''),
    signal: abort.signal,
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
  });
  const of = ({
    recording,
  }: {
    recording: { kind: string; recordingId: string | undefined; isLeftover: boolean };
  }) => ({
    kind: recording.kind,
    recordingId: recording.recordingId,
    isLeftover: recording.isLeftover,
  });
  session.addEventListener('progress', ({ detail }) =>
    tell('progress', { ...of(detail), progress: detail.recording.progress }),
  );
  session.addEventListener('state', ({ detail }) => tell('state', { ...of(detail), state: detail.state }));
  session.addEventListener('gap', ({ detail }) => tell('gap', { ...of(detail), gap: detail.gap }));
  session.addEventListener('warning', ({ detail }) => tell('warning', detail));
  session.addEventListener('stored', ({ detail }) => tell('stored', { ...of(detail), stored: detail.stored }));
  session.addEventListener('failed', ({ detail }) =>
    tell('failed', { ...of(detail), code: detail.error.code, message: detail.error.message }),
  );
}

function giveToken(answer: string): Promise<string> {
  if (answer === 'throws') throw new Error('no token');
  return answer === 'never' ? new Promise(() => {}) : Promise.resolve(answer);
}

let held: Promise<void> | undefined;
let letGo = () => {};

/** Nothing more is handed to the client until `release`. */
function hold(): void {
  ({ promise: held, resolve: letGo } = Promise.withResolvers<void>());
}

interface FilmOptions extends SyntheticOptions {
  readonly paceMs?: number;
  /** What may be handed to the client before it is stored. Default: all of it. */
  readonly aheadBytes?: number;
  readonly isOpen?: boolean;
}

/** Seconds of a WebM as fast as the client takes them, or one every `paceMs`; then open until `finish`, if `isOpen`. */
function recordSynthetic(kind: RecordingKind, options: FilmOptions): void {
  async function* blobs(): AsyncGenerator<Blob> {
    let handedBytes = 0;
    let seconds = 0;
    for (const bytes of syntheticWebm(options)) {
      await held;
      yield new Blob([bytes]);
      // The client asks for the next one when it has kept this one.
      handedBytes += bytes.length;
      seconds += 1;
      if (seconds % 10 === 0 || seconds === options.seconds) tell('handed', { kind, handedBytes, seconds });
      if (options.paceMs) await new Promise((resolve) => setTimeout(resolve, options.paceMs));
      while (handedBytes - session.progress.storedBytes > (options.aheadBytes ?? Number.POSITIVE_INFINITY)) {
        await new Promise((resolve) => session.addEventListener('progress', resolve, { once: true }));
      }
    }
    if (options.isOpen) await new Promise(() => {});
  }
  session.record(kind, blobs(), { mimeType: 'video/webm;codecs=vp8' });
}

async function recordCamera(options?: RecordOptions): Promise<void> {
  camera = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  session.record('webcam', camera, options);
}

/** Records and stops before MediaRecorder has begun; how each recorder ended. */
async function recordAndStop(way: 'finish' | 'abort' | 'withdraw'): Promise<{ result: string; states: string[] }> {
  camera = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  const recording = session.record('webcam', camera);
  const stopping = { finish, abort: async () => abort.abort(), withdraw }[way]();
  const result = await Promise.allSettled([stopping, recording.finish()]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return {
    result: result.map((each) => (each.status === 'rejected' ? each.reason.code : each.status)).join(' '),
    states: recorders.map(({ state }) => state),
  };
}

/** What a browser does when a camera is pulled out: its microphone goes on. */
function unplugCamera(): void {
  for (const track of camera?.getVideoTracks() ?? []) {
    track.stop();
    track.dispatchEvent(new Event('ended'));
  }
}

/** The disk takes no more knowledge of a recording before something of it was dropped. */
function fillDisk(): void {
  const put = Reflect.get(IDBObjectStore.prototype, 'put') as (
    this: IDBObjectStore,
    ...args: unknown[]
  ) => IDBRequest<IDBValidKey>;
  const remove = Reflect.get(IDBObjectStore.prototype, 'delete') as (
    this: IDBObjectStore,
    query: unknown,
  ) => IDBRequest<undefined>;
  let isFull = true;
  IDBObjectStore.prototype.put = function (value, ...rest) {
    if (isFull && value.droppedToBytes > 0) throw new DOMException('full', 'QuotaExceededError');
    return put.call(this, value, ...rest);
  };
  IDBObjectStore.prototype.delete = function (query) {
    isFull = false;
    return remove.call(this, query);
  };
}

/** The nth Blob that is read cannot be: the browser's own disk is full. */
function loseBlob(nth: number): void {
  const arrayBuffer = Reflect.get(Blob.prototype, 'arrayBuffer') as (this: Blob) => Promise<ArrayBuffer>;
  let read = 0;
  Blob.prototype.arrayBuffer = function () {
    read += 1;
    return read === nth ? Promise.reject(new DOMException('lost', 'NotReadableError')) : arrayBuffer.call(this);
  };
}

/** Chromium reads the first 41 frames of a file before it plays. */
const SCREEN_FRAMES_PER_SECOND = 15;

/** A screen on which a clock runs and snow falls, so that its recording is as large as one of a busy screen. */
function recordScreen(options?: RecordOptions): void {
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const context = canvas.getContext('2d', { alpha: false });
  const draw = () => {
    if (!context) return;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = '#000';
    context.font = '40px sans-serif';
    context.fillText(new Date().toISOString(), 20, 60);
    for (let flake = 0; flake < 1_500; flake += 1) {
      context.fillRect(Math.random() * canvas.width, 80 + Math.random() * 280, 4, 4);
    }
  };
  draw();
  setInterval(draw, 1000 / SCREEN_FRAMES_PER_SECOND);
  session.record('screen', canvas.captureStream(SCREEN_FRAMES_PER_SECOND), options);
}

/** Resolves when the first MediaRecorder has run for so long. */
async function recorded(seconds: number): Promise<void> {
  const startedMs = () => recorders[0]?.startedMs || Number.POSITIVE_INFINITY;
  while (performance.now() - startedMs() < seconds * 1000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function finish(): Promise<unknown> {
  return session.finish();
}

async function withdraw(): Promise<void> {
  await session.withdraw();
}

/** How long each MediaRecorder ran, and the SHA-256 of what it made from the first cluster on. */
async function recordings(): Promise<{ startedMs: number; seconds: number; sha256: string }[]> {
  return Promise.all(
    recorders.map(async ({ blobs, startedMs, seconds }) => {
      const file = new Uint8Array(await new Blob(blobs).arrayBuffer());
      return { startedMs, seconds, sha256: await sha256(afterHead(file)) };
    }),
  );
}

function afterHead(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  for (let at = 0; at < file.length; at += 1) {
    if (file[at] === 0x1f && file[at + 1] === 0x43 && file[at + 2] === 0xb6 && file[at + 3] === 0x75)
      return file.slice(at);
  }
  return file;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** How many bytes and recordings this browser keeps. */
async function kept(): Promise<{ bytes: number; rows: { state: string; recordingId?: string }[] }> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('proctoring-recordings');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const all = <Row>(name: string) =>
    new Promise<Row[]>((resolve) => {
      const request = database.transaction(name).objectStore(name).getAll();
      request.onsuccess = () => resolve(request.result as Row[]);
    });
  const chunks = await all<{ bytes: Uint8Array }>('chunks');
  const rows = await all<{ state: string; recordingId?: string }>('recordings');
  database.close();
  return { bytes: chunks.reduce((sum, { bytes }) => sum + bytes.length, 0), rows };
}

/** Loads a video as a reviewer's page does, and seeks. */
async function seekTo(url: string, fraction: number): Promise<{ duration: number; landedAt: number }> {
  const video = await load(url);
  const { duration } = video;
  video.currentTime = duration * fraction;
  await happened(video, 'seeked');
  return { duration, landedAt: video.currentTime };
}

/** Plays two videos in step for a while, seeks the first, and tells how far apart they are. */
async function playInStep(leaderUrl: string, followerUrl: string, offset: number): Promise<number[]> {
  const leader = await load(leaderUrl);
  const follower = await load(followerUrl);
  const stop = keepInStep(leader, follower, offset);
  const apart: number[] = [];
  for (const time of [1, leader.duration / 2]) {
    leader.currentTime = time;
    await happened(leader, 'seeked');
    await leader.play();
    const secondsApart = () => follower.currentTime + offset - leader.currentTime;
    await within(15, () => leader.currentTime > time + 1 && !follower.seeking && Math.abs(secondsApart()) < 0.1);
    apart.push(secondsApart());
    leader.pause();
    await within(5, () => follower.paused);
  }
  apart.push(follower.paused ? 0 : Number.NaN);
  stop();
  return apart;
}

/** Resolves when it holds, or after so many seconds all the same. */
async function within(seconds: number, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + seconds * 1000;
  while (!holds() && performance.now() < endMs) await new Promise(requestAnimationFrame);
}

async function load(url: string): Promise<HTMLVideoElement> {
  const video = document.createElement('video');
  video.muted = true;
  video.preload = 'metadata';
  video.src = url;
  document.body.append(video);
  await happened(video, 'loadedmetadata');
  return video;
}

function happened(video: HTMLVideoElement, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener(name, () => resolve(), { once: true });
    video.addEventListener('error', () => reject(new Error(video.error?.message ?? 'the video failed')), {
      once: true,
    });
  });
}

const harness = {
  start,
  failEveryThirdPart,
  delayFirstParts,
  recordSynthetic,
  hold,
  release: () => letGo(),
  recordCamera,
  recordScreen,
  recordAndStop,
  recorded,
  unplugCamera,
  fillDisk,
  loseBlob,
  finish,
  withdraw,
  recordings,
  kept,
  seekTo,
  playInStep,
  abort: () => abort.abort(),
  tokensAsked: () => tokensAsked,
  progress: () => session.progress,
};
Object.assign(globalThis, { harness });
