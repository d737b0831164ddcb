// Reads what a caller sends, once the caller is authorised, and validates it against its schema.
import { promisify } from 'node:util';
import { parse as parseContentType } from 'content-type';
import express, { type Request, type Response } from 'express';
import type { z } from 'zod';
import { ServiceError } from '../model/errors.ts';

const MAX_MISTAKES = 20;
/** Names of unknown members come from the caller, so their length is limited. */
const MAX_NAME_LENGTH = 64;
/** Enough for every body but lists of parts. */
const SMALL_BODY_BYTES = 64 * 1024;

/** @throws ServiceError `invalid-request`, with every mistake and its path in `errors` */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value, { error: whatToSend });
  if (result.success) return result.data;
  const errors = mistakesOf(result.error).slice(0, MAX_MISTAKES);
  throw new ServiceError('invalid-request', detailOf(what, errors), { errors });
}

/** With the first mistake, for those who are shown the detail alone. */
function detailOf(what: string, [first]: readonly Mistake[]): string {
  const place = first?.path ? `${first.path}: ` : '';
  return `The ${what} is not valid; see errors. ${place}${first?.message}.`;
}

interface Mistake {
  /** `parts.0.sizeBytes`; '' for the whole. */
  readonly path: string;
  readonly message: string;
}

interface RawMistake {
  readonly code?: string;
  readonly expected?: unknown;
  readonly input?: unknown;
  readonly path?: readonly PropertyKey[] | undefined;
}

/** Of mistakes that many clients make; undefined: what the schema says. */
function whatToSend({ code, expected, input, path = [] }: RawMistake): string | undefined {
  if (code !== 'invalid_type') return undefined;
  if (input === undefined) return path.length === 0 ? 'Is missing: send a JSON object' : 'Is missing';
  if (expected === 'object' && Array.isArray(input)) return 'Must be an object: send {}, not [], where it is empty';
  return input === null ? `Must not be null: expected ${String(expected)}` : undefined;
}

function mistakesOf(error: z.ZodError): Mistake[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path.join('.'), message: issue.message }];
    return issue.keys.map((key) => ({
      path: [...issue.path, key.slice(0, MAX_NAME_LENGTH)].join('.'),
      message: 'Is not known here',
    }));
  });
}

export interface JsonBody<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** A request without a body is read as an empty object. */
  readonly optional?: boolean;
  readonly limitBytes?: number;
  /** For a mistake that has a code of its own; runs before the schema. */
  readonly precheck?: (body: unknown) => void;
}

/** @throws ServiceError `unsupported-media-type`, `invalid-request`; the parser's errors, which `problems.ts` knows */
export function bodyReader<Schema extends z.ZodType>({
  schema,
  optional = false,
  limitBytes = SMALL_BODY_BYTES,
  precheck,
}: JsonBody<Schema>): (req: Request, res: Response) => Promise<z.output<Schema>> {
  // Not strict: a bare string or null is well-formed JSON, and the schema refuses it with a better message.
  const parse = promisify(express.json({ limit: limitBytes, strict: false, inflate: false }));
  return async (req, res) => {
    const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
    if (hasBody) {
      // JSON is UTF-8 (RFC 8259, 8.1); the parser by itself would accept every charset that begins with "utf-".
      const { type, parameters } = parseContentType(req.headers['content-type'] ?? '');
      const charset = parameters.charset ?? 'utf-8';
      if (type !== 'application/json' || charset.toLowerCase() !== 'utf-8') {
        throw new ServiceError('unsupported-media-type', 'Send the body as application/json in UTF-8, not compressed.');
      }
      await parse(req, res);
    }
    const body: unknown = hasBody || !optional ? req.body : {};
    precheck?.(body);
    return validate(schema, body, 'body');
  };
}
