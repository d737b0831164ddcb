// The page that checks a proof: files in, verdict out, without a network.
import { sha256 } from '@noble/hashes/sha2.js';
import { type Kept, keptIn } from '../kept.ts';
import { hasEd25519, type PublicKeys, readPublicKeys } from '../keys.ts';
import { checkProof } from '../proof.ts';
import { type Chosen, type NamedText, readFiles, take } from './chosen.ts';
import { type Result, showResult } from './result.ts';
import type { Texts } from './texts/en.ts';
import { inLanguage, showTexts } from './texts.ts';

/** As long as a page may keep still before it is drawn again. */
const FRAME_MS = 40;

const form = byId('form', HTMLFormElement);
const checkButton = byId('check', HTMLButtonElement);
const bar = byId('bar', HTMLProgressElement);
const section = byId('result', HTMLElement);
const chosen: Chosen = { checkpoints: [] };
let problem: ((texts: Texts) => string) | undefined;
let result: Result | undefined;

/** What the page says when something that was given cannot be used. */
class Refusal extends Error {
  readonly say: (texts: Texts) => string;

  constructor(say: (texts: Texts) => string) {
    super();
    this.say = say;
  }
}

showTexts(show);
choose('proof', ([file]) => set('proof', file));
choose('keys-file', ([file]) => set('keys', file));
choose('checkpoints-file', (files) => {
  chosen.checkpoints = files;
});
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  for (const file of await readFiles(event.dataTransfer?.files ?? [])) take(chosen, file);
  show();
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
  const { texts } = inLanguage();
  byId('problem', HTMLElement).textContent = problem?.(texts) ?? '';
  const show = (id: string, files: (NamedText | undefined)[], what: string) => {
    const names = files.flatMap((file) => (file ? [texts.chosen(file.name, what)] : []));
    byId(id, HTMLElement).textContent = names.join(' · ');
  };
  show('proof-chosen', [chosen.proof], texts.isProof);
  show('keys-chosen', [chosen.keys], texts.areKeys);
  show('checkpoints-chosen', chosen.checkpoints, texts.isCheckpoint);
  if (result) showResult(section, result);
}

async function check(): Promise<void> {
  checkButton.disabled = true;
  problem = undefined;
  result = undefined;
  section.hidden = true;
  show();
  try {
    result = await resultOf();
    show();
    byId('headline', HTMLElement).focus();
  } catch (error) {
    const why = String(error);
    problem = error instanceof Refusal ? error.say : (texts) => texts.unreadable(texts.proofLabel, why);
    show();
  } finally {
    byId('progress', HTMLElement).hidden = true;
    checkButton.disabled = false;
  }
}

async function resultOf(): Promise<Result> {
  const { proof } = chosen;
  if (!proof) throw new Refusal((texts) => texts.noProof);
  const file = parse(proof);
  const isTrusting = byId('trust', HTMLInputElement).checked;
  const own = ownKeys();
  const keys = own ? await keysOf(parse(own), own.name) : isTrusting ? await keysInProof(file) : undefined;
  if (!keys) throw new Refusal((texts) => texts.noKeys);
  const tenant = byId('tenant', HTMLInputElement).value.trim();
  const nowMs = Date.now();
  byId('progress', HTMLElement).hidden = false;
  const kept = allKept();
  const options = {
    keys,
    nowMs,
    heldCheckpoints: kept.flatMap(({ checkpoints }) => checkpoints),
    heldReceipts: kept.flatMap(({ receipts }) => receipts),
    onProgress: showingProgress(),
  };
  const report = await checkProof(file, tenant === '' ? options : { ...options, tenant });
  return {
    report,
    keys,
    areKeysFromFile: !own,
    fileName: proof.name,
    fileHash: inHex(sha256(proof.bytes)),
    checkedAt: new Date(nowMs).toISOString(),
  };
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
  return text === '' ? chosen.keys : { name: inLanguage().texts.pastedKeys, text };
}

function keysInProof(file: unknown): Promise<PublicKeys> {
  return keysOf((file as { keys?: unknown } | null)?.keys, inLanguage().texts.keysOfProof);
}

async function keysOf(set: unknown, name: string): Promise<PublicKeys> {
  try {
    return await readPublicKeys(set);
  } catch (error) {
    throw new Refusal((texts) => texts.unreadable(name, (error as Error).message));
  }
}

function allKept(): Kept[] {
  const text = byId('checkpoints-text', HTMLTextAreaElement).value.trim();
  const pasted = text === '' ? [] : [{ name: inLanguage().texts.pastedCheckpoints, text }];
  return [...chosen.checkpoints, ...pasted].map((kept) => {
    try {
      return keptIn(kept.text);
    } catch (error) {
      throw new Refusal((texts) => texts.unreadable(kept.name, (error as Error).message));
    }
  });
}

function parse({ name, text }: Pick<NamedText, 'name' | 'text'>): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal((texts) => texts.unreadable(name, texts.notJson));
  }
}

function set(kind: 'proof' | 'keys', file: NamedText | undefined): void {
  if (file) chosen[kind] = file;
  else delete chosen[kind];
}

function choose(id: string, take: (files: NamedText[]) => void): void {
  const input = byId(id, HTMLInputElement);
  input.addEventListener('change', async () => {
    take(await readFiles(input.files ?? []));
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
