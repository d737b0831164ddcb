// MP4 and its relatives (ISO/IEC 14496-12): the brands, the tracks, and the first bytes of media.
import type { Content } from './container.ts';
import { type PartialFile, Undecided } from './partial-file.ts';

/** Boxes that a file may begin with: before `ftyp` was invented, in segments of a live stream, or as free space. */
const FIRST_BOXES: ReadonlySet<string> = new Set(
  'ftyp styp moov moof mdat free skip wide pdin sidx ssix prft emsg uuid pnot'.split(' '),
);
/** Boxes of a file, and not of another box, that have no media of their own. */
const FRAMELESS: ReadonlySet<string> = new Set(
  'ftyp styp moov moof free skip wide pdin sidx ssix prft emsg pnot meta mfra'.split(' '),
);
/** Boxes that are looked into; all others are passed over. */
const ENTERED: ReadonlySet<string> = new Set(['moov', 'trak', 'mdia', 'moof', 'traf']);
const MEDIA_BOXES: ReadonlySet<string> = new Set(['mdat', 'imda']);
/** Of pictures and sequences of pictures: HEIF (ISO/IEC 23008-12), MIAF (23000-22), AVIF. Cameras and browsers film with others. */
const PICTURE_BRANDS: ReadonlySet<string> = new Set(
  (
    'mif1 mif2 msf1 miaf heic heix heim heis hevc hevx hevm hevs avif avis avio avci avcs jpeg jpgs j2ki j2is ' +
    'vvic vvis evbi evbs evmi evms MA1A MA1B'
  ).split(' '),
);
const TRACK_KINDS: ReadonlySet<string> = new Set(['vide', 'soun']);

const BOX_HEAD_BYTES = 8;
const LARGE_BOX_HEAD_BYTES = 16;
/** Files have about ten brands. */
const MAX_BRAND_BYTES = 1024;

export function isIsoMedia(start: Uint8Array): boolean {
  return start.length >= BOX_HEAD_BYTES && FIRST_BOXES.has(textOf(start, 4));
}

interface Seen {
  /** The major brand, the minor version in its place, the compatible brands. */
  brands: readonly string[];
  /** Whether it has a track of video or sound. */
  hasTrack: boolean;
  /** Whether it has a list of pictures, as files have that are no films (ISO/IEC 23008-12, 6). */
  hasItems: boolean;
  /** Whether it has a byte of media, or a fragment with samples. */
  hasFrame: boolean;
  /** Whether it has a box of a kind that is not known, or bytes in a box that are none: they may have media, or a track. */
  hasUnknown: boolean;
  /** Where the boxes end that are being looked into, the innermost last. Infinity: at the end of the file. */
  readonly containerEnds: number[];
}

/**
 * A file with the brand of a picture is a recording only if it has a track of video or sound: `mif1` may also be one of the
 * compatible brands of a film with a cover. @throws Undecided
 */
export async function findIsoContent(file: PartialFile): Promise<Content> {
  const seen: Seen = {
    brands: [],
    hasTrack: false,
    hasItems: false,
    hasFrame: false,
    hasUnknown: false,
    containerEnds: [],
  };
  const isPicture = () => seen.brands.some((brand) => PICTURE_BRANDS.has(brand));
  const isFound = () => seen.hasFrame && (seen.hasTrack || !isPicture());
  for (let at: number | undefined = 0; at !== undefined && !isFound(); ) at = await passBox(file, at, seen);
  if (isFound()) return { container: 'mp4' };
  if (seen.hasUnknown) throw new Undecided('an unknown box may have media');
  const isPictureAtAll = (PICTURE_BRANDS.has(seen.brands[0] ?? '') || (isPicture() && seen.hasItems)) && !seen.hasTrack;
  // A film with a cover whose tracks were cut off, for example.
  if (seen.hasFrame && !isPictureAtAll) throw new Undecided('it has media, and no track tells what they are');
  return { refused: isPictureAtAll ? 'picture' : 'no-frame' };
}

