// The player as its users meet it: every action by a key and by a named button, words for what happens, and a reason first.
import { beforeEach, expect, test } from '@jest/globals';
import type { Page } from 'puppeteer-core';
import { until } from '../../kit/until.ts';
import { expectAccessible } from '../accessibility.ts';
import { BROWSER, type Site } from '../site.ts';
import { ATTEMPT_AT_MS } from './media-time.ts';
import { setUp } from './stage.ts';

const SECONDS = 40;
/** Firefox emulates no colour scheme for the tests. */
const testWithLooks = BROWSER === 'chromium' ? test : test.skip;
const on = setUp({
  keys: [
    { stream: 0, seconds: SECONDS, beginsAtMs: 0, hasSound: true },
    { stream: 1, seconds: SECONDS, beginsAtMs: 9_000 },
  ],
});

interface State {
  readonly seconds: number;
  readonly isPlaying: boolean;
  readonly speed: number;
  readonly sound: string | null;
  readonly isMuted: boolean;
  readonly volume: number;
  readonly large: string | null;
  readonly status: string;
  readonly lanes: readonly string[];
  readonly isFullScreen: boolean;
  readonly isDialogOpen: boolean;
}

const STATE = `(() => {
  const { review, shadowRoot } = document.querySelector('proctoring-review');
  const { positionMs, isPlaying, speed, isMuted, volume, sound, lanes } = review;
  return {
    seconds: (positionMs - ${ATTEMPT_AT_MS}) / 1000,
    isPlaying, speed, isMuted, volume, sound: sound ?? null,
    large: shadowRoot.querySelector('figure[data-large]')?.dataset.kind ?? null,
    status: [...shadowRoot.querySelectorAll('[role=status]')].map(({ textContent }) => textContent).join(' ').trim(),
    lanes: lanes.map(({ state }) => state),
    isFullScreen: document.fullscreenElement !== null,
    isDialogOpen: shadowRoot.querySelector('dialog').open,
  };
})()`;

let page: Page;
let site: Site;
const state = () => page.evaluate(STATE) as Promise<State>;
const settled = (wanted: Partial<State>) =>
  until(async () => expect.objectContaining(wanted).asymmetricMatch(await state()));

async function press(...keys: readonly Parameters<Page['keyboard']['press']>[0][]): Promise<State> {
  for (const key of keys) await page.keyboard.press(key);
  return state();
}

beforeEach(async () => {
  const opened = await on.open('keys');
  ({ page } = opened);
  site = on.site();
  await settled({ lanes: ['playable', 'nothing'] });
  await page.evaluate(`document.querySelector('proctoring-review').shadowRoot.querySelector('[role=slider]').focus()`);
});

test('every action has a key', async () => {
  expect(await press('k')).toMatchObject({ isPlaying: true });
  expect(await press(' ')).toMatchObject({ isPlaying: false });
  expect((await press('Home')).seconds).toBe(0);
  expect((await press('ArrowRight', 'ArrowRight')).seconds).toBe(10);
  expect((await press('ArrowLeft')).seconds).toBe(5);
  expect((await press('l')).seconds).toBe(15);
  expect((await press('j')).seconds).toBe(5);
  const { seconds } = await press('.');
  expect(seconds).toBeGreaterThan(5);
  expect(seconds).toBeLessThan(5.2);
  expect((await press(',')).seconds).toBeCloseTo(5, 1);
  expect(await press('>')).toMatchObject({ speed: 1.25 });
  expect(await press('<', '<')).toMatchObject({ speed: 0.75 });
  expect(await press('m')).toMatchObject({ isMuted: true });
  expect(await press('m')).toMatchObject({ isMuted: false, volume: 1 });
  expect(await press('a')).toMatchObject({ sound: null });
  expect(await press('a')).toMatchObject({ sound: 'webcam' });
  expect(await press('2')).toMatchObject({ large: 'screen' });
  expect(await press('1')).toMatchObject({ large: 'webcam' });
  expect(await press('0')).toMatchObject({ large: null });
  expect(await press('?')).toMatchObject({ isDialogOpen: true });
  expect(await press('Escape')).toMatchObject({ isDialogOpen: false });
  expect((await press('End')).seconds).toBe(SECONDS + 9);
  expect(await press('p')).toMatchObject({
    seconds: SECONDS,
    status: expect.stringMatching(/^Camera, 0:40: nothing stored/),
  });
  expect(await press('p')).toMatchObject({
    seconds: 0,
    status: expect.stringMatching(/^Screen, 0:00: nothing stored/),
  });
  expect(await press('n', 'n')).toMatchObject({ status: 'No further gap.' });
  await press('f');
  await settled({ isFullScreen: true });
  await press('f');
  await settled({ isFullScreen: false });
});

