// The part of an MP4 before the first fragment: read, and rewritten with durations and an index of the fragments.
import { type Bytes, concat, readUint, uintBytes } from '../bytes.ts';
import { type Cue, type Decoding, HEAD_BYTES, MAX_OWN_BYTES, thinned, VP9 } from '../container.ts';
import { type Box, box, boxes, readBox } from './boxes.ts';

/** A fragment's header: a minute of frames has less. */
export const MAX_FRAGMENT_HEADER_BYTES: number = 256 * 1024;
/** What is replaced. */
const PADDING_AND_INDEXES = ['free', 'skip', 'sidx', 'styp'];
const ABSOLUTE_OFFSETS = 1;
const STARTS_WITH_KEYFRAME = 0x90000000;
const BOX_BYTES = 8;
/** Of a `sidx` without references, and of each reference. */
const SIDX_BYTES = 40;
const REFERENCE_BYTES = 12;
/** Of a description of pictures: its own fields, before its boxes. */
const VISUAL_ENTRY_BYTES = 78;

/** Plain data: it is kept in IndexedDB. */
export interface Mp4Head {
  /** All boxes but padding and indexes. */
  readonly own: Bytes;
  /** Where `moov` is in `own`. */
  readonly moov: Box;
  readonly tracks: Readonly<Record<number, TrackDefaults>>;
  /** The track to whose keyframes players go: the first video track, else the first track. */
  readonly cueTrack: number;
  readonly isVideo: boolean;
  /** Where the first fragment begins. */
  readonly sizeBytes: number;
}

/** What a fragment does not say of its frames. */
export interface TrackDefaults {
  readonly ticksPerSecond: number;
  readonly durationTicks: number;
  readonly sizeBytes?: number;
  readonly flags: number;
}

/** Times are milliseconds from `fromMs`, but for those of the cues. */
export interface Mp4Ending {
  readonly fromMs: number;
  readonly durationMs: number;
  /** By the tracks' ids. */
  readonly endsMs: Readonly<Record<string, number>>;
  readonly cues: readonly Cue[];
  readonly sizeBytes: number;
}

/**
 * Reads up to the first fragment's header, and that. `unsupported` when this is not an MP4 as browsers record it: when
 * frames come before the first fragment, or when positions count from the beginning of the file.
 */
export function readMp4Head(bytes: Bytes): Mp4Head | 'incomplete' | 'unsupported' {
  const own: Bytes[] = [];
  let moov: Box | undefined;
  for (let at = 0, ownBytes = 0; ; ) {
    const found = readBox(bytes, at);
    if (found === 'incomplete') return found;
    if (found === 'invalid' || found.type === 'mdat' || (at === 0 && found.type !== 'ftyp')) return 'unsupported';
    const { type, payload, end } = found;
    const isFragment = type === 'moof';
    if (end > (isFragment ? at + MAX_FRAGMENT_HEADER_BYTES : HEAD_BYTES)) return 'unsupported';
    if (end > bytes.length) return 'incomplete';
    if (isFragment) {
      const offsets = boxes(bytes, 'traf/tfhd', payload, end).map((header) =>
        readUint(bytes, header.payload + 1, header.payload + 4),
      );
      const isAbsolute = offsets.some((flags) => (flags & ABSOLUTE_OFFSETS) !== 0);
      return isAbsolute || !moov || ownBytes > MAX_OWN_BYTES ? 'unsupported' : headOf(concat(own), moov, at);
    }
    if (!PADDING_AND_INDEXES.includes(type)) {
      if (type === 'moov')
        moov = { ...found, at: ownBytes, payload: ownBytes + payload - at, end: ownBytes + end - at };
      own.push(bytes.slice(at, end));
      ownBytes += end - at;
    }
    at = end;
  }
}

/** The first version: the browser's own header, then padding up to `HEAD_BYTES`. */
export function draftMp4Head({ own }: Mp4Head): Bytes {
  return concat([own, padding(HEAD_BYTES - own.length)]);
}

/**
 * The last version, of the same size: with durations, which Firefox needs, and an index, without which Chromium reads
 * the whole file before it plays. The index has to end where the first fragment begins, and to name every byte after it.
 */
export function finalMp4Head(head: Mp4Head, ending: Mp4Ending): Bytes {
  const own = head.own.slice();
  const { payload: from, end: to } = head.moov;
  const [movie] = boxes(own, 'mvhd', from, to);
  const movieScale = movie ? scaleOf(own, movie) : 0;
  if (movie) setDuration(own, movie, ending.durationMs, movieScale);
  for (const track of boxes(own, 'trak', from, to)) {
    const [header] = boxes(own, 'tkhd', track.payload, track.end);
    const [media] = boxes(own, 'mdia/mdhd', track.payload, track.end);
    if (!header || !media) continue;
    const endMs = ending.endsMs[idOf(own, header)] ?? 0;
    setDuration(own, header, endMs, movieScale);
    setDuration(own, media, endMs, scaleOf(own, media));
  }
  const index = sidx(head, ending, HEAD_BYTES - own.length - BOX_BYTES);
  return concat([own, padding(HEAD_BYTES - own.length - index.length), index]);
}

