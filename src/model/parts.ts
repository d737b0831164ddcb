// The arithmetic of multipart uploads: one fixed part size for all parts but the last.

/** S3's smallest size of a part that is not the last (S3 API, CompleteMultipartUpload: EntityTooSmall). */
export const MIN_PART_SIZE_BYTES = 5 * 1024 * 1024;
/** S3's largest size of a part. */
export const MAX_PART_SIZE_BYTES = 5 * 1024 * 1024 * 1024;
/** S3's largest number of parts; some stores allow fewer. */
export const MAX_PART_NUMBER = 10_000;

export interface StoredPart {
  readonly partNumber: number;
  readonly sizeBytes: number;
  readonly etag: string;
}

/** How many parts a recording of at most `maxRecordingBytes` can have. */
export function maxPartsFor(maxRecordingBytes: number, partSizeBytes: number): number {
  return Math.ceil(maxRecordingBytes / partSizeBytes);
}

export type PartsCheck =
  | { readonly ok: true; readonly sizeBytes: number }
  | { readonly ok: false; readonly problem: 'missing' | 'wrong-size'; readonly partNumbers: number[] };

/**
 * Whether the parts in a store make one whole recording: numbered from 1 without a hole, and each but the last of
 * exactly `partSizeBytes` (some stores demand equal sizes, and a shorter part in the middle would mean lost bytes).
 */
export function checkParts(parts: readonly StoredPart[], partSizeBytes: number): PartsCheck {
  const byNumber = new Map(parts.map((part) => [part.partNumber, part]));
  const last = Math.max(1, ...byNumber.keys());
  const missing: number[] = [];
  const wrongSize: number[] = [];
  let sizeBytes = 0;
  for (let partNumber = 1; partNumber <= last; partNumber += 1) {
    const part = byNumber.get(partNumber);
    if (!part) missing.push(partNumber);
    else if (part.sizeBytes > partSizeBytes || (partNumber < last && part.sizeBytes !== partSizeBytes)) {
      wrongSize.push(partNumber);
    }
    sizeBytes += part?.sizeBytes ?? 0;
  }
  if (missing.length > 0) return { ok: false, problem: 'missing', partNumbers: missing };
  if (wrongSize.length > 0) return { ok: false, problem: 'wrong-size', partNumbers: wrongSize };
  return { ok: true, sizeBytes };
}

/** ETags compared as a client may write them: with or without quotes (RFC 9110, 8.8.3). */
export function sameEtag(a: string, b: string): boolean {
  return unquoted(a) === unquoted(b);
}

function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, '').toLowerCase();
}
