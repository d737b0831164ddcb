// Turns every error into a response, RFC 9457 problem details, and logs it once.
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, Request } from 'express';
import { type ErrorCode, PROBLEMS, ServiceError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { PAST_DEADLINE } from '../objectstore/request-deadline.ts';
import { isStoreError, StoreError } from '../objectstore/store-error.ts';
import { type RequestState, requestState } from './request.ts';
import { sendBeforeEnd } from './unread-body.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Problems of every call that reads a recording which is not deleted. */
export const OF_LIVE_RECORDING: readonly ErrorCode[] = [
  'recording-deleted',
  'recording-expired',
  'recording-unreadable',
  'clock-skew',
];

interface Refusal {
  readonly code: ErrorCode;
  /** For people, and harmless to show. Default: the title of the code. */
  readonly detail?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A problem as it is sent, the members of every problem first: `type` leads to its description in the documentation. */
export function problemOf({ code, detail, data }: Refusal, requestId: string) {
  const { title, status } = PROBLEMS[code];
  return { type: `/docs#problem-${code}`, title, status, detail: detail ?? `${title}.`, code, requestId, ...data };
}

/** Express knows an error handler by its four parameters. */
export function problemHandler(logger: Logger): ErrorRequestHandler {
  return async (error: unknown, req, res, _next) => {
    const state = requestState(req);
    const refusal = refusalOf(error, req);
    state.refusedWith = refusal.code;
    log(logger, error, refusal.code, state);
    if (res.headersSent) {
      // The response had begun: only cutting the connection can show that it is incomplete.
      res.destroy();
      return;
    }
    // A short body often comes with the head.
    if (!req.complete) await new Promise(setImmediate);
    const { status, retryAfterSeconds } = PROBLEMS[refusal.code];
    if (retryAfterSeconds !== undefined) res.setHeader('Retry-After', String(retryAfterSeconds));
    const challenge = challengeOf(refusal);
    if (challenge !== undefined) res.setHeader('WWW-Authenticate', challenge);
    const problem = problemOf(refusal, state.requestId);
    res.status(status).type(PROBLEM_MEDIA_TYPE);
    if (req.complete || req.destroyed) res.send(JSON.stringify(problem));
    else sendBeforeEnd(req, res, JSON.stringify(problem));
  };
}

/** What is wrong with the token (RFC 6750, 3). */
function challengeOf({ code, data }: Refusal): string | undefined {
  const realm = 'Bearer realm="proctoring-recordings"';
  if (code === 'token-missing') return realm;
  if (code === 'token-invalid') return `${realm}, error="invalid_token"`;
  if (code === 'token-expired') return `${realm}, error="invalid_token", error_description="expired"`;
  if (code !== 'scope-missing') return undefined;
  return `Bearer error="insufficient_scope", scope="${[data?.scopes].flat().join(' ')}"`;
}

const DETAIL = 'The store did not respond in time. No data is lost; try again.';
const DETAILS: Readonly<Record<string, string>> = {
  [PAST_DEADLINE]: 'The request took too long, and was stopped. Send it again.',
  InsufficientStorage: 'The store is full, and takes no uploads until something is deleted. Try again later.',
};

function refusalOf(error: unknown, req: Request): Refusal {
  if (error instanceof ServiceError) return { code: error.code, detail: error.message, data: error.data };
  if (isStoreError(error, 'unavailable')) {
    return { code: 'store-unavailable', detail: DETAILS[error.storeCode] ?? DETAIL };
  }
  if (error instanceof StoreError) {
    return { code: 'store-refused', detail: 'The store refused a call of the service. The operator has to act.' };
  }
  const internal = 'The service failed. Give the requestId to the operator, who finds the cause in the log.';
  return frameworkRefusal(error, req) ?? { code: 'internal', detail: internal };
}

/** Errors of Express's router, known by their `name` and `status`, and of a request that was cut off. */
function frameworkRefusal(error: unknown, req: Request): Refusal | undefined {
  if (member(error, 'name') === 'URIError' && member(error, 'status') === 400) {
    return { code: 'malformed-path', detail: 'The path has a % that does not begin a valid percent-encoding.' };
  }
  return req.destroyed && !req.complete
    ? { code: 'request-aborted', detail: 'The connection was closed before the body was complete.' }
    : undefined;
}

function log(logger: Logger, error: unknown, code: ErrorCode, { requestId, route, principal }: RequestState): void {
  const { status } = PROBLEMS[code];
  // Of strangers there is the line of the request, which has the code: they can send as many as they like.
  if (status === 401) return;
  const fields = { requestId, route, status, code, tenant: principal?.tenant, actor: principal?.actor };
  if (status >= 500) {
    const stack = code === 'internal' ? framesOf(error) : undefined;
    logger.error('request failed', { ...fields, causes: causesOf(error), stack });
  } else if (code === 'wrong-attempt' || code === 'wrong-participant') {
    const event = code === 'wrong-attempt' ? 'foreign-attempt-refused' : 'foreign-participant-refused';
    logger.audit('request refused', { ...fields, event });
  } else {
    const isOfAccess = status === 403 || status === 429;
    logger[isOfAccess ? 'warn' : 'info']('request refused', fields);
  }
}

const MAX_CAUSES = 6;

/** Names and codes only, outermost first: messages may hold URLs, keys or what a caller sent. */
function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  for (let cause = error; cause !== undefined && causes.length < MAX_CAUSES; cause = member(cause, 'cause')) {
    const words = ['name', 'code', 'operation', 'storeCode'].map((name) => member(cause, name));
    causes.push(words.filter((word) => typeof word === 'string').join(' ') || typeof cause);
  }
  return causes;
}

/** The stack trace without the message. */
function framesOf(error: unknown): string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  return lines.map((line) => line.trim()).filter((line) => line.startsWith('at '));
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

const OF_PARSER: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-idle',
};

/**
 * The response, as bytes, to what Node's parser refused: such a request never reaches the application. The connection has
 * to end after it.
 */
export function rawProblem({ code: parserCode }: NodeJS.ErrnoException): string {
  const requestId = randomUUID();
  const problem = problemOf({ code: OF_PARSER[parserCode ?? ''] ?? 'malformed-request' }, requestId);
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
