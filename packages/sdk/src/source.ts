// Cuts the bytes of a recording into the parts of an upload.

/** The bytes of a recording, from the first on. A stream may have any length, and is read as its parts are sent. */
export type UploadSource = Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface SourcePart {
  /** From 1. */
  readonly partNumber: number;
  readonly content: Blob;
}

/** Null where it is not known before the end. */
export function sizeOf(source: UploadSource): number | null {
  return source instanceof Blob ? source.size : null;
}

/** Parts of `partSizeBytes`, the last of which may be shorter. Of a stream it holds one part in memory. */
export async function* cut(source: UploadSource, partSizeBytes: number): AsyncGenerator<SourcePart, void, undefined> {
  let partNumber = 0;
  const next = (content: Blob): SourcePart => {
    partNumber += 1;
    return { partNumber, content };
  };
  if (source instanceof Blob) {
    for (let start = 0; start < source.size; start += partSizeBytes) {
      // The type of a Blob would become the Content-Type, which is not signed.
      yield next(source.slice(start, start + partSizeBytes, ''));
    }
    return;
  }
  let pieces: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of source as AsyncIterable<unknown>) {
    if (!(chunk instanceof Uint8Array))
      throw new TypeError('The source of an upload must consist of Uint8Array chunks.');
    for (let start = 0; start < chunk.length; ) {
      // A copy: the source may use the same buffer for its next chunk.
      const piece = new Uint8Array(chunk.subarray(start, start + partSizeBytes - heldBytes));
      pieces.push(piece);
      heldBytes += piece.length;
      start += piece.length;
      if (heldBytes < partSizeBytes) continue;
      const content = new Blob(pieces);
      pieces = [];
      heldBytes = 0;
      yield next(content);
    }
  }
  if (heldBytes > 0) yield next(new Blob(pieces));
}
