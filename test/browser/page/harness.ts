// What the tests do inside a page: one session, its events told to the test, and sources whose every byte is known.
import {
  type ExamSession,
  type RecordingKind,
  type RecordOptions,
  type SessionOptions,
  startSession,
} from '@proctoring-recordings/exam-client';
import { type SyntheticOptions, syntheticWebm } from '../../../packages/exam-client/test/synthetic-webm.ts';
import { clockStream, liveStream, type Picture } from './live-stream.ts';
import { happened } from './moments.ts';
import { recorderStates, tellWhatIsMade } from './recorders.ts';

export { stepClock } from './clock.ts';
export { endTracks } from './live-stream.ts';
export { clocksIn, look, overviews, watchOverviews } from './overview.ts';
export { playInStep, playThrough, seekAround, seekToMiddle } from './playback.ts';
export { recorded, recordings, witnessed } from './recorders.ts';

/** `tokens`: answers of `getToken`, the last one repeated; `throws` rejects and `never` does not settle. */
type StartOptions = Pick<SessionOptions, 'service' | 'attempt' | 'memoryLimitBytes' | 'overview'> & {
  readonly tokens: string[];
};

let session: ExamSession;
let abort: AbortController;
let camera: MediaStream | undefined;
let tokensAsked = 0;

function tell(name: string, detail: object = {}): void {
  console.log(`harness ${JSON.stringify({ name, ...detail })}`);
}

export function start({ service, attempt, tokens, memoryLimitBytes, overview }: StartOptions): void {
  abort = new AbortController();
  session = startSession({
    service,
    exam: 'math',
    attempt,
    participantId: 'p1',
    consent: { givenAt: new Date().toISOString(), policyVersion: '3' },
    getToken: () => {
      const answer = tokens[Math.min(tokensAsked++, tokens.length - 1)] ?? '';
      if (answer === 'throws') throw new Error('no token');
      return answer === 'never' ? new Promise(() => {}) : Promise.resolve(answer);
    },
    signal: abort.signal,
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
    ...(overview !== undefined && { overview }),
  });
  for (const name of ['progress', 'state', 'gap', 'continued', 'stored', 'failed'] as const) {
    session.addEventListener(name, ({ detail }) => {
      const { kind, recordingId, isLeftover, state, progress } = detail.recording;
      const code = 'error' in detail ? detail.error.code : undefined;
      tell(name, { kind, recordingId, isLeftover, state, code, ...progress });
    });
  }
  session.addEventListener('warning', ({ detail }) => tell('warning', detail));
}

let held: Promise<void> | undefined;
let letGo = () => {};

export const release = () => letGo();

/** Nothing more is handed to the client until `release`. */
export function hold(): void {
  ({ promise: held, resolve: letGo } = Promise.withResolvers<void>());
}

interface FilmOptions extends SyntheticOptions {
  readonly paceMs?: number;
  /** What may be handed to the client before it is stored. Default: all of it. */
  readonly aheadBytes?: number;
  readonly isOpen?: boolean;
}

/** Seconds of a WebM as fast as the client takes them, or one every `paceMs`; then open until `finish`, if `isOpen`. */
export function recordSynthetic(kind: RecordingKind, options: FilmOptions): void {
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

/** A file that a browser has recorded, in base 64, in Blobs of some kilobytes. */
export async function recordFile(kind: RecordingKind, base64: string, mimeType: string): Promise<void> {
  const file = await (await fetch(`data:;base64,${base64}`)).blob();
  async function* blobs(): AsyncGenerator<Blob> {
    for (let at = 0; at < file.size; at += 5_000) yield file.slice(at, at + 5_000);
    tell('handed', { kind });
  }
  session.record(kind, blobs(), { mimeType });
}

const FILM_BLOB_BYTES = 64 * 1024;
/** So long, a keyframe is made into a picture before the next one comes. */
const FILM_PAUSE_MS = 5;
const FILM_AHEAD_BYTES = 32 * 1024 * 1024;

/** A WebM of any length from there, many times as fast as it plays; resolves when the client has all of it. */
export async function recordFilm(kind: RecordingKind, url: string): Promise<void> {
  const { body } = await fetch(url);
  if (!body) throw new Error('no film');
  const reader = body.getReader();
  const { promise: handed, resolve } = Promise.withResolvers<void>();
  async function* blobs(): AsyncGenerator<Blob> {
    let handedBytes = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      for (let at = 0; at < read.value.length; at += FILM_BLOB_BYTES) {
        const bytes = read.value.slice(at, at + FILM_BLOB_BYTES);
        yield new Blob([bytes]);
        handedBytes += bytes.length;
        await new Promise((done) => setTimeout(done, FILM_PAUSE_MS));
        while (handedBytes - session.progress.storedBytes > FILM_AHEAD_BYTES) {
          await new Promise((done) => session.addEventListener('progress', done, { once: true }));
        }
      }
    }
    resolve();
  }
  session.record(kind, blobs(), { mimeType: 'video/webm;codecs=vp8' });
  await handed;
}

