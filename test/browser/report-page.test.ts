// The auditor's report in a browser: its own policy lets its style through, nothing is cut off, on a phone nor on A4 paper.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import type { Receipt } from '../../src/bucket/documents.ts';
import { DAY_MS, HOUR_MS } from '../../src/model/durations.ts';
import { toIso } from '../../src/model/times.ts';
import { createReport } from '../../src/recordings/report.ts';
import { reportPage } from '../../src/recordings/report-page.ts';
import { restrictRecording } from '../../src/recordings/restriction.ts';
import { receiptKey } from '../kit/keys.ts';
import { CALLER } from '../kit/service.ts';
import { startRetention } from '../sweeper/support.ts';
import { expectAccessible } from './accessibility.ts';

/** What A4 leaves beside the margins of the page, in CSS pixels. */
const PAPER_PX = Math.floor(((210 - 2 * 14) / 25.4) * 96);
const LONGEST = 'x'.repeat(64);

let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-page-'));
  await writeFile(join(folder, 'report.html'), reportPage(await worstReport()));
  const executablePath = process.env.TEST_BROWSER_PATH ?? '';
  const name = process.env.TEST_BROWSER === 'firefox' ? 'firefox' : 'chrome';
  browser = await puppeteer.launch({
    executablePath,
    browser: name,
    ...(name === 'chrome' && { args: ['--no-sandbox'] }),
  });
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

/** One with every section, and the longest ids. */
async function worstReport() {
  const service = startRetention();
  const ref = await service.record({ exam: LONGEST, attempt: LONGEST });
  await service.after(HOUR_MS).erase(ref);
  service.clock.advance(2 * HOUR_MS);
  // For a checkpoint.
  await service.sweep();
  // One that is not signed is not found to be changed.
  const { jws: _, ...receipt } = (await service.receiptOf(ref)) as Receipt;
  for (let index = 0; index < 60; index += 1) {
    const copy = { ...ref, attempt: `${LONGEST.slice(3)}${100 + index}` };
    const late = toIso(Date.parse(receipt.deadline) + index * HOUR_MS);
    const forged = { ...receipt, attemptId: copy.attempt, deletedAt: late, actor: 'y'.repeat(128) };
    await service.put(receiptKey(copy), index === 0 ? '{' : JSON.stringify(forged));
  }
  const overdue = await service.record({ exam: LONGEST, attempt: 'overdue' });
  await restrictRecording(service.context, CALLER, overdue, 'z'.repeat(200));
  service.clock.advance(34 * DAY_MS);
  return createReport(service.context, 'acme');
}

async function open(width: number): Promise<Page> {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 900 });
  await page.goto(`file://${join(folder, 'report.html')}`);
  return page;
}

const overflow = (page: Page) => page.evaluate('document.documentElement.scrollWidth - innerWidth') as Promise<number>;

test('its policy lets its style through and scripts not, and axe finds nothing wrong in any look', async () => {
  const page = await open(1280);
  expect(await page.evaluate("getComputedStyle(document.querySelector('.verdict')).borderTopStyle")).toBe('solid');
  const injected =
    "const s = document.createElement('script'); s.text = 'window.ran = true'; document.body.append(s); window.ran";
  expect(await page.evaluate(injected)).toBeUndefined();
  await expectAccessible(page, 'the report');
  await page.close();
});

test('on a phone a row of a wide table is a card: nothing is out of sight, and each value has its name beside it', async () => {
  const page = await open(390);
  const hidden = `[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).length`;
  expect(await page.evaluate(hidden)).toBe(0);
  const unnamed = `[...document.querySelectorAll('.cards td')].filter((cell) => {
    const { content, display } = getComputedStyle(cell, '::before');
    return display === 'none' || JSON.parse(content) !== cell.dataset.of || cell.dataset.of === '';
  }).length`;
  expect(await page.evaluate("document.querySelectorAll('.cards td').length")).toBeGreaterThan(100);
  expect(await page.evaluate(unnamed)).toBe(0);
  await page.close();
});

test('on paper no column is cut off, and each page of a table has its head', async () => {
  const page = await open(PAPER_PX);
  await page.emulateMediaType('print');
  expect(await overflow(page)).toBeLessThanOrEqual(0);
  const cut = await page.evaluate(
    `[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).length`,
  );
  expect(cut).toBe(0);
  expect(await page.evaluate("getComputedStyle(document.querySelector('thead')).display")).toBe('table-header-group');
  expect(await page.evaluate("getComputedStyle(document.querySelector('td .time')).whiteSpace")).toBe('nowrap');
  const pdf = Buffer.from(await page.pdf({ preferCSSPageSize: true })).toString('latin1');
  expect(pdf.match(/\/Type ?\/Page\b/g)?.length).toBeGreaterThan(2);
  await page.close();
});
