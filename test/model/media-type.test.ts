// Media types of recordings: every spelling of RFC 9110 is one type, and what is served is the type of the content.
import { expect, test } from '@jest/globals';
import { formatRecordingType, namesOf, readRecordingType, typeOfContent } from '../../src/model/media-type.ts';

function canonical(contentType: string): string | undefined {
  const type = readRecordingType(contentType);
  return type && formatRecordingType(type);
}

test.each([
  ['VIDEO/WEBM', 'video/webm'],
  ['Video/WebM;Codecs=VP8', 'video/webm;codecs=VP8'],
  ['video/webm;  codecs=vp8', 'video/webm;codecs=vp8'],
  ['video/webm\t;\tcodecs=vp8', 'video/webm;codecs=vp8'],
  [' video/webm ', 'video/webm'],
  ['video/webm ; codecs="vp8, opus"', 'video/webm;codecs=vp8,opus'],
  ['video/webm;codecs=vp8,opus', 'video/webm;codecs=vp8,opus'],
  ['video/webm;CODECS="vp8\\,o\\pus"', 'video/webm;codecs=vp8,opus'],
  ['video/mp4;codecs="avc1.42E01E,mp4a.40.2"', 'video/mp4;codecs=avc1.42E01E,mp4a.40.2'],
  ['video/mp4; profiles="isom,iso2" ;codecs=avc3;', 'video/mp4;codecs=avc3'],
  ['video/webm;charset=utf-8', 'video/webm'],
  ['video/webm;codecs=""', 'video/webm'],
  ['video/webm;codecs=vp8;codecs=vp9', 'video/webm;codecs=vp8'],
  ['video/matroska;codecs=vp8,opus', 'video/matroska;codecs=vp8,opus'],
  ['Audio/X-Matroska', 'audio/x-matroska'],
  ['audio/ogg;codecs=opus', 'audio/ogg;codecs=opus'],
])('%j is %s', (given, expected) => {
  expect(canonical(given)).toBe(expected);
  expect(canonical(expected)).toBe(expected);
});

test.each([
  '',
  'video',
  'text/html',
  'video/quicktime',
  'image/webm',
  'video/webm2',
  'video / webm',
  'video/webm codecs=vp8',
  'video/webm\n',
  'video/webm;codecs=<script>',
  'video/webm;codecs="vp8\r\nx-evil: 1"',
  'video/webm;codecs=vp8\u00e9',
  'text/html;video/webm',
  'video/webm,text/html',
])('%j is no type of a recording', (given) => expect(canonical(given)).toBeUndefined());

test('Matroska is allowed by either of its names, and everything else by its own', () => {
  const both = ['video/matroska', 'video/x-matroska'];
  const names = (contentType: string) => {
    const type = readRecordingType(contentType);
    return type && namesOf(type);
  };
  for (const name of both) expect(names(name)).toEqual(both);
  expect(names('audio/webm')).toEqual(['audio/webm']);
});

test.each([
  ['video/webm;codecs=vp8', 'webm', 'video/webm;codecs=vp8'],
  ['video/webm; codecs="vp8"', null, 'video/webm; codecs="vp8"'],
  ['video/webm;codecs=h264', 'matroska', 'video/matroska;codecs=h264'],
  ['video/matroska;codecs=vp8', 'webm', 'video/webm;codecs=vp8'],
  ['video/x-matroska;codecs=avc1', 'matroska', 'video/x-matroska;codecs=avc1'],
  ['video/webm;codecs=vp8', 'mp4', 'video/mp4'],
  ['audio/webm;codecs=opus', 'ogg', 'audio/ogg'],
  ['video/webm;codecs=vp8', 'unrecognized', 'application/octet-stream'],
] as const)('%s that turns out to be %s is served as %s', (announced, container, expected) => {
  expect(typeOfContent(announced, container)).toBe(expected);
});
