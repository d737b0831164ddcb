// Reads a JSON body, once the caller was let in: nobody makes the service parse what it will refuse anyway.
import express, { type Request, type Response } from 'express';
import { HttpError } from './problem-codes.ts';

/** Undefined for a request without a body. */
export type ReadJson = (req: Request, res: Response) => Promise<unknown>;

/** @throws HttpError `unsupported-media-type`, and the parser's own errors, which `problem.ts` knows */
export function jsonReader(limitBytes: number): ReadJson {
  // Not strict: a bare string or null is well-formed JSON, and the schema refuses it with a better message.
  const parse = express.json({ limit: limitBytes, strict: false, inflate: false });
  return async (req, res) => {
    if (!hasBody(req)) return undefined;
    if (!req.is('application/json')) {
      throw new HttpError('unsupported-media-type', 'Send the body with Content-Type: application/json.');
    }
    if (charsetOf(req) !== 'utf-8') {
      throw new HttpError('unsupported-media-type', 'Send the body as UTF-8 JSON, not compressed.');
    }
    await new Promise<void>((resolve, reject) => {
      parse(req, res, (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
    return req.body as unknown;
  };
}

function hasBody(req: Request): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

/** JSON is UTF-8 (RFC 8259, 8.1); the parser by itself would take every charset that begins with "utf-". */
function charsetOf(req: Request): string {
  return (/;\s*charset="?([^\s;"]*)/i.exec(req.headers['content-type'] ?? '')?.[1] ?? 'utf-8').toLowerCase();
}
