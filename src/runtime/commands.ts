// The commands: a table, the help made from it, and a message and an exit code for what a command throws.
import { parseArgs } from 'node:util';
import { type Env, SettingsError } from '../config.ts';
import { ServiceError } from '../model/errors.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { NAME, versionLine } from './version.ts';

interface Option {
  readonly type: 'boolean' | 'string';
  readonly help: string;
  /** How the help shows a value: `--tenant T`. */
  readonly value?: string;
  readonly default?: string;
  readonly required?: true;
}

type Options = Readonly<Record<string, Option>>;
type Flags<O> = {
  readonly [K in keyof O]: O[K] extends { type: 'boolean' }
    ? boolean | undefined
    : O[K] extends { required: true } | { default: string }
      ? string
      : string | undefined;
};

interface Command<O = Options> {
  readonly summary: string;
  readonly description: string;
  readonly options: O;
  readonly exitCodes?: string;
  /** Of any failure. Default: 2, because 1 is an answer. */
  readonly failsWith?: 1;
  /** Loads the command's own modules when it is called: a token needs no S3 client. Resolves with the exit code. */
  readonly run: (flags: Flags<O>, env: Env) => Promise<number>;
}

/** Infers the type of the flags of `run` from `options`. */
const command = <const O extends Options>(described: Command<O>) => described as unknown as Command;

const json = { type: 'boolean', help: 'print one JSON document' } as const;

const COULD_NOT =
  '2 nothing is known (bad settings, clocks that differ, no response from the store, unwritable output)';

/** Of the longest name of a command. */
const NAME_WIDTH = 'signing-key'.length + 2;

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: command({
    summary: 'Serve the HTTP API, and sweep on a schedule',
    description: `Serves the HTTP API and sweeps on SWEEP_SCHEDULE, unless that is off. Without S3_BUCKET it also runs the embedded store,
in DATA_DIR, and accepts connections from this machine only.

It is configured by environment variables: docs/settings.md lists all of them.`,
    options: {},
    failsWith: 1,
    run: async (_flags, env) => (await import('./serve.ts')).serveCommand(env),
  }),
  sweep: command({
    summary: 'Delete what is due',
    description:
      'Deletes every recording that is due, and warns of unassessed recordings that will be deleted within 72 hours.',
    options: {
      'dry-run': { type: 'boolean', help: 'show what would be deleted; delete nothing' },
      json,
    },
    exitCodes:
      '0 everything due was deleted; 1 something failed and stays due, or the store did not respond; 2 refused to run (bad settings, clocks that differ)',
    failsWith: 1,
    run: async (flags, env) => (await import('./sweep.ts')).sweepCommand(flags, env),
  }),
  verify: command({
    summary: 'Check the whole bucket against what it should contain',
    description: `Reads every key and every document, and compares them. It finds what is overdue, missing, left over, forged or changed,
and what the audit trail and the bucket say differently. It does not read media: it compares their sizes and ETags as the
store lists them, so it cannot see bytes that were damaged on the store's disks. Of recordings younger than SETTLE_TIME it
checks only the deadlines. The first line, and \`checked\` and \`tooYoung\` in the JSON, say how many recordings were checked;
\`notChecked\` counts what else could not be compared. SECURITY.md lists what no check of a bucket can find.`,
    options: {
      fix: {
        type: 'boolean',
        help: 'repair what can be repaired, with an audit event for each repair, then sweep; no deadline moves later',
      },
      json,
    },
    exitCodes: `0 nothing is wrong; 1 something is wrong; ${COULD_NOT}`,
    run: async (flags, env) => (await import('./verify.ts')).verifyCommand(flags, env),
  }),
  explain: command({
    summary: 'Explain why a recording is still held, or gone',
    description:
      'Shows the rule by which a recording is kept or was deleted, what is known about it, and what happens next.',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'the tenant' },
      exam: { type: 'string', value: 'E', required: true, help: 'the exam' },
      attempt: { type: 'string', value: 'A', required: true, help: 'the attempt' },
      recording: { type: 'string', value: 'R', required: true, help: 'the recording' },
      json,
    },
    exitCodes: `0 everything is as it should be; 1 something is wrong, or there is no such recording; ${COULD_NOT}`,
    run: async (flags, env) => (await import('./explain.ts')).explainCommand(flags, env),
  }),
  report: command({
    summary: "Report whether a tenant's recordings were deleted in time",
    description:
      'Reads the recordings that are held for a tenant and the receipts of a period. It reports whether everything was deleted in\ntime, what is held until when, and what could not be checked.',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'the tenant' },
      from: {
        type: 'string',
        value: 'TIME',
        help: 'start of the period, a day or a time (default: the oldest receipt that is kept)',
      },
      to: { type: 'string', value: 'TIME', help: 'end of the period, exclusive (default: now)' },
      html: { type: 'string', value: 'FILE', help: 'also write the report as a web page to this file' },
      json,
    },
    exitCodes: `0 everything was deleted in time, and everything could be checked; 1 not so; ${COULD_NOT}`,
    run: async (flags, env) => (await import('./report.ts')).reportCommand(flags, env),
  }),
  proof: command({
    summary: "Export the proof of a tenant's deletions, to be checked offline",
    description:
      'Prints one JSON document: every signed receipt that is kept, every entry of the log of receipts, and its latest checkpoint.\nThe package receipt-verifier checks it offline (docs/proof.md).',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'the tenant' },
    },
    exitCodes: `0 written; 1 the log of receipts cannot be read; ${COULD_NOT}`,
    run: async (flags, env) => (await import('./proof.ts')).proofCommand(flags, env),
  }),
  doctor: command({
    summary: 'Check whether the bucket can be used',
    description:
      'Checks that the bucket can be reached, is private and is configured as required, and that known attacks on presigned URLs fail.\nRun it on every new store, and after every upgrade of a store.',
    options: {
      fix: {
        type: 'boolean',
        help: 'set CORS (not in the embedded store) and the lifecycle rule for stray uploads; change nothing else',
      },
      json,
    },
    exitCodes: `0 the bucket is fit; 1 it is not; ${COULD_NOT}`,
    run: async (flags, env) => (await import('./doctor.ts')).doctorCommand(flags, env),
  }),
  'signing-key': command({
    summary: 'Create a key that signs deletion receipts',
    description:
      'Prints the content of SIGNING_KEYS_FILE, which contains a private key. docs/proof.md explains how to replace a key.',
    options: {
      replace: { type: 'string', value: 'FILE', help: 'the current file; its public keys are kept' },
    },
    exitCodes: '0 printed; 2 the file cannot be used',
    run: async (flags) => (await import('./signing-key.ts')).signingKeyCommand(flags),
  }),
  token: command({
    summary: 'Create a token for trying out the API',
    description:
      'Signs a JWT with AUTH_SHARED_SECRET or, if that is not set, with the secret that the embedded store keeps in DATA_DIR. With\nAUTH_JWKS_URL your identity provider issues the tokens.',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'the tenant' },
      scope: {
        type: 'string',
        value: '"S ..."',
        required: true,
        help: 'recordings:upload, recordings:review, assessments:write, privacy:manage; separated by spaces',
      },
      sub: {
        type: 'string',
        value: 'S',
        default: 'token-command',
        help: 'the subject, who is named in the audit trail',
      },
      exam: { type: 'string', value: 'E', help: 'bind the token to this exam' },
      attempt: { type: 'string', value: 'A', help: 'bind the token to this attempt of the exam' },
      participant: { type: 'string', value: 'P', help: 'bind the token to the recordings of this participant' },
      ttl: { type: 'string', value: 'D', default: '1h', help: 'how long it is valid' },
      json: { ...json, help: 'print {token, expiresAt}' },
    },
    run: async (flags, env) => (await import('./token.ts')).tokenCommand(flags, env),
  }),
};

