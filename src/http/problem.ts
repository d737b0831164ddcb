// The one place that turns an error into an answer: RFC 9457 problem details, logged once.
import type { ErrorRequestHandler, Request, Response } from 'express';
import { ServiceError } from '../model/errors.ts';
import { isStoreError, StoreError } from '../objectstore/store-error.ts';
import type { Logger } from './logger.ts';
import { HttpError, PROBLEMS, type ProblemCode } from './problem-codes.ts';
import { principalOf, requestState } from './request-state.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

interface Refusal {
  readonly code: ProblemCode;
  /** For people, and harmless to show. */
  readonly detail: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The `type` of a problem: a place on this service's own documentation page. */
export function problemType(code: ProblemCode): string {
  return `/docs#problem-${code}`;
}

/** Express knows an error handler by its four parameters. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    const refusal = refusalOf(error, req);
    log(logger, error, refusal, req);
    if (res.headersSent) {
      // The answer had begun: cutting it off is the only way left to say that it is not whole.
      res.destroy();
      return;
    }
    send(res, refusal, requestState(req).requestId);
  };
}

function send(res: Response, refusal: Refusal, requestId: string): void {
  const { status, title, retryAfterSeconds } = PROBLEMS[refusal.code];
  if (retryAfterSeconds !== undefined) res.setHeader('Retry-After', String(retryAfterSeconds));
  for (const [name, value] of Object.entries(refusal.headers ?? {})) res.setHeader(name, value);
  const problem = {
    ...refusal.data,
    type: problemType(refusal.code),
    title,
    status,
    detail: refusal.detail,
    code: refusal.code,
    requestId,
  };
  res.status(status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
}

function refusalOf(error: unknown, req: Request): Refusal {
  if (error instanceof HttpError) {
    return { code: error.code, detail: error.message, data: error.data, headers: error.headers };
  }
  if (error instanceof ServiceError) return { code: error.code, detail: error.message, data: error.data };
  if (isStoreError(error, 'unavailable')) {
    return { code: 'store-unavailable', detail: 'The store did not answer in time. Nothing is lost; try again.' };
  }
  if (error instanceof StoreError) {
    return {
      code: 'store-refused',
      detail: 'The store refused what the service asked of it. The operator has to look.',
    };
  }
  return (
    frameworkRefusal(error, req) ?? {
      code: 'internal',
      detail: 'The service failed. Give the requestId to the operator, who finds the cause in the log.',
    }
  );
}

/** Errors of Express's router and of its JSON parser, known by their `type` and `status`. */
function frameworkRefusal(error: unknown, req: Request): Refusal | undefined {
  switch (member(error, 'type')) {
    case 'entity.parse.failed':
      return { code: 'malformed-json', detail: 'The body could not be parsed as JSON.' };
    case 'entity.too.large':
      return { code: 'body-too-large', detail: `The body may have at most ${String(member(error, 'limit'))} bytes.` };
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return { code: 'unsupported-media-type', detail: 'Send the body as UTF-8 JSON, not compressed.' };
    case 'request.size.invalid':
    case 'request.aborted':
      return { code: 'request-aborted', detail: 'The body was not as long as announced.' };
    default:
  }
  if (member(error, 'name') === 'URIError' && member(error, 'status') === 400) {
    return { code: 'malformed-path', detail: 'The path has a % that does not begin a valid percent-encoding.' };
  }
  return req.destroyed && !req.complete
    ? { code: 'request-aborted', detail: 'The connection was closed before the body was complete.' }
    : undefined;
}

function log(logger: Logger, error: unknown, refusal: Refusal, req: Request): void {
  const state = requestState(req);
  const principal = principalOf(state);
  const { status } = PROBLEMS[refusal.code];
  const fields = {
    requestId: state.requestId,
    route: state.route,
    status,
    code: refusal.code,
    tenant: principal?.tenant,
    actor: principal?.actor,
  };
  if (status >= 500) {
    const stack = refusal.code === 'internal' ? framesOf(error) : undefined;
    logger.error('request failed', { ...fields, causes: causesOf(error), stack });
  } else if (refusal.code === 'wrong-attempt') {
    logger.audit('request refused', { ...fields, event: 'foreign-attempt-refused' });
  } else if (status === 401 || status === 403 || status === 429) {
    logger.warn('request refused', fields);
  } else {
    logger.info('request refused', fields);
  }
}

const MAX_CAUSES = 6;

/** Names and codes only, outermost first: messages may hold URLs, keys or what a caller sent. */
function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  for (let cause = error; cause !== undefined && causes.length < MAX_CAUSES; cause = member(cause, 'cause')) {
    const words = [
      member(cause, 'name'),
      member(cause, 'code'),
      member(cause, 'operation'),
      member(cause, 'storeCode'),
    ];
    causes.push(words.filter((word) => typeof word === 'string').join(' ') || typeof cause);
  }
  return causes;
}

/** Where it was thrown, without the message. */
function framesOf(error: unknown): string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('at '));
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
