// The page at /demo, walked from consent to receipt with the keyboard alone, in both languages, and its bad moments.
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'puppeteer-core';
import { until } from '../kit/until.ts';
import { expectAccessible } from './accessibility.ts';
import { openSite, type Site } from './site.ts';

const TABS_AT_MOST = 60;
/** Begins a selector of what is in the player. */
const PLAYER = 'proctoring-review >>> ';
const REVIEW = "document.querySelector('proctoring-review').review";
const POSITION_MS = `(${REVIEW}.positionMs - ${REVIEW}.line.fromMs)`;
/** Which moment each picture shows. */
const MOMENTS_MS = `${REVIEW}.lanes.map(({ lane, video }) => lane.pieces[0].clock.momentMsAt(video.currentTime))`;
const REFUSED = "Promise.reject(new DOMException('refused', 'NotAllowedError'))";

let site: Site;
let browser: Browser;
beforeAll(async () => {
  site = await openSite();
  browser = await site.launch();
});
afterAll(() => site.close());

interface Visit {
  readonly page: Page;
  /** What the browser refused or threw. */
  readonly complaints: string[];
  /** Everything on the console. */
  readonly lines: string[];
  /** The tokens that the page was given. */
  readonly tokens: string[];
  /** The methods and paths of the page's requests. */
  readonly requests: string[];
  /** The browser's own questions: `beforeunload` before the page is left. */
  readonly questions: string[];
}