/** A camera that shows the clock, which counts from the first picture that its recorder gets. */
export function recordClock(isTransparent: boolean): void {
  session.record('webcam', clockStream(isTransparent));
}

export async function recordCamera(options?: RecordOptions, video: MediaTrackConstraints = {}): Promise<void> {
  camera = await navigator.mediaDevices.getUserMedia({ video, audio: true });
  session.record('webcam', camera, options);
}

/** Records a camera and a microphone; the test gets every byte that the recorder makes. */
export async function recordLive(picture: Picture, options: RecordOptions, keyframeEveryMs?: number): Promise<void> {
  tellWhatIsMade(keyframeEveryMs);
  session.record('webcam', await liveStream(picture), options);
}

/** Records and stops before MediaRecorder has begun; how each promise ended, and how each recorder is then. */
export async function recordAndStop(way: 'finish' | 'abort' | 'withdraw') {
  camera = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  const recording = session.record('webcam', camera);
  const stopping = { finish, abort: async () => abort.abort(), withdraw }[way]();
  const results = await Promise.allSettled([stopping, recording.finish()]);
  // A recorder that starts now starts after all others that were still to start.
  const later = new MediaRecorder(camera);
  later.start();
  await happened(later, 'start');
  return {
    result: results.map((each) => (each.status === 'rejected' ? each.reason.code : each.status)).join(' '),
    states: recorderStates().slice(0, -1),
  };
}

/** What a browser does when a camera is pulled out: its microphone goes on. */
export function unplugCamera(): void {
  for (const track of camera?.getVideoTracks() ?? []) {
    track.stop();
    track.dispatchEvent(new Event('ended'));
  }
}

/** The disk is too full to note that bytes of a recording were dropped, until some are deleted. */
export function fillDisk(): void {
  const put = Reflect.get(IDBObjectStore.prototype, 'put') as (...args: unknown[]) => IDBRequest<IDBValidKey>;
  const remove = Reflect.get(IDBObjectStore.prototype, 'delete') as (query: unknown) => IDBRequest<undefined>;
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

/** The nth read of a Blob fails, as when the browser's own disk is full. */
export function loseBlob(nth: number): void {
  const arrayBuffer = Reflect.get(Blob.prototype, 'arrayBuffer') as () => Promise<ArrayBuffer>;
  let read = 0;
  Blob.prototype.arrayBuffer = function () {
    read += 1;
    return read === nth ? Promise.reject(new DOMException('lost', 'NotReadableError')) : arrayBuffer.call(this);
  };
}

/** Chromium reads the first 41 frames of a file before it plays. */
const SCREEN_FRAMES_PER_SECOND = 15;

/** A screen full of noise, so that its recording is as large as that of a busy screen. */
export function recordScreen(options?: RecordOptions): void {
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const context = canvas.getContext('2d', { alpha: false }) as CanvasRenderingContext2D;
  const draw = () => {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = '#000';
    for (let flake = 0; flake < 1_500; flake += 1) {
      context.fillRect(Math.random() * canvas.width, Math.random() * canvas.height, 4, 4);
    }
  };
  draw();
  setInterval(draw, 1000 / SCREEN_FRAMES_PER_SECOND);
  session.record('screen', canvas.captureStream(SCREEN_FRAMES_PER_SECOND), options);
}

export const finish = () => session.finish();
export const withdraw = () => session.withdraw();
export const stop = () => abort.abort();
export const howManyTokens = () => tokensAsked;

/** How many bytes and which recordings this browser keeps. */
export async function kept(): Promise<{ bytes: number; rows: { state: string }[] }> {
  const opening = indexedDB.open('proctoring-recordings');
  await happened(opening, 'success');
  const store = (name: string) => opening.result.transaction(name).objectStore(name).getAll();
  const [chunks, rows] = [store('chunks'), store('recordings')];
  await Promise.all([happened(chunks, 'success'), happened(rows, 'success')]);
  opening.result.close();
  return { bytes: chunks.result.reduce((sum, { bytes }) => sum + bytes.length, 0), rows: rows.result };
}
