// What a caller sends: read once the caller was let in, and checked against its schema.
import { promisify } from 'node:util';
import express, { type Request, type Response } from 'express';
import type { z } from 'zod';
import { ServiceError } from '../model/errors.ts';

const MAX_MISTAKES = 20;
/** Names of unknown members come from the caller: shown, but not at any length. */
const MAX_NAME_LENGTH = 64;

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

/**
 * Reads a JSON body; undefined for a request without a body.
 * @throws ServiceError `unsupported-media-type`, and the parser's own errors, which `problems.ts` knows
 */
export function jsonReader(limitBytes: number): (req: Request, res: Response) => Promise<unknown> {
  // Not strict: a bare string or null is well-formed JSON, and the schema refuses it with a better message.
  const parse = promisify(express.json({ limit: limitBytes, strict: false, inflate: false }));
  return async (req, res) => {
    const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
    if (!hasBody) return undefined;
    requireJson(req);
    await parse(req, res);
    return req.body as unknown;
  };
}

/** JSON is UTF-8 (RFC 8259, 8.1); the parser by itself would accept every charset that begins with "utf-". */
function requireJson(req: Request): void {
  if (!req.is('application/json')) {
    throw new ServiceError('unsupported-media-type', 'Send the body with Content-Type: application/json.');
  }
  const charset = /;\s*charset="?([^\s;"]*)/i.exec(req.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (charset.toLowerCase() === 'utf-8') return;
  throw new ServiceError('unsupported-media-type', 'Send the body as UTF-8 JSON, not compressed.');
}
