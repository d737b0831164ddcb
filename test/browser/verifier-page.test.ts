// The page that checks proofs, receipts and steps, opened from the disk without a network: what it says of good files, tampered
// ones, large ones and those of another kind.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { consistencyProof, inclusionProof, leafHash, rootOf, toBase64 } from '@proctoring-recordings/receipt-verifier';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { claimsOf, DAY_MS, deletionOf, install } from '../../packages/receipt-verifier/test/service.ts';
import { expectAccessible } from './accessibility.ts';
import { BROWSER, launchOptions } from './site.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

const { file, checkpoints, keys, key, deletions } = install(200);
const leaves = file.entries.map((entry) => leafHash(Buffer.from(entry)));
const rootOfRange = async (start: number, end: number) => rootOf(leaves.slice(start, end));
const place = 150;
const inclusion = {
  index: place,
  hashes: (await inclusionProof(place, leaves.length, rootOfRange)).map(toBase64),
  checkpoint: file.checkpoint,
};
const receipt = { version: 1, receipt: deletions[place]?.jws, inclusion, keys };
const late = deletionOf(claimsOf('late', Date.now() - DAY_MS, { deadline: '2026-01-01T00:00:00.000Z' }), key);
const step = { newer: checkpoints.at(-1), hashes: (await consistencyProof(26, 200, rootOfRange)).map(toBase64) };
const large = install(10_000);
const CONTENTS = {
  'proof.json': file,
  'tampered.json': { ...file, receipts: file.receipts.slice(3), unsigned: ['<b id="injected">x</b>'] },
  'large.json': large.file,
  'large-keys.json': large.keys,
  'keys.json': keys,
  'older.note': checkpoints[5],
  'latest.note': checkpoints.at(-1),
  'broken.json': '{',
  'other.json': {},
  'receipt.json': receipt,
  'moved.json': { ...receipt, inclusion: { ...inclusion, index: 3 } },
  'late.json': { ...receipt, receipt: late.jws, inclusion: null },
  'step.json': step,
  'half-step.json': { hashes: step.hashes },
  'erasure.json': { receipts: [{ ...deletions[place]?.claims, jws: deletions[place]?.jws }] },
  'receipts.jsonl': [149, 150].map((at) => JSON.stringify({ jws: deletions[at]?.jws })).join('\n'),
  'gone.json': { receipt: { jws: late.jws } },
  'no-receipts.json': { receipts: [] },
  'report.html': '<!doctype html>\n\n<p>All was deleted in time.</p>',
};
type Name = keyof typeof CONTENTS;

function textIn(name: Name): string {
  const content = CONTENTS[name];
  return typeof content === 'string' ? content : JSON.stringify(content);
}

let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'verifier-page-'));
  const rolldown = join(ROOT, 'node_modules/.bin/rolldown');
  await promisify(execFile)(rolldown, ['-c', 'rolldown.page.js', '--dir', folder], {
    cwd: join(ROOT, 'packages/receipt-verifier'),
  });
  for (const name of Object.keys(CONTENTS)) {
    await writeFile(join(folder, name), textIn(name as Name));
  }
  browser = await puppeteer.launch(launchOptions(BROWSER));
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, maxRetries: 5 });
});

/** `complaints`: what the browser refused or threw, and what the page asked for besides itself. */
async function visit(language = 'en', script = ''): Promise<{ page: Page; complaints: string[] }> {
  const page = await (await browser.createBrowserContext()).newPage();
  page.setDefaultTimeout(0);
  const complaints: string[] = [];
  const url = `file://${join(folder, 'verifier.html')}`;
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => complaints.push(message.text()));
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  await page.setViewport({ width: 1280, height: 900 });
  await page.setOfflineMode(true);
  await page.evaluateOnNewDocument(script);
  await page.goto(url);
  await page.click(`[data-language=${language}]`);
  return { page, complaints };
}

async function choose(page: Page, id: string, ...names: Name[]): Promise<void> {
  const input = await page.waitForSelector(`input#${id}`);
  await input?.uploadFile(...names.map((name) => join(folder, name)));
  const shown = `#${id.replace('-file', '')}-chosen`;
  await page.waitForFunction(
    `document.querySelector('${shown}').textContent.includes(${JSON.stringify(names.at(-1) ?? '')})`,
  );
}

/** As it is displayed. */
const textOf = async (page: Page, selector: string) =>
  String(await page.evaluate(`document.querySelector(${JSON.stringify(selector)}).innerText`));
