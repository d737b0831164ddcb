// The part of a WebM before the first cluster: read, and rewritten with room for the duration and the cues.
import { type Bytes, concat, readUint, uintBytes } from '../bytes.ts';
import { type Cue, type Decoding, everySecond, HEAD_BYTES, MAX_OWN_BYTES, VP9 } from '../container.ts';
import { element, floatElement, ID, readHeader, sizeBytes, uintElement, voidElement } from './ebml.ts';

/** Of unknown size, like the clusters in it: FFmpeg warns when only the clusters have an unknown size. */
const SEGMENT_HEADER: Bytes = concat([uintBytes(ID.segment), sizeBytes(undefined, 8)]);
const SEEK_POSITION_LENGTH = 4;
const VIDEO = 1;
const NANOSECONDS_PER_MS = 1_000_000;
export const VP8 = 'vp8';
/** As decoders name them, by their names in WebM: those that need no description. */
const CODECS: Readonly<Record<string, string>> = { V_VP8: VP8, V_VP9: VP9 };

/** Plain data: it is kept in IndexedDB. */
export interface WebmHead {
  readonly ebml: Bytes;
  /** The payload of Info, without a duration. */
  readonly info: Bytes;
  /** The whole element. */
  readonly tracks: Bytes;
  /** The track to which cues refer: the first video track, else the first track. */
  readonly cueTrack: number;
  readonly isVideo: boolean;
  /** Where the first cluster begins. */
  readonly sizeBytes: number;
  /** Absent in what earlier versions of the client noted: 1. */
  readonly msPerTick?: number;
}

/** Reads up to the first cluster. `unsupported` when this is not a WebM as browsers record it. */
export function readWebmHead(bytes: Bytes): WebmHead | 'incomplete' | 'unsupported' {
  let ebml: Bytes | undefined;
  let info: Bytes | undefined;
  let tracks: Bytes | undefined;
  for (let offset = 0; ; ) {
    const header = readHeader(bytes, offset);
    if (header === 'incomplete') return bytes.length > HEAD_BYTES ? 'unsupported' : 'incomplete';
    if (header === 'invalid' || (offset === 0 && header.id !== ID.ebml)) return 'unsupported';
    if (header.id === ID.cluster) return ebml && info && tracks ? headOf(ebml, info, tracks, offset) : 'unsupported';
    if (header.id === ID.segment) {
      offset = header.payload;
      continue;
    }
    if (header.sizeBytes === undefined) return 'unsupported';
    const end = header.payload + header.sizeBytes;
    if (end > HEAD_BYTES) return 'unsupported';
    if (end > bytes.length) return 'incomplete';
    if (header.id === ID.ebml) ebml = bytes.slice(offset, end);
    if (header.id === ID.info) info = withoutDuration(bytes.subarray(header.payload, end));
    if (header.id === ID.tracks) tracks = bytes.slice(offset, end);
    offset = end;
  }
}

/** The browser's own header, element by element: EBML, Segment, Info, Tracks. */
export function ownWebmHead(head: WebmHead): readonly Bytes[] {
  return [head.ebml, SEGMENT_HEADER, element(ID.info, head.info), head.tracks];
}

/** The first version: the browser's own header, then padding up to `HEAD_BYTES`. */
export function draftWebmHead(head: WebmHead): Bytes {
  const own = concat(ownWebmHead(head));
  return concat([own, voidElement(HEAD_BYTES - own.length)]);
}

/** The last version, of the same size: with the duration, and as many cues as fit. */
export function finalWebmHead(head: WebmHead, durationMs: number, cues: readonly Cue[]): Bytes {
  const { msPerTick = 1 } = head;
  const segmentAt = head.ebml.length + SEGMENT_HEADER.length;
  const info = element(ID.info, concat([head.info, floatElement(ID.duration, durationMs / msPerTick)]));
  const seekHeadLength = seekHead(0, 0, 0).length;
  const infoAt = seekHeadLength;
  const tracksAt = infoAt + info.length;
  const cuesAt = tracksAt + head.tracks.length;
  const before = concat([head.ebml, SEGMENT_HEADER, seekHead(infoAt, tracksAt, cuesAt), info, head.tracks]);
  const ticks = cues.map(({ timeMs, offset }) => ({ timeMs: Math.round(timeMs / msPerTick), offset }));
  const written = cuesThatFit(ticks, head.cueTrack, segmentAt, HEAD_BYTES - before.length);
  const room = HEAD_BYTES - before.length - written.length;
  return concat([before, written, room === 0 ? new Uint8Array() : voidElement(room)]);
}

