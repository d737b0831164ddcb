// Overviews of a recording for tests, by their parts.

const [WIDTH, HEIGHT] = [96, 54];
export const JPEG = jpegOf(WIDTH, HEIGHT);
export const WEBP = webpOf(WIDTH, HEIGHT);

/** The header of a JPEG of that size. */
export function jpegOf(width: number, height: number): Buffer {
  const head = Buffer.from('ffd8ffe00004abcdffc0001108000000000301110002110103110', 'hex');
  head.writeUInt16BE(height, 13);
  head.writeUInt16BE(width, 15);
  return head;
}

/** The header of a WebP of that size. */
export function webpOf(width: number, height: number): Buffer {
  const head = Buffer.from(`RIFF\0\0\0\0WEBPVP8 ${'\0'.repeat(7)}\x9d\x01\x2a\0\0\0\0`, 'latin1');
  head.writeUInt16LE(width, 26);
  head.writeUInt16LE(height, 28);
  return head;
}

/** An overview with any header, and what follows it. */
export function overviewWith(header: unknown, following: readonly Uint8Array[] = []): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, ...following]);
}

/** The header of an overview of these pictures, ten seconds apart. */
export function headerOf(pictures: readonly Uint8Array[], type = 'image/jpeg') {
  return {
    version: 1,
    pictures: {
      type,
      width: WIDTH,
      height: HEIGHT,
      atSeconds: pictures.map((_, index) => (index * 10_020) / 1_000),
      sizeBytes: pictures.map(({ length }) => length),
    },
    activity: { everySeconds: 1, values: Buffer.from([0, 16, 255]).toString('base64') },
  };
}

/** A valid overview of two pictures; `last` makes it differ from others. */
export function overviewOf(last: Uint8Array = JPEG): Buffer {
  return overviewWith(headerOf([JPEG, last]), [JPEG, last]);
}
