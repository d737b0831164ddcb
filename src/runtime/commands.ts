// The commands: a table, the help made from it, and a message and an exit code for what a command throws.
import { parseArgs } from 'node:util';
import { type Env, SettingsError } from '../config.ts';
import { ServiceError } from '../model/errors.ts';
import { isStoreError } from '../objectstore/store-error.ts';

const NAME = 'proctoring-recordings';

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

const json = { type: 'boolean', help: 'one JSON document on stdout' } as const;

const COULD_NOT =
  'it could not be done (settings, a clock, a store that does not answer, output that cannot be written)';

/** Of the longest name of a command. */
const NAME_WIDTH = 'signing-key'.length + 2;

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: command({
    summary: 'Serve the HTTP API, and sweep on a schedule',
    description: `Serves the HTTP API and, unless SWEEP_SCHEDULE is off, sweeps on that schedule. Without S3_BUCKET the embedded store
runs beside it, in DATA_DIR.`,
    options: {},
    failsWith: 1,
    run: async (_flags, env) => (await import('./serve.ts')).serveCommand(env),
  }),
  sweep: command({
    summary: 'Delete what is due',
    description:
      'Deletes every recording whose deadline has come, and warns of those that will be deleted unassessed within 72 hours.',
    options: {
      'dry-run': { type: 'boolean', help: 'show what would be deleted, and delete nothing' },
      json,
    },
    exitCodes: `0 all done; 1 something failed and stays due, or the store did not answer; 2 refused to run (settings, clock)`,
    failsWith: 1,
    run: async (flags, env) => (await import('./sweep.ts')).sweepCommand(flags, env),
  }),
  verify: command({
    summary: 'Read the whole bucket and prove or disprove the promise',
    description: `Reads every key and every document, and compares them: what is overdue, missing, left over, forged or changed, and what
the audit trail says and the bucket does not show. It reads no media: their sizes and ETags are compared as the store lists
them, so it does not see bytes that were damaged on the store's disks. Of recordings younger than SETTLE_TIME only the
deadlines are checked; the first line, and \`checked\` and \`tooYoung\` of --json, say how many there are. What else could not be
checked is counted under \`notChecked\`. SECURITY.md lists what nobody can see in a bucket.`,
    options: {
      fix: {
        type: 'boolean',
        help: 'repair what can be repaired, each with an audit event, and sweep; no deadline moves later',
      },
      json,
    },
    exitCodes: `0 only if nothing is wrong; 1 something is; 2 ${COULD_NOT}`,
    run: async (flags, env) => (await import('./verify.ts')).verifyCommand(flags, env),
  }),
  explain: command({
    summary: 'Say why a recording is still held, or gone',
    description:
      'Says by which rule a recording is kept or was deleted, what is known of it, what leads a sweep to it, and what happens next.',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'whose recording' },
      exam: { type: 'string', value: 'E', required: true, help: 'its exam' },
      attempt: { type: 'string', value: 'A', required: true, help: 'its attempt' },
      recording: { type: 'string', value: 'R', required: true, help: 'its id' },
      json,
    },
    exitCodes: `0 all is as it should be; 1 something is wrong, or there is no such recording; 2 ${COULD_NOT}`,
    run: async (flags, env) => (await import('./explain.ts')).explainCommand(flags, env),
  }),
  report: command({
    summary: 'Say whether everything of a tenant was deleted in time',
    description:
      'Reads what is held of a tenant and the receipts of a period, and says whether everything was deleted in time, what is held until when,\nand what could not be checked.',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'whose recordings' },
      from: {
        type: 'string',
        value: 'TIME',
        help: 'the period from this day or time on (as far back as receipts are kept)',
      },
      to: { type: 'string', value: 'TIME', help: 'the period before this day or time (now)' },
      html: { type: 'string', value: 'FILE', help: 'write it as a page to this file as well' },
      json,
    },
    exitCodes: `0 everything was deleted in time, and all could be checked; 1 not so; 2 ${COULD_NOT}`,
    run: async (flags, env) => (await import('./report.ts')).reportCommand(flags, env),
  }),
  proof: command({
    summary: 'Write the proof of every deletion of a tenant, to be checked without this service',
    description:
      'Writes every signed receipt that is kept, every entry of the log of receipts and its latest checkpoint as one JSON document.\nThe package @proctoring-recordings/receipt-verifier checks it offline.',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'whose recordings' },
    },
    exitCodes: `0 written; 1 the log cannot be read; 2 ${COULD_NOT}`,
    run: async (flags, env) => (await import('./proof.ts')).proofCommand(flags, env),
  }),
  doctor: command({
    summary: 'Check whether the bucket is fit',
    description:
      'Checks that the bucket is reachable, private and configured as required, and that the known attacks fail.',
    options: {
      fix: { type: 'boolean', help: 'set CORS and the lifecycle rule for stray uploads, and nothing else' },
      json,
    },
    exitCodes: `0 only if the bucket is fit; 1 it is not; 2 ${COULD_NOT}`,
    run: async (flags, env) => (await import('./doctor.ts')).doctorCommand(flags, env),
  }),
  'signing-key': command({
    summary: 'Make a key that signs deletion receipts',
    description:
      'Prints the content of SIGNING_KEYS_FILE, which holds a private key. docs/proof.md says how to replace one.',
    options: {
      replace: { type: 'string', value: 'FILE', help: 'the keys until now: their public parts are kept' },
    },
    exitCodes: '0 done; 2 the file cannot be used',
    run: async (flags) => (await import('./signing-key.ts')).signingKeyCommand(flags),
  }),
  token: command({
    summary: 'Make a token to try things out (shared secret only)',
    description: 'Signs a JWT with AUTH_SHARED_SECRET or, with the embedded store, with the secret in DATA_DIR.',
    options: {
      tenant: { type: 'string', value: 'T', required: true, help: 'whose recordings' },
      scope: {
        type: 'string',
        value: '"S ..."',
        required: true,
        help: 'recordings:upload, recordings:review, assessments:write, privacy:manage; several with spaces',
      },
      sub: { type: 'string', value: 'S', default: 'token-command', help: 'the subject' },
      exam: { type: 'string', value: 'E', help: 'bind the token to an exam' },
      attempt: { type: 'string', value: 'A', help: 'bind it to one attempt of that exam' },
      participant: { type: 'string', value: 'P', help: 'bind it to the recordings of one participant' },
      ttl: { type: 'string', value: 'D', default: '1h', help: 'how long it is valid' },
      json: { ...json, help: '{token, expiresAt} on stdout' },
    },
    run: async (flags, env) => (await import('./token.ts')).tokenCommand(flags, env),
  }),
};

