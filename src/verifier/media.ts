// Compares media and documents with what the mark `stored` keeps of them, as far as the store's form of ETags allows.
import { createHash } from 'node:crypto';
import type { Manifest, StoredMark } from '../bucket/documents.ts';
import type { ListedObject } from '../objectstore/object-store.ts';

const MD5 = /^[0-9a-f]{32}$/;
const MULTIPART = /^[0-9a-f]{32}-(\d+)$/;

/** What is wrong, in words; `incomparable` where nothing can be said; undefined where nothing is wrong. */
export type Comparison = { readonly changed: string } | 'incomparable' | undefined;

/** The sizes. `incomparable`: the mark of an earlier version has none; its number of parts is compared then. */
export function compareSizes(media: ListedObject, mark: StoredMark, manifest: Manifest | undefined): Comparison {
  const { sizeBytes } = media;
  if (sizeBytes === 0) return { changed: 'they are empty' };
  const known = mark.media?.sizeBytes;
  if (known !== undefined && known !== sizeBytes) return { changed: `${sizeBytes} bytes, ${known} were stored` };
  const count = mark.parts.length;
  const mostBytes = count * (manifest?.partSizeBytes ?? Number.NaN);
  if (count > 0 && (sizeBytes > mostBytes || sizeBytes < mostBytes - (manifest?.partSizeBytes ?? 0))) {
    return { changed: `${sizeBytes} bytes are not ${count} parts` };
  }
  return known === undefined ? 'incomparable' : undefined;
}

/** The ETag of the media with the one that was listed when they were stored, and with the one that their parts make. */
export function compareEtags({ etag }: ListedObject, mark: StoredMark): Comparison {
  if (etag === undefined) return 'incomparable';
  const now = bare(etag);
  const known = mark.media?.etag && bare(mark.media.etag);
  const parts = mark.parts.map((part) => bare(part.etag));
  const arePlain = parts.length > 0 && parts.every((part) => MD5.test(part));
  // Media of one part that were copied since have the MD5 of that part.
  if (now === known || (arePlain && (now === multipartEtag(parts) || (parts.length === 1 && now === parts[0])))) {
    return undefined;
  }
  if (known !== undefined) return { changed: `their ETag is ${now}, it was ${known}` };
  const count = MULTIPART.exec(now)?.[1];
  if (parts.length > 0 && count !== undefined && Number(count) !== parts.length) {
    return { changed: `they have ${count} parts, ${parts.length} were stored` };
  }
  return arePlain ? { changed: `their ETag is ${now}, their parts make another` } : 'incomparable';
}

/** Whether a document has the ETag that it had, as far as the store's ETags of such objects are MD5s. */
export function compareDocument(listed: ListedObject, body: Uint8Array, knownEtag: string | undefined): Comparison {
  if (listed.etag === undefined || knownEtag === undefined) return 'incomparable';
  const [now, known] = [bare(listed.etag), bare(knownEtag)];
  if (now === known) return undefined;
  if (createHash('md5').update(body).digest('hex') !== now || !MD5.test(known)) return 'incomparable';
  return { changed: `its ETag is ${now}, it was ${known}` };
}

function multipartEtag(parts: readonly string[]): string {
  const all = createHash('md5');
  for (const part of parts) all.update(part, 'hex');
  return `${all.digest('hex')}-${parts.length}`;
}

function bare(etag: string): string {
  return etag.replaceAll('"', '').toLowerCase();
}