test('every control has a name, in the language of the page', async () => {
  const names = () =>
    page.evaluate(`[...document.querySelector('proctoring-review').shadowRoot.querySelectorAll(
      '.screen :is(button, select, input, [role=slider])')].filter((control) => control.checkVisibility()).map((control) =>
      control.getAttribute('aria-label') ?? control.labels?.[0]?.textContent ?? control.textContent)`) as Promise<
      string[]
    >;
  const english = await names();
  expect(english.every((name) => name.length > 1)).toBe(true);
  expect(english).toEqual(
    expect.arrayContaining(['Play', 'Next gap', 'Speed', 'Sound', 'Volume', 'Position', 'Full screen']),
  );
  await page.evaluate(`document.querySelector('proctoring-review').setAttribute('lang', 'nl')`);
  const dutch = await names();
  expect(dutch).toHaveLength(english.length);
  expect(dutch).toEqual(expect.arrayContaining(['Afspelen', 'Volgende onderbreking', 'Snelheid', 'Geluid', 'Positie']));
});

/** A page as an application has it, with a player that has no reason yet. */
async function placeAnother(getToken = 'freshToken()', attributes: Record<string, string> = {}): Promise<void> {
  await page.evaluate(`document.title = 'Review'; document.documentElement.lang = 'en';
    document.documentElement.style.colorScheme = 'light dark'; document.documentElement.style.background = 'Canvas';
    document.body.innerHTML = '<main><h1>Review</h1></main>'`);
  const all = { service: site.address, exam: 'math', attempt: 'keys', ...attributes };
  await page.evaluate(`(() => {
    const element = document.createElement('proctoring-review');
    for (const [name, value] of Object.entries(${JSON.stringify(all)})) element.setAttribute(name, value);
    element.getToken = () => ${getToken};
    document.querySelector('main').append(element);
  })()`);
}

async function giveReason(): Promise<void> {
  const question = await page.waitForSelector('proctoring-review >>> input[name=reason]');
  await question?.type('an appeal');
  await question?.press('Enter');
}

const FOCUSED = `document.querySelector('proctoring-review').shadowRoot.activeElement?.getAttribute('aria-label')`;
const boxOf = (selector: string) =>
  page.evaluate(
    `document.querySelector('proctoring-review').shadowRoot.querySelector('${selector}').getBoundingClientRect().toJSON()`,
  ) as Promise<{ left: number; right: number; top: number; bottom: number; width: number; height: number }>;

test('after the reason the keys work at once, and after a click on a picture too', async () => {
  await placeAnother();
  await giveReason();
  await settled({ lanes: ['playable', 'nothing'] });
  await until(async () => (await page.evaluate(FOCUSED)) === 'Play');
  expect(await press('k')).toMatchObject({ isPlaying: true });
  await page.evaluate('document.activeElement.blur()');
  const { left, top } = await boxOf('[data-kind=webcam] .frame');
  await page.mouse.click(left + 20, top + 20);
  expect(await state()).toMatchObject({ isPlaying: false });
  const scrolledPx = await page.evaluate('scrollY');
  expect(await press(' ')).toMatchObject({ isPlaying: true });
  expect(await page.evaluate('scrollY')).toBe(scrolledPx);
});

test('pictures, line and buttons fit into the window, alike or with one large, and into the full screen', async () => {
  const tooHighPx = async () => {
    const { top, bottom } = await boxOf('.screen');
    return Math.max(0, bottom - top - Number(await page.evaluate('innerHeight')));
  };
  const expectToFit = async (where: string) => {
    await until(async () => (await tooHighPx()) === 0);
    const frame = await boxOf('[data-kind=webcam] .frame');
    expect({ where, ratio: frame.width / frame.height }).toEqual({ where, ratio: expect.closeTo(16 / 9, 1) });
  };
  for (const [width, height] of [
    [1600, 900],
    [1280, 700],
    [390, 844],
  ] as const) {
    await page.setViewport({ width, height });
    for (const key of ['0', '2', '1'] as const) {
      await press(key);
      await expectToFit(`${key} at ${width} by ${height}`);
    }
    await press('0');
  }
  await page.setViewport({ width: 1280, height: 700 });
  await press('f');
  await settled({ isFullScreen: true });
  await expectToFit('full screen');
  expect(await press('n', 'n', 'n')).toMatchObject({ status: 'No further gap.' });
  const isInFullScreen = `(({ fullscreenElement, querySelectorAll }, root) =>
    [...root.querySelectorAll('[role=status]')].every((status) => root.fullscreenElement.contains(status)))(
    document, document.querySelector('proctoring-review').shadowRoot)`;
  expect(await page.evaluate(isInFullScreen)).toBe(true);
  expect((await boxOf('[part=status]')).bottom).toBeLessThanOrEqual(Number(await page.evaluate('innerHeight')));
  await press('f');
  await settled({ isFullScreen: false });
});

