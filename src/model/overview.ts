// The overview of a recording (docs/overview.md): whether bytes have its format, and where they have not.
import { z } from 'zod';
import { type Mistake, mistakesOf, whatToSend } from './mistakes.ts';
import { pictureSize } from './picture-size.ts';

export const MAX_OVERVIEW_BYTES = 2 * 1024 * 1024;

/** The length of the header: an unsigned 32-bit number, big-endian. */
const LENGTH_BYTES = 4;
const MAX_PICTURES = 5_000;
const MAX_SIDE = 320;
const MAX_ACTIVITY_VALUES = 100_000;

const PICTURE_TYPES = ['image/webp', 'image/jpeg'] as const;

const side = z.int().min(1).max(MAX_SIDE);
const isInMilliseconds = (seconds: number) => Math.round(seconds * 1_000) / 1_000 === seconds;

const pictures = z
  .strictObject({
    type: z.enum(PICTURE_TYPES),
    width: side,
    height: side,
    atSeconds: z
      .array(z.number().min(0).refine(isInMilliseconds, 'Must have at most three decimal places'))
      .max(MAX_PICTURES)
      .refine((all) => all.every((at, index) => index === 0 || at > (all[index - 1] ?? at)), 'Must be ascending'),
    sizeBytes: z.array(z.int().min(1)).max(MAX_PICTURES),
  })
  .refine(({ atSeconds, sizeBytes }) => atSeconds.length === sizeBytes.length, {
    path: ['sizeBytes'],
    error: 'Must have as many items as atSeconds',
  });

const activity = z.strictObject({
  everySeconds: z.literal(1),
  /** One byte for each second. */
  values: z.base64('Must be base64').refine((text) => Buffer.byteLength(text, 'base64') <= MAX_ACTIVITY_VALUES, {
    error: `Must have at most ${MAX_ACTIVITY_VALUES} values`,
  }),
});

const header = z.strictObject({
  version: z.literal(1),
  pictures: pictures.nullable(),
  activity: activity.nullable(),
});

type Pictures = z.output<typeof pictures>;

const MAX_MISTAKES = 20;

/**
 * Where bytes differ from the format of an overview, by paths such as `header.pictures.width`, and `body` for what is not in
 * the header; empty: nowhere. Of each picture the header is read.
 */
export function mistakesInOverview(body: Uint8Array): readonly Mistake[] {
  if (body.length > MAX_OVERVIEW_BYTES) return inBody(`Must have at most ${MAX_OVERVIEW_BYTES} bytes`);
  if (body.length < LENGTH_BYTES) return inBody('Must begin with the length of the header, in four bytes');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const headerBytes = bytes.readUInt32BE(0);
  if (headerBytes > bytes.length - LENGTH_BYTES) {
    return inBody(`Ends before its header, which has ${headerBytes} bytes, as its first four bytes say`);
  }
  const endOfHeader = LENGTH_BYTES + headerBytes;
  const json = parseJson(bytes.subarray(LENGTH_BYTES, endOfHeader));
  if (json === undefined) return [{ path: 'header', message: 'Must be JSON in UTF-8' }];
  const read = header.safeParse(json, { error: whatToSend });
  if (!read.success) return mistakesOf(read.error).slice(0, MAX_MISTAKES).map(inHeader);
  return mistakesInPictures(read.data.pictures, bytes.subarray(endOfHeader));
}

function mistakesInPictures(described: Pictures | null, bytes: Buffer): readonly Mistake[] {
  const sizes = described?.sizeBytes ?? [];
  const expectedBytes = sizes.reduce((sum, size) => sum + size, 0);
  if (expectedBytes !== bytes.length) {
    return inBody(`Must have ${expectedBytes} bytes behind its header, as sizeBytes says, not ${bytes.length}`);
  }
  if (!described) return [];
  const mistakes: Mistake[] = [];
  const { type, width, height } = described;
  let from = 0;
  for (const [index, size] of sizes.entries()) {
    const found = pictureSize(type, bytes.subarray(from, from + size));
    if ((found?.width !== width || found.height !== height) && mistakes.length < MAX_MISTAKES) {
      mistakes.push({
        path: `header.pictures.sizeBytes.${index}`,
        message: `Must be the bytes of an ${type} of ${width} × ${height} pixels`,
      });
    }
    from += size;
  }
  return mistakes;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    return undefined;
  }
}

function inBody(message: string): readonly Mistake[] {
  return [{ path: 'body', message }];
}

function inHeader({ path, message }: Mistake): Mistake {
  return { path: path === '' ? 'header' : `header.${path}`, message };
}
