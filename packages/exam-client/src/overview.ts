// The overview of a recording: small pictures of it, and how much each second of it changed. Its format, version 1.
import { type Bytes, concat, readUint, uintBytes } from './bytes.ts';

export interface Overview {
  /** Null: none were made. */
  readonly pictures: OverviewPictures | null;
  /**
   * A value for each second of the media, min(255, round(16 · log2(1 + bytes))): of the encoded size of the picture's frames in
   * that second, or of the sound where there is no picture. 0: nothing changed. Null: not measured.
   */
  readonly activity: Uint8Array | null;
}

/** In a buffer of its own or of the page. So written, TypeScript before 5.7 can read it. */
type OwnBytes = ReturnType<Uint8Array['slice']>;

export interface OverviewPictures {
  readonly type: 'image/webp' | 'image/jpeg';
  /** In pixels, of each picture. */
  readonly width: number;
  readonly height: number;
  /** In the order of their positions. */
  readonly items: readonly OverviewPicture[];
}

export interface OverviewPicture {
  /** Position in the media of the recording's file. */
  readonly atSeconds: number;
  /** The encoded picture. */
  readonly bytes: OwnBytes;
}

export const MAX_OVERVIEW_BYTES: number = 2 * 1024 * 1024;
export const MAX_PICTURES = 5_000;
export const MAX_ACTIVITY_SECONDS = 100_000;

const VERSION = 1;
const EVERY_SECONDS = 1;
const LENGTH_BYTES = 4;
const MAX_SIDE = 320;
const TYPES: readonly unknown[] = ['image/webp', 'image/jpeg'];

interface Header {
  readonly version: number;
  readonly pictures:
    | (Omit<OverviewPictures, 'items'> & { readonly atSeconds: number[]; readonly sizeBytes: number[] })
    | null;
  readonly activity: { readonly everySeconds: number; readonly values: string } | null;
}

/** The object as the service takes it. */
export function writeOverview({ pictures, activity }: Overview): Bytes {
  const items = pictures?.items ?? [];
  const header: Header = {
    version: VERSION,
    pictures: pictures && {
      type: pictures.type,
      width: pictures.width,
      height: pictures.height,
      atSeconds: items.map(({ atSeconds }) => atSeconds),
      sizeBytes: items.map(({ bytes }) => bytes.length),
    },
    activity: activity && { everySeconds: EVERY_SECONDS, values: toBase64(activity) },
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  return concat([uintBytes(json.length, LENGTH_BYTES), json, ...items.map(({ bytes }) => bytes)]);
}

/** The pictures are parts of `bytes`, not copies. @throws TypeError when `bytes` are no overview of version 1 */
export function readOverview(bytes: OwnBytes): Overview {
  require(bytes.length >= LENGTH_BYTES && bytes.length <= MAX_OVERVIEW_BYTES, 'its size');
  const picturesFrom = LENGTH_BYTES + readUint(bytes, 0, LENGTH_BYTES);
  require(picturesFrom <= bytes.length, 'the length of its header');
  const { version, pictures, activity } = parseHeader(bytes.subarray(LENGTH_BYTES, picturesFrom));
  require(version === VERSION, 'version');
  const picturesBytes = bytes.subarray(picturesFrom);
  require(pictures !== null || picturesBytes.length === 0, 'what follows the header');
  return {
    pictures: pictures && readPictures(pictures, picturesBytes),
    activity: activity && readActivity(activity),
  };
}

function parseHeader(bytes: Uint8Array): Header {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw notAnOverview('its header', error);
  }
  require(isObject(parsed), 'its header');
  const { pictures, activity } = parsed as Partial<Header>;
  require(pictures === null || isObject(pictures), 'pictures');
  require(activity === null || isObject(activity), 'activity');
  return parsed as Header;
}

function readPictures(pictures: NonNullable<Header['pictures']>, bytes: OwnBytes): OverviewPictures {
  const { type, width, height, atSeconds, sizeBytes } = pictures;
  require(TYPES.includes(type), 'pictures.type');
  for (const side of [width, height]) require(isWhole(side) && side <= MAX_SIDE, 'the size of the pictures');
  require(Array.isArray(atSeconds) && atSeconds.length <= MAX_PICTURES, 'pictures.atSeconds');
  require(Array.isArray(sizeBytes) && sizeBytes.length === atSeconds.length, 'pictures.sizeBytes');
  let from = 0;
  let before = -1;
  const items = atSeconds.map((at, place): OverviewPicture => {
    const size = sizeBytes[place] ?? 0;
    require(Number.isFinite(at) && at >= 0 && at > before && isOfMilliseconds(at), `pictures.atSeconds[${place}]`);
    require(isWhole(size), `pictures.sizeBytes[${place}]`);
    before = at;
    from += size;
    return { atSeconds: at, bytes: bytes.subarray(from - size, from) };
  });
  require(from === bytes.length, 'the sum of pictures.sizeBytes');
  return { type, width, height, items };
}

function readActivity({ everySeconds, values }: NonNullable<Header['activity']>): Uint8Array {
  require(everySeconds === EVERY_SECONDS, 'activity.everySeconds');
  require(typeof values === 'string', 'activity.values');
  let activity: Uint8Array;
  try {
    activity = Uint8Array.from(atob(values), (character) => character.charCodeAt(0));
  } catch (error) {
    throw notAnOverview('activity.values', error);
  }
  require(activity.length <= MAX_ACTIVITY_SECONDS, 'activity.values');
  return activity;
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** 1 or more. */
function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isOfMilliseconds(seconds: number): boolean {
  return Number(seconds.toFixed(3)) === seconds;
}

function require(isRight: boolean, what: string): void {
  if (!isRight) throw notAnOverview(what);
}

function notAnOverview(what: string, cause?: unknown): TypeError {
  return new TypeError(`Not an overview: ${what} is wrong.`, { cause });
}
