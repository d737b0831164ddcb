import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { baseMediaType, beginsRecording, detectContainer } from '../../src/domain/container.ts';

/** An EBML header with children (id, payload), sizes in one byte. */
function ebml(children: [number[], number[]][]): Buffer {
  const body = children.flatMap(([id, payload]) => [...id, 0x80 | payload.length, ...payload]);
  return Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x80 | body.length, ...body, 0x18, 0x53, 0x80, 0x67]);
}
const text = (value: string) => [...Buffer.from(value)];
const DOC_TYPE = [0x42, 0x82];
const webm = ebml([
  [[0x42, 0x86], [1]],
  [DOC_TYPE, text('webm')],
]);
const mp4 = Buffer.from([0, 0, 0, 24, ...text('ftypisom')]);
const ogg = Buffer.from([...text('OggS'), 0, 2]);

describe('the beginning of a recording', () => {
  test('WebM, Matroska, MP4 and Ogg are recognised', () => {
    expect(detectContainer(webm)).toBe('webm');
    expect(detectContainer(ebml([[DOC_TYPE, text('matroska')]]))).toBe('webm');
    expect(detectContainer(mp4)).toBe('mp4');
    expect(detectContainer(ogg)).toBe('ogg');
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a PDF', Buffer.from('%PDF-1.7')],
    ['HTML', Buffer.from('<html>')],
    ['EBML of another kind', ebml([[DOC_TYPE, text('other')]])],
    ['EBML without a DocType', ebml([[[0x42, 0x86], [1]]])],
    ['an EBML header cut off', webm.subarray(0, 4)],
    ['EBML cut off in an element id', Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x84, 0x42])],
    ['EBML with an impossible size', Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x84, 0x42, 0x82, 0x00])],
    ['EBML with an element of no length byte', Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x84, 0x00])],
  ])('%s is none', (_, head) => expect(detectContainer(head)).toBeUndefined());

  test('a size that takes eight bytes is read', () => {
    const long = Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x01, 0, 0, 0, 0, 0, 0, 7, ...DOC_TYPE, 0x84, ...text('webm')]);
    expect(detectContainer(long)).toBe('webm');
  });

  test.each([
    [webm, 'video/webm', true],
    [webm, 'audio/webm;codecs=opus', true],
    [webm, 'video/x-matroska;codecs=avc1', true],
    [webm, 'video/mp4', false],
    [mp4, 'video/mp4;codecs="avc1.42E01E,mp4a.40.2"', true],
    [mp4, 'audio/ogg', false],
    [ogg, 'audio/ogg', true],
    [ogg, 'video/webm', false],
    [webm, 'video/quicktime', false],
    [webm, 'nonsense', false],
  ])('%# is what was announced: %s', (head, contentType, expected) => {
    expect(beginsRecording(head, contentType)).toBe(expected);
  });

  test('law: no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, prefixed) => {
        const head = prefixed ? Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), bytes]) : bytes;
        expect(['webm', 'mp4', 'ogg', undefined]).toContain(detectContainer(head));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('content types', () => {
  test.each([
    ['video/webm', 'video/webm'],
    ['video/webm;codecs=vp9,opus', 'video/webm'],
    ['video/webm; codecs="vp8, opus"', 'video/webm'],
    ['audio/mp4', 'audio/mp4'],
  ])('%s is %s', (contentType, base) => expect(baseMediaType(contentType)).toBe(base));

  test.each([
    'text/html',
    'video/',
    'video/webm; charset=x',
    'video/webm;codecs=<script>',
    'VIDEO/WEBM',
    'video/webm\r\nx: y',
    '',
  ])('refuses %j', (contentType) => expect(baseMediaType(contentType)).toBeUndefined());
});
