// What a file is, by its content: each rule of the formats that a browser, or a careless uploader, has made use of.
import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import type { Content } from '../../src/model/container.ts';
import { MAX_LOOKS, MAX_READS } from '../../src/model/partial-file.ts';
import { CONTAINER_PROBE_BYTES, recognize } from '../../src/model/recognize.ts';
import {
  blockGroup,
  box,
  brands,
  cluster,
  docType,
  ebmlHeader,
  element,
  FRONT,
  fragment,
  ftyp,
  largeBox,
  lastBox,
  openElement,
  page,
  segment,
  simpleBlock,
  trackBox,
  trackOf,
  trun,
  voidOf,
} from '../kit/containers.ts';
import { webm } from '../kit/fixtures.ts';

/** A file in memory, and how many reads beside its start it took to know it. */
async function look(...pieces: readonly (string | Uint8Array)[]): Promise<{ content: Content; reads: number }> {
  const file = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string, 'latin1')));
  let reads = 0;
  const content = await recognize(file.subarray(0, CONTAINER_PROBE_BYTES), async (offset, length) => {
    reads += 1;
    return file.subarray(offset, offset + length);
  });
  return { content, reads };
}
const contentOf = async (...pieces: readonly (string | Uint8Array)[]) => (await look(...pieces)).content;

const UNRECOGNIZED = { container: 'unrecognized' };
const HEADER = ebmlHeader(docType('webm'));
const BODY = segment(FRONT, cluster(simpleBlock()));
const MDAT = box('mdat', 'media');
const FILM = [trackOf('vide'), MDAT];
const indexWith = (zeros: number) => box('moov', trackBox('vide'), Buffer.alloc(zeros));
const zeroedFragment = box('moof', box('traf', Buffer.alloc(24), trun(1)));