/** Where the next box begins, inside or behind this one; undefined at the very end of the file. @throws Undecided */
async function passBox(file: PartialFile, at: number, seen: Seen): Promise<number | undefined> {
  const containerEnd = seen.containerEnds.at(-1);
  if (at === containerEnd) {
    seen.containerEnds.pop();
    return at;
  }
  const box = await boxAt(file, at, containerEnd);
  if (!box) return undefined;
  if (box === 'none') {
    // Writers fill boxes up, and QuickTime ends lists of them with four zeros.
    seen.hasUnknown = true;
    return containerEnd;
  }
  const { type, dataAt, endsAt } = box;
  if (containerEnd === undefined && type === 'meta') seen.hasItems = true;
  if (containerEnd === undefined) seen.hasUnknown ||= !(FRAMELESS.has(type) || MEDIA_BOXES.has(type));
  if (type === 'ftyp' || type === 'styp') {
    const bytes = await file.at(dataAt, Math.min(endsAt - dataAt, MAX_BRAND_BYTES));
    const brands = Array.from({ length: bytes.length >> 2 }, (_, index) => textOf(bytes, index * 4));
    if (seen.brands.length === 0) seen.brands = brands;
  }
  // A full box has its version and flags first; then comes a reserved field.
  if (type === 'hdlr' && TRACK_KINDS.has(textOf(await file.at(dataAt, 12), 8))) seen.hasTrack = true;
  if (type === 'trun' && (await file.at(dataAt, 8)).subarray(4, 8).some((byte) => byte !== 0)) seen.hasFrame = true;
  if (MEDIA_BOXES.has(type) && endsAt > dataAt && (await file.at(dataAt, 1)).length > 0) seen.hasFrame = true;
  if (ENTERED.has(type)) {
    seen.containerEnds.push(endsAt);
    return dataAt;
  }
  return endsAt === Number.POSITIVE_INFINITY ? undefined : endsAt;
}

interface Box {
  readonly type: string;
  readonly dataAt: number;
  /** Infinity: the box goes on to the end of the file. */
  readonly endsAt: number;
}

/**
 * `none`: the bytes up to the end of the container are no box. Undefined at the very end of the file.
 * @param containerEnd undefined for a box in no other one: only such a box may go on to the end of the file (4.2)
 * @throws Undecided for what is no box, in a file or a box that goes on to its end; in a box that is cut off
 */
async function boxAt(
  file: PartialFile,
  at: number,
  containerEnd: number | undefined,
): Promise<Box | 'none' | undefined> {
  const bytes = Buffer.from(await file.at(at, LARGE_BOX_HEAD_BYTES));
  const isOpen = containerEnd === undefined || containerEnd === Number.POSITIVE_INFINITY;
  if (bytes.length === 0 && isOpen) return undefined;
  if (bytes.length === 0) throw new Undecided('it is cut off');
  const size = bytes.length < BOX_HEAD_BYTES ? Number.NaN : bytes.readUInt32BE();
  const isLarge = size === 1 && bytes.length >= LARGE_BOX_HEAD_BYTES;
  const headBytes = isLarge ? LARGE_BOX_HEAD_BYTES : BOX_HEAD_BYTES;
  const toTheEnd = containerEnd === undefined ? Number.POSITIVE_INFINITY : Number.NaN;
  const sizeBytes = isLarge ? Number(bytes.readBigUInt64BE(8)) : size || toTheEnd;
  const endsAt = at + sizeBytes;
  if (size >= 0 && sizeBytes >= headBytes && endsAt <= (containerEnd ?? Number.POSITIVE_INFINITY)) {
    return { type: textOf(bytes, 4), dataAt: at + headBytes, endsAt };
  }
  if (isOpen) throw new Undecided('it has bytes that are no box');
  return 'none';
}

function textOf(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.subarray(at, at + 4)).toString('latin1');
}
