// Where the bytes of a recording come from: a MediaRecorder on a MediaStream, or a stream of Blobs.

import type { Bytes } from './bytes.ts';
import { now, toIso } from './clock.ts';
import type { SourceProblem } from './problems.ts';
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
  /** The page runs: before the time of what has happened is read. */
  onAlive(): void;
  onStart(atMs: number): void;
  /** A source that can wait reads the next bytes after this resolves: with those at which another file begins, if one does. */
  onBytes(bytes: Bytes, atMs: number): Promise<Bytes | undefined>;
  /** The source has begun another file. Before `onEnd`. */
  onRestart(file: ReadableStream<Blob>): void;
  /** By the page's clock. */
  onGap(gap: Gap): void;
  onProblem(problem: SourceProblem, isOver: boolean): void;
  /** Nothing more is recorded; the last bytes may still be handed over. */
  onStop(): void;
  /** Once, after the last bytes. */
  onEnd(end: SourceEnd): void;
}

/** `stopped` on request; `source-ended`: by itself; `source-failed`: recording broke off, the source may still give media. */
export type SourceEnd = 'stopped' | 'source-ended' | 'source-failed';

export interface Source {
  /** As the recorder names it; some say more once they have started. */
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
  const { signal } = over;
  // Firefox delivers nothing any more by itself once one of several tracks has ended.
  const endMuted = watchTracks(stream, events, signal, () => {
    const timer = setInterval(() => flush(recorder), TIMESLICE_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
  });
  let isStopped = false;
  let isBroken = false;
  let handedOver = Promise.resolve();
  const next: { file?: ReadableStreamDefaultController<Blob> } = {};
  const stopRecorder = () => {
    if (recorder.state !== 'inactive') recorder.stop();
  };
  const handOver = async (data: Blob, atMs: number) => {
    if (isBroken) return;
    if (next.file) return next.file.enqueue(data);
    const rest = await events.onBytes(new Uint8Array(await data.arrayBuffer()), atMs);
    if (!rest) return;
    // What is still to come of this recorder is a file of its own, and the next recorder begins another one.
    const file = new ReadableStream<Blob>({
      start(controller) {
        next.file = controller;
        controller.enqueue(new Blob([rest]));
      },
    });
    events.onRestart(file);
    stopRecorder();
  };
  recorder.addEventListener('start', () => events.onStart(now()));
  recorder.addEventListener('dataavailable', ({ data }) => {
    events.onAlive();
    const atMs = now();
    if (data.size === 0) return;
    handedOver = handedOver.then(() => handOver(data, atMs));
    // A file with a hole does not play: after a failed write the recording ends.
    handedOver = handedOver.catch(() => {
      isBroken = true;
      stopRecorder();
    });
  });
  // A track that is added or removed ends the recorder, and so does an encoder that fails.
  let hasFailed = false;
  recorder.addEventListener('error', () => {
    hasFailed = true;
  });
  recorder.addEventListener('stop', () => {
    over.abort();
    endMuted();
    events.onStop();
    void handedOver.then(() => {
      next.file?.close();
      if (isStopped) events.onEnd('stopped');
      else events.onEnd(isBroken || hasFailed || next.file ? 'source-failed' : 'source-ended');
    });
  });
  globalThis.addEventListener('pagehide', () => flush(recorder), { signal });
  return {
    get contentType() {
      return recorder.mimeType;
    },
    start() {
      if (!isStopped) return recorder.start(TIMESLICE_MS);
      over.abort();
      events.onEnd('stopped');
    },
    stop() {
      isStopped = true;
      stopRecorder();
    },
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

/** Reports tracks that give nothing, or whose device was unplugged. Returns what ends their gaps. */
function watchTracks(
  stream: MediaStream,
  events: SourceEvents,
  signal: AbortSignal,
  onTrackEnded: () => void,
): () => void {
  const mutedSince = new Map<MediaStreamTrack, number>();
  const mute = (track: MediaStreamTrack) => {
    if (mutedSince.has(track)) return;
    mutedSince.set(track, now());
    events.onProblem('muted', false);
  };
  const unmute = (track: MediaStreamTrack) => {
    const from = mutedSince.get(track);
    mutedSince.delete(track);
    if (from === undefined) return;
    events.onGap({ from: toIso(from), to: toIso(now()), reason: 'muted' });
    if (mutedSince.size === 0) events.onProblem('muted', true);
  };
  for (const track of stream.getTracks()) {
    if (track.muted) mute(track);
    track.addEventListener('mute', () => mute(track), { signal });
    track.addEventListener('unmute', () => unmute(track), { signal });
    // When the last track ends, the recording ends: that is no gap.
    const isRecorded = () => stream.getTracks().some(({ readyState }) => readyState === 'live');
    const onEnded = () => {
      if (!isRecorded()) return;
      mute(track);
      onTrackEnded();
    };
    track.addEventListener('ended', onEnded, { signal });
  }
  return () => [...mutedSince.keys()].forEach(unmute);
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
  let isHandedOn = false;
  async function read(): Promise<void> {
    events.onStart(now());
    try {
      while (!isStopped) {
        const blob = await new Promise<Blob | undefined>((resolve, reject) => {
          endWait = () => resolve(undefined);
          blobs.next().then(({ done, value }) => resolve(done ? undefined : value), reject);
        });
        if (!blob) break;
        events.onAlive();
        const rest = blob.size > 0 && (await events.onBytes(new Uint8Array(await blob.arrayBuffer()), now()));
        if (rest) {
          isHandedOn = true;
          events.onRestart(beginningWith(rest, blobs));
          break;
        }
        await mayGoOn;
      }
      events.onEnd(isStopped || isHandedOn ? 'stopped' : 'source-ended');
    } catch {
      // The bytes so far are kept.
      events.onEnd('source-failed');
    } finally {
      if (!isHandedOn) void blobs.return?.(undefined);
    }
  }
  return {
    contentType,
    start: () => void read(),
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

function beginningWith(bytes: Bytes, blobs: AsyncIterator<Blob>): ReadableStream<Blob> {
  return new ReadableStream<Blob>({
    start: (controller) => controller.enqueue(new Blob([bytes])),
    async pull(controller) {
      const { done, value } = await blobs.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void (await blobs.return?.(undefined)),
  });
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