/** A new tab on the page; `script` runs before those of the page. */
async function visit(language?: string, script = ''): Promise<Visit> {
  const page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(0);
  const seen: Visit = { page, complaints: [], lines: [], tokens: [], requests: [], questions: [] };
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  page.on('console', (message) => {
    seen.lines.push(message.text());
    if (/Content Security Policy/.test(message.text())) seen.complaints.push(message.text());
  });
  page.on('request', (request) => seen.requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  page.on('response', async (response) => {
    if (!/\/tokens\//.test(response.url())) return;
    const { token } = (await response.json().catch(() => ({}))) as { token?: string };
    if (token !== undefined) seen.tokens.push(token);
  });
  page.on('dialog', async (dialog) => {
    seen.questions.push(dialog.type());
    await dialog.accept();
  });
  await page.setViewport({ width: 1280, height: 900 });
  await page.evaluateOnNewDocument(script);
  await page.goto(`${site.service.url}/demo`);
  if (language !== undefined) {
    await page.waitForSelector('#consent:not([hidden])');
    await press(page, `[data-language=${language}]`);
  }
  return seen;
}

const focused = (page: Page) => page.evaluate('document.activeElement.id') as Promise<string>;

/** The element that has the focus, in the player too. */
const FOCUSED = `(function within({ activeElement }) {
  return activeElement?.shadowRoot?.activeElement ? within(activeElement.shadowRoot) : activeElement;
})(document)`;

/** Moves the focus with the Tab key alone; throws when that does not reach the element. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let tabs = 0; tabs < TABS_AT_MOST; tabs += 1) {
    if (await page.evaluate(`${FOCUSED}.matches(${JSON.stringify(selector.replace(PLAYER, ''))})`)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not reach ${selector}`);
}

async function press(page: Page, selector: string, key: 'Enter' | 'Space' = 'Enter'): Promise<void> {
  await tabTo(page, selector);
  await page.keyboard.press(key);
}

/** Waits for the view, and finds the focus on its heading. */
async function arrive(page: Page, view: string): Promise<void> {
  await page.waitForSelector(`#${view}:not([hidden])`);
  expect(await focused(page)).toBe(`${view}-title`);
  expect(await page.evaluate('location.hash')).toBe(`#/${view}`);
}

/** The page asks: the safe answer has the focus, and the other one is a Tab away. */
async function answer(page: Page, isYes: boolean): Promise<void> {
  await page.waitForSelector('#question[open]');
  expect(await focused(page)).toBe('question-no');
  if (isYes) return press(page, '#question-yes');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#question:not([open])');
}

/** The receipts as the page saves them. */
async function savedReceipts(page: Page): Promise<unknown[]> {
  const folder = await mkdtemp(join(site.folder, 'receipts-'));
  const browserContextId = page.browserContext().id;
  const downloads = { behavior: 'allow', downloadPath: folder, ...(browserContextId && { browserContextId }) } as const;
  await (await page.createCDPSession()).send('Browser.setDownloadBehavior', downloads);
  await press(page, '#receipt .download');
  const saved = async () => (await readdir(folder)).find((name) => name.endsWith('.json'));
  await until(async () => (await saved()) !== undefined);
  return JSON.parse(await readFile(join(folder, (await saved()) ?? ''), 'utf8'));
}

/** The text as displayed: hidden elements have none. */
const textOf = (selector: string) => {
  const root = selector.startsWith(PLAYER) ? "document.querySelector('proctoring-review').shadowRoot" : 'document';
  return `${root}.querySelector(${JSON.stringify(selector.replace(PLAYER, ''))}).innerText`;
};

async function untilText(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await page.waitForFunction(`${pattern}.test(${textOf(selector)})`);
}

async function untilPlayable(page: Page, count: number): Promise<void> {
  // A lane may have nothing at the beginning of the line.
  const isSettled = `${REVIEW}.lanes.every(({ state }) => state === 'playable' || state === 'nothing')`;
  const isThere = `${REVIEW}.lanes.some(({ state, video }) => state === 'playable' && video.readyState >= 2)`;
  await page.waitForFunction(`${REVIEW}?.lanes.length === ${count} && ${isSettled} && ${isThere}`);
}

const look = (page: Page) => expectAccessible(page, 'the page at /demo');

/** From the check to the recording: from the devices, or with a test picture and without the screen. */
async function begin(page: Page, from: 'devices' | 'test picture' = 'test picture'): Promise<void> {
  await arrive(page, 'check');
  const isReal = from === 'devices';
  await press(page, isReal ? '#camera-on' : '#camera-test');
  await page.waitForSelector('#camera-preview:not([hidden])');
  await press(page, isReal ? '#screen-on' : '#screen-none');
  if (isReal) await page.waitForSelector('#screen-preview:not([hidden])');
  await press(page, '#start');
  await arrive(page, 'record');
}

/** Waits until the page says that it has recorded something, and for so many seconds. */
async function untilRecorded(page: Page, seconds: number): Promise<void> {
  await untilText(page, '#kept-text', /[1-9]\d* [kM]B/);
  const clock = `${textOf('#clock')}.match(/(\\d+):(\\d+)/)`;
  await page.waitForFunction(`(([, minutes, seconds]) => minutes * 60 + Number(seconds) >= ${seconds})(${clock})`);
}

/** What the page was given in confidence is nowhere to be seen. */
async function expectSecretsKept({ page, tokens, lines }: Visit): Promise<void> {
  expect(tokens.length).toBeGreaterThan(0);
  const places = [
    await page.content(),
    page.url(),
    (await page.evaluate('JSON.stringify([{ ...sessionStorage }, { ...localStorage }])')) as string,
    ...lines,
  ];
  for (const token of tokens) for (const place of places) expect(place).not.toContain(token);
  const shown = [(await page.evaluate(textOf('body'))) as string, ...lines];
  for (const text of shown) expect(text).not.toMatch(/X-Amz-Signature|Signature=/);
}

const WORDS = {
  nl: {
    sound: /Microfoon/,
    kept: /30 dagen/,
    deadline: /over 30 dagen/,
    off: /camera staat uit/,
    gap: /camera of microfoon gaf niets/,
  },
  en: {
    sound: /Microphone/,
    kept: /30 days/,
    deadline: /in 30 days/,
    off: /camera is off/,
    gap: /camera or microphone gave nothing/,
  },
};

test.each(['nl', 'en'] as const)('from consent to receipt, with the keyboard alone, in %s', async (language) => {
  const seen = await visit(language);
  const { page, complaints } = seen;
  const words = WORDS[language];
  const expectLanguage = async () => expect(await page.evaluate('document.documentElement.lang')).toBe(language);
  await expectLanguage();
  await untilText(page, '.recorded-kinds', words.sound);
  await untilText(page, '.facts', words.kept);
  await look(page);
  await press(page, '#open-policy');
  await page.waitForSelector('#policy[open]');
  await look(page);
  await press(page, '#policy-close');

  await press(page, '#agree');
  await arrive(page, 'check');
  await look(page);
  await press(page, '#start');
  expect([await focused(page), await page.evaluate(textOf('#check-error'))]).toEqual(['camera-on', expect.anything()]);
  await press(page, '#camera-on');
  await page.waitForSelector('#devices:not([hidden])');
  expect(await page.evaluate("['camera', 'microphone'].map((id) => document.getElementById(id).length > 0)")).toEqual([
    true,
    true,
  ]);
  await page.waitForFunction("Number(document.querySelector('#check-level').style.getPropertyValue('--level')) > 0");
  await press(page, '#screen-on');
  await page.waitForSelector('#screen-preview:not([hidden])');
  await look(page);

  await press(page, '#start');
  await arrive(page, 'record');
  await untilRecorded(page, 1);
  expect(await page.$$('#source-list li:not(.absent)')).toHaveLength(3);
  await press(page, '#camera-switch');
  await untilText(page, '#problems', words.off);
  await look(page);
  await press(page, '#camera-switch');
  await page.waitForSelector('#problems:empty');
  // Longer than a jump of the player, which is five seconds.
  await untilRecorded(page, 8);
  await press(page, '#finish');

  await arrive(page, 'review');
  await untilPlayable(page, 2);
  await untilText(page, `${PLAYER}[part=marks]`, words.gap);
  await untilText(page, '#deadline', words.deadline);
  for (const each of [language === 'nl' ? 'en' : 'nl', language] as const) {
    await press(page, `[data-language=${each}]`);
    await untilText(page, `${PLAYER}[part=marks]`, WORDS[each].gap);
  }
  await press(page, `${PLAYER}[part~=play-button]`);
  await page.waitForFunction(`${POSITION_MS} > 1000`);
  await look(page);
  await tabTo(page, `${PLAYER}[part=line]`);
  for (const key of ['k', 'Home', 'ArrowRight'] as const) await page.keyboard.press(key);
  expect(await page.evaluate(`[${REVIEW}.isPlaying, ${POSITION_MS}]`)).toEqual([false, 5000]);
  await page.waitForFunction(`${MOMENTS_MS}.every((ms) => Math.abs(ms - ${REVIEW}.positionMs) < 100)`);
  await page.keyboard.press('Home');
  await page.keyboard.press('n');
  await untilText(page, `${PLAYER}[data-kind=webcam] [part=veil]`, words.gap);
  await press(page, `${PLAYER}[data-kind=screen] [part=enlarge]`);
  await page.waitForSelector(`${PLAYER}[data-kind=screen][data-large]`);
  await look(page);

  await press(page, '#assess');
  await answer(page, true);
  await arrive(page, 'deletion');
  expect(await page.$('proctoring-review')).toBeNull();
  await untilText(page, '#assessed', words.deadline);
  expect(await page.$$('#due tr')).toHaveLength(2);
  await look(page);
  await press(page, '#erase');
  await page.waitForSelector('#question[open]');
  await look(page);
  await answer(page, false);
  expect(await page.evaluate('document.body.dataset.view')).toBe('deletion');
  await press(page, '#erase');
  await answer(page, true);
  await arrive(page, 'receipt');
  expect(await page.$$('#receipt article')).toHaveLength(2);
  expect(await savedReceipts(page)).toMatchObject([{ reason: 'erasure' }, { reason: 'erasure' }]);
  await press(page, '#engineers summary');
  await untilText(page, '#engineers-note', /410[\s\S]*404/);
  await untilText(page, '#engineers-problems', /recording-deleted/);
  await look(page);
  await expectSecretsKept(seen);
  await press(page, '#receipt .again');
  await answer(page, true);
  await page.waitForSelector('#consent:not([hidden])');
  await expectLanguage();
  expect(complaints).toEqual([]);
});

test('refusing is as easy as agreeing: nothing is requested, and the exam goes on without a recording', async () => {
  const { page, complaints, requests } = await visit('en');
  const looks = `['agree', 'decline'].map((id) => {
    const { width, height } = document.getElementById(id).getBoundingClientRect();
    const { color, backgroundColor, borderColor, fontWeight, fontSize } = getComputedStyle(document.getElementById(id));
    return JSON.stringify([Math.round(width), height, color, backgroundColor, borderColor, fontWeight, fontSize]);
  })`;
  await page.evaluate('document.activeElement.blur()');
  const [agree, decline] = (await page.evaluate(looks)) as string[];
  expect(agree).toBe(decline);
  await press(page, '#decline');
  await arrive(page, 'declined');
  await look(page);
  await page.reload();
  await arrive(page, 'declined');
  expect(requests.filter((request) => request.includes('/v1/') || request.includes('/tokens/'))).toEqual([]);
  await press(page, '#change-choice');
  await arrive(page, 'consent');
  await press(page, '#agree');
  await arrive(page, 'check');
  expect(complaints).toEqual([]);
});

describe('a device that is refused', () => {
  test('is named, and the page asks: it never records something else instead by itself', async () => {
    const { page } = await visit(
      'nl',
      `navigator.mediaDevices.getUserMedia = () => ${REFUSED};
       navigator.mediaDevices.getDisplayMedia = () => ${REFUSED};`,
    );
    await press(page, '#agree');
    await arrive(page, 'check');
    await press(page, '#camera-on');
    await untilText(page, '#camera-reason', /geweigerd/);
    expect(await page.evaluate("document.querySelector('#camera-preview').hidden")).toBe(true);
    await press(page, '#camera-again');
    await untilText(page, '#camera-reason', /geweigerd/);
    await press(page, '#screen-on');
    await untilText(page, '#screen-reason', /geen scherm gedeeld/);
    await look(page);
    await press(page, '#start');
    expect(await focused(page)).toBe('camera-again');
    await press(page, '#camera-test-instead');
    await page.waitForSelector('#camera-preview:not([hidden])');
    await press(page, '#screen-none-instead');
    await look(page);
    await press(page, '#start');
    await arrive(page, 'record');
    await untilRecorded(page, 1);
    expect(await page.$$('#previews video')).toHaveLength(1);
    expect(await page.$$('#source-list li.absent')).toHaveLength(2);
  });
});

test('a browser that cannot share a screen: the page says so, and goes on without it', async () => {
  const { page } = await visit('en', 'delete MediaDevices.prototype.getDisplayMedia');
  await press(page, '#agree');
  await arrive(page, 'check');
  await untilText(page, '#screen-state', /cannot share a screen/);
  await press(page, '#camera-on');
  await page.waitForSelector('#devices:not([hidden])');
  await page.waitForFunction("document.activeElement.id === 'start'");
  await look(page);
  await page.keyboard.press('Enter');
  await arrive(page, 'record');
  await page.waitForFunction("document.title.startsWith('● Recording')");
});

test('where the store is away, the candidate is told, and so is the reviewer, whose page plays when it is back', async () => {
  const { page, complaints } = await visit('nl');
  await press(page, '#agree');
  await begin(page);
  // Where the store is away the parts go through the service, which takes none at first.
  let isStoreAway = true;
  let isServiceBusy = true;
  const { LOCAL_S3_PORT } = site.service.env;
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const isPart = request.method() === 'PUT' && /\/parts\/\d+$/.test(request.url());
    if (isStoreAway && request.url().includes(`:${LOCAL_S3_PORT}/`)) void request.abort();
    else void (isServiceBusy && isPart ? request.respond({ status: 503 }) : request.continue());
  });
  const refused = page.waitForResponse((response) => response.status() === 503);
  await untilRecorded(page, 3);
  await press(page, '#finish');
  await refused;
  await untilText(page, '#problems', /kan nu niet worden verzonden[\s\S]*compleet/);
  await page.waitForSelector('#previews:empty');
  await look(page);

  isServiceBusy = false;
  await arrive(page, 'review');
  await page.waitForFunction(`/^(unreachable|refused|broken)$/.test(${REVIEW}?.lanes[0]?.state)`);
  await untilText(page, `${PLAYER}[part=veil]`, /\w+/);
  await look(page);
  isStoreAway = false;
  await page.reload();
  await arrive(page, 'review');
  await untilPlayable(page, 1);
  await look(page);
  expect(complaints).toEqual([]);
});