const fill = (page: Page, selector: string, text: string) =>
  page.evaluate(`document.querySelector('${selector}').value = ${JSON.stringify(text)}`);

/** Anywhere on the page. */
const drop = (page: Page, ...names: Name[]) =>
  page.evaluate(`{
    const dataTransfer = new DataTransfer();
    for (const [name, text] of ${JSON.stringify(names.map((name) => [name, textIn(name)]))}) {
      dataTransfer.items.add(new File([text], name));
    }
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  }`);

async function check(page: Page): Promise<string> {
  await page.focus('#check');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#result:not([hidden])');
  await page.waitForFunction("document.activeElement.id === 'headline'");
  return textOf(page, '#result');
}

async function refusal(page: Page): Promise<string> {
  await page.click('#check');
  await page.waitForFunction(
    "document.querySelector('#problem').textContent !== '' && !document.querySelector('#check').disabled",
  );
  expect(await page.$('#result[hidden]')).not.toBeNull();
  return textOf(page, '#problem');
}

const look = (page: Page) => expectAccessible(page, 'the page of the verifier');

test.each([
  ['en', /^✓ The proof holds\.\s+Organisation \(tenant\) university\./, /Yes\./, /3 hours before its deadline/],
  ['nl', /^✓ Het bewijs klopt\.\s+Organisatie university\./, /Ja\./, /3 uur vóór de termijn/],
])('a good file holds, in %s', async (language, verdict, answer, latest) => {
  const { page, complaints } = await visit(language);
  await look(page);
  await choose(page, 'proof', 'proof.json');
  await choose(page, 'keys-file', 'keys.json');
  await choose(page, 'checkpoints-file', 'older.note', 'latest.note');
  await page.type('#tenant', 'university');
  const result = await check(page);
  for (const words of [verdict, answer, latest]) expect(result).toMatch(words);
  expect(result).toContain(file.checkpoint?.split('\n')[2]);
  await look(page);
  expect(complaints).toEqual([]);
});

test('a tampered file does not hold, and nothing of it becomes a part of the page', async () => {
  const { page, complaints } = await visit();
  await choose(page, 'proof', 'tampered.json');
  await choose(page, 'keys-file', 'keys.json');
  const result = await check(page);
  expect(result).toMatch(/^✗ The proof does not hold\./);
  expect(result).toMatch(/the receipt must still be kept \(3\)/);
  expect(result).toContain('<b id="injected">x</b>');
  expect(await page.$('#injected')).toBeNull();
  await look(page);
  await page.click('[data-language=nl]');
  expect(await textOf(page, '#result')).toMatch(/^✗ Het bewijs klopt niet\.[\s\S]+regel \d+, te bewaren tot en met/);
  // The next file takes its place.
  await choose(page, 'proof', 'proof.json');
  await page.click('[data-language=en]');
  expect(await check(page)).toMatch(/^✓ The proof holds\./);
  expect(complaints).toEqual([]);
});

test('keys and checkpoints may be pasted, also as the webhook that brought one, and files be dropped anywhere', async () => {
  const { page, complaints } = await visit();
  await drop(page, 'proof.json', 'older.note');
  await page.waitForFunction("document.querySelector('#checkpoints-chosen').textContent.startsWith('older.note: ')");
  await fill(page, '#keys-text', JSON.stringify(keys));
  const webhook = JSON.stringify({ type: 'recording.deleted', checkpoint: checkpoints.at(-1) });
  await fill(page, '#checkpoints-text', webhook);
  expect(await check(page)).toMatch(
    /Does the log agree with 2 checkpoints that you kept\? The newest covers 200 entries\. Yes/,
  );
  expect(complaints).toEqual([]);
});

test('a single receipt is checked, and what it leaves open is said', async () => {
  const { page, complaints } = await visit();
  await drop(page, 'receipt.json', 'keys.json');
  await page.waitForFunction("document.querySelector('#proof-chosen').textContent.includes('one receipt')");
  const whole = await check(page);
  expect(whole).toMatch(/^✓ The receipt holds\.\s+The service has signed it\. Organisation \(tenant\) university/);
  expect(whole).toMatch(/The deletion\s+Recording \S+ was deleted on [^,]+, 3 hours before its deadline/);
  expect(whole).toMatch(/It is in the log[\s\S]+Whether other receipts were removed or changed/);
  await look(page);
  await choose(page, 'proof', 'moved.json');
  expect(await check(page)).toMatch(
    /^✗ The receipt does not hold\.[\s\S]+The file does not show that it is in the log/,
  );
  await choose(page, 'proof', 'late.json');
  expect(await check(page)).toMatch(/^✗ The receipt is genuine\. It shows a deletion after the deadline\./);
  await page.click('[data-language=nl]');
  expect(await textOf(page, '#result')).toMatch(/^✗ Het verwijderingsbewijs is echt\./);
  await page.type('#tenant', 'college');
  expect(await check(page)).toMatch(/^✗ Het verwijderingsbewijs klopt niet\.[\s\S]+van een andere organisatie/);
  expect(complaints).toEqual([]);
});