describe('a WebM or Matroska', () => {
  it('is known by its DocType', async () => {
    expect(await contentOf(webm)).toEqual({ container: 'webm' });
    expect(await contentOf(HEADER, BODY)).toEqual({ container: 'webm' });
    expect(await contentOf(ebmlHeader(docType('matroska')), BODY)).toEqual({ container: 'matroska' });
    for (const type of ['other', 'webm2', 'WebM', '']) {
      expect(await contentOf(ebmlHeader(docType(type)), BODY)).toEqual(UNRECOGNIZED);
    }
    expect(await contentOf(ebmlHeader(element('4286', '\x01')), BODY)).toEqual(UNRECOGNIZED);
  });

  it.each([
    ['sizes in eight bytes', element('1a45dfa3', element('4282', 'webm', 8), 8)],
    ['a DocType filled up with null octets', ebmlHeader(docType('webm\0\0\0'))],
    [
      'CRC-32, Void and unknown elements in it',
      ebmlHeader(element('bf', '1234'), voidOf(9), element('4fff', 'x'), docType('webm')),
    ],
    ['4,200 bytes before the DocType', ebmlHeader(voidOf(4200), docType('webm'))],
    ['a megabyte before the DocType', ebmlHeader(voidOf(1_000_000), docType('webm'))],
  ])('may have a header with %s', async (_, header) => {
    expect(await contentOf(header, BODY)).toEqual({ container: 'webm' });
  });

  it.each([
    ['behind room of 64 KiB, as the exam client leaves it', 0, segment(FRONT, voidOf(65_400), cluster(simpleBlock()))],
    [
      'behind 20 MB of attachments',
      1,
      segment(FRONT, element('1941a469', Buffer.alloc(20_000_000), 8), cluster(simpleBlock())),
    ],
    ['at the end of what is read first', 1, segment(voidOf(CONTAINER_PROBE_BYTES - 60), cluster(simpleBlock()))],
    ['in a group', 0, segment(FRONT, cluster(blockGroup()))],
    ['after an empty one, and an empty cluster', 0, segment(FRONT, cluster(), cluster(simpleBlock(''), simpleBlock()))],
    ['in a segment and a cluster of known size', 0, element('18538067', element('1f43b675', simpleBlock()), 8)],
    ['in the second of two files', 0, Buffer.concat([segment(FRONT), HEADER, BODY])],
    ['of one byte', 0, segment(FRONT, cluster(simpleBlock('f')))],
    ['of a track whose number has two bytes', 0, segment(FRONT, cluster(element('a3', '\x40\x81\0\0\x80f')))],
    ['cut off by a crash', 0, segment(FRONT, cluster(simpleBlock('a frame').subarray(0, -3)))],
  ])('is one with a frame %s', async (_, reads, body) => {
    expect(await look(HEADER, body)).toEqual({ content: { container: 'webm' }, reads });
  });

  it.each([
    ['its header alone', []],
    ['a segment without a cluster', [segment(FRONT)]],
    ['a cluster without a block', [segment(FRONT, cluster())]],
    ['blocks without a byte of a frame', [segment(FRONT, cluster(simpleBlock(''), blockGroup('')))]],
    ['a block of no byte', [segment(FRONT, cluster(element('a3')))]],
    [
      'a block without a byte of a frame, of a track in two bytes',
      [segment(cluster(element('a3', '\x40\x81\0\0\x80')))],
    ],
    ['room for a header that was never written', [segment(FRONT, voidOf(10_000_000))]],
  ])('with %s is no recording', async (_, body) => {
    expect(await contentOf(HEADER, ...body)).toEqual({ refused: 'no-frame' });
  });

  it.each([
    ['ends in its header', [HEADER.subarray(0, 9)]],
    ['has an unknown element, which may have frames', [HEADER, segment(FRONT, element('4fff', 'x'))]],
    ['ends far within an element before the first frame', [HEADER, segment(voidOf(300_000).subarray(0, 100_000))]],
    ['has a block of unknown size', [HEADER, segment(cluster(openElement('a3', Buffer.from('frame'))))]],
    ['has a block of no track', [HEADER, segment(cluster(element('a3', '\0\0\0\0\x80frame')))]],
    ['ends in an element before the first frame', [HEADER, segment(voidOf(1000).subarray(0, 500))]],
    [
      'says that an element is longer than any file',
      [HEADER, element('1a45dfa3', ''), Buffer.from('ec017fffffffffffff00', 'hex')],
    ],
    [
      'has bytes that are no element before the first frame',
      [HEADER, segment(FRONT, Buffer.alloc(40), cluster(simpleBlock()))],
    ],
    ['has an element of unknown size that may have none', [HEADER, segment(openElement('1654ae6b', FRONT))]],
    ['has a header of unknown size', [openElement('1a45dfa3', docType('webm')), BODY]],
    ['begins with another element than its header', [voidOf(10), HEADER, BODY]],
  ])('that %s is doubtful', async (_, pieces) => {
    expect(await contentOf(...pieces)).toEqual(UNRECOGNIZED);
  });

  it('is looked at in a few places only: what takes more is doubtful', async () => {
    const scattered = Array.from({ length: MAX_READS + 2 }, () => voidOf(200_000));
    const { content, reads } = await look(HEADER, segment(...scattered, cluster(simpleBlock())));
    expect({ content, reads }).toEqual({ content: UNRECOGNIZED, reads: MAX_READS });
    expect(await contentOf(HEADER, segment(...scattered.slice(3), cluster(simpleBlock())))).toEqual({
      container: 'webm',
    });
  });
});

