// Runs a command in a small heap: V8 takes its limits only at the start of a process, so the process starts again.
import type { Env } from './environment.ts';

/** In MiB. */
const LIMITS = ['--max-semi-space-size=4', '--max-old-space-size=160'];
/** The one that bounds the heap: who chose the young generation's size alone has not. */
const LIMIT = /--max[-_]old[-_]space[-_]size/;

type Replace = (file: string, args: readonly string[], env: Env) => void;
const replaceProcess: Replace = (file, args, env) => process.execve?.(file, args, env);

/**
 * Replaces the process by one with V8's limits, under the same id and on the same streams; then, or where somebody has
 * chosen the limit (NODE_OPTIONS, Node's command line), it does nothing. Windows cannot replace a process: nothing there.
 */
export function ensureSmallHeap(env: Env, replace: Replace = replaceProcess): void {
  const isChosen = LIMIT.test([env.NODE_OPTIONS, ...process.execArgv].join(' '));
  if (isChosen || process.platform === 'win32') return;
  const [node = process.execPath, ...args] = process.argv;
  replace(node, [node, ...process.execArgv, ...LIMITS, ...args], env);
}