test('a network that is lost is told at once, and so is its return; then consent is withdrawn', async () => {
  const { page, questions, complaints } = await visit('en');
  await press(page, '#agree');
  await begin(page, 'devices');
  await untilRecorded(page, 1);
  expect(await page.evaluate(textOf('#network'))).toBe('Connected');
  await page.setOfflineMode(true);
  await untilText(page, '#problems', /no network\. The recording continues/);
  expect(await page.evaluate(`${textOf('#problems')}.match(/network/g).length`)).toBe(2);
  await untilText(page, '#network', /No network/);
  await untilText(page, '#may-close', /Keep this page open/);
  await look(page);
  await page.setOfflineMode(false);
  await untilText(page, '#status', /network is back/);
  await page.waitForSelector('#problems:empty');

  await page.setOfflineMode(true);
  await untilText(page, '#problems', /recording continues/);
  await press(page, '#finish');
  await untilText(page, '#problems', /Your recording is complete/);
  expect(await page.evaluate(textOf('#problems'))).not.toMatch(/continues/);
  await untilText(page, '#record-title', /Sending/);
  await look(page);
  expect(questions).toEqual([]);
  await page.setOfflineMode(false);
  await arrive(page, 'review');

  await press(page, '#steps a[href="#/consent"]');
  await arrive(page, 'consent');
  await look(page);
  await press(page, '#consent-withdraw');
  await answer(page, false);
  expect(await page.evaluate('document.body.dataset.view')).toBe('consent');
  await press(page, '#consent-withdraw');
  await answer(page, true);
  await arrive(page, 'withdrawn');
  await untilText(page, '#withdrawn-what', /2 recordings/);
  await look(page);
  await page.reload();
  await arrive(page, 'withdrawn');
  expect(await page.$$('#withdrawn article')).toHaveLength(2);
  expect(complaints).toEqual([]);
});

