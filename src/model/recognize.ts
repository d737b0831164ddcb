// What a file is, by its content: a recording in one of the containers, certainly none, or nothing that is recognised.
import type { Content } from './container.ts';
import { findEbmlContent, isEbml } from './ebml.ts';
import { findIsoContent, isIsoMedia } from './iso-media.ts';
import { findOggContent, isOgg } from './ogg.ts';
import { PartialFile, type ReadBytes, Undecided } from './partial-file.ts';

/**
 * How many bytes from the start `recognize` wants to see. Enough for what browsers record, and for the exam client's
 * WebM, which has 64 KiB of room behind its header.
 */
export const CONTAINER_PROBE_BYTES = 68 * 1024;

/**
 * Looks for the first frame of a file, whose first `CONTAINER_PROBE_BYTES` are `start`; `read` gives further ones, at most
 * `MAX_READS` times. The containers are WebM and Matroska (RFC 8794, 9559), MP4 (ISO/IEC 14496-12) and Ogg (RFC 3533).
 * @throws only what `read` throws
 */
export async function recognize(start: Uint8Array, read: ReadBytes): Promise<Content> {
  if (start.length === 0) return { refused: 'empty' };
  const file = new PartialFile(start, CONTAINER_PROBE_BYTES, read);
  try {
    if (isEbml(start)) return await findEbmlContent(file);
    if (isIsoMedia(start)) return await findIsoContent(file);
    if (isOgg(start)) return await findOggContent(file);
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
  }
  return { container: 'unrecognized' };
}
