// The command `receipt-verifier`: a proof, one receipt, or the step between two checkpoints, checked without a network.
import { parseArgs } from 'node:util';
import { DETAILS, inWords } from './details.ts';
import { toBase64 } from './encoding.ts';
import { receiptsIn } from './given.ts';
import { type Kept, keptIn } from './kept.ts';
import { type PublicKeys, readPublicKeys } from './keys.ts';
import { type Kind, kindOf } from './kind.ts';
import type { ProofFinding } from './problems.ts';
import { checkProof, leadOf, type ProofReport } from './proof.ts';
import { reportOnReceipts } from './receipts-report.ts';
import { verdictOfReceipts } from './receipts-verdict.ts';
import { type Refused, reportOnReceipt, reportOnStep } from './single-report.ts';
import { verdictOfReceipt, verdictOfStep } from './single-verdict.ts';
import { type Verdict, verdictOf } from './verdict.ts';
import { en } from './words/en.ts';
import { nl } from './words/nl.ts';

export interface Surroundings {
  readonly readFile: (path: string) => Promise<string>;
  readonly nowMs: number;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export const USAGE = `Usage:
  receipt-verifier check FILE --keys JWKS [--tenant TENANT] [--checkpoint FILE]... [--json] [--language en|nl]
  receipt-verifier receipt FILE --keys JWKS [--tenant TENANT] [--json] [--language en|nl]
  receipt-verifier consistency OLD [NEW] PROOF --keys JWKS [--tenant TENANT] [--json] [--language en|nl]

check         checks all receipts of a tenant against its log; FILE is the response to GET /v1/proof
receipt       checks one receipt and its place in the log, or only the signatures of the receipts in a response
consistency   checks that the log of checkpoint NEW (default: the one in PROOF) only adds to the log of checkpoint OLD

--keys        the public keys of the service (/.well-known/jwks.json), from another source than the proof
--checkpoint  something that you kept: a checkpoint, a report, webhooks (one, a list, or one per line), or receipts
--tenant      the tenant that the proof, receipt or log must belong to
--trust-keys-in-file   use the keys in the file instead of --keys; only proves that the file agrees with itself
--json        prints the result as JSON

The command uses no network. Exit code: 0 it holds; 1 it does not hold; 2 wrong arguments, or a file of another kind.
`;

const HOLDS = 0;
const FAILS = 1;
const WRONG_USE = 2;
/** Some editors begin files with it. */
const BYTE_ORDER_MARK = '\uFEFF';
const LANGUAGES = { en, nl } as const;

/** What each kind of file is for. */
const ADVICE: Readonly<Record<Exclude<Kind, 'unknown'>, string>> = {
  proof: 'use `check`',
  receipt: 'use `receipt`',
  unplaced: 'use `receipt`, or give it with --checkpoint to `check`',
  step: 'use `consistency`',
  keys: 'give it with --keys',
  kept: 'give it with --checkpoint, or to `consistency`',
  page: 'copy the checkpoint from it into a file of its own',
};

/** An option that a command does not use is an error. */
const NOT_TAKEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  receipt: {
    checkpoint: 'give the receipt with --checkpoint to `check`, which compares a whole proof with what you kept',
  },
  consistency: { checkpoint: 'name the checkpoints as OLD and NEW', 'trust-keys-in-file': 'a step has no keys' },
};

class UsageError extends Error {}

