// Where the bytes of a recording come from: a MediaRecorder on a MediaStream, or a stream of Blobs.

import type { Bytes } from './bytes.ts';
import { now, toIso } from './clock.ts';
import type { RecordingKind } from './service.ts';
import type { Gap } from './timeline.ts';

export interface RecordOptions {
  /** Default: 300,000 for a webcam, 500,000 for a screen. */
  readonly videoBitsPerSecond?: number;
  /** Default: 32,000. */
  readonly audioBitsPerSecond?: number;
  /** Default: the first of WebM (VP8, Opus) and MP4 that the browser records. Required for a stream of Blobs. */
  readonly mimeType?: string;
}

export type RecordingSource = MediaStream | ReadableStream<Blob> | AsyncIterable<Blob>;

export interface SourceEvents {
  onStart(atMs: number): void;
  /** A source that can wait reads the next bytes after this resolves. */
  onBytes(bytes: Bytes, atMs: number): Promise<void>;
  onGap(gap: Gap): void;
  /** Once, after the last bytes. */
  onEnd(): void;
}

export interface Source {
  readonly contentType: string;
  start(): void;
  /** Idempotent; `onEnd` follows. */
  stop(): void;
  /** What the source produces during a pause is not recorded. */
  pause(): void;
  resume(): void;
}

/** How often the recorder delivers bytes: a crash loses at most this. */
const TIMESLICE_MS = 1_000;
/** A seek decodes from the last keyframe before its target. */
const KEYFRAME_INTERVAL_MS = 5_000;
const VIDEO_BITS_PER_SECOND = { webcam: 300_000, screen: 500_000, audio: 0 } as const;
const AUDIO_BITS_PER_SECOND = 32_000;
const CONTAINERS = { video: ['video/webm;codecs=vp8', 'video/webm', 'video/mp4'], audio: ['audio/webm', 'audio/mp4'] };
/** Without bytes or a timer for this long, the computer slept. Timers of a hidden page may run only once a minute. */
const STALLED_AFTER_MS = 90_000;

export function openSource(
  source: RecordingSource,
  kind: RecordingKind,
  options: RecordOptions,
  events: SourceEvents,
): Source {
  if (source instanceof MediaStream) return recordStream(source, kind, options, events);
  if (!options.mimeType) throw new TypeError('A stream of Blobs needs a mimeType.');
  return readBlobs(source, options.mimeType, events);
}

function recordStream(stream: MediaStream, kind: RecordingKind, options: RecordOptions, events: SourceEvents): Source {
  const settings: MediaRecorderOptions & { videoKeyFrameIntervalDuration: number } = {
    mimeType: options.mimeType ?? supportedType(stream),
    videoBitsPerSecond: options.videoBitsPerSecond ?? VIDEO_BITS_PER_SECOND[kind],
    audioBitsPerSecond: options.audioBitsPerSecond ?? AUDIO_BITS_PER_SECOND,
    // Not in TypeScript's library yet; browsers that do not know it ignore it.
    videoKeyFrameIntervalDuration: KEYFRAME_INTERVAL_MS,
  };
  const recorder = new MediaRecorder(stream, settings);
  const over = new AbortController();
  const gaps = watchGaps(stream, events, over.signal);
  let isStopped = false;
  let isBroken = false;
  let handedOver = Promise.resolve();
  const stop = () => {
    isStopped = true;
    if (recorder.state !== 'inactive') recorder.stop();
  };
  const handOver = async (data: Blob, atMs: number) => {
    if (!isBroken) await events.onBytes(new Uint8Array(await data.arrayBuffer()), atMs);
  };
  recorder.addEventListener('start', () => events.onStart(now()));
  recorder.addEventListener('dataavailable', ({ data }) => {
    const atMs = now();
    gaps.isAlive();
    if (data.size === 0) return;
    handedOver = handedOver.then(() => handOver(data, atMs));
    // A file with a hole does not play: after a failed write the recording ends.
    handedOver = handedOver.catch(() => {
      isBroken = true;
      stop();
    });
  });
  recorder.addEventListener('stop', () => {
    over.abort();
    gaps.end();
    void handedOver.then(() => events.onEnd());
  });
  globalThis.addEventListener('pagehide', () => flush(recorder), { signal: over.signal });
  return {
    contentType: recorder.mimeType,
    start() {
      if (!isStopped) return recorder.start(TIMESLICE_MS);
      over.abort();
      events.onEnd();
    },
    stop,
    pause: () => recorder.state === 'recording' && recorder.pause(),
    resume: () => recorder.state === 'paused' && recorder.resume(),
  };
}