test('receipts as responses have them are checked alone, and looked for in a whole proof', async () => {
  const { page, complaints } = await visit();
  await drop(page, 'erasure.json', 'keys.json');
  await page.waitForFunction("document.querySelector('#keys-chosen').textContent !== ''");
  expect(await check(page)).toMatch(
    /^✓ The service has signed the receipt\.\s+Organisation \(tenant\) university[\s\S]+Its receipt proof shows that\./,
  );
  await look(page);
  await choose(page, 'proof', 'receipts.jsonl');
  expect(await check(page)).toMatch(/^✓ The service has signed all receipts\.\s+Valid signatures: 2 of 2 receipts\./);
  await choose(page, 'proof', 'no-receipts.json');
  expect(await refusal(page)).toMatch(/^no-receipts\.json cannot be used: it has no receipt\.$/);
  await choose(page, 'proof', 'erasure.json');
  await choose(page, 'checkpoints-file', 'older.note');
  expect(await refusal(page)).toMatch(/^A single receipt is not compared with anything under 3/);
  await choose(page, 'proof', 'receipt.json');
  expect(await refusal(page)).toMatch(/^A single receipt is not compared/);
  await drop(page, 'erasure.json', 'proof.json');
  await page.waitForFunction("document.querySelector('#checkpoints-chosen').textContent.includes('erasure.json')");
  expect(await check(page)).toMatch(
    /Does the proof contain each receipt that you kept, or whose hash a webhook named \(1 receipt\)\? Yes\./,
  );
  await choose(page, 'checkpoints-file', 'gone.json');
  expect(await check(page)).toMatch(/^✗ The proof does not hold\.[\s\S]+neither in the file nor in the log \(1\)/);
  expect(complaints).toEqual([]);
});

test('a check waits for the files that are still being read, and passes over none', async () => {
  const { page, complaints } = await visit(
    'en',
    `{
      const read = Blob.prototype.arrayBuffer;
      Blob.prototype.arrayBuffer = async function () {
        await globalThis.held;
        return read.call(this);
      };
    }`,
  );
  await choose(page, 'proof', 'proof.json');
  await choose(page, 'keys-file', 'keys.json');
  await page.evaluate('void (globalThis.held = new Promise((resolve) => { globalThis.release = resolve; }))');
  const input = await page.waitForSelector('input#checkpoints-file');
  await input?.uploadFile(join(folder, 'older.note'));
  await page.focus('#check');
  await page.keyboard.press('Enter');
  // Long enough for a verdict on what has been read.
  await page.evaluate('new Promise((resolve) => setTimeout(resolve, 1_000))');
  expect(await page.$('#result[hidden]')).not.toBeNull();
  await page.evaluate('release()');
  await page.waitForSelector('#result:not([hidden])');
  expect(await textOf(page, '#result')).toMatch(/Does the log agree with 1 checkpoint that you kept\?/);
  // One that is gone by now is not passed over either.
  await page.evaluate("Blob.prototype.arrayBuffer = () => Promise.reject(new Error('gone'))");
  await choose(page, 'checkpoints-file', 'latest.note');
  expect(await refusal(page)).toMatch(/^latest\.note cannot be used/);
  expect(complaints).toEqual([]);
});