/** Returns the exit code. Never throws because of what arguments or files say. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    return await new Command(args, surroundings).run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    surroundings.err(`${printable(error.message)}\nFor help: receipt-verifier --help\n`);
    return WRONG_USE;
  }
}

interface Result {
  readonly verdict: Verdict;
  readonly json: Record<string, unknown>;
}

class Command {
  readonly #surroundings: Surroundings;
  readonly #values: ReturnType<typeof parse>['values'];
  readonly #positionals: readonly string[];

  constructor(args: readonly string[], surroundings: Surroundings) {
    const { values, positionals } = parse(args);
    this.#surroundings = surroundings;
    this.#values = values;
    this.#positionals = positionals;
  }

  async run(): Promise<number> {
    const { out } = this.#surroundings;
    const [name, ...files] = this.#positionals;
    if (this.#values.help) {
      out(USAGE);
      return HOLDS;
    }
    const { verdict, json } = await this.#resultOf(name, files);
    const { holds } = verdict;
    const asJson = () => `${printable(JSON.stringify({ holds, ...json }, undefined, 2))}\n`;
    out(this.#values.json ? asJson() : inLines(verdict, this.#words));
    return holds ? HOLDS : FAILS;
  }

  #resultOf(name: string | undefined, files: readonly string[]): Promise<Result> {
    const [first = '', second = '', third] = files;
    for (const [option, instead] of Object.entries(NOT_TAKEN[name ?? ''] ?? {})) {
      if (Object.hasOwn(this.#values, option)) throw new UsageError(`\`${name}\` takes no --${option}: ${instead}.`);
    }
    if (name === 'check' && files.length === 1) return this.#check(first);
    if (name === 'receipt' && files.length === 1) return this.#receipt(first);
    if (name === 'consistency' && files.length === 2) return this.#consistency(first, undefined, second);
    if (name === 'consistency' && files.length === 3) return this.#consistency(first, second, third ?? '');
    throw new UsageError(name === undefined ? 'What is to be checked?' : 'The arguments are wrong.');
  }

  get #words(): typeof en {
    const { language = 'en' } = this.#values;
    if (language !== 'en' && language !== 'nl') throw new UsageError('--language is en or nl');
    return LANGUAGES[language];
  }

  async #check(path: string): Promise<Result> {
    const words = this.#words;
    const file = await this.#readJson(path, 'proof');
    const keys = await this.#keys(file);
    const kept = await Promise.all((this.#values.checkpoint ?? []).map((kept) => this.#readKept(kept)));
    const held = {
      heldCheckpoints: kept.flatMap(({ checkpoints }) => checkpoints),
      heldReceipts: kept.flatMap(({ receipts }) => receipts),
    };
    const { nowMs } = this.#surroundings;
    const report = await checkProof(file, { keys, ...held, nowMs, ...this.#tenant });
    const verdict = verdictOf(report, { areKeysFromFile: this.#areKeysFromFile, nowMs }, words);
    const { checkpoint } = report;
    const root = checkpoint && { size: checkpoint.size, root: toBase64(checkpoint.root) };
    return { verdict, json: { ...report, checkpoint: root, findings: findingsOf(report) } };
  }

  async #receipt(path: string): Promise<Result> {
    const words = this.#words;
    const text = await this.#read(path);
    if (kindOf(text) === 'unplaced') return this.#receipts(path, text);
    const file = jsonIn(path, text, 'receipt');
    const keys = await this.#keys(file);
    const report = await reportOnReceipt(file, { keys, ...this.#tenant, nowMs: this.#surroundings.nowMs });
    const verdict = verdictOfReceipt(report, { areKeysFromFile: this.#areKeysFromFile }, words);
    if ('refusal' in report) return { verdict, json: problemOf(report) };
    const { claims, place, isExpected } = report;
    return { verdict, json: { isInLog: place === 'logged', isInTime: leadOf(claims) >= 0, isExpected, claims } };
  }

  async #receipts(path: string, text: string): Promise<Result> {
    const given = receiptsIn(text);
    if (given.length === 0) throw new UsageError(`${path} has no receipt.`);
    const report = await reportOnReceipts(given, { keys: await this.#keys(undefined), ...this.#tenant });
    const { receipts, claims } = report;
    const findings = findingsOf(report);
    return {
      verdict: verdictOfReceipts(report, this.#words),
      json: { receipts, signed: claims.length, claims, findings },
    };
  }

  async #consistency(oldPath: string, newPath: string | undefined, stepPath: string): Promise<Result> {
    const words = this.#words;
    const older = await this.#readCheckpoint(oldPath);
    const own = newPath === undefined ? undefined : await this.#readCheckpoint(newPath);
    const step = (await this.#readJson(stepPath, 'step')) as { newer?: string | null; hashes: string[] };
    const newer = own ?? step.newer;
    if (newer === undefined || newer === null)
      throw new UsageError(`${stepPath} has no newer checkpoint: give one as NEW.`);
    const keys = await this.#keys(undefined);
    const report = await reportOnStep({ older, newer, hashes: step.hashes }, { keys, ...this.#tenant });
    return { verdict: verdictOfStep(report, words), json: 'refusal' in report ? problemOf(report) : { ...report } };
  }

  get #tenant(): { tenant?: string } {
    const { tenant } = this.#values;
    return tenant === undefined ? {} : { tenant };
  }

  get #areKeysFromFile(): boolean {
    return this.#values.keys === undefined;
  }

  async #keys(file: unknown): Promise<PublicKeys> {
    const { keys: path, 'trust-keys-in-file': trusts } = this.#values;
    if (path === undefined && !trusts) {
      throw new UsageError('--keys is missing. Keys that come with a proof do not prove who signed it.');
    }
    if (path !== undefined && trusts) throw new UsageError('Give --keys or --trust-keys-in-file, not both.');
    const set =
      path === undefined ? (file as { keys?: unknown } | undefined)?.keys : await this.#readJson(path, 'keys');
    try {
      return await readPublicKeys(set);
    } catch (error) {
      throw new UsageError(`${path ?? 'the file'}: ${(error as Error).message}.`);
    }
  }

  async #readKept(path: string): Promise<Kept> {
    const text = await this.#read(path);
    try {
      return keptIn(text);
    } catch (error) {
      const kind = kindOf(text);
      throw kind === 'unknown' ? new UsageError(`${path}: ${(error as Error).message}.`) : otherKind(path, kind);
    }
  }

  async #readCheckpoint(path: string): Promise<string> {
    const { checkpoints } = await this.#readKept(path);
    const [checkpoint, ...others] = checkpoints;
    if (checkpoint !== undefined && others.length === 0) return checkpoint;
    throw new UsageError(`${path} has ${checkpoints.length} checkpoints. It must have exactly one.`);
  }

  async #readJson(path: string, expected: Kind): Promise<unknown> {
    return jsonIn(path, await this.#read(path), expected);
  }

  async #read(path: string): Promise<string> {
    try {
      const text = await this.#surroundings.readFile(path);
      return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    } catch (error) {
      throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
    }
  }
}

/** A file that is something else says nothing against a proof. */
function otherKind(path: string, kind: keyof typeof ADVICE): UsageError {
  return new UsageError(`${path}: this is ${en.kinds[kind]}: ${ADVICE[kind]}.`);
}

