// The command `receipt-verifier`: a proof, one receipt, or the step between two checkpoints, checked without a network.
import { parseArgs } from 'node:util';
import { CheckpointError } from './checkpoint.ts';
import { toBase64 } from './encoding.ts';
import { type Kept, keptIn } from './kept.ts';
import { type PublicKeys, readPublicKeys } from './keys.ts';
import { checkProof, isTimeToBeLogged, leadOf } from './proof.ts';
import { ReceiptError } from './receipt.ts';
import { MalformedError, membersOf } from './shape.ts';
import { checkConsistency, checkReceipt } from './single.ts';
import { sentenceOf, type Verdict, verdictOf } from './verdict.ts';
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
  receipt-verifier receipt FILE --keys JWKS [--json] [--language en|nl]
  receipt-verifier consistency OLD [NEW] PROOF --keys JWKS [--json] [--language en|nl]

check         all receipts of a tenant against its log: the file that GET /v1/proof gives
receipt       one receipt, and its place in the log
consistency   that the log of the checkpoint NEW, by default the one in PROOF, only adds to that of the checkpoint OLD

--keys        the public keys of the service, which you got in another way than the proof: its /.well-known/jwks.json
--checkpoint  what you have kept: a checkpoint, or webhooks (one, a list, or one in each line) that brought one
--tenant      whose proof it should be
--trust-keys-in-file   instead of --keys; proves only that the file agrees with itself
--json        the result as JSON