/** How the frames of its picture are decoded; undefined when there is none, or that is not known. */
export function webmDecoding({ tracks, cueTrack }: WebmHead): Decoding | undefined {
  const track = readTracks(tracks).find(({ number }) => number === cueTrack);
  const codec = CODECS[track?.codec ?? ''];
  return codec === undefined ? undefined : { codec };
}

function headOf(ebml: Bytes, info: Bytes, tracks: Bytes, sizeBytes: number): WebmHead | 'unsupported' {
  const scale = [...children(info)].find(({ id }) => id === ID.timestampScale)?.payload;
  const msPerTick = scale ? readUint(scale, 0, scale.length) / NANOSECONDS_PER_MS : 1;
  const found = readTracks(tracks);
  const cued = found.find(({ type }) => type === VIDEO) ?? found[0];
  if (ebml.length + info.length + tracks.length > MAX_OWN_BYTES || msPerTick === 0 || !cued) return 'unsupported';
  return { ebml, info, tracks, cueTrack: cued.number, isVideo: cued.type === VIDEO, sizeBytes, msPerTick };
}

/**
 * Also sets each CodecDelay to 0, within `tracks`. Firefox writes 6.5 ms for Opus; the times of sound then begin before 0,
 * and Chromium cannot seek back to the beginning of a file with sound and video.
 */
function readTracks(tracks: Bytes): { number: number; type: number; codec: string }[] {
  return [...children(payloadOf(tracks))]
    .filter(({ id }) => id === ID.trackEntry)
    .map(({ payload }) => {
      const fields = new Map([...children(payload)].map((child) => [child.id, child.payload]));
      const uint = (id: number) => readUint(fields.get(id) ?? new Uint8Array(), 0, fields.get(id)?.length ?? 0);
      fields.get(ID.codecDelay)?.fill(0);
      const codec = new TextDecoder().decode(fields.get(ID.codecId));
      return { number: uint(ID.trackNumber), type: uint(ID.trackType), codec };
    });
}

function withoutDuration(info: Uint8Array): Bytes {
  return concat([...children(info)].filter(({ id }) => id !== ID.duration).map(({ whole }) => whole));
}

function payloadOf(whole: Uint8Array): Uint8Array {
  const header = readHeader(whole, 0);
  return typeof header === 'string' ? new Uint8Array() : whole.subarray(header.payload);
}

function* children(payload: Uint8Array): Generator<{ id: number; payload: Uint8Array; whole: Uint8Array }> {
  for (let offset = 0; offset < payload.length; ) {
    const header = readHeader(payload, offset);
    if (typeof header === 'string' || header.sizeBytes === undefined) return;
    const end = header.payload + header.sizeBytes;
    yield { id: header.id, payload: payload.subarray(header.payload, end), whole: payload.subarray(offset, end) };
    offset = end;
  }
}

/** Positions count from the first byte of the segment's payload. */
function seekHead(infoAt: number, tracksAt: number, cuesAt: number): Bytes {
  const seek = (id: number, position: number) =>
    element(
      ID.seek,
      concat([element(ID.seekId, uintBytes(id)), element(ID.seekPosition, uintBytes(position, SEEK_POSITION_LENGTH))]),
    );
  return element(ID.seekHead, concat([seek(ID.info, infoAt), seek(ID.tracks, tracksAt), seek(ID.cues, cuesAt)]));
}

function cuesThatFit(cues: readonly Cue[], track: number, segmentAt: number, roomBytes: number): Bytes {
  for (let kept = cues; ; kept = everySecond(kept)) {
    const written = element(ID.cues, concat(kept.map((cue) => cuePoint(cue, track, segmentAt))));
    const room = roomBytes - written.length;
    // One byte of room cannot be padded: the smallest Void element has two bytes.
    if (room === 0 || room >= 2) return written;
  }
}

function cuePoint({ timeMs, offset }: Cue, track: number, segmentAt: number): Bytes {
  const positions = concat([uintElement(ID.cueTrack, track), uintElement(ID.cueClusterPosition, offset - segmentAt)]);
  return element(ID.cuePoint, concat([uintElement(ID.cueTime, timeMs), element(ID.cueTrackPositions, positions)]));
}
