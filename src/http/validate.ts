// Checks what a caller sent against its schema, and tells every mistake with its place.
import type { z } from 'zod';
import { ServiceError } from '../model/errors.ts';

export interface Mistake {
  /** `parts.0.sizeBytes`; '' for the whole. */
  readonly path: string;
  readonly message: string;
}

const MAX_MISTAKES = 20;
/** Names of unknown members come from the caller: shown, but not at any length. */
const MAX_NAME_LENGTH = 64;

/** @throws ServiceError `invalid-request` with `errors` */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ServiceError('invalid-request', `The ${what} is not valid; see errors.`, {
    errors: mistakesOf(result.error).slice(0, MAX_MISTAKES),
  });
}

function mistakesOf(error: z.ZodError): Mistake[] {
  return error.issues.flatMap((issue): Mistake[] => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path.join('.'), message: issue.message }];
    return issue.keys.map((key) => ({
      path: [...issue.path, key.slice(0, MAX_NAME_LENGTH)].join('.'),
      message: 'Is not known here',
    }));
  });
}