/** Runs the command that the arguments name. Resolves with the exit code; never throws. */
export async function runCommand([name = '', ...args]: readonly string[], env: Env): Promise<number> {
  if (['--help', '-h', 'help'].includes(name)) return print(overview());
  const found = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!found) return misused(name === '' ? 'which command?' : `there is no command "${name}"`);
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
  return `Usage: ${NAME} <command> [options]\n\n${lines.join('\n')}\n\n${NAME} <command> --help explains its options.`;
}

function helpOf(name: string, { description, options, exitCodes }: Command): string {
  const flags = Object.entries(options).map(([flag, option]) => ({ flag: `--${flag}`, ...option }));
  const usage = flags.map(({ flag, value, required }) => {
    const given = value === undefined ? flag : `${flag} ${value}`;
    return required ? given : `[${given}]`;
  });
  const width = Math.max(...flags.map(({ flag }) => flag.length)) + 2;
  const lines = flags.map(({ flag, help, default: fallback }) => {
    return `  ${flag.padEnd(width)}${help}${fallback === undefined ? '' : ` (${fallback})`}`;
  });
  return [
    `Usage: ${[NAME, name, ...usage].join(' ')}\n\n${description}`,
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    ...(exitCodes === undefined ? [] : [`Exit code: ${exitCodes}.`]),
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
    process.stderr.write(`${NAME}: the store: ${message}; ${NAME} doctor explains more\n`);
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