/** How the frames of its picture are decoded; undefined when there is none, or that is not known. */
export function mp4Decoding({ own, moov, cueTrack }: Mp4Head): Decoding | undefined {
  const tracks = boxes(own, 'trak', moov.payload, moov.end);
  const track = tracks.find(({ payload, end }) =>
    boxes(own, 'tkhd', payload, end).some((header) => idOf(own, header) === cueTrack),
  );
  const [formats] = track ? boxes(own, 'mdia/minf/stbl/stsd', track.payload, track.end) : [];
  const format = formats ? readBox(own, formats.payload + 8) : 'invalid';
  if (typeof format === 'string') return undefined;
  if (format.type === 'vp09') return { codec: VP9 };
  const [avc] = format.type === 'avc1' ? boxes(own, 'avcC', format.payload + VISUAL_ENTRY_BYTES, format.end) : [];
  if (!avc) return undefined;
  const description = own.slice(avc.payload, avc.end);
  const profile = Array.from(description.subarray(1, 4), (byte) => byte.toString(16).padStart(2, '0'));
  return { codec: `avc1.${profile.join('')}`, description };
}

function headOf(own: Bytes, moov: Box, sizeBytes: number): Mp4Head | 'unsupported' {
  const { payload: from, end: to } = moov;
  const defaults = new Map(
    boxes(own, 'mvex/trex', from, to).map(({ payload: at }) => [readUint(own, at + 4, at + 8), at] as const),
  );
  const found = boxes(own, 'trak', from, to).flatMap(({ payload, end }) => {
    const [header] = boxes(own, 'tkhd', payload, end);
    const [media] = boxes(own, 'mdia/mdhd', payload, end);
    const [handler] = boxes(own, 'mdia/hdlr', payload, end);
    if (!header || !media || !handler) return [];
    const id = idOf(own, header);
    const at = defaults.get(id) ?? Number.NaN;
    const isVideo = String.fromCharCode(...own.subarray(handler.payload + 8, handler.payload + 12)) === 'vide';
    const ticksPerSecond = scaleOf(own, media);
    const [durationTicks = 0, sizeBytes = 0, flags = 0] = [12, 16, 20].map((field) =>
      readUint(own, at + field, at + field + 4),
    );
    return [{ id, isVideo, ticksPerSecond, durationTicks, sizeBytes, flags }];
  });
  const cued = found.find(({ isVideo }) => isVideo) ?? found[0];
  if (!cued || found.some(({ ticksPerSecond }) => ticksPerSecond === 0)) return 'unsupported';
  const tracks = Object.fromEntries(found.map((track) => [track.id, track]));
  return { own, moov, tracks, cueTrack: cued.id, isVideo: cued.isVideo, sizeBytes };
}

/** `mvhd`, `mdhd` and `tkhd` of version 1 have times of eight bytes. */
function isLong(bytes: Uint8Array, { payload }: Box): boolean {
  return bytes[payload] === 1;
}

/** Of `mvhd` and `mdhd`: ticks a second. */
function scaleOf(bytes: Uint8Array, header: Box): number {
  const at = header.payload + (isLong(bytes, header) ? 20 : 12);
  return readUint(bytes, at, at + 4);
}

/** Of `tkhd`, where it is in the place of the scale. */
const idOf = scaleOf;

function setDuration(bytes: Bytes, header: Box, ms: number, scale: number): void {
  const long = isLong(bytes, header);
  const at = header.payload + (long ? 24 : 16) + (header.type === 'tkhd' ? 4 : 0);
  bytes.set(uintBytes(Math.round((ms * scale) / 1000), long ? 8 : 4), at);
}

function padding(sizeBytes: number): Bytes {
  return box('free', new Uint8Array(sizeBytes - BOX_BYTES));
}

/** From each keyframe to the next one, thinned until all fit into `roomBytes`. */
function sidx(
  { cueTrack, tracks }: Mp4Head,
  { fromMs, durationMs, cues, sizeBytes }: Mp4Ending,
  roomBytes: number,
): Bytes {
  const scale = tracks[cueTrack]?.ticksPerSecond ?? 0;
  const ticks = (ms: number) => Math.round((ms * scale) / 1000);
  const all = [{ offset: HEAD_BYTES, timeMs: fromMs }, ...cues.filter(({ offset }) => offset > HEAD_BYTES)];
  const kept = thinned(all, Math.floor((roomBytes - SIDX_BYTES) / REFERENCE_BYTES));
  const references = kept.map(({ offset, timeMs }, index) => {
    const next = kept[index + 1] ?? { offset: sizeBytes, timeMs: fromMs + durationMs };
    const lasts = ticks(next.timeMs) - ticks(timeMs);
    return concat([next.offset - offset, lasts, STARTS_WITH_KEYFRAME].map((value) => uintBytes(value, 4)));
  });
  const version1 = Uint8Array.of(1, 0, 0, 0);
  const fields = concat([uintBytes(cueTrack, 4), uintBytes(scale, 4), uintBytes(ticks(fromMs), 8), uintBytes(0, 8)]);
  return box('sidx', version1, fields, uintBytes(references.length, 4), ...references);
}
