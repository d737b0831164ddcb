// A problem for a request that never became one: written past the application, as the bytes of a whole answer.
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { PROBLEM_MEDIA_TYPE, problemType } from './problem.ts';
import { PROBLEMS, type ProblemCode } from './problem-codes.ts';

/** The answer to what Node's parser threw; the connection has to end after it. */
export function rawProblem(parserError: NodeJS.ErrnoException): string {
  const code = codeOf(parserError.code);
  const { status, title } = PROBLEMS[code];
  const requestId = randomUUID();
  const body = JSON.stringify({ type: problemType(code), title, status, detail: `${title}.`, code, requestId });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

function codeOf(parserCode: string | undefined): ProblemCode {
  if (parserCode === 'HPE_HEADER_OVERFLOW') return 'headers-too-large';
  return parserCode === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request-idle' : 'malformed-request';
}
