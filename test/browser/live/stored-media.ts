// What of the media that a recorder made is in the stored files: every byte of it, whatever was written around it.

/** Of ISO BMFF: what the recorder writes while it records. */
const FRAGMENTS = ['moof', 'mdat'];
const BOX_HEAD_BYTES = 8;
const CLUSTER = Buffer.from('1f43b675', 'hex');

/** The bytes that have frames, without the beginning of the file and without an index at its end. */
export function mediaOf(file: Buffer): Buffer {
  const isMp4 = file.subarray(4, BOX_HEAD_BYTES).toString('latin1') === 'ftyp';
  if (isMp4) return Buffer.concat([...fragments(file)]);
  const first = file.indexOf(CLUSTER);
  return first < 0 ? Buffer.alloc(0) : file.subarray(first);
}

function* fragments(file: Buffer): Generator<Buffer> {
  for (let at = 0; at + BOX_HEAD_BYTES <= file.length; ) {
    const short = file.readUInt32BE(at);
    const sizeBytes = short === 1 ? Number(file.readBigUInt64BE(at + BOX_HEAD_BYTES)) : short;
    // Zero: it goes on to the end of the file.
    const end = sizeBytes === 0 ? file.length : at + sizeBytes;
    const name = file.toString('latin1', at + 4, at + BOX_HEAD_BYTES);
    if (FRAGMENTS.includes(name)) yield file.subarray(at, end);
    at = end;
  }
}

/**
 * For each recorder, how many bytes at its end and how many elsewhere are in no file. A file may have more than was seen
 * of a recorder whose page was left in the middle.
 * @throws Error when a file has what no recorder made
 */
export function missing(made: readonly Buffer[], stored: readonly Buffer[]) {
  const pieces = stored.map((file) => placeOf(mediaOf(file), made));
  return made.map((media, recorder) => {
    const own = pieces.filter((piece) => piece.recorder === recorder).sort((a, b) => a.from - b.from);
    let covered = 0;
    let holeBytes = 0;
    for (const { from, to } of own) {
      holeBytes += Math.max(0, from - covered);
      covered = Math.max(covered, to);
    }
    return { holeBytes, tailBytes: media.length - covered };
  });
}

function placeOf(piece: Buffer, made: readonly Buffer[]): { recorder: number; from: number; to: number } {
  for (const [recorder, media] of made.entries()) {
    const from = media.indexOf(piece);
    if (from >= 0) return { recorder, from, to: from + piece.length };
    if (media.length > 0 && piece.subarray(0, media.length).equals(media))
      return { recorder, from: 0, to: media.length };
  }
  throw new Error(`${piece.length} bytes are stored that no recorder made in this order`);
}
