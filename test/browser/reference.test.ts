// The API reference and the page of problems in a browser: every section opened, in both schemes, on a phone and a laptop.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { PROBLEMS } from '../../src/model/errors.ts';
import { install } from '../runtime/process.ts';
import { emulate, expectAccessible, SCHEMES, WIDTHS } from './accessibility.ts';
import { BROWSER, launchOptions } from './site.ts';

const LOOKS = WIDTHS.flatMap((width) => SCHEMES.map((scheme) => ({ width, scheme })));
const OPERATION = 'section[id*="/tag/"]';

let service: Awaited<ReturnType<typeof install>>;
let browser: Browser;
beforeAll(async () => {
  service = await install();
  await service.start();
  browser = await puppeteer.launch(launchOptions(BROWSER));
});
afterAll(async () => {
  await browser.close();
  await service.remove();
});

/** `complaints`: what the browser refused or threw; `foreign`: requests to other hosts. */
async function visit(path: string, { width, scheme }: (typeof LOOKS)[number]) {
  const page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(0);
  const complaints: string[] = [];
  const foreign: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content Security Policy/.test(message.text())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${service.url}/`) && !/^(data|blob):/.test(request.url()))
      foreign.push(request.url());
  });
  await emulate(page, width, scheme);
  await page.goto(service.url + path);
  return { page, complaints, foreign };
}

/** The reference renders what comes near the window: after a walk to its end every section is there. */
async function openReference(look: (typeof LOOKS)[number], path = '/docs') {
  const visited = await visit(path, look);
  await visited.page.waitForSelector(OPERATION);
  await visited.page.waitForFunction(`(() => {
    scrollBy(0, innerHeight);
    return document.querySelector('section[id$="/GET/docs/problems"] h3') !== null;
  })()`);
  return visited;
}

const inSection = (id: string, body: string) =>
  `((section) => { ${body} })(document.getElementById(${JSON.stringify(id)}))`;

/** Opens every part of the section; not what floats above it, such as the pattern of a text. */
async function openAll(page: Page, id: string): Promise<number> {
  await page.evaluate(inSection(id, 'section.scrollIntoView()'));
  await page.waitForFunction(inSection(id, "return section.querySelector('h2, h3') !== null"));
  const closed =
    "[...section.querySelectorAll('[aria-expanded=false]:not([aria-haspopup], [id^=headlessui-popover])')]";
  let opened = 0;
  for (let left = 1; left > 0; opened += left) {
    left = (await page.evaluate(
      inSection(id, `const closed = ${closed}; for (const each of closed) each.click(); return closed.length`),
    )) as number;
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  }
  return opened;
}

const closeAll = (page: Page, id: string) =>
  page.evaluate(
    inSection(
      id,
      "for (const each of section.querySelectorAll('[aria-expanded=true]:not([aria-haspopup])')) each.click()",
    ),
  );

test.each(LOOKS)('each section of the reference, opened, is accessible and fits: %j', async (look) => {
  const { page, complaints, foreign } = await openReference(look);
  const ids = (await page.evaluate(`[...document.querySelectorAll('${OPERATION}')].map(({ id }) => id)`)) as string[];
  expect(ids.filter((id) => /\/(GET|POST|PUT|DELETE)\//.test(id)).length).toBeGreaterThan(30);
  let opened = 0;
  for (const id of ids) {
    opened += await openAll(page, id);
    await expectAccessible(page, id, id);
    await closeAll(page, id);
  }
  expect(opened).toBeGreaterThan(300);
  expect({ complaints, foreign }).toEqual({ complaints: [], foreign: [] });
  await page.close();
});

test('beside a call is a curl command with the address of the service, a token and a body', async () => {
  const { page } = await openReference({ width: 1280, scheme: 'light' });
  const text = (await page.evaluate(
    `document.querySelector('section[id$="/POST/v1/exams/{exam}/attempts/{attempt}/recordings"] pre').innerText`,
  )) as string;
  expect(text).toContain(`${service.url}/v1/exams/history-2026/attempts/attempt-4711/recordings`);
  expect(text).toMatch(/^\s*curl [\s\S]*Authorization: Bearer [\s\S]*"participantId": "p-8f3c"/m);
  await page.close();
});

test('the root leads to the reference, grouped by who calls', async () => {
  const { page } = await openReference({ width: 1280, scheme: 'light' }, '/');
  expect(new URL(page.url()).pathname).toBe('/docs');
  const headings = (await page.evaluate("[...document.querySelectorAll('h2')].map((h) => h.innerText)")) as string[];
  const callers = ['Exam client', 'Reviewer', 'Assessment system', 'Privacy desk and auditor', 'Operator'];
  expect(headings.filter((heading) => callers.includes(heading))).toEqual(callers);
  await page.close();
});

describe('the page of problems', () => {
  test.each(LOOKS)('is accessible and fits: %j', async (look) => {
    const { page, complaints, foreign } = await visit('/docs/problems', look);
    await expectAccessible(page, 'the page of problems');
    expect({ complaints, foreign }).toEqual({ complaints: [], foreign: [] });
    await page.close();
  });

  test('is where the type of a problem leads', async () => {
    const { page } = await visit('/docs#problem-wrong-attempt', { width: 390, scheme: 'light' });
    await page.waitForSelector('article:target');
    expect(await page.evaluate("document.querySelector('article:target').innerText")).toContain(
      PROBLEMS['wrong-attempt'].title,
    );
    await page.close();
  });
});
