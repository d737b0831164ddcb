// What every page of the service has to pass: axe finds nothing, and nothing is wider than the window.
import { readFile } from 'node:fs/promises';
import { expect } from '@jest/globals';
import type { Page } from 'puppeteer-core';

const AXE = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

export const SCHEMES = ['light', 'dark'] as const;
/** In CSS pixels: a phone and a laptop. */
export const WIDTHS = [390, 1280] as const;

export async function emulate(page: Page, width: number, scheme: (typeof SCHEMES)[number]): Promise<void> {
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
}

/** Holds the page as it is displayed now, or only the element with that id. @throws what `expect` throws */
export async function expectAccessible(page: Page, where: string, id?: string): Promise<void> {
  await page.evaluate(`typeof axe === 'undefined' && void ${AXE}`);
  const context = id === undefined ? 'document' : `document.getElementById(${JSON.stringify(id)})`;
  const violations =
    await page.evaluate(`axe.run(${context}).then(({ violations }) => violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(' '))))`);
  const overflow = await page.evaluate('Math.max(0, document.documentElement.scrollWidth - innerWidth)');
  expect({ where, violations, overflow }).toEqual({ where, violations: [], overflow: 0 });
}
