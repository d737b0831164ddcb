// The page that checks a proof, a receipt or a step: files in, verdict out, without a network.
import { sha256 } from '@noble/hashes/sha2.js';
import { type GivenReceipt, receiptsIn } from '../given.ts';
import { type Kept, keptIn } from '../kept.ts';
import { hasEd25519, type PublicKeys, readPublicKeys } from '../keys.ts';
import { checkProof } from '../proof.ts';
import { reportOnReceipts } from '../receipts-report.ts';
import { verdictOfReceipts } from '../receipts-verdict.ts';
import { MalformedError } from '../shape.ts';
import { reportOnReceipt, reportOnStep } from '../single-report.ts';
import { verdictOfReceipt, verdictOfStep } from '../single-verdict.ts';
import { verdictOf } from '../verdict.ts';
import { type Chosen, type NamedText, readFiles, takeAll } from './chosen.ts';
import { cannotUse, Notice } from './notice.ts';
import { factsOf, type Result, showResult } from './result.ts';
import { inLanguage, showTexts } from './texts.ts';

/** As long as a page may keep still before it is drawn again. */
const FRAME_MS = 40;

const form = byId('form', HTMLFormElement);
const checkButton = byId('check', HTMLButtonElement);
const bar = byId('bar', HTMLProgressElement);
const section = byId('result', HTMLElement);
const chosen: Chosen = { kept: [] };
/** Choices are read in the order in which they were made; a check waits for them. */
let reading = Promise.resolve();
let problem: Notice['say'] | undefined;
let result: Result | undefined;

showTexts(show);
choose('proof', ([file]) => set('proof', file));
choose('keys-file', ([file]) => set('keys', file));
choose('checkpoints-file', (files) => {
  chosen.kept = files;
});
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  read(event.dataTransfer?.files, (files) => takeAll(chosen, files));
});
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!checkButton.disabled) await check();
});
if (!(await hasEd25519())) {
  checkButton.disabled = true;
  problem = (texts) => texts.noEd25519;
  show();
}

function show(): void {
  const { texts, words } = inLanguage();
  byId('problem', HTMLElement).textContent = problem?.(texts, words) ?? '';
  const show = (id: string, files: (NamedText | undefined)[]) => {
    const names = files.flatMap((file) => (file ? [texts.chosen(file.name, words.kinds[file.kind])] : []));
    byId(id, HTMLElement).textContent = names.join(' · ');
  };
  show('proof-chosen', [chosen.proof]);
  show('keys-chosen', [chosen.keys]);
  show('checkpoints-chosen', chosen.kept);
  if (result) showResult(section, result);
}

async function check(): Promise<void> {
  checkButton.disabled = true;
  problem = undefined;
  result = undefined;
  section.hidden = true;
  show();
  try {
    await reading;
    result = await resultOf();
    show();
    byId('headline', HTMLElement).focus();
  } catch (error) {
    const why = String(error);
    problem = error instanceof Notice ? error.say : (texts) => texts.unreadable(texts.proofLabel, why);
    show();
  } finally {
    byId('progress', HTMLElement).hidden = true;
    checkButton.disabled = false;
  }
}

async function resultOf(): Promise<Result> {
  const { proof } = chosen;
  if (!proof) throw new Notice((texts) => texts.noProof);
  const checks = { proof: checkWhole, receipt: checkOne, unplaced: checkReceipts, step: checkStep };
  if (!isOneOf(checks, proof.kind))
    throw cannotUse(proof, 'proof', new MalformedError([isJson(proof) ? 'nothingToCheck' : 'notJson']));
  const file = proof.kind === 'unplaced' ? receiptsOf(proof) : JSON.parse(proof.text);
  const own = ownKeys();
  const isTrusting = byId('trust', HTMLInputElement).checked;
  if (own && isTrusting) throw new Notice((texts) => texts.keysTwice);
  const keys = own ? await keysOf(own) : isTrusting ? await keysInProof(file) : undefined;
  if (!keys) throw new Notice((texts) => texts.noKeys);
  const tenant = byId('tenant', HTMLInputElement).value.trim();
  const nowMs = Date.now();
  const given = { keys, nowMs, areKeysFromFile: !own, ...(tenant === '' ? {} : { tenant }) };
  return {
    ...(await checks[proof.kind](file, given)),
    keys,
    fileName: proof.name,
    fileHash: inHex(sha256(proof.bytes)),
    checkedAt: new Date(nowMs).toISOString(),
  };
}

interface Given {
  readonly keys: PublicKeys;
  readonly nowMs: number;
  readonly areKeysFromFile: boolean;
  readonly tenant?: string;
}
type Checked = Pick<Result, 'verdictIn' | 'facts'>;

