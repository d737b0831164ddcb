// Deliberate mistakes between the client and what it works with: each breaks one rule of the oracle, in a session of its own.
import type { HttpReply, HttpRequest } from './backend.ts';
import type { Rule } from './oracle.ts';
import type { Page } from './page.ts';

type Globals = Readonly<Record<string, unknown>>;

export interface Mistake {
  readonly name: string;
  readonly breaks: Rule;
  /** The seed of a session that shows it, and whether that is a clean one. */
  readonly seed: number;
  readonly isClean: boolean;
  /** Other globals for the client. */
  readonly page?: (globals: Globals, page: Page) => Globals;
  /** A request that is changed, or answered by another. */
  readonly serve?: (request: HttpRequest, go: (request: HttpRequest) => Promise<HttpReply>) => Promise<HttpReply>;
  /** An event that nobody sees. */
  readonly hides?: string;
}

export const MISTAKES: readonly Mistake[] = [];

export function findMistake(name: string): Mistake {
  const mistake = MISTAKES.find((known) => known.name === name);
  if (!mistake) throw new Error(`no mistake is called ${name}`);
  return mistake;
}