describe('an MP4', () => {
  it.each([
    ['of any brand of films', [ftyp('isom', 'iso6', 'mp41'), ...FILM]],
    ['of QuickTime', [ftyp('qt  '), ...FILM]],
    ['with media before the index', [ftyp('mp42'), MDAT, trackOf('vide')]],
    ['in fragments', [ftyp('iso5'), trackOf('soun'), fragment(3), MDAT]],
    ['that ends behind a fragment with samples', [ftyp('iso5'), trackOf('vide'), fragment(1)]],
    ['that begins with moov', FILM],
    ['that begins with free space', [box('free', 'x'), ftyp('isom'), ...FILM]],
    ['that begins with skip', [box('skip'), ftyp('isom'), ...FILM]],
    ['that begins with wide', [box('wide'), ...FILM]],
    ['that begins with its media', [MDAT, trackOf('vide')]],
    ['that is two segments of a stream', [box('styp', brands('msdh')), box('styp', brands('avif')), fragment(2), MDAT]],
    ['that is a segment of a stream', [box('styp', brands('msdh')), fragment(2), MDAT]],
    ['that begins with uuid', [box('uuid', 'x'.repeat(16)), ...FILM]],
    ['that begins with emsg and sidx', [box('emsg', 'x'), box('sidx', 'x'), fragment(2), MDAT]],
    ['with boxes that are not known', [ftyp('isom'), box('abcd', 'x'), ...FILM]],
    ['with sizes in 64 bits', [largeBox('ftyp', brands('isom')), largeBox('mdat', 'media', 2 ** 33)]],
    ['with media to the end of the file', [ftyp('isom'), lastBox('mdat', 'media')]],
    ['that is cut off in its media', [ftyp('isom'), MDAT.subarray(0, -2)]],
    ['with the four zeros of QuickTime at the end of its index', [ftyp('qt  '), indexWith(4), MDAT]],
    ['with eight bytes of zeros in its index', [ftyp('isom'), indexWith(8), MDAT]],
    ['with 512 bytes of zeros in its index', [ftyp('isom'), indexWith(512), MDAT]],
    ['with zeros before the tracks of its index', [ftyp('isom'), box('moov', Buffer.alloc(8), trackBox('vide')), MDAT]],
    ['with zeros in its track', [ftyp('isom'), box('moov', box('trak', Buffer.alloc(16))), MDAT]],
    ['with zeros in a fragment', [ftyp('iso5'), trackOf('vide'), zeroedFragment, MDAT]],
    ['with zeros in a fragment, and another one', [ftyp('iso5'), trackOf('vide'), zeroedFragment, fragment(1)]],
    ['with a box that reaches beyond its own', [ftyp('isom'), box('moov', '\0\0\x01\0trak'), MDAT]],
    ['with a cover and zeros in its index', [ftyp('mp42', 'mif1'), indexWith(8), MDAT]],
    ['with an index to the end of the file', [ftyp('mp42', 'mif1'), MDAT, lastBox('moov', trackBox('vide'))]],
    ['with a cover', [ftyp('mp42', 'mif1', 'heic'), box('meta', 'cover'), ...FILM]],
    [
      'with an index behind 3 MB of media and a cover',
      [ftyp('mp42', 'mif1'), box('mdat', Buffer.alloc(3_000_000)), trackOf('vide')],
    ],
  ])('%s is one', async (_, pieces) => {
    expect(await contentOf(...pieces)).toEqual({ container: 'mp4' });
  });

  it('film with a cover whose tracks are cut off may be one: it is not refused', async () => {
    expect(await contentOf(ftyp('isom', 'isom', 'mif1'), MDAT)).toEqual({ container: 'unrecognized' });
  });

  it.each([
    ['of AVIF', [ftyp('avif', 'avif', 'mif1', 'miaf'), box('meta', '\0\0\0\0')]],
    ['of HEIC', [ftyp('heic', 'mif1', 'heic'), box('meta', 'items'), MDAT]],
    ['of HEIF', [ftyp('mif1', 'heix'), box('meta', 'items'), MDAT]],
    ['of a more general brand', [ftyp('isom', 'mif1', 'avif'), box('meta', 'items'), MDAT]],
    ['of AVIF, in a sequence', [ftyp('avis', 'msf1', 'iso8'), trackOf('pict'), MDAT]],
    ['of HEIF, in a sequence', [ftyp('msf1', 'hevc', 'iso8'), trackOf('pict'), MDAT]],
  ])('picture %s is no recording', async (_, pieces) => {
    expect(await contentOf(...pieces)).toEqual({ refused: 'picture' });
  });

  it.each([
    ['its brands alone', [ftyp('iso5', 'iso6', 'mp41')]],
    ['an index without media', [ftyp('isom'), trackOf('vide')]],
    ['an empty mdat', [ftyp('isom'), trackOf('vide'), box('mdat')]],
    ['an empty mdat to the end of the file', [ftyp('isom'), lastBox('mdat', '')]],
    ['fragments without samples', [ftyp('iso5'), trackOf('vide'), fragment(0), box('mdat')]],
    ['free space alone', [box('free', 'x')]],
  ])('with %s is no recording', async (_, pieces) => {
    expect(await contentOf(...pieces)).toEqual({ refused: 'no-frame' });
  });

  it.each([
    ['is cut off before its media', [ftyp('isom'), trackOf('vide').subarray(0, -4)]],
    ['has an unknown box, which may have media', [ftyp('isom'), trackOf('vide'), box('abcd', 'media')]],
    ['has zeros instead of boxes', [ftyp('isom'), Buffer.alloc(1000)]],
    ['is cut off in a head', [ftyp('isom'), MDAT.subarray(0, 5)]],
    ['has a box smaller than its head', [ftyp('isom'), '\0\0\0\x07mdat', MDAT]],
    ['has no known box at its beginning', [box('abcd', 'x'), ftyp('isom'), ...FILM]],
    ['has the brand of a picture, and is cut off', [ftyp('avif'), box('meta', 'items').subarray(0, -2)]],
    ['has the brand of a picture, and an index that is cut off', [ftyp('hevc'), indexWith(40).subarray(0, 20)]],
    ['has the brand of a picture, and zeros in its index', [ftyp('hevc'), box('moov', Buffer.alloc(64)), MDAT]],
    ['has the brand of a picture, and an unknown box', [ftyp('heic'), box('abcd', 'x'), MDAT]],
    [
      'has the brand of a picture, and is longer than what is looked at',
      [ftyp('mif1'), ...Array.from({ length: MAX_READS + 2 }, () => box('free', Buffer.alloc(200_000)))],
    ],
    ['is cut off behind a box of its index', [ftyp('isom'), indexWith(40).subarray(0, -40)]],
    ['has zeros in an index to the end of the file', [ftyp('isom'), lastBox('moov', Buffer.alloc(16))]],
    [
      'has the brand of a picture and a track of video, and is cut off',
      [ftyp('msf1'), trackOf('vide'), MDAT.subarray(0, 5)],
    ],
    ['may be a picture, and is cut off', [ftyp('isom', 'mif1'), box('meta', 'items').subarray(0, -2)]],
  ])('that %s is doubtful', async (_, pieces) => {
    expect(await contentOf(...pieces)).toEqual(UNRECOGNIZED);
  });
});

