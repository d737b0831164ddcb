// How calls fail, status by status: every code that each can meet, with an example.
import type { Operation } from '../operation.ts';
import { PROBLEM_MEDIA_TYPE, problemType } from '../problem.ts';
import { PROBLEMS, type ProblemCode } from '../problem-codes.ts';
import { RESPONSE_HEADERS } from '../response-headers.ts';
import { EXAMPLE_PROBLEM_MEMBERS } from '../routes/examples.ts';
import { problem } from '../schemas.ts';
import type { JsonObject } from './description.ts';
import { headers, UNDER_V1 } from './headers.ts';
import { objectOf, refTo, toJson } from './json-schemas.ts';

/** What every call under /v1 can meet. */
const EVERY_CALL: readonly ProblemCode[] = [
  'malformed-path',
  'token-missing',
  'token-invalid',
  'token-expired',
  'scope-missing',
  'wrong-attempt',
  'invalid-id',
  'invalid-request',
  'rate-limited',
  'internal',
  'store-refused',
  'store-unavailable',
  'auth-unavailable',
];
/** Of requests that do not come to a call. */
export const OF_NO_CALL: readonly ProblemCode[] = [
  'not-found',
  'method-not-allowed',
  'malformed-request',
  'headers-too-large',
  'cross-origin',
];
const EVERY_JSON_BODY: readonly ProblemCode[] = [
  'malformed-json',
  'request-aborted',
  'body-too-large',
  'unsupported-media-type',
];

export function problemsOf(operation: Operation): ProblemCode[] {
  return [
    ...new Set([
      ...EVERY_CALL,
      ...(operation.place === 'recording' ? (['recording-not-found'] as const) : []),
      ...(operation.handsOut ? (['store-not-proven'] as const) : []),
      ...(operation.body ? EVERY_JSON_BODY : []),
      ...operation.problems,
    ]),
  ];
}

export function describeProblems(codes: readonly ProblemCode[]): Record<string, JsonObject> {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  const described = [...byStatus].map(([status, ofStatus]): [string, JsonObject] => {
    const isRetried = ofStatus.some((code) => PROBLEMS[code].retryAfterSeconds !== undefined) || status === 429;
    const schema = {
      allOf: [refTo(problem), { type: 'object', properties: { code: { enum: [...ofStatus] } } }],
    };
    return [
      String(status),
      {
        description: ofStatus.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join('\n\n'),
        headers: headers(
          ...UNDER_V1,
          ...(isRetried ? (['Retry-After'] as const) : []),
          ...(status === 401 || ofStatus.includes('scope-missing') ? (['WWW-Authenticate'] as const) : []),
        ),
        content: { [PROBLEM_MEDIA_TYPE]: { schema, examples: Object.fromEntries(ofStatus.map(problemExample)) } },
      },
    ];
  });
  return Object.fromEntries(described);
}

export function inShort(code: ProblemCode): string {
  return `${PROBLEMS[code].status} \`${code}\``;
}

function problemExample(code: ProblemCode): [string, JsonObject] {
  const { status, title } = PROBLEMS[code];
  const { example: requestId } = RESPONSE_HEADERS['X-Request-Id'];
  const members = toJson(EXAMPLE_PROBLEM_MEMBERS[code] ?? {});
  const value = { type: problemType(code), title, status, detail: `${title}.`, code, requestId, ...objectOf(members) };
  return [code, { value }];
}