/** Runs the command that the arguments name. Resolves with the exit code; never throws. */
export async function runCommand([name = '', ...args]: readonly string[], env: Env): Promise<number> {
  if (['--help', '-h', 'help'].includes(name)) return print(overview());
  if (['--version', '-v', 'version'].includes(name)) return print(versionLine());
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!found) return misused(name === '' ? 'a command is missing' : `there is no command "${name}"`);
  if (args.includes('--help') || args.includes('-h')) return print(helpOf(name, found));
  try {
    const { values } = parseArgs({ args, options: found.options });
    const missing = Object.entries(found.options).find(([flag, { required }]) => required && !(flag in values));
    if (missing) return misused(`--${missing[0]} is missing: ${missing[1].help}`, name);
    return await found.run(values as Flags<Options>, env);
  } catch (error) {
    // It was reported when it happened.
    if (error === outputError) return 2;
    return report(error, name, found.failsWith ?? 2);
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(NAME_WIDTH)}${summary}`);
  return `Usage: ${NAME} <command> [options]\n\n${lines.join('\n')}\n\n${NAME} <command> --help lists the options of a command.\n${NAME} --version prints the version.\n\nAll commands are configured by environment variables: see docs/settings.md.`;
}

function helpOf(name: string, { description, options, exitCodes }: Command): string {
  const flags = Object.entries(options).map(([flag, option]) => ({ flag: `--${flag}`, ...option }));
  const usage = flags.map(({ flag, value, required }) => {
    const given = value === undefined ? flag : `${flag} ${value}`;
    return required ? given : `[${given}]`;
  });
  const width = Math.max(...flags.map(({ flag }) => flag.length)) + 2;
  const lines = flags.map(({ flag, help, default: fallback }) => {
    return `  ${flag.padEnd(width)}${help}${fallback === undefined ? '' : ` (default: ${fallback})`}`;
  });
  return [
    `Usage: ${[NAME, name, ...usage].join(' ')}\n\n${description}`,
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    ...(exitCodes === undefined
      ? []
      : [['Exit code:', ...exitCodes.split('; ').map((code) => `  ${code}`)].join('\n')]),
  ].join('\n\n');
}

/** 1: the answer is no. 2: there is none. */
function report(error: unknown, name: string, failureCode: number): number {
  if (error instanceof SettingsError) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('ERR_PARSE_ARGS_')) return misused(message.replace(/\n[\s\S]*/, ''), name);
  if (isStoreError(error)) {
    process.stderr.write(`${NAME}: the store: ${message}; run ${NAME} doctor for more\n`);
    return code === 'no-such-bucket' || code === 'access-denied' ? 2 : failureCode;
  }
  process.stderr.write(`${NAME}: ${message}\n`);
  return error instanceof ServiceError && error.code !== 'clock-skew' ? 1 : failureCode;
}

function misused(problem: string, name = ''): number {
  process.stderr.write(`${NAME}: ${problem}; see ${[NAME, name, '--help'].filter(Boolean).join(' ')}\n`);
  return 2;
}

let outputError: unknown;
// Without it, Node would end with 1.
process.stdout.on('error', (error) => {
  outputError = error;
  process.stderr.write(`${NAME}: the output cannot be written: ${error.message}\n`);
  process.exitCode = 2;
});
