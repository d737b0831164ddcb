// The overview of a camera in a real browser: its pictures show what was recorded, and each second was measured.
import { expect, test } from '@jest/globals';
import { readOverview } from '../../packages/exam-client/test/own-parts.ts';
import { BROWSER, setUp, storedFiles } from './site.ts';

const SECONDS = 25;
/** Browsers make a keyframe every ten seconds or sooner. */
const APART_SECONDS = 16;

const on = setUp();

/** The default, and what else the browser records. */
const TYPES = BROWSER === 'chromium' ? ['', 'video/mp4', 'video/mp4;codecs=avc1.42E01E,opus'] : [''];

test.each(TYPES)(
  `${SECONDS} s of a camera have small pictures that show it, and a measure of each second %s`,
  async (mimeType) => {
    const { site, tab } = on;
    const attempt = `overview${mimeType.replaceAll(/\W/g, '-')}`;
    await tab.start(attempt);
    await tab.call('watchOverviews');
    await tab.call('recordCamera', mimeType ? { mimeType } : {});
    await tab.call('recorded', SECONDS);
    await tab.call('finish');

    const [sent = '', ...others] = await tab.call<string[]>('overviews');
    expect(others.length).toBeLessThanOrEqual(1);
    const { pictures, activity } = readOverview(new Uint8Array(Buffer.from(sent, 'base64')));
    const [file] = await storedFiles(site, attempt);
    const { duration } = await tab.call<{ duration: number }>('seekToMiddle', file?.url);
    const at = pictures?.items.map(({ atSeconds }) => atSeconds) ?? [];
    const sizes = pictures?.items.map(({ bytes }) => bytes.length) ?? [];
    const { type, width, height } = pictures ?? {};
    process.stderr.write(
      `${JSON.stringify({ type, width, height, at, sizes, duration, activity: [...(activity ?? [])] })}\n`,
    );

    expect(at.length).toBeGreaterThanOrEqual(2);
    expect(at[0]).toBeLessThan(1);
    expect(at.at(-1)).toBeLessThan(duration);
    for (const [place, second] of at.slice(1).entries()) expect(second - (at[place] ?? 0)).toBeLessThan(APART_SECONDS);
    for (const { bytes } of pictures?.items ?? []) {
      const seen = await tab.call<{ mean: number; contrast: number }>(
        'look',
        Buffer.from(bytes).toString('base64'),
        type,
      );
      expect(seen).toMatchObject({ width, height });
      // The fake cameras show colours: neither black nor one of them alone.
      expect(seen.mean).toBeGreaterThan(20);
      expect(seen.contrast).toBeGreaterThan(20);
    }
    // The file ends at its last frame, which the browser may give as long as it likes.
    expect(Math.abs((activity?.length ?? 0) - duration)).toBeLessThan(1.5);
    expect(activity?.subarray(1, -1).every((value) => value > 0)).toBe(true);
    expect((await tab.kept()).bytes).toBe(0);
  },
);
