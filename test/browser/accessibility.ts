// What every page of the project has to pass: axe finds nothing, and nothing is wider than the window.
import { readFile } from 'node:fs/promises';
import { expect } from '@jest/globals';
import type { Page } from 'puppeteer-core';

const AXE = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
/** All rules that are on by default. Of what passes no more than an example is collected, which saves half of the time. */
const AXE_RUN = `axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
  nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(' '))))`;
/** The new look is displayed, and no colour is halfway to its next. What never ends is not awaited. */
const SETTLED = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))).then(() =>
  Promise.allSettled(document.getAnimations().filter(({ playState, effect }) =>
    playState === 'running' && effect.getComputedTiming().endTime !== Infinity).map(({ finished }) => finished))
).then(() => undefined)`;

/** `width` in CSS pixels: a phone or a laptop. */
export interface Look {
  readonly width: 390 | 1280;
  readonly scheme: 'light' | 'dark';
}

/** Each width and each scheme once, for pages that take axe long. */
export const TWO_LOOKS: readonly Look[] = [
  { width: 390, scheme: 'dark' },
  { width: 1280, scheme: 'light' },
];
export const LOOKS: readonly Look[] = [...TWO_LOOKS, { width: 390, scheme: 'light' }, { width: 1280, scheme: 'dark' }];

export async function emulate(page: Page, { width, scheme }: Look): Promise<void> {
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
}

/** Checks the page as it is now, in each look. It keeps the last one. @throws what `expect` throws */
export async function expectAccessible(page: Page, where: string, looks = LOOKS): Promise<void> {
  await page.evaluate(`typeof axe === 'undefined' && void ${AXE}`);
  for (const look of looks) {
    await emulate(page, look);
    await page.evaluate(SETTLED);
    const violations = await page.evaluate(AXE_RUN);
    const overflow = await page.evaluate('Math.max(0, document.documentElement.scrollWidth - innerWidth)');
    expect({ where, look, violations, overflow }).toEqual({ where, look, violations: [], overflow: 0 });
  }
}
