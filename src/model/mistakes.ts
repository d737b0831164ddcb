// What is wrong with a value that a caller sent, in words that say what to send; never the schema library's own.
import type { z } from 'zod';

export interface Mistake {
  /** `parts.0.sizeBytes`; '' for the whole. */
  readonly path: string;
  readonly message: string;
}

/** Names of unknown members come from the caller, so their length is limited. */
const MAX_NAME_LENGTH = 64;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

type Issue = z.core.$ZodRawIssue;

/** For issues whose schema has no message of its own; undefined for kinds that no schema here makes. */
export function whatToSend(issue: Issue): string | undefined {
  const { input, path = [] } = issue;
  if (input === undefined) return missing(issue, path.length === 0);
  switch (issue.code) {
    case 'invalid_type': {
      if (issue.expected === 'object' && Array.isArray(input)) {
        return 'Must be an object: send {}, not [], where it is empty';
      }
      const given = input === null ? 'null' : TYPES[Array.isArray(input) ? 'array' : typeof input];
      const expected = TYPES[issue.expected] ?? issue.expected;
      return given === undefined || issue.expected === 'int'
        ? `Must be ${expected}`
        : `Must be ${expected}, not ${given}`;
    }
    case 'invalid_value':
      return `Must be ${oneOf(issue)}`;
    case 'too_small':
      if (!hasLength(issue)) return `Must be at least ${issue.minimum}`;
      return Number(issue.minimum) === 1 ? 'Must not be empty' : `Must have at least ${issue.minimum} ${unitOf(issue)}`;
    case 'too_big':
      return hasLength(issue)
        ? `Must have at most ${issue.maximum} ${unitOf(issue)}`
        : `Must be at most ${issue.maximum}`;
    default:
      return undefined;
  }
}

function missing(issue: Issue, isWhole: boolean): string {
  if (isWhole) return 'Is missing: send a JSON object';
  return issue.code === 'invalid_value' ? `Is missing: send ${oneOf(issue)}` : 'Is missing';
}

function oneOf({ values }: { readonly values: readonly unknown[] }): string {
  const [last, ...others] = values.map(String).toReversed();
  return others.length === 0 ? `${last}` : `${others.toReversed().join(', ')} or ${last}`;
}

const hasLength = ({ origin }: { readonly origin: string }) => origin === 'string' || origin === 'array';
const unitOf = ({ origin }: { readonly origin: string }) => (origin === 'array' ? 'items' : 'characters');

export function mistakesOf(error: z.ZodError): Mistake[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path.join('.'), message: issue.message }];
    return issue.keys.map((key) => ({
      path: [...issue.path, key.slice(0, MAX_NAME_LENGTH)].join('.'),
      message: 'Is not known here',
    }));
  });
}
