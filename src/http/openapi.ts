// The OpenAPI 3.1 document, made from the operations that are served: it cannot say anything else than they do.
import { z } from 'zod';
import { SCOPES } from './access.ts';
import type { Operation } from './operation.ts';
import { PROBLEM_MEDIA_TYPE, problemType } from './problem.ts';
import { PROBLEMS, type ProblemCode } from './problem-codes.ts';
import { components, problem } from './schemas.ts';

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export interface JsonObject {
  [member: string]: Json;
}

export interface ApiDescription {
  readonly openapi: '3.1.0';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: { readonly schemas: JsonObject; readonly securitySchemes: JsonObject };
}

export interface DescribedOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly security: Json[];
  readonly parameters: DescribedParameter[];
  readonly requestBody?: JsonObject;
  readonly responses: Readonly<Record<string, JsonObject>>;
}

export interface DescribedParameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Json;
}

const API_VERSION = '0.1.0';
const SCHEMAS_URI = '#/components/schemas/';

/** What every call under /v1 can meet. */
const EVERY_CALL: readonly ProblemCode[] = [
  'malformed-path',
  'token-missing',
  'token-invalid',
  'token-expired',
  'scope-missing',
  'wrong-attempt',
  'invalid-id',
  'rate-limited',
  'internal',
  'store-refused',
  'store-unavailable',
  'auth-unavailable',
];
const EVERY_RECORDING: readonly ProblemCode[] = [
  'recording-not-found',
  'recording-deleted',
  'recording-expired',
  'recording-unreadable',
];
const EVERY_QUERY: readonly ProblemCode[] = ['invalid-request'];
const EVERY_JSON_BODY: readonly ProblemCode[] = [
  'malformed-json',
  'request-aborted',
  'body-too-large',
  'unsupported-media-type',
  'invalid-request',
];

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  exam: 'The id of the exam.',
  attempt: 'The id of the attempt: one sitting of the exam by a participant.',
  recording: 'The id that the service gave the recording.',
};