test('consent is withdrawn while it records', async () => {
  const { page } = await visit('nl');
  await press(page, '#agree');
  await begin(page);
  await untilRecorded(page, 2);
  await press(page, '#withdraw');
  await page.waitForSelector('#question[open]');
  await look(page);
  await answer(page, true);
  await arrive(page, 'withdrawn');
  expect(await page.$$('#withdrawn article')).toHaveLength(1);
  await untilText(page, '#withdrawn article', /toestemming introk/);
});

describe('the camera', () => {
  /** Keeps the streams of the camera; it opens when `allowed` does. */
  const WATCHED = `
    window.streams = [];
    window.allowed = Promise.resolve();
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      await window.allowed;
      const stream = await open(wanted);
      window.streams.push(stream);
      return stream;
    };`;
  const untilOff = (page: Page) =>
    page.waitForFunction('streams.length > 0 && streams.every((stream) => !stream.active)');

  test('stays off when the candidate declines while the browser still asks', async () => {
    const { page } = await visit('en', WATCHED);
    await press(page, '#agree');
    await arrive(page, 'check');
    await page.evaluate('window.allowed = new Promise((resolve) => { window.allow = resolve; }), undefined');
    await press(page, '#camera-on');
    await page.evaluate("location.hash = '#/consent'");
    await arrive(page, 'consent');
    await press(page, '#decline');
    await arrive(page, 'declined');
    await page.evaluate('allow()');
    await untilOff(page);
    expect(await page.evaluate("document.querySelector('#camera-preview').srcObject")).toBeNull();
  });

  test.each(['finishes', 'withdraws'])('is let go when the candidate %s after a reload', async (how) => {
    const { page } = await visit('en', WATCHED);
    await press(page, '#agree');
    await begin(page);
    await untilRecorded(page, 1);
    await page.reload();
    await page.waitForSelector('#check:not([hidden])');
    await page.evaluate("document.getElementById('camera-on').click()");
    await page.waitForSelector('#camera-preview:not([hidden])');
    if (how === 'finishes') {
      await press(page, '#finish-instead');
      await page.waitForSelector('#review:not([hidden])');
    } else {
      await page.evaluate("location.hash = '#/consent'");
      await arrive(page, 'consent');
      await press(page, '#consent-withdraw');
      await answer(page, true);
      await page.waitForSelector('#withdrawn:not([hidden])');
    }
    await untilOff(page);
  });
});

