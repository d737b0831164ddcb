// A source that begins anew: the file ends there, and what follows is a file of its own.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Bytes, concat } from '../src/bytes.ts';
import { HEAD_BYTES } from '../src/container.ts';
import { boxes } from '../src/mp4/boxes.ts';
import { element, ID, readHeader, uintElement } from '../src/webm/ebml.ts';
import { expectSame, pieces, recordAll } from './recorded.ts';
import { SYNTHETIC_HEAD, SYNTHETIC_TRACKS, syntheticWebm } from './synthetic-webm.ts';

const FILM = concat([...syntheticWebm({ seconds: 4, bytesPerSecond: 500, keyframeEverySeconds: 1 })]);
const MEDIA = FILM.subarray(SYNTHETIC_HEAD.length);

const read = async (name: string) => new Uint8Array(await readFile(new URL(`fixtures/${name}`, import.meta.url)));

/** Both files have the same media behind a head of their own, however the bytes are cut. */
function expectTwoFiles(raw: Bytes, first: Bytes, second: Bytes): void {
  fc.assert(
    fc.property(fc.array(fc.nat(raw.length), { maxLength: 20 }), (cuts) => {
      const files = recordAll(pieces(raw, cuts));
      expect(files).toHaveLength(2);
      for (const [at, media] of [first, second].entries()) {
        const { file, head, index } = files[at] ?? {};
        expectSame(file?.subarray(HEAD_BYTES), media);
        expect(head).toHaveLength(HEAD_BYTES);
        expect(index?.firstCue(0)?.offset).toBe(HEAD_BYTES);
      }
    }),
    { numRuns: 30 },
  );
}

describe('a WebM', () => {
  test('with a second header in it becomes two files', () => {
    expectTwoFiles(concat([FILM, FILM]), MEDIA, MEDIA);
  });

  test('of which the times jump back becomes two files', () => {
    expectTwoFiles(concat([FILM, MEDIA]), MEDIA, MEDIA);
  });

  test('with a second segment, or other tracks, becomes two files', () => {
    const segmentAt = readHeader(SYNTHETIC_HEAD, 0);
    if (typeof segmentAt === 'string') throw new Error(segmentAt);
    const segment = SYNTHETIC_HEAD.subarray(segmentAt.payload + (segmentAt.sizeBytes ?? 0));
    expectTwoFiles(concat([FILM, segment, MEDIA]), MEDIA, MEDIA);
    expectTwoFiles(concat([FILM, SYNTHETIC_TRACKS, MEDIA]), MEDIA, MEDIA);
  });

  test('of which a cluster begins a little earlier than the last frame is one file', () => {
    const block = element(ID.simpleBlock, Uint8Array.of(0x81, 0, 0, 0x80, 9));
    const cluster = element(ID.cluster, concat([uintElement(ID.timestamp, 3_700), block]));
    expect(recordAll([FILM, cluster])).toHaveLength(1);
  });

  test('that begins anew three times becomes four files', () => {
    expect(recordAll([concat([FILM, FILM, MEDIA, FILM])]).map(({ index }) => index.lastMs)).toEqual(
      Array.from({ length: 4 }, () => 3_900),
    );
  });
});

describe('an MP4', () => {
  const media = (raw: Bytes) => raw.subarray(boxes(raw, 'moof', 0, raw.length)[0]?.at);

  test('with a second header in it becomes two files', async () => {
    const raw = await read('chromium-audio.mp4');
    expectTwoFiles(concat([raw, raw]), media(raw), media(raw));
  });

  test('with another movie header, or times that jump back, becomes two files', async () => {
    const raw = await read('chromium-audio.mp4');
    const [movie] = boxes(raw, 'moov', 0, raw.length);
    expectTwoFiles(concat([raw, raw.subarray(movie?.at)]), media(raw), media(raw));
    expectTwoFiles(concat([raw, media(raw)]), media(raw), media(raw));
  });
});

test('what a source of another container gives is one file', () => {
  const raw = new TextEncoder().encode('OggS and so on, OggS');
  const [only, ...others] = recordAll([raw, raw]);
  expect(others).toEqual([]);
  expectSame(only?.file, concat([raw, raw]));
});
