// What must have become of a synthetic recording in the store.
import { expect } from '@jest/globals';
import { concat } from '../../src/client/webm/ebml.ts';
import { HEAD_BYTES } from '../../src/client/webm/head.ts';
import { SYNTHETIC_HEAD, type SyntheticOptions, syntheticWebm } from '../client/synthetic-webm.ts';
import type { StoredFile } from './site.ts';

/** The stored file is the film from its beginning, up to `handedBytes` at least, with duration and cues. */
export function expectFilm({ recording, bytes }: StoredFile, film: SyntheticOptions, handedBytes?: number): void {
  expect([recording.state, recording.truncated]).toEqual(['stored', false]);
  const made = concat([...syntheticWebm(film)]).subarray(SYNTHETIC_HEAD.length);
  const body = bytes.subarray(HEAD_BYTES);
  expect(body.length).toBeGreaterThanOrEqual(
    (handedBytes ?? made.length + SYNTHETIC_HEAD.length) - SYNTHETIC_HEAD.length,
  );
  expect(Buffer.compare(body, made.subarray(0, body.length))).toBe(0);
  // The ids of SeekHead and Cues, which only the last head has.
  const head = bytes.subarray(0, HEAD_BYTES).toString('latin1');
  expect(['\x11\x4d\x9b\x74', '\x1c\x53\xbb\x6b'].map((id) => head.includes(id))).toEqual([true, true]);
}
