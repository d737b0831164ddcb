// Ogg (RFC 3533): the first page that ends a packet of media.
import type { Content } from './container.ts';
import { type PartialFile, Undecided } from './partial-file.ts';

const PAGE_HEAD_BYTES = 27;
const MAX_SEGMENTS = 255;
/** No packet ends on the page. */
const NONE_ENDS = -1n;
const BEGINS_STREAM = 0x02;

export function isOgg(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, 4)).toString('latin1') === 'OggS';
}

/**
 * Headers have the granule position 0 in each mapping (RFC 7845, 4; Vorbis, Theora, FLAC), media mostly a later one: the first
 * frame of a video may have 0 too. A stream begins with a page of its own, and has further headers on one page at the least.
 * @throws Undecided
 */
export async function findOggContent(file: PartialFile): Promise<Content> {
  /** By the serial number of a stream, whether it has a page behind its first one. */
  const streams = new Map<number, boolean>();
  let mayHaveMedia = false;
  for (let at = 0; ; ) {
    const head = Buffer.from(await file.at(at, PAGE_HEAD_BYTES + MAX_SEGMENTS));
    if (head.length === 0) break;
    const segments = head[PAGE_HEAD_BYTES - 1] ?? 0;
    const headBytes = PAGE_HEAD_BYTES + segments;
    if (!isOgg(head) || head[4] !== 0 || head.length < headBytes) throw new Undecided('it has bytes that are no page');
    const sizeBytes = head.subarray(PAGE_HEAD_BYTES, headBytes).reduce((sum, length) => sum + length, 0);
    const granule = head.readBigInt64LE(6);
    const dataAt = at + headBytes;
    const hasData = sizeBytes > 0 && (await file.at(dataAt, 1)).length > 0;
    if (hasData && granule !== 0n && granule !== NONE_ENDS) return { container: 'ogg' };
    if (hasData) {
      const serial = head.readUInt32LE(14);
      const isFirst = ((head[5] ?? 0) & BEGINS_STREAM) !== 0;
      mayHaveMedia ||= granule === NONE_ENDS || (!isFirst && streams.get(serial) !== false);
      streams.set(serial, !isFirst);
    }
    at = dataAt + sizeBytes;
  }
  if (mayHaveMedia) throw new Undecided('it has more pages than headers need');
  return { refused: 'no-frame' };
}