export function describeApi(operations: readonly Operation[]): ApiDescription {
  const paths: Record<string, Record<string, DescribedOperation>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describeOperation(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Proctoring recordings',
      version: API_VERSION,
      description:
        'Keeps optional exam-proctoring recordings, and deletes every one of them on time: at most 30 days after the ' +
        'assessment of its attempt. Every answer carries an X-Request-Id; every problem is RFC 9457 with a stable `code`. ' +
        'The tenant is taken from the token: what belongs to another tenant does not exist for the caller.',
    },
    paths: { ...paths, ...servicePaths() },
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'Claims: `tenant`, `scope` (separated by spaces), `sub`, `exp`; `exam` and `attempt` bind a token to one ' +
            `sitting. Scopes: ${Object.entries(SCOPES)
              .map(([scope, meaning]) => `\`${scope}\` (${meaning})`)
              .join(', ')}.`,
        },
      },
    },
  };
}

function describeOperation(operation: Operation): DescribedOperation {
  const requestBody = describeBody(operation);
  return {
    operationId: operation.operationId,
    summary: operation.summary,
    description: [operation.description, `Scope: ${operation.scopes.map((scope) => `\`${scope}\``).join(' or ')}.`]
      .filter((text) => text !== undefined)
      .join('\n\n'),
    security: [{ bearer: [...operation.scopes] }],
    parameters: [...pathParameters(operation.path), ...queryParameters(operation.query)],
    ...(requestBody ? { requestBody } : {}),
    responses: { [operation.success.status]: describeSuccess(operation), ...describeProblems(problemsOf(operation)) },
  };
}

function pathParameters(path: string): DescribedParameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name] ?? '',
    schema:
      name === 'recording'
        ? { type: 'string', pattern: '^[0-9a-v]{36}$' }
        : { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$' },
  }));
}

function queryParameters(query: z.ZodType | undefined): DescribedParameter[] {
  if (!query) return [];
  // What a parameter means is its parsed form; whether it must be there is said by the unparsed one.
  const parsed = schemaOf(query, 'output');
  const required = schemaOf(query, 'input').required;
  return Object.entries(objectOf(parsed.properties)).map(([name, schema]) => {
    const { description, ...rest } = objectOf(schema);
    return {
      name,
      in: 'query',
      required: Array.isArray(required) && required.includes(name),
      description: typeof description === 'string' ? description : '',
      schema: rest,
    };
  });
}

function describeBody(operation: Operation): JsonObject | undefined {
  if (operation.takesFile) {
    const schema = { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } };
    return { required: true, content: { 'multipart/form-data': { schema } } };
  }
  if (!operation.body) return undefined;
  const { schema, optional, example } = operation.body;
  return { required: !optional, content: { 'application/json': { schema: refTo(schema), example: toJson(example) } } };
}

function describeSuccess({ success }: Operation): JsonObject {
  const headers = { Location: { description: success.location ?? '', schema: { type: 'string' } } };
  const content = () => ({ 'application/json': { schema: refTo(success.schema), example: toJson(success.example) } });
  return {
    description: success.description,
    ...(success.location === undefined ? {} : { headers }),
    ...(success.status === 204 ? {} : { content: content() }),
  };
}

function problemsOf(operation: Operation): ProblemCode[] {
  return [
    ...new Set([
      ...EVERY_CALL,
      ...(operation.place === 'recording' ? EVERY_RECORDING : []),
      ...(operation.query ? EVERY_QUERY : []),
      ...(operation.body ? EVERY_JSON_BODY : []),
      ...operation.problems,
    ]),
  ];
}

function describeProblems(codes: readonly ProblemCode[]): Record<string, JsonObject> {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  const described = [...byStatus].map(([status, ofStatus]): [string, JsonObject] => {
    const isRetried = ofStatus.some((code) => PROBLEMS[code].retryAfterSeconds !== undefined) || status === 429;
    const schema = {
      allOf: [refTo(problem), { type: 'object', properties: { code: { enum: [...ofStatus] } } }],
    };
    const headers = { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer' } } };
    return [
      String(status),
      {
        description: ofStatus.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join('\n\n'),
        ...(isRetried ? { headers } : {}),
        content: { [PROBLEM_MEDIA_TYPE]: { schema, examples: Object.fromEntries(ofStatus.map(problemExample)) } },
      },
    ];
  });
  return Object.fromEntries(described);
}

function problemExample(code: ProblemCode): [string, JsonObject] {
  const { status, title } = PROBLEMS[code];
  return [code, { value: { type: problemType(code), title, status, detail: `${title}.`, code, requestId: 'req-1' } }];
}

function servicePaths(): Record<string, Record<string, DescribedOperation>> {
  const readiness = {
    'application/json': {
      schema: {
        type: 'object',
        required: ['ready'],
        properties: { ready: { type: 'boolean' }, reason: { type: 'string' } },
      },
    },
  };
  const status = {
    type: 'object',
    required: ['status'],
    properties: { status: { const: 'ok' } },
  };
  return {
    '/livez': serviceOperation('getLiveness', 'Whether the process runs', {
      200: { description: 'It does.', content: { 'application/json': { schema: status } } },
    }),
    '/readyz': serviceOperation('getReadiness', 'Whether requests can be served', {
      200: { description: 'They can.', content: readiness },
      503: { description: 'Not now, and why.', content: readiness },
    }),
    '/metrics': serviceOperation('getMetrics', 'Measurements for Prometheus', {
      200: { description: 'The text format.', content: { 'text/plain': { schema: { type: 'string' } } } },
    }),
    '/openapi.json': serviceOperation('getOpenapi', 'This document', {
      200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object' } } } },
    }),
    '/docs': serviceOperation('getDocs', 'This document as a page', {
      200: { description: 'A page.', content: { 'text/html': { schema: { type: 'string' } } } },
    }),
  };
}

function serviceOperation(
  operationId: string,
  summary: string,
  responses: Record<string, JsonObject>,
): Record<string, DescribedOperation> {
  return {
    get: { operationId, summary, description: 'Needs no token.', security: [], parameters: [], responses },
  };
}

function componentSchemas(): JsonObject {
  const { schemas } = z.toJSONSchema(components, { uri: (id) => SCHEMAS_URI + id, override: dropTimePattern });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIds(toJson(schema))]));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  return objectOf(toJson(z.toJSONSchema(schema, { io, override: dropTimePattern })));
}

/** It says at length what `format: date-time` says. */
function dropTimePattern({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
}

/** OpenAPI names a schema by its place, and the dialect once for all. */
function withoutIds(schema: Json): JsonObject {
  const { $schema: _dialect, $id: _place, ...rest } = objectOf(schema);
  return rest;
}

function refTo(schema: z.ZodType): JsonObject {
  const id = components.get(schema)?.id;
  if (id === undefined) throw new Error('a schema of an operation has no name');
  return { $ref: SCHEMAS_URI + id };
}

function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}