test('consent stays withdrawn while the service does not respond, also after a reload', async () => {
  const { page } = await visit('en');
  await press(page, '#agree');
  await begin(page);
  await untilRecorded(page, 2);
  let isAway = true;
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    void (isAway && request.method() === 'DELETE' ? request.abort() : request.continue());
  });
  await press(page, '#steps a[href="#/consent"]');
  await arrive(page, 'consent');
  await press(page, '#consent-withdraw');
  await answer(page, true);
  await arrive(page, 'record');
  await untilText(page, '#record-title', /Deleting/);
  await untilText(page, '#withdrawing', /copy on this computer has been deleted/);
  await look(page);
  await page.reload();
  await arrive(page, 'record');
  await untilText(page, '#record-title', /Deleting/);
  expect(await page.evaluate("document.querySelector('#record-columns').hidden")).toBe(true);
  isAway = false;
  await arrive(page, 'withdrawn');
});

test('a second tab of one exam waits for the first, and sends what that one left when it was closed', async () => {
  const { page } = await visit('en');
  await press(page, '#agree');
  await begin(page);
  await untilRecorded(page, 2);
  const second = await page.browserContext().newPage();
  second.setDefaultTimeout(0);
  await second.goto(`${site.service.url}/demo`);
  await second.waitForSelector('#elsewhere:not([hidden])');
  expect(await focused(second)).toBe('elsewhere-title');
  await look(second);
  await page.close();
  await arrive(second, 'check');
  await second.waitForSelector('#resumed:not([hidden])');
  await press(second, '#finish-instead');
  await arrive(second, 'review');
  await untilPlayable(second, 1);
  const third = await page.browserContext().newPage();
  third.setDefaultTimeout(0);
  await third.goto(`${site.service.url}/demo`);
  await third.waitForSelector('#consent-choice:not([hidden])');
});

