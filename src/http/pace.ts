// Notices that the other side of a connection sends or takes bytes too slowly. What counts is bytes in each minute in which
// it was the one that is waited for: a byte now and then holds nothing.
import type { ServerResponse } from 'node:http';
import type { Request } from 'express';
import { MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { ServiceError } from '../model/errors.ts';
import type { UploadTurn } from '../recordings/proxied-uploads.ts';

/** Calls `tick` every `ms` until the returned function is called. */
export type Every = (ms: number, tick: () => void) => () => void;

export function everyInterval(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  return () => clearInterval(timer);
}

/** A slow line has some KiB a second, and gaps: half of 2 KiB, over a minute, is below any that an exam could use. */
export const MIN_BYTES_PER_SECOND = 1024;
/** Of an upload that keeps others out: 5 MiB may take 320 seconds. */
const CROWDED_BYTES_PER_SECOND = 16 * 1024;

const WINDOW_MS = MINUTE_MS;
const LOOK_MS = 10 * SECOND_MS;

interface Flow {
  /** So far. */
  bytes(): number;
  /** Whether the other side is what is waited for. */
  isWaitedFor(): boolean;
}

interface Pace {
  /** Of each minute in which the other side was waited for. */
  readonly onWindow: (bytesPerSecond: number) => void;
  /** Of each ten seconds of such a minute. */
  readonly onLook?: (bytes: number) => void;
}

/**
 * Time in which the other side was not waited for, because the store is slow, does not count. Ends when the returned
 * function is called.
 */
function watchPace(flow: Flow, every: Every, { onWindow, onLook }: Pace): () => void {
  let bytes = flow.bytes();
  let wasWaitedFor = true;
  let windowBytes = 0;
  let windowMs = 0;
  return every(LOOK_MS, () => {
    const isWaitedFor = flow.isWaitedFor();
    const counts = isWaitedFor && wasWaitedFor;
    const arrived = flow.bytes() - bytes;
    bytes += arrived;
    wasWaitedFor = isWaitedFor;
    if (!counts) return;
    onLook?.(arrived);
    windowBytes += arrived;
    windowMs += LOOK_MS;
    if (windowMs < WINDOW_MS) return;
    const bytesPerSecond = (windowBytes / windowMs) * SECOND_MS;
    windowBytes = 0;
    windowMs = 0;
    onWindow(bytesPerSecond);
  });
}

/** Calls `onSlow` when the body of a request comes too slowly, by its first minute and each that follows. */
export function watchBody(req: Request, every: Every, onSlow: (refusal: ServiceError) => void): () => void {
  return watchPace(bodyOf(req), every, {
    onWindow(bytesPerSecond) {
      if (bytesPerSecond < MIN_BYTES_PER_SECOND) onSlow(tooSlow());
    },
  });
}

/**
 * The same of an upload; one that keeps others out has to be faster, and gives way to them else: at once when nothing of
 * it came in ten seconds.
 */
export function watchUpload(
  req: Request,
  every: Every,
  turn: UploadTurn,
  onSlow: (refusal: ServiceError) => void,
): () => void {
  const giveWay = () =>
    onSlow(new ServiceError('uploads-busy', 'The bytes came too slowly while others waited; send them again later.'));
  let keptOthersOut = false;
  return watchPace(bodyOf(req), every, {
    onLook(bytes) {
      const keepsOthersOut = turn.keptOthersOut();
      keptOthersOut ||= keepsOthersOut;
      if (keepsOthersOut && bytes === 0) giveWay();
    },
    onWindow(bytesPerSecond) {
      if (bytesPerSecond < MIN_BYTES_PER_SECOND) onSlow(tooSlow());
      else if (keptOthersOut && bytesPerSecond < CROWDED_BYTES_PER_SECOND) giveWay();
      keptOthersOut = false;
    },
  });
}

/** Calls `onSlow` when a client takes a response too slowly, or has taken it for `maxMs`. */
export function watchStream(res: ServerResponse, every: Every, maxMs: number, onSlow: () => void): () => void {
  const stopWatching = watchPace(bytesTo(res), every, {
    onWindow(bytesPerSecond) {
      if (bytesPerSecond < MIN_BYTES_PER_SECOND) onSlow();
    },
  });
  const stopWaiting = every(maxMs, onSlow);
  return () => {
    stopWatching();
    stopWaiting();
  };
}

interface Taking {
  /** Whether the client was waited for since the look before, ten seconds ago, and took nothing. */
  readonly onLook: (isStill: boolean) => void;
  /** It had a minute for what is there, and a second for each KiB. */
  readonly onSlow: () => void;
}

/**
 * Watches whether a client takes a response, of whatever kind. What was written at once counts when all of it is taken:
 * Node does not tell how far it is.
 */
export function watchResponse(res: ServerResponse, every: Every, { onLook, onSlow }: Taking): () => void {
  const flow = bytesTo(res);
  let bytes = flow.bytes();
  let wasWaitedFor = false;
  let stillMs = 0;
  return every(LOOK_MS, () => {
    const isWaitedFor = flow.isWaitedFor();
    const isStill = isWaitedFor && wasWaitedFor && flow.bytes() === bytes;
    bytes = flow.bytes();
    wasWaitedFor = isWaitedFor;
    stillMs = isStill ? stillMs + LOOK_MS : 0;
    onLook(isStill);
    const allowedMs = Math.max(WINDOW_MS, (res.writableLength / MIN_BYTES_PER_SECOND) * SECOND_MS);
    if (stillMs >= allowedMs) onSlow();
  });
}

function tooSlow(): ServiceError {
  const least = `${MIN_BYTES_PER_SECOND} bytes a second`;
  return new ServiceError('request-idle', `The body came too slowly: less than ${least} for a minute. Send it again.`);
}

/** The body of a request. It is not waited for while the service does not read it. */
function bodyOf(req: Request): Flow {
  // `bytesRead` of a socket that was destroyed is undefined.
  const isRead = () => req.readableFlowing === true || req.listenerCount('readable') > 0;
  return { bytes: () => req.socket.bytesRead ?? 0, isWaitedFor: () => !req.complete && isRead() };
}

/** The body of a response. Its client is waited for while it has not taken what is there. */
function bytesTo(res: ServerResponse): Flow {
  return {
    bytes: () => (res.socket ? res.socket.bytesWritten - res.socket.writableLength : 0),
    isWaitedFor: () => res.writableLength > 0,
  };
}
