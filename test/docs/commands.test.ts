// Commands that the pages name in their text, or that CI alone runs: what they name is there, and takes their options.
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import pMap from 'p-map';
import { runCommand } from '../../src/runtime/commands.ts';
import { blocksOf, linesOf, PAGES, ROOT, read } from './blocks.ts';

const SERVICE = 'src/main.ts';
const VERIFIER = 'packages/receipt-verifier/src/cli.ts';
/** What a build makes of a source. */
const BUILT: Readonly<Record<string, string>> = {
  'dist/main.js': SERVICE,
  'packages/receipt-verifier/dist/cli.js': VERIFIER,
};

interface Named {
  readonly page: string;
  readonly command: string;
}

/** Those within the text, and those of the blocks that CI alone runs. */
async function allNamed(): Promise<Named[]> {
  const inText = await pMap(PAGES, async (page) => {
    const prose = (await read(page)).replaceAll(/^```[\s\S]*?^```$/gm, '');
    return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, command = '']) => ({ page, command }));
  });
  const byCi = await pMap(['CONTRIBUTING.md', 'docs/benchmarks.md'], async (page) =>
    (await blocksOf(page, 'sh')).flatMap(linesOf).map((command) => ({ page, command })),
  );
  return [...inText, ...byCi].flat().map(({ page, command }) => ({ page, command: command.replaceAll('\\', '') }));
}

/** Whether a file is there and can be executed. */
const isProgram = (path: string) =>
  access(join(ROOT, path), constants.X_OK).then(
    () => true,
    () => false,
  );
const isThere = (path: string) =>
  access(join(ROOT, path)).then(
    () => true,
    () => false,
  );

const COMMANDS = ['serve', 'sweep', 'verify', 'explain', 'report', 'proof', 'doctor', 'signing-key', 'token'];
const CALL = new RegExp(`^(?:${COMMANDS.join('|')})(?: [[-].*)?$`);
/** What the service, and the checker, print about a command. */
const helps = new Map<string, string>();

beforeAll(async () => {
  for (const command of COMMANDS) {
    const printed = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    await runCommand([command, '--help'], {});
    helps.set(`${SERVICE} ${command}`, String(printed.mock.calls[0]?.[0]));
    printed.mockRestore();
  }
  const usage = await read('packages/receipt-verifier/src/command.ts');
  for (const command of ['check', 'receipt', 'consistency']) helps.set(`${VERIFIER} ${command}`, usage);
});

/** The options that a command of the service or of the checker does not have. */
function unknownOptions(source: string, [command = '', ...args]: readonly string[]): string[] {
  const help = helps.get(`${source} ${command}`);
  if (help === undefined) return command === '--help' ? [] : [command];
  return optionsIn(args).filter((option) => option !== '--help' && !new RegExp(`${option}\\b`).test(help));
}

const optionsIn = (words: readonly string[]) => words.flatMap((word) => /^\[?(--[a-z][\w-]*)/.exec(word)?.[1] ?? []);

/** What is wrong with a command: an empty list if nothing is. Undefined: it is none of ours. */
async function problemsOf({ page, command }: Named): Promise<string[] | undefined> {
  const steps = command.split(/ && /);
  if (steps.length > 1) {
    const inBench = steps[0] === 'cd bench';
    const rest = inBench ? steps.slice(1) : steps;
    const found = await pMap(rest, (step) => problemsOf({ page: inBench ? 'bench/README.md' : page, command: step }));
    return found.every((one) => one === undefined) ? undefined : found.flatMap((one) => one ?? []);
  }
  if (CALL.test(command)) return unknownOptions(SERVICE, command.split(' '));
  const words = command.split(' ').filter((word) => !/^[A-Z][A-Z0-9_]*=/.test(word));
  const [program = '', ...args] = words;
  if (/^(\.ci|ci)\/[\w-]+$/.test(program))
    return (await isProgram(program)) || (await isThere(`${program}.ts`)) ? [] : [program];
  if (program === 'node' && /\.[cm]?[jt]s$/.test(args.find((word) => !word.startsWith('-')) ?? ''))
    return problemsOfNode(page, args);
  if (program !== 'npm') return undefined;
  return problemsOfNpm(page, args);
}

async function problemsOfNode(page: string, args: readonly string[]): Promise<string[]> {
  const at = args.findIndex((word) => !word.startsWith('-'));
  const file = args[at] ?? '';
  if (file === 'FILE') return [];
  const path = page === 'bench/README.md' ? `bench/${file}` : (BUILT[file] ?? file);
  if (!(await isThere(path))) return [path];
  const rest = args.slice(at + 1);
  return Object.values(BUILT).includes(path) && rest.length > 0 ? unknownOptions(path, rest) : optionsNotIn(path, rest);
}

async function optionsNotIn(path: string, args: readonly string[]): Promise<string[]> {
  const source = await read(path);
  return optionsIn(args).filter(
    (option) => !new RegExp(`['"\`-]${option.slice(2)}\\b|\\b${option.slice(2)}:`).test(source),
  );
}

async function problemsOfNpm(page: string, [action = '', ...args]: readonly string[]): Promise<string[]> {
  if (['ci', 'test', 'start', 'sbom', 'pack', 'install', 'audit'].includes(action)) return [];
  if (action !== 'run') return [action];
  const folder = page === 'bench/README.md' || args[0] === 'bench' ? 'bench/' : '';
  const { scripts } = JSON.parse(await read(`${folder}package.json`)) as { scripts: Record<string, string> };
  const [name = '', ...rest] = args.filter((word) => word !== '--silent' && word !== '--');
  const script = scripts[name];
  if (script === undefined) return [`npm run ${name}`];
  const [, path = '', command] = /(\S+\.ts)(?: ([\w-]+))?$/.exec(script) ?? [];
  if (path === SERVICE) return unknownOptions(SERVICE, [command ?? '', ...rest]);
  return rest.length > 0 && path !== '' ? optionsNotIn(folder + path, rest) : [];
}

describe('a command that is wrong is found', () => {
  test.each([
    'npm run sweeep',
    'npm run simulate -- --historys 10',
    'sweep --fix',
    'node dist/main.js verify --jsn',
    'ci/clusters 1.31.4',
    'node ci/no-such-file.ts',
    'npm ci && npm run biuld',
  ])('%s', async (command) => {
    expect(await problemsOf({ page: 'README.md', command })).toHaveLength(1);
  });
});

test('every command of this repository that a page names in its text, and every command of CI, is there', async () => {
  const checked: string[] = [];
  const wrong: Record<string, string[]> = {};
  for (const named of await allNamed()) {
    const problems = await problemsOf(named);
    if (problems !== undefined) checked.push(named.command);
    if (problems && problems.length > 0) wrong[`${named.page}: ${named.command}`] = problems;
  }
  expect(wrong).toEqual({});
  expect(checked.length).toBeGreaterThan(100);
});

test('what CONTRIBUTING.md runs is what .ci/run and ci/full run', async () => {
  const steps = await Promise.all(['.ci/run', 'ci/full'].map((path) => readFile(join(ROOT, path), 'utf8')));
  const programs = (await blocksOf('CONTRIBUTING.md', 'sh'))
    .flatMap(linesOf)
    .flatMap((line) => line.match(/\bci\/[\w-]+/g) ?? []);
  expect(programs.length).toBeGreaterThan(10);
  const names = new Set(programs.filter((name) => name !== 'ci/run' && name !== 'ci/full'));
  expect([...names].filter((name) => !steps.some((text) => text.includes(name)))).toEqual([]);
});