Nothing is sent or fetched. Exit code: 0 it holds, 1 it does not, 2 the command was not used rightly.
`;

const HOLDS = 0;
const FAILS = 1;
const WRONG_USE = 2;
/** Some editors begin files with it. */
const BYTE_ORDER_MARK = '\uFEFF';
const LANGUAGES = { en, nl } as const;

class UsageError extends Error {}

/** Returns the exit code. Never throws because of what arguments or files say. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    return await new Command(args, surroundings).run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    surroundings.err(`${printable(error.message)}\n\n${USAGE}`);
    return WRONG_USE;
  }
}

interface Result {
  readonly holds: boolean;
  readonly text: string;
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
    const { holds, text, json } = await this.#resultOf(name, files);
    out(this.#values.json ? `${printable(JSON.stringify({ holds, ...json }, undefined, 2))}\n` : text);
    return holds ? HOLDS : FAILS;
  }

  #resultOf(name: string | undefined, files: readonly string[]): Promise<Result> {
    const [first = '', second = '', third] = files;
    if (name === 'check' && files.length === 1) return this.#check(first);
    if (name === 'receipt' && files.length === 1) return this.#receipt(first);
    if (name === 'consistency' && files.length === 2) return this.#consistency(first, undefined, second);
    if (name === 'consistency' && files.length === 3) return this.#consistency(first, second, third ?? '');
    throw new UsageError(name === undefined ? 'What is to be checked?' : 'These are not the right arguments.');
  }

  get #words(): typeof en {
    const { language = 'en' } = this.#values;
    if (language !== 'en' && language !== 'nl') throw new UsageError('--language is en or nl');
    return LANGUAGES[language];
  }

  async #check(path: string): Promise<Result> {
    const words = this.#words;
    const { tenant, checkpoint: paths = [] } = this.#values;
    const file = await this.#readJson(path);
    const keys = await this.#keys(file);
    const kept = await Promise.all(paths.map((kept) => this.#readKept(kept)));
    const held = {
      heldCheckpoints: kept.flatMap(({ checkpoints }) => checkpoints),
      heldReceipts: kept.flatMap(({ receipts }) => receipts),
    };
    const expected = tenant === undefined ? {} : { tenant };
    const { nowMs } = this.#surroundings;
    const report = await checkProof(file, { keys, ...held, nowMs, ...expected });
    const verdict = verdictOf(report, { areKeysFromFile: this.#values.keys === undefined, nowMs }, words);
    const { checkpoint } = report;
    const root = checkpoint && { size: checkpoint.size, root: toBase64(checkpoint.root) };
    return { holds: verdict.holds, text: inLines(verdict, words), json: { ...report, checkpoint: root } };
  }

  async #receipt(path: string): Promise<Result> {
    const words = this.#words;
    const file = await this.#readJson(path);
    const keys = await this.#keys(file);
    return this.#unlessRefused(async () => {
      const { claims, isInLog } = await checkReceipt(file as Parameters<typeof checkReceipt>[0], keys);
      const isWaiting =
        (file as { inclusion: unknown }).inclusion === null && !isTimeToBeLogged(claims, this.#surroundings.nowMs);
      const isInTime = leadOf(claims) >= 0;
      const holds = isInTime && (isInLog || isWaiting);
      const { tenantId, examId, attemptId } = claims;
      const place = isInLog ? words.receiptInLog : isWaiting ? words.receiptWaiting : words.receiptNotInLog;
      const lines = [
        holds ? words.receiptHolds : isInLog || isWaiting ? words.receiptLate : words.receiptFails,
        '',
        words.receiptSigned(tenantId, examId, attemptId),
        place,
        sentenceOf(claims, words),
        ...(this.#values.keys === undefined ? [words.keysFromFile] : []),
      ];
      return { holds, text: `${lines.map(printable).join('\n')}\n`, json: { isInLog, isInTime, claims } };
    });
  }

  async #consistency(oldPath: string, newPath: string | undefined, proofPath: string): Promise<Result> {
    const words = this.#words;
    const [older = ''] = (await this.#readKept(oldPath)).checkpoints;
    const [own] = newPath === undefined ? [] : (await this.#readKept(newPath)).checkpoints;
    const proof = await this.#readJson(proofPath);
    const keys = await this.#keys(undefined);
    const tenant = this.#values.tenant ?? older.split('\n')[0]?.split('/').slice(1).join('/') ?? '';
    return this.#unlessRefused(async () => {
      const { newer = '', hashes } = membersOf(proof, 'the proof') as { newer?: string; hashes: string[] };
      const holds = await checkConsistency({ older, newer: own ?? newer, hashes }, tenant, keys);
      const text = holds ? words.consistencyHolds(tenant) : words.consistencyFails;
      return { holds, text: `${printable(text)}\n`, json: { tenant } };
    });
  }

  /** What a signature or a shape refuses does not hold. */
  async #unlessRefused(check: () => Promise<Result>): Promise<Result> {
    try {
      return await check();
    } catch (error) {
      const isRefusal =
        error instanceof ReceiptError || error instanceof CheckpointError || error instanceof MalformedError;
      if (!isRefusal) throw error;
      const text = `${this.#words.fails}\n\n${printable(error.message)}\n`;
      return { holds: false, text, json: { problem: error.message } };
    }
  }

  async #keys(file: unknown): Promise<PublicKeys> {
    const { keys: path, 'trust-keys-in-file': trusts } = this.#values;
    if (path === undefined && !trusts) {
      throw new UsageError('--keys is missing: keys that come with a proof prove nothing about who has signed it.');
    }
    if (path !== undefined && trusts) throw new UsageError('Give --keys or --trust-keys-in-file, not both.');
    const set = path === undefined ? (file as { keys?: unknown } | undefined)?.keys : await this.#readJson(path);
    try {
      return await readPublicKeys(set);
    } catch (error) {
      throw new UsageError(`${path ?? 'the file'}: ${(error as Error).message}`);
    }
  }

  async #readKept(path: string): Promise<Kept> {
    const text = await this.#read(path);
    try {
      return keptIn(text);
    } catch (error) {
      throw new UsageError(`${path}: ${(error as Error).message}`);
    }
  }

  async #readJson(path: string): Promise<unknown> {
    const text = await this.#read(path);
    try {
      return JSON.parse(text);
    } catch {
      throw new UsageError(`${path} is not JSON.`);
    }
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

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        keys: { type: 'string' },
        'trust-keys-in-file': { type: 'boolean', default: false },
        checkpoint: { type: 'string', multiple: true },
        tenant: { type: 'string' },
        json: { type: 'boolean', default: false },
        language: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
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
    subject,
    ...part(words.findingsTitle, found),
    ...part(words.latestTitle, [`  ${latest}`]),
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