async function checkWhole(file: unknown, given: Given): Promise<Checked> {
  const kept = allKept();
  byId('progress', HTMLElement).hidden = false;
  const report = await checkProof(file, {
    ...given,
    heldCheckpoints: kept.flatMap(({ checkpoints }) => checkpoints),
    heldReceipts: kept.flatMap(({ receipts }) => receipts),
    onProgress: showingProgress(),
  });
  return { verdictIn: (words) => verdictOf(report, given, words), facts: factsOf(report) };
}

async function checkOne(file: unknown, given: Given): Promise<Checked> {
  requireNothingKept();
  const report = await reportOnReceipt(file, given);
  return { verdictIn: (words) => verdictOfReceipt(report, given, words), facts: () => [] };
}

async function checkReceipts(receipts: GivenReceipt[], given: Given): Promise<Checked> {
  requireNothingKept();
  const report = await reportOnReceipts(receipts, given);
  return { verdictIn: (words) => verdictOfReceipts(report, words), facts: () => [] };
}

function requireNothingKept(): void {
  if (allKept().length > 0) throw new Notice((texts) => texts.nothingCompared);
}

async function checkStep(
  { newer, hashes }: { newer?: string | null; hashes: string[] },
  given: Given,
): Promise<Checked> {
  const kept = allKept();
  const [older, ...others] = kept.flatMap(({ checkpoints }) => checkpoints);
  if (older === undefined || others.length > 0 || kept.length > 1) throw new Notice((texts) => texts.oneCheckpoint);
  if (newer === undefined || newer === null) throw new Notice((texts) => texts.noNewer);
  const report = await reportOnStep({ older, newer, hashes }, given);
  return { verdictIn: (words) => verdictOfStep(report, words), facts: () => [] };
}

function isOneOf<Names extends object>(names: Names, name: PropertyKey): name is keyof Names {
  return Object.hasOwn(names, name);
}

/** Lets the page be drawn, and answer, every so often. */
function showingProgress(): (done: number, steps: number) => Promise<void> {
  let drawnMs = performance.now();
  return async (done, steps) => {
    if (performance.now() - drawnMs < FRAME_MS) return;
    const { texts, words } = inLanguage();
    const count = (number: number) => new Intl.NumberFormat(words.locale).format(number);
    bar.max = steps;
    bar.value = done;
    byId('progress-text', HTMLElement).textContent = texts.progress(count(done), count(steps));
    await new Promise((resolve) => setTimeout(resolve));
    drawnMs = performance.now();
  };
}

function ownKeys(): Pick<NamedText, 'name' | 'text'> | undefined {
  const text = byId('keys-text', HTMLTextAreaElement).value.trim();
  if (text !== '' && chosen.keys) throw new Notice((texts) => texts.keysTwice);
  return text === '' ? chosen.keys : { name: inLanguage().texts.pastedKeys, text };
}

/** A step has none, and receipts without their places have none. */
async function keysInProof(file: { keys?: unknown }): Promise<PublicKeys> {
  try {
    return await readPublicKeys(file.keys);
  } catch (error) {
    throw new Notice((texts) => texts.unreadable(texts.keysOfProof, (error as Error).message));
  }
}

async function keysOf(own: Pick<NamedText, 'name' | 'text'>): Promise<PublicKeys> {
  if (!isJson(own)) throw cannotUse(own, 'keys', new MalformedError(['notJson']));
  try {
    return await readPublicKeys(JSON.parse(own.text));
  } catch (error) {
    throw cannotUse(own, 'keys', error);
  }
}

function allKept(): Kept[] {
  const text = byId('checkpoints-text', HTMLTextAreaElement).value.trim();
  const pasted = text === '' ? [] : [{ name: inLanguage().texts.pastedCheckpoints, text }];
  return [...chosen.kept, ...pasted].map((kept) => {
    try {
      return keptIn(kept.text);
    } catch (error) {
      throw cannotUse(kept, 'kept', error);
    }
  });
}

function receiptsOf(file: NamedText): GivenReceipt[] {
  const receipts = receiptsIn(file.text);
  if (receipts.length === 0) throw cannotUse(file, 'unplaced', new MalformedError(['noReceipts']));
  return receipts;
}

function isJson({ text }: Pick<NamedText, 'text'>): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function set(kind: 'proof' | 'keys', file: NamedText | undefined): void {
  if (file) chosen[kind] = file;
  else delete chosen[kind];
}

function choose(id: string, take: (files: NamedText[]) => void): void {
  const input = byId(id, HTMLInputElement);
  input.addEventListener('change', () => read(input.files, take));
}

function read(files: Iterable<File> | null | undefined, take: (files: NamedText[]) => void): void {
  const now = [...(files ?? [])];
  reading = reading.then(async () => {
    take(await readFiles(now));
    show();
  });
}

function inHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`there is no ${id}`);
  return found;
}
