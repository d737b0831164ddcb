// Reads what a caller sends, once the caller is authorised, and validates it against its schema.
import { parse as parseContentType } from 'content-type';
import type { Request } from 'express';
import type { z } from 'zod';
import { ServiceError } from '../model/errors.ts';
import { type Mistake, mistakesOf, whatToSend } from '../model/mistakes.ts';
import { type Every, watchBody } from './pace.ts';

const MAX_MISTAKES = 20;
/** Enough for every body but lists of parts. */
const SMALL_BODY_BYTES = 64 * 1024;

/** @throws ServiceError `invalid-request`, with every mistake and its path in `errors` */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value, { error: whatToSend });
  if (result.success) return result.data;
  throw notValid(what, mistakesOf(result.error).slice(0, MAX_MISTAKES));
}

export function notValid(what: string, errors: readonly Mistake[]): ServiceError {
  return new ServiceError('invalid-request', detailOf(what, errors), { errors });
}

/** With the first mistake, for those who are shown the detail alone. */
function detailOf(what: string, [first]: readonly Mistake[]): string {
  const place = first?.path ? `${first.path}: ` : '';
  return `The ${what} is not valid; see errors. ${place}${first?.message}.`;
}

export interface JsonBody<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** A request without a body is read as an empty object. */
  readonly optional?: boolean;
  readonly limitBytes?: number;
  /** For a mistake that has a code of its own; runs before the schema. */
  readonly precheck?: (body: unknown) => void;
}

/** @throws ServiceError `unsupported-media-type`, `body-too-large`, `request-idle`, `malformed-json`, `invalid-request`; what `req` throws */
export function bodyReader<Schema extends z.ZodType>({
  schema,
  optional = false,
  limitBytes = SMALL_BODY_BYTES,
  precheck,
}: JsonBody<Schema>): (req: Request, every: Every) => Promise<z.output<Schema>> {
  return async (req, every) => {
    const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
    if (hasBody) {
      // JSON is UTF-8 (RFC 8259, 8.1).
      const { type, parameters } = parseContentType(req.headers['content-type'] ?? '');
      const { 'content-encoding': encoding = 'identity' } = req.headers;
      const charset = parameters.charset ?? 'utf-8';
      const isPlain = charset.toLowerCase() === 'utf-8' && encoding.toLowerCase() === 'identity';
      if (type !== 'application/json' || !isPlain) {
        throw new ServiceError('unsupported-media-type', 'Send the body as application/json in UTF-8, not compressed.');
      }
    }
    const read = hasBody ? await inTime(req, every, readJson(req, limitBytes)) : undefined;
    const body = hasBody || !optional ? read : {};
    precheck?.(body);
    return validate(schema, body, 'body');
  };
}

/** Express's own parser would read a body that it refuses to its end. No bytes are an empty object, as with it. */
async function readJson(req: Request, limitBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  requireSize(Number(req.headers['content-length'] ?? 0), limitBytes);
  // Whoever refuses it decides what becomes of the rest.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    requireSize(sizeBytes, limitBytes);
    chunks.push(chunk);
  }
  if (sizeBytes === 0) return {};
  try {
    return JSON.parse(new TextDecoder().decode(Buffer.concat(chunks)));
  } catch (cause) {
    throw new ServiceError('malformed-json', 'The body could not be parsed as JSON.', {}, { cause });
  }
}

function requireSize(sizeBytes: number, limitBytes: number): void {
  if (sizeBytes > limitBytes) {
    throw new ServiceError('body-too-large', `The body may have at most ${limitBytes} bytes.`);
  }
}

/** @throws ServiceError `request-idle` when the body comes too slowly, or what `reading` throws */
async function inTime(req: Request, every: Every, reading: Promise<unknown>): Promise<unknown> {
  const { promise: slow, reject } = Promise.withResolvers<never>();
  const stopWatching = watchBody(req, every, reject);
  try {
    return await Promise.race([reading, slow]);
  } finally {
    stopWatching();
  }
}
