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
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ServiceError('invalid-request', `The ${what} is not valid; see errors.`, {
    errors: mistakesOf(result.error).slice(0, MAX_MISTAKES),
  });
}

/** `path` such as `parts.0.sizeBytes`; '' for the whole. */
function mistakesOf(error: z.ZodError): { path: string; message: string }[] {
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