test('the step from an older checkpoint is checked', async () => {
  const { page, complaints } = await visit();
  await drop(page, 'step.json', 'keys.json');
  await page.waitForFunction("document.querySelector('#proof-chosen').textContent.startsWith('step.json')");
  expect(await refusal(page)).toMatch(/^Add one checkpoint under 3: the older one/);
  await choose(page, 'checkpoints-file', 'older.note');
  expect(await check(page)).toMatch(
    /^✓ The newer checkpoint holds\.\s+The log of organisation \(tenant\) university, from 26 entries to 200 entries/,
  );
  await look(page);
  await choose(page, 'proof', 'half-step.json');
  expect(await refusal(page)).toMatch(/^The step has no newer checkpoint/);
  await choose(page, 'proof', 'step.json');
  await choose(page, 'checkpoints-file', 'latest.note');
  expect(await check(page)).toMatch(/^✗ The newer checkpoint does not hold\.[\s\S]+made for other sizes/);
  await page.click('[data-language=nl]');
  expect(await textOf(page, '#result')).toMatch(/^✗ Het nieuwere controlepunt klopt niet\.[\s\S]+andere groottes/);
  expect(complaints).toEqual([]);
});

test('10,000 receipts are checked while the page goes on answering', async () => {
  const { page, complaints } = await visit();
  await choose(page, 'proof', 'large.json');
  await choose(page, 'keys-file', 'large-keys.json');
  await page.evaluate(`
    globalThis.seen = new Set();
    new MutationObserver(() => seen.add(document.querySelector('#progress-text').textContent))
      .observe(document.querySelector('#progress-text'), { childList: true });`);
  expect(await check(page)).toMatch(/^✓ The proof holds\./);
  // Each text was drawn, or could have been: the page gave way in between.
  expect(await page.evaluate('seen.size')).toBeGreaterThan(5);
  expect(complaints).toEqual([]);
});

describe('what is missing or cannot be used is said', () => {
  test('no proof, no keys, keys of the proof alone', async () => {
    const { page } = await visit();
    expect(await refusal(page)).toMatch(/Choose the proof file first/);
    await choose(page, 'proof', 'proof.json');
    expect(await refusal(page)).toMatch(/Add the keys of the service/);
    await look(page);
    await page.click('#trust');
    await fill(page, '#keys-text', JSON.stringify(keys));
    expect(await refusal(page)).toMatch(/^Add the keys only once/);
    await choose(page, 'keys-file', 'keys.json');
    await page.click('#trust');
    expect(await refusal(page)).toMatch(/^Add the keys only once/);
    await choose(page, 'keys-file');
    await fill(page, '#keys-text', '');
    await page.click('#trust');
    expect(await check(page)).toMatch(/Who signed the proof\. The keys came with the proof/);
  });

  test('files that are something else', async () => {
    const { page } = await visit();
    await choose(page, 'proof', 'broken.json');
    expect(await refusal(page)).toMatch(/broken\.json cannot be used: this is not JSON/);
    await choose(page, 'proof', 'proof.json');
    await choose(page, 'keys-file', 'proof.json');
    expect(await refusal(page)).toMatch(/^proof\.json is a whole proof\. Choose it under 1\.$/);
    await choose(page, 'keys-file', 'keys.json');
    await choose(page, 'checkpoints-file', 'keys.json');
    expect(await refusal(page)).toMatch(/^keys\.json is a set of keys\. Choose it under 2\.$/);
    await choose(page, 'checkpoints-file', 'report.html');
    expect(await refusal(page)).toMatch(
      /^report\.html is a page to read \(HTML or PDF\)\. Copy the checkpoint from it/,
    );
    await choose(page, 'proof', 'other.json');
    expect(await refusal(page)).toMatch(/^other\.json cannot be used: it is not a proof, a receipt or a step\.$/);
    await choose(page, 'proof', 'older.note');
    expect(await refusal(page)).toMatch(/^older\.note is a checkpoint[^.]+\. Choose it under 3\.$/);
    await page.click('[data-language=nl]');
    expect(await textOf(page, '#problem')).toMatch(/^older\.note is een controlepunt[^.]+\. Kies het bij 3\.$/);
  });

  test('a browser that has no Ed25519', async () => {
    const { page } = await visit('en', 'crypto.subtle.importKey = () => Promise.reject(new Error("unknown"))');
    await page.waitForSelector('#check:disabled');
    expect(await textOf(page, '#problem')).toMatch(/This browser cannot check Ed25519 signatures/);
    await look(page);
  });
});

test('on paper there is the verdict, and no form', async () => {
  const { page } = await visit();
  await choose(page, 'proof', 'proof.json');
  await choose(page, 'keys-file', 'keys.json');
  await check(page);
  await page.emulateMediaType('print');
  expect(await page.evaluate("getComputedStyle(document.querySelector('#form')).display")).toBe('none');
  expect(await textOf(page, 'body')).toMatch(/The proof holds/);
});
