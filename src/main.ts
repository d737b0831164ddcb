#!/usr/bin/env node
// The binary: finds the command, shows help, and turns what a command throws into one line and an exit code.
import { keepYoungGenerationSmall } from './http/young-generation.ts';
import { isStoreError } from './objectstore/store-error.ts';
import type { Env } from './runtime/environment.ts';
import { SettingsError } from './runtime/settings-error.ts';
import { ensureSmallHeap } from './runtime/small-heap.ts';
import { isUsageError, UsageError } from './runtime/usage-error.ts';

const NAME = 'proctoring-recordings';

/** Resolves with the exit code. Flags are parsed strictly by each command. */
type CommandFunction = (argv: string[], env: Env) => Promise<number>;

interface Command {
  readonly summary: string;
  readonly help: string;
  /** Limits its memory; called before it is loaded. */
  readonly limitHeap?: (env: Env) => void;
  /** Loaded when called: a token needs no S3 client. */
  load(): Promise<CommandFunction>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'Serve the HTTP API, and sweep on a schedule',
    help: `serve

Serves the HTTP API and, unless SWEEP_SCHEDULE is off, sweeps on that schedule. Without S3_BUCKET the embedded store
runs beside it, in DATA_DIR.`,
    limitHeap: keepYoungGenerationSmall,
    load: async () => (await import('./runtime/serve.ts')).serveCommand,
  },
  sweep: {
    summary: 'Delete what is due',
    help: `sweep [--dry-run] [--json]

Deletes every recording whose deadline has come, and warns of those that will go unassessed within 72 hours.

  --dry-run  say what would be deleted, and delete nothing
  --json     one JSON document on stdout

Exit code: 0 all done; 1 something failed and stays due; 2 refused to run (settings, clock).`,
    limitHeap: ensureSmallHeap,
    load: async () => (await import('./runtime/sweep.ts')).sweepCommand,
  },
  verify: {
    summary: 'Read the whole bucket and prove or disprove the promise',
    help: `verify [--fix] [--json]

Looks for overdue media, orphans, attempts without a due entry, wrong tags and stray uploads.

  --fix   put right what can be, and sweep; nothing is deleted that is not due
  --json  one JSON document on stdout

Exit code: 0 only if nothing is wrong; 1 something is; 2 refused to run (settings, clock).`,
    limitHeap: ensureSmallHeap,
    load: async () => (await import('./runtime/verify.ts')).verifyCommand,
  },
  doctor: {
    summary: 'Check whether the bucket is fit',
    help: `doctor [--fix] [--json]

Checks that the bucket is reachable, private and set up as it has to be, and that the known attacks fail.

  --fix   set CORS and the lifecycle rule for stray uploads, and nothing else
  --json  one JSON document on stdout

Exit code: 0 only if the bucket is fit; 1 it is not; 2 refused to run (settings).`,
    load: async () => (await import('./runtime/doctor.ts')).doctorCommand,
  },
  token: {
    summary: 'Make a token to try things out (shared secret only)',
    help: `token --tenant T --scope "S ..." [--sub S] [--exam E [--attempt A]] [--ttl 1h] [--json]

Signs a JWT with AUTH_SHARED_SECRET or, with the embedded store, with the secret in DATA_DIR.

  --tenant   whose recordings
  --scope    recordings:upload, recordings:review, assessments:write, privacy:manage; several with spaces
  --sub      the subject (token-command)
  --exam     bind the token to an exam
  --attempt  bind it to one attempt of that exam
  --ttl      how long it is valid (1h)
  --json     {token, expiresAt} on stdout`,
    load: async () => (await import('./runtime/token.ts')).tokenCommand,
  },
};

async function main(argv: string[], env: Env): Promise<number> {
  const [name = '', ...rest] = argv;
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${overview()}\n`);
    return 0;
  }
  try {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!command) throw new UsageError(name === '' ? 'which command?' : `there is no command "${name}"`);
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(`Usage: ${NAME} ${command.help}\n`);
      return 0;
    }
    command.limitHeap?.(env);
    const run = await command.load();
    return await run(rest, env);
  } catch (error) {
    return report(error, name);
  }
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(8)}${summary}`);
  return `Usage: ${NAME} <command> [options]\n\n${lines.join('\n')}\n\n${NAME} <command> --help tells more.`;
}

/** 2: nothing was done, because of how it was called or set up. 1: it failed on the way. */
function report(error: unknown, name: string): number {
  if (error instanceof SettingsError) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  if (isUsageError(error)) {
    const [line = ''] = error.message.split('\n');
    process.stderr.write(`${NAME}: ${line}; see ${NAME} ${Object.hasOwn(COMMANDS, name) ? `${name} ` : ''}--help\n`);
    return 2;
  }
  if (isStoreError(error)) {
    const isSettings = error.code === 'no-such-bucket' || error.code === 'access-denied';
    process.stderr.write(`${NAME}: the store: ${error.message}; ${NAME} doctor tells more\n`);
    return isSettings ? 2 : 1;
  }
  process.stderr.write(`${NAME}: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
}

process.exitCode = await main(process.argv.slice(2), process.env);