describe('an Ogg', () => {
  const HEADERS = [page(0n, 'OpusHead', { begins: true }), page(0n, 'OpusTags')];
  const VIDEO = { stream: 7 };
  const FILM_HEADERS = [page(0n, '\x80theora', { begins: true, ...VIDEO }), ...HEADERS, page(0n, '\x81theora', VIDEO)];

  it('with media is one, and with headers alone is no recording', async () => {
    expect(await contentOf(...HEADERS, page(960n, 'sound'))).toEqual({ container: 'ogg' });
    expect(await contentOf(...HEADERS, page(-1n, 'begins'), page(960n, 'ends'))).toEqual({ container: 'ogg' });
    expect(await contentOf(...HEADERS, page(960n, 'sound').subarray(0, -2))).toEqual({ container: 'ogg' });
    expect(await contentOf(...HEADERS)).toEqual({ refused: 'no-frame' });
    expect(await contentOf(...HEADERS, page(960n, ''))).toEqual({ refused: 'no-frame' });
    expect(await contentOf(...FILM_HEADERS)).toEqual({ refused: 'no-frame' });
    expect(await contentOf(page(0n, 'OpusHead', { begins: true }))).toEqual({ refused: 'no-frame' });
  });

  it('that is damaged, or ends in a packet, is doubtful', async () => {
    expect(await contentOf(...HEADERS, 'noise')).toEqual(UNRECOGNIZED);
    expect(await contentOf('OggS')).toEqual(UNRECOGNIZED);
    expect(await contentOf('OggS\x01', Buffer.alloc(60))).toEqual(UNRECOGNIZED);
    expect(await contentOf(...HEADERS, page(-1n, 'begins'))).toEqual(UNRECOGNIZED);
    expect(await contentOf(page(0n, 'OpusHead', { begins: true }), page(-1n, 'begins'))).toEqual(UNRECOGNIZED);
  });

  it('with more pages than its headers need is doubtful: a first frame may be at 0', async () => {
    expect(await contentOf(...HEADERS, page(0n, 'sound'))).toEqual(UNRECOGNIZED);
    expect(await contentOf(...FILM_HEADERS, page(0n, 'picture', VIDEO))).toEqual(UNRECOGNIZED);
    // Two of one stream, none of the other.
    expect(await contentOf(...HEADERS, page(0n, 'x', { begins: true, ...VIDEO }), page(0n, 'sound'))).toEqual(
      UNRECOGNIZED,
    );
    expect(await contentOf(page(0n, 'sound of a stream without its beginning'))).toEqual(UNRECOGNIZED);
  });
});

