// The size that an encoded picture says it has. A decoder takes as much memory as that, however few bytes the picture has.

/** In pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

const JPEG = 0xffd8;
/** The markers that begin a frame (ITU-T T.81, table B.1): those of 0xc0 to 0xcf that begin no table. */
const isFrame = (marker: number) => marker >> 4 === 0xc && ![0xc4, 0xc8, 0xcc].includes(marker);
const SCAN = 0xda;

/** Undefined where the bytes are no picture of this type, or do not say. Only the header is read. */
export function pictureSize(type: 'image/webp' | 'image/jpeg', bytes: Uint8Array): PictureSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return type === 'image/jpeg' ? jpegSize(view) : webpSize(view);
  } catch (error) {
    // They end too early.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function jpegSize(view: DataView): PictureSize | undefined {
  if (view.getUint16(0) !== JPEG) return undefined;
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    if (view.getUint8(at) !== 0xff || marker === SCAN) return undefined;
    if (isFrame(marker)) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
  }
}

/** RFC 9649, section 2. */
function webpSize(view: DataView): PictureSize | undefined {
  if (nameAt(view, 0) !== 'RIFF' || nameAt(view, 8) !== 'WEBP') return undefined;
  switch (nameAt(view, 12)) {
    case 'VP8 ':
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case 'VP8L': {
      const sides = view.getUint32(21, true);
      return { width: 1 + (sides & 0x3fff), height: 1 + ((sides >> 14) & 0x3fff) };
    }
    case 'VP8X':
      return { width: 1 + (view.getUint32(23, true) >>> 8), height: 1 + (view.getUint32(26, true) >>> 8) };
    default:
      return undefined;
  }
}

function nameAt(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((place) => view.getUint8(at + place)));
}