test('a preview at an end of the line is within the page, and does not widen it', async () => {
  await page.setViewport({ width: 390, height: 844 });
  const shown = `document.querySelector('proctoring-review').shadowRoot.querySelector('[part=preview]').innerText.trim()`;
  for (const [share, time] of [
    [0.001, '0:00'],
    [0.5, '0:24'],
    [0.99, '0:48'],
  ] as const) {
    await until(async () => {
      const line = await boxOf('[role=slider]');
      await page.mouse.move(0, 0);
      await page.mouse.move(line.left + share * line.width, (line.top + line.bottom) / 2);
      return (await page.evaluate(shown)) === time;
    });
    const preview = await boxOf('[part=preview]');
    expect(preview.left).toBeGreaterThanOrEqual(0);
    expect(preview.right).toBeLessThanOrEqual(390);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
  }
});

test('at both ends of the line there is a picture', async () => {
  expect((await press('End')).seconds).toBe(SECONDS + 9);
  await settled({ lanes: ['nothing', 'playable'] });
  await press('Home');
  await settled({ lanes: ['playable', 'nothing'] });
});

test.each([
  ['is refused', `'not.a.token'`, /Your access has ended/, /Uw toegang is verlopen/],
  [
    'is a page to log in',
    `'<!doctype html><title>Log in</title>'`,
    /could not be checked/,
    /kon niet worden gecontroleerd/,
  ],
])('a token that %s is told in the language of the page, and one can try again', async (_, token, english, dutch) => {
  await page.evaluate(`globalThis.token = ${token}`);
  await placeAnother('globalThis.token ?? freshToken()', { reason: 'an appeal' });
  await until(async () => english.test((await statusOnly()) ?? ''));
  await page.evaluate(`document.documentElement.lang = 'nl'`);
  await until(async () => dutch.test((await statusOnly()) ?? ''));
  await page.evaluate('globalThis.token = undefined');
  await page.locator('proctoring-review >>> [part=status] button').click();
  await settled({ lanes: ['playable', 'nothing'], status: '' });
  await until(async () => (await page.evaluate(FOCUSED)) === 'Afspelen');
});

const statusOnly = () =>
  page.evaluate(
    `document.querySelector('proctoring-review').shadowRoot.querySelector('[part=status]')?.innerText`,
  ) as Promise<string | undefined>;

test('the language around it is followed, in the question for the reason too, and what was said is said in it', async () => {
  await placeAnother();
  const question = await page.waitForSelector('proctoring-review >>> input[name=reason]');
  await question?.type('an appeal');
  await page.evaluate(`document.documentElement.lang = 'nl'`);
  await page.locator('proctoring-review >>> ::-p-text(Waarom bekijkt u deze opnamen?)').wait();
  await question?.press('Enter');
  await settled({ lanes: ['playable', 'nothing'] });
  expect(await press('n', 'n', 'n')).toMatchObject({ status: 'Geen verdere onderbreking.' });
  await page.evaluate(`document.documentElement.lang = 'en'`);
  await settled({ status: 'No further gap.' });
});

testWithLooks('nothing is wrong for a screen reader, and nothing is too wide', async () => {
  await placeAnother();
  await page.waitForSelector('proctoring-review >>> input[name=reason]');
  await expectAccessible(page, 'the question for the reason');
  await giveReason();
  await settled({ lanes: ['playable', 'nothing'] });
  await expectAccessible(page, 'the player');
  await page.evaluate(`document.querySelector('proctoring-review').shadowRoot.querySelector('[title="Keys"]').click()`);
  await expectAccessible(page, 'the keys');
});

test('a restriction and a deletion in mid-review are told in words, and the picture is gone', async () => {
  const recordings = await on.recordings('keys');
  await press('ArrowRight', 'ArrowRight', 'ArrowRight');
  await settled({ lanes: ['playable', 'playable'] });
  const pathOf = (kind: string) =>
    `/v1/exams/math/attempts/keys/recordings/${recordings.find((each) => each.kind === kind)?.recordingId}`;
  await site.service.ask('PUT', `${pathOf('webcam')}/restriction`, { reason: 'objection' });
  await settled({
    lanes: ['restricted', 'playable'],
    status: expect.stringMatching(/restricted/) as unknown as string,
  });
  await site.service.ask('DELETE', `${pathOf('webcam')}/restriction`);
  await settled({ lanes: ['playable', 'playable'] });
  await site.service.ask('DELETE', `${pathOf('screen')}?reason=erasure`);
  await settled({ lanes: ['playable', 'deleted'], status: expect.stringMatching(/was deleted/) as unknown as string });
  await site.service.ask('DELETE', `${pathOf('webcam')}?reason=erasure`);
  await settled({
    lanes: ['deleted', 'deleted'],
    isPlaying: false,
    status: expect.stringMatching(/^None of these recordings/) as unknown as string,
  });
  expect(
    await page.evaluate(`document.querySelector('proctoring-review').shadowRoot.querySelectorAll('.ended').length`),
  ).toBe(2);
});
