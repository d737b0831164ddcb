// Overviews of a recording for tests, by their parts.

export const JPEG = Buffer.from('ffd8ffe000104a464946', 'hex');
export const WEBP = Buffer.concat([Buffer.from('RIFF'), Buffer.from([10, 0, 0, 0]), Buffer.from('WEBPVP8 ')]);

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
      width: 96,
      height: 54,
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
