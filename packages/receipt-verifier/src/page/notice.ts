// What the page says when something that was given cannot be used: it says nothing against a proof.
import { inWords } from '../details.ts';
import { type Kind, kindOf } from '../kind.ts';
import { Refusal } from '../refusal.ts';
import type { Words } from '../words/en.ts';
import type { NamedText } from './chosen.ts';
import type { Texts } from './texts/en.ts';

export class Notice extends Error {
  readonly say: (texts: Texts, words: Words) => string;

  constructor(say: Notice['say']) {
    super();
    this.say = say;
  }
}

/** Of a file that is something else than its place asks for, if it can be told what; otherwise why it cannot be read. */
export function cannotUse({ name, text }: Pick<NamedText, 'name' | 'text'>, expected: Kind, error: unknown): Notice {
  const kind = kindOf(text);
  if (kind !== expected && kind !== 'unknown')
    return new Notice((texts, words) => texts.otherKind(name, words.kinds[kind], texts.advice[kind]));
  return new Notice((texts, words) => texts.unreadable(name, reasonOf(error, words)));
}

function reasonOf(error: unknown, words: Words): string {
  return error instanceof Refusal ? inWords([error.detail], words.details) : (error as Error).message;
}
