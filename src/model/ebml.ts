// WebM and Matroska: the DocType of their EBML header (RFC 8794), and their first block (RFC 9559).
import type { Content } from './container.ts';
import { type PartialFile, Undecided } from './partial-file.ts';

const EBML_HEADER = 0x1a45dfa3;
const DOC_TYPE = 0x4282;
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const BLOCK_GROUP = 0xa0;
const BLOCKS: ReadonlySet<number> = new Set([0xa1, 0xa3]);
/** Elements that are looked into; all others are passed over. */
const ENTERED: ReadonlySet<number> = new Set([SEGMENT, CLUSTER, BLOCK_GROUP]);

/**
 * Elements without frames: those of the EBML header, Void, CRC-32, SeekHead, Info, Tracks, Cues, Attachments, Chapters, Tags;
 * of a cluster Timestamp, Position, PrevSize; of a group BlockDuration, ReferencePriority, ReferenceBlock, DiscardPadding.
 */
const FRAMELESS: ReadonlySet<number> = new Set([
  EBML_HEADER,
  0xec,
  0xbf,
  0x114d9b74,
  0x1549a966,
  0x1654ae6b,
  0x1c53bb6b,
  0x1941a469,
  0x1043a770,
  0x1254c367,
  0xe7,
  0xa7,
  0xab,
  0x9b,
  0xfa,
  0xfb,
  0x75a2,
]);

/** An id has at most four bytes unless the header allows more, a size at most eight. */
const MAX_ELEMENT_HEAD_BYTES = 16;
/** Longer than each DocType that is known here, with octets of padding. */
const DOC_TYPE_BYTES = 64;
/** Of a block, behind the number of its track (RFC 9559, 10.1). */
const TIME_AND_FLAGS_BYTES = 3;
const MAX_VINT_BYTES = 8;

/** A file must begin with the EBML header itself: an element before it makes it another kind of file. */
export function isEbml(start: Uint8Array): boolean {
  return start.length >= 4 && Buffer.from(start.subarray(0, 4)).readUInt32BE() === EBML_HEADER;
}

/** @throws Undecided */
export async function findEbmlContent(file: PartialFile): Promise<Content> {
  const header = await elementAt(file, 0);
  if (header?.sizeBytes === undefined) throw new Undecided('its header has no size');
  const bodyAt = header.dataAt + header.sizeBytes;
  const docType = await readDocType(file, header.dataAt, bodyAt);
  if (docType !== 'webm' && docType !== 'matroska') throw new Undecided('it is EBML of another kind');
  return (await hasBlock(file, bodyAt)) ? { container: docType } : { refused: 'no-frame' };
}

async function readDocType(file: PartialFile, from: number, end: number): Promise<string | undefined> {
  for (let at = from; at < end; ) {
    const element = await elementAt(file, at);
    if (element?.sizeBytes === undefined) throw new Undecided('an element of its header has no size');
    const { id, dataAt, sizeBytes } = element;
    if (id === DOC_TYPE) {
      const bytes = await file.at(dataAt, Math.min(sizeBytes, DOC_TYPE_BYTES));
      // Null octets may fill it up (RFC 8794, 7.4).
      return Buffer.from(bytes).toString('latin1').replace(/\0.*/s, '');
    }
    at = dataAt + sizeBytes;
  }
  return undefined;
}

/** False at the end of a file of which every element is known to have no frame. */
async function hasBlock(file: PartialFile, from: number): Promise<boolean> {
  let hasUnknown = false;
  for (let at = from; ; ) {
    const element = await elementAt(file, at);
    if (!element) break;
    const { id, dataAt, sizeBytes } = element;
    hasUnknown ||= !(FRAMELESS.has(id) || ENTERED.has(id) || BLOCKS.has(id));
    if (BLOCKS.has(id) && sizeBytes) {
      const data = await file.at(dataAt, Math.min(sizeBytes, MAX_VINT_BYTES + TIME_AND_FLAGS_BYTES + 1));
      const track = readVint(data, 0);
      if (track && data.length > track.length + TIME_AND_FLAGS_BYTES) return true;
      hasUnknown ||= !track;
    }
    // The elements of one that is entered follow its head, whether its size is known or not.
    if (ENTERED.has(id)) at = dataAt;
    else if (sizeBytes === undefined) throw new Undecided('an element has no size');
    else at = dataAt + sizeBytes;
  }
  if (hasUnknown) throw new Undecided('an unknown element may have frames');
  return false;
}

interface Element {
  readonly id: number;
  readonly dataAt: number;
  /** Undefined: unknown, as live recordings write it. */
  readonly sizeBytes: number | undefined;
}

/** Undefined at the very end of the file. @throws Undecided for what is no element */
async function elementAt(file: PartialFile, at: number): Promise<Element | undefined> {
  const bytes = await file.at(at, MAX_ELEMENT_HEAD_BYTES);
  if (bytes.length === 0) return undefined;
  const id = readVint(bytes, 0);
  const size = id && readVint(bytes, id.length);
  if (!size) throw new Undecided('it has bytes that are no element');
  // The marker belongs to an id, and not to a size.
  const marked = id.value + 2 ** (7 * id.length);
  // All bits set: unknown (RFC 8794, 6.2).
  const isUnknown = size.value >= 2 ** (7 * size.length) - 1;
  return { id: marked, dataAt: at + id.length + size.length, sizeBytes: isUnknown ? undefined : size.value };
}

/** A variable-size integer without its marker (RFC 8794, 4): the leading zeros of the first byte give its length. */
function readVint(bytes: Uint8Array, at: number): { value: number; length: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first === 0) return undefined;
  const length = Math.clz32(first) - 23;
  if (at + length > bytes.length) return undefined;
  let value = first & (0xff >> length);
  for (const byte of bytes.subarray(at + 1, at + length)) value = value * 256 + byte;
  return { value, length };
}