function jsonIn(path: string, text: string, expected: Kind): unknown {
  const kind = kindOf(text);
  if (kind !== expected && kind !== 'unknown') throw otherKind(path, kind);
  const value = parsed(path, text);
  if (kind !== expected) throw new UsageError(`${path}: this is not ${en.kinds[expected]}.`);
  return value;
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${path} is not JSON.`);
  }
}

function findingsOf({ findings }: Pick<ProofReport, 'findings'>): Pick<ProofFinding, 'problem' | 'detail'>[] {
  return findings.map(({ problem, detail }) => ({ problem, detail }));
}

function problemOf({ refusal }: Refused): Record<string, unknown> {
  return { problem: inWords([refusal], DETAILS) };
}

function parse(args: readonly string[]) {
  try {
    const { tokens, ...parsed } = parseArgs({
      args: [...args],
      allowPositionals: true,
      tokens: true,
      options: {
        keys: { type: 'string' },
        'trust-keys-in-file': { type: 'boolean' },
        checkpoint: { type: 'string', multiple: true },
        tenant: { type: 'string' },
        json: { type: 'boolean', default: false },
        language: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const names = tokens.flatMap((token) =>
      token.kind === 'option' && token.name !== 'checkpoint' ? [token.name] : [],
    );
    const repeated = names.find((name, at) => names.indexOf(name) < at);
    if (repeated !== undefined) throw new Error(`--${repeated} is given twice`);
    return parsed;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function inLines({ headline, subject, checked, notChecked, latest, findings }: Verdict, words: typeof en): string {
  const list = (items: readonly string[]) => items.map((item) => `  - ${item}`);
  const part = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ['', `${title}:`, ...lines]);
  const found = findings.flatMap(({ title, details, more }) => [
    `  - ${title}`,
    ...[...details, ...more].map((detail) => `      ${detail}`),
  ]);
  return `${[
    headline,
    ...(subject === '' ? [] : [subject]),
    ...part(words.findingsTitle, found),
    ...(latest ? part(latest.title, [`  ${latest.sentence}`]) : []),
    ...part(words.checkedTitle, list(checked)),
    ...part(words.notCheckedTitle, list(notChecked)),
  ]
    .map(printable)
    .join('\n')}\n`;
}

/** Names in files may write over a terminal. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n]/gu, '\uFFFD');
}