/** Requests the bytes recorded since the last delivery, when the page is closed. */
function flush(recorder: MediaRecorder): void {
  if (recorder.state !== 'inactive') recorder.requestData();
}

function supportedType(stream: MediaStream): string {
  const hasVideo = stream.getVideoTracks().length > 0;
  const codecs = hasVideo && stream.getAudioTracks().length > 0 ? ',opus' : '';
  const wanted = CONTAINERS[hasVideo ? 'video' : 'audio'].map((type) => (type.includes('=') ? type + codecs : type));
  return wanted.find((type) => MediaRecorder.isTypeSupported(type)) ?? '';
}

/** Reports gaps: when a track was muted or its device was unplugged, and when the computer slept. */
function watchGaps(stream: MediaStream, events: SourceEvents, signal: AbortSignal) {
  const mutedSince = new Map<MediaStreamTrack, number>();
  const mute = (track: MediaStreamTrack) => {
    if (!mutedSince.has(track)) mutedSince.set(track, now());
  };
  const unmute = (track: MediaStreamTrack) => {
    const from = mutedSince.get(track);
    mutedSince.delete(track);
    if (from !== undefined) events.onGap({ from: toIso(from), to: toIso(now()), reason: 'muted' });
  };
  for (const track of stream.getTracks()) {
    if (track.muted) mute(track);
    track.addEventListener('mute', () => mute(track), { signal });
    track.addEventListener('unmute', () => unmute(track), { signal });
    // When the last track ends, the recording ends: that is no gap.
    const isRecorded = () => stream.getTracks().some(({ readyState }) => readyState === 'live');
    track.addEventListener('ended', () => isRecorded() && mute(track), { signal });
  }
  let aliveAtMs = Date.now();
  const isAlive = () => {
    const sleptMs = Date.now() - aliveAtMs;
    aliveAtMs = Date.now();
    if (sleptMs > STALLED_AFTER_MS) {
      events.onGap({ from: toIso(now() - sleptMs), to: toIso(now()), reason: 'stalled' });
    }
  };
  const timer = setInterval(isAlive, TIMESLICE_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  return { isAlive, end: () => [...mutedSince.keys()].forEach(unmute) };
}

function readBlobs(
  source: ReadableStream<Blob> | AsyncIterable<Blob>,
  contentType: string,
  events: SourceEvents,
): Source {
  const blobs = source instanceof ReadableStream ? fromReader(source.getReader()) : source[Symbol.asyncIterator]();
  let isStopped = false;
  let endWait: () => void = () => {};
  let mayGoOn = Promise.resolve();
  let goOn: () => void = () => {};
  async function read(): Promise<void> {
    events.onStart(now());
    try {
      while (!isStopped) {
        const blob = await new Promise<Blob | undefined>((resolve, reject) => {
          endWait = () => resolve(undefined);
          blobs.next().then(({ done, value }) => resolve(done ? undefined : value), reject);
        });
        if (!blob) break;
        if (blob.size > 0) await events.onBytes(new Uint8Array(await blob.arrayBuffer()), now());
        await mayGoOn;
      }
    } finally {
      events.onEnd();
      void blobs.return?.(undefined);
    }
  }
  return {
    contentType,
    // A source that fails has ended; its bytes so far are kept.
    start: () => void read().catch(() => {}),
    stop() {
      isStopped = true;
      endWait();
      goOn();
    },
    pause() {
      mayGoOn = new Promise((resolve) => {
        goOn = resolve;
      });
    },
    resume: () => goOn(),
  };
}

function fromReader(reader: ReadableStreamDefaultReader<Blob>): AsyncIterator<Blob> {
  return {
    next: () => reader.read() as Promise<IteratorResult<Blob>>,
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}