test('a file of more elements than any recorder writes before the first frame is doubtful', async () => {
  const many = (piece: Uint8Array) => Buffer.alloc(piece.length * MAX_LOOKS, piece);
  for (const [start, piece, media] of [
    [Buffer.concat([HEADER, segment()]), Buffer.from('ec80', 'hex'), cluster(simpleBlock())],
    [ftyp('isom'), box('free'), MDAT],
    [page(0n, 'x', { begins: true }), page(0n, ''), page(960n, 'sound')],
  ] as const) {
    expect(await contentOf(start, many(piece), media)).toEqual(UNRECOGNIZED);
    expect(await contentOf(start, many(piece).subarray(0, piece.length * 5000), media)).not.toEqual(UNRECOGNIZED);
  }
});

test('an empty file is no recording; other bytes are doubtful', async () => {
  expect(await contentOf('')).toEqual({ refused: 'empty' });
  for (const bytes of ['<html>', 'RIFF\0\0\0\0WAVE', 'ID3', '\x1aE\xdf', '\x1aE\xdf\xa3', '\xff\xf1', '\0\0\0']) {
    expect(await contentOf(bytes)).toEqual(UNRECOGNIZED);
  }
});

test('law: no bytes make it throw, or read more than it may; a failing read is passed on', async () => {
  const starts = [
    '',
    '\x1aE\xdf\xa3\x84',
    HEADER,
    Buffer.concat([HEADER, segment()]),
    ftyp('isom'),
    ftyp('avif'),
    'OggS\0',
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 80 }), async (start, bytes) => {
      const { content, reads } = await look(start, bytes);
      expect(content).toBeDefined();
      expect(reads).toBeLessThanOrEqual(MAX_READS);
    }),
    { numRuns: 2000 },
  );
  const file = Buffer.concat([HEADER, segment(voidOf(CONTAINER_PROBE_BYTES))]);
  const failing = recognize(file.subarray(0, CONTAINER_PROBE_BYTES), () => Promise.reject(new Error('down')));
  await expect(failing).rejects.toThrow('down');
});