test.each(['{', '{"attempt":"try-1","stage":"no-such-view"}'])(
  'what another version of the page kept (%s) begins a new attempt',
  async (kept) => {
    const keep = `for (const storage of [sessionStorage, localStorage]) storage.setItem('demo-journey', ${JSON.stringify(kept)})`;
    const { page, complaints } = await visit(undefined, keep);
    await page.waitForSelector('#consent:not([hidden])');
    expect(complaints).toEqual([]);
  },
);

describe('a reload', () => {
  test('comes back wherever one was, and what lies between two parts is a gap', async () => {
    const { page, questions, complaints } = await visit('en');
    const reload = async (view: string) => {
      await page.reload();
      await arrive(page, view);
    };
    await press(page, '#agree');
    await arrive(page, 'check');
    await reload('check');
    await begin(page, 'devices');
    await untilRecorded(page, 3);
    await page.reload();
    expect(questions).toEqual(['beforeunload']);
    await page.waitForSelector('#resumed:not([hidden])');
    // The browser still allows the camera.
    await page.waitForSelector('#devices:not([hidden])');
    await look(page);
    await press(page, '#screen-none');
    await press(page, '#start');
    await arrive(page, 'record');
    await untilRecorded(page, 2);
    await page.setOfflineMode(true);
    await press(page, '#finish');
    await untilText(page, '#problems', /recording is complete/);
    await page.setOfflineMode(false);

    await arrive(page, 'review');
    await untilPlayable(page, 2);
    await untilText(page, `${PLAYER}[part=marks]`, /Camera, [\d:]+: nothing stored for /);
    await look(page);
    await reload('review');
    await untilPlayable(page, 2);
    await press(page, `${PLAYER}[part=mark]`);
    await page.waitForFunction(`${REVIEW}.positionMs === ${REVIEW}.line.marks[0].fromMs`);

    await press(page, '#assess');
    await answer(page, true);
    await arrive(page, 'deletion');
    await reload('deletion');
    await page.goBack();
    await arrive(page, 'review');
    expect(await page.evaluate("document.querySelector('#assess').hidden")).toBe(true);
    await untilPlayable(page, 2);
    await page.goForward();
    await arrive(page, 'deletion');
    expect(await page.$('proctoring-review')).toBeNull();
    await press(page, '#erase');
    await answer(page, true);
    await arrive(page, 'receipt');
    await reload('receipt');
    expect(await page.$$('#receipt article')).toHaveLength(3);
    await page.goBack();
    await arrive(page, 'receipt');
    expect(complaints).toEqual([]);
  });

  test('while the rest is sent goes on sending it', async () => {
    const { page } = await visit('en');
    await press(page, '#agree');
    await begin(page);
    await untilRecorded(page, 3);
    let isHeld = true;
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      if (isHeld && request.url().includes('/v1/')) void request.abort();
      else void request.continue();
    });
    await press(page, '#finish');
    await untilText(page, '#record-title', /Sending/);
    await page.reload();
    await untilText(page, '#record-title', /Sending/);
    await look(page);
    isHeld = false;
    await arrive(page, 'review');
    await untilPlayable(page, 1);
  });
});

test('the service does not respond: the page says so, and continues', async () => {
  const { page } = await visit('en');
  await page.setOfflineMode(true);
  await press(page, '#agree');
  await untilText(page, '#problem', /service does not respond/);
  await look(page);
  await page.setOfflineMode(false);
  await press(page, '#agree');
  await arrive(page, 'check');
  await untilText(page, '#problem', /^$/);
});

test('an address on which cameras do not work: the page links to one that does', async () => {
  const { page } = await visit(undefined, "Object.defineProperty(window, 'isSecureContext', { value: false })");
  await untilText(page, '#insecure', /http:\/\/localhost:\d+\/demo/);
  expect(await page.evaluate("document.querySelector('#secure').href")).toMatch(/^http:\/\/localhost:\d+\/demo$/);
  await look(page);
});
