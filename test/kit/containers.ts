// Builds files of each container, byte by byte: EBML elements, ISO boxes, Ogg pages.

const bytesOf = (content: string | Uint8Array) =>
  typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
const joined = (contents: readonly (string | Uint8Array)[]) => Buffer.concat(contents.map(bytesOf));

/** An element of EBML by its id in hexadecimal digits; its size in as many bytes as `sizeLength`. */
export function element(id: string, content: string | Uint8Array = '', sizeLength = 1): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE((1n << BigInt(7 * sizeLength)) | BigInt(content.length));
  return joined([Buffer.from(id, 'hex'), size.subarray(8 - sizeLength), content]);
}

/** Of unknown size, as live recordings have it. */
export const openElement = (id: string, content: Uint8Array) =>
  joined([Buffer.from(`${id}01ffffffffffffff`, 'hex'), content]);

export const voidOf = (sizeBytes: number) => element('ec', Buffer.alloc(sizeBytes), 8);
export const docType = (type: string) => element('4282', type);
export const ebmlHeader = (...children: Uint8Array[]) => element('1a45dfa3', joined(children), 4);
export const segment = (...children: Uint8Array[]) => openElement('18538067', joined(children));
export const cluster = (...children: Uint8Array[]) =>
  openElement('1f43b675', joined([element('e7', '\0'), ...children]));
export const simpleBlock = (frame = 'frame') => element('a3', `\x81\0\0\x80${frame}`);
export const blockGroup = (frame = 'frame') => element('a0', element('a1', `\x81\0\0\0${frame}`));
/** Info and Tracks, without anything in them. */
export const FRONT = joined([element('1549a966'), element('1654ae6b')]);

/** A box of ISO/IEC 14496-12. */
export function box(type: string, ...contents: (string | Uint8Array)[]): Buffer {
  const content = joined(contents);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(8 + content.length);
  return joined([size, type, content]);
}

/** With a size in 64 bits. */
export function largeBox(type: string, content: string | Uint8Array, sizeBytes = 16 + content.length): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(sizeBytes));
  return joined(['\0\0\0\x01', type, size, content]);
}

/** That goes on to the end of the file. */
export const lastBox = (type: string, content: string | Uint8Array) => joined(['\0\0\0\0', type, content]);

export const brands = (major: string, ...compatible: string[]) => `${major}\0\0\x02\0${compatible.join('')}`;
export const ftyp = (major: string, ...compatible: string[]) => box('ftyp', brands(major, ...compatible));
export const trackBox = (handler: string) =>
  box('trak', box('mdia', box('hdlr', `${'\0'.repeat(8)}${handler}${'\0'.repeat(13)}`)));
export const trackOf = (handler: string) => box('moov', trackBox(handler));
export const trun = (samples: number) => box('trun', Buffer.from([0, 0, 0, 0, 0, 0, 0, samples]));
export const fragment = (samples: number) => box('moof', box('traf', trun(samples)));

/** A page of RFC 3533 with one packet. */
export function page(granule: bigint, packet: string, { begins = false, stream = 0 } = {}): Buffer {
  const head = Buffer.alloc(27);
  head.write('OggS');
  head[5] = begins ? 2 : 0;
  head.writeBigInt64LE(granule, 6);
  head.writeUInt32LE(stream, 14);
  head[26] = 1;
  return joined([head, Buffer.from([packet.length]), packet]);
}
