// Writes openapi.json, the OpenAPI 3.1 document that the service serves, from the calls that it serves: `npm run openapi`.
// A test holds the file to them.
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { SCOPES } from '../src/http/auth.ts';
import {
  type ApiDescription,
  type DescribedOperation,
  type DescribedParameter,
  type Json,
  type JsonObject,
  objectOf,
} from '../src/http/docs.ts';
import { hasEtag, isFile, isPaged, namesSomething, type Operation } from '../src/http/operation.ts';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../src/http/problems.ts';
import { RESPONSE_HEADERS, type ResponseHeaderName } from '../src/http/response.ts';
import { OPERATIONS } from '../src/http/routes/index.ts';
import * as schemas from '../src/http/schemas.ts';
import { ERROR_CODES, type ErrorCode, PROBLEMS, type ProblemMember } from '../src/model/errors.ts';
import { MAX_PART_NUMBER } from '../src/model/parts.ts';

const { version: API_VERSION } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const SCHEMAS_URI = '#/components/schemas/';
const HEADERS_URI = '#/components/headers/';
const RESPONSES_URI = '#/components/responses/';
const EXAMPLES_URI = '#/components/examples/';

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  exam: 'The id of the exam.',
  attempt: 'The id of the attempt: one sitting of the exam by a participant.',
  recording: 'The id that the service gave the recording.',
  partNumber: 'The number of the part, from 1 on.',
  participant: 'The id of the participant, as it was given when the recording was started.',
};

/** Of what is not an id of the caller. */
const PATH_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  recording: { type: 'string', pattern: '^[0-9a-v]{36}$' },
  partNumber: { type: 'integer', minimum: 1, maximum: MAX_PART_NUMBER },
};

const OWN_ATTEMPT = 'A token that is bound to an attempt may call for that attempt alone.';
const OWN_PARTICIPANT = 'One that is bound to a participant reaches the recordings of that one alone.';
const OF_ALL_PARTICIPANTS = 'One that is bound to a participant may not: the call is about all of the attempt.';
const OF_ALL_OF_TENANT = 'A token that is bound to anything may not call: the call is about all of the tenant.';
/** By what a path names last. */
const BOUND_TOKENS: Readonly<Record<string, string>> = {
  exam: 'A token that is bound to this exam may call, one that is bound to an attempt may not.',
  attempt: OWN_ATTEMPT,
  recording: OWN_ATTEMPT,
  partNumber: OWN_ATTEMPT,
  participant: 'A token that is bound to an exam may not call: the call is about all exams.',
  '': 'A token may call whatever it is bound to.',
};

/** Generators and Postman need one; as it is, the one of `npm start`. */
const SERVER = {
  url: '{scheme}://{host}',
  description: 'Where the service runs.',
  variables: {
    scheme: { enum: ['https', 'http'], default: 'http' },
    host: { default: 'localhost:8080', description: 'The host, its port where it is not the usual one, and a path.' },
  },
};

export function describeApi(operations: readonly Operation[]): ApiDescription {
  const paths: Record<string, Record<string, DescribedOperation>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describeOperation(operation, operations) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Proctoring recordings',
      version: API_VERSION,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
      description:
        'Keeps optional exam-proctoring recordings, and deletes every one of them on time: at most 30 days after the ' +
        'assessment of its attempt. Every response has an X-Request-Id; every problem is RFC 9457 with a stable `code`, ' +
        'and /docs#problems says what to do about each. ' +
        'The tenant is taken from the token: what belongs to another tenant does not exist for the caller.\n\n' +
        `Requests that reach no call are refused with ${OF_NO_CALL.map(inShort).join(', ')}. ` +
        'Each GET has a HEAD. Of a member that is twice in an object the last counts.',
    },
    servers: [SERVER],
    paths: { ...paths, ...servicePaths() },
    components: {
      schemas: componentSchemas(),
      headers: componentHeaders(),
      responses: componentResponses(operations),
      examples: componentExamples(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'Claims: `tenant`, `scope` (separated by spaces), `sub`, `exp`; `exam` and `attempt` bind a token to one ' +
            'attempt, `participant` to the recordings of one participant. ' +
            `Scopes: ${Object.entries(SCOPES)
              .map(([scope, meaning]) => `\`${scope}\` (${meaning})`)
              .join(', ')}.`,
        },
      },
    },
  };
}

function describeOperation(operation: Operation, all: readonly Operation[]): DescribedOperation {
  const requestBody = describeBody(operation);
  return {
    operationId: operation.operationId,
    summary: operation.summary,
    description: [operation.description, rightsOf(operation)].filter((text) => text !== undefined).join('\n\n'),
    // Alternatives: any one of the scopes is enough.
    security: operation.scopes.map((scope) => ({ bearer: [scope] })),
    parameters: [
      ...pathParameters(operation.path),
      ...schemaParameters(operation.query, 'query'),
      ...schemaParameters(operation.headers, 'header'),
      ...(hasEtag(operation) ? [IF_NONE_MATCH] : []),
    ],
    ...(requestBody ? { requestBody } : {}),
    responses: {
      [operation.success.status ?? 200]: describeSuccess(operation, all),
      ...(hasEtag(operation) ? { 304: { ...UNCHANGED, headers: headers(...UNDER_V1, 'ETag') } } : {}),
      ...refsToProblems(operation),
    },
  };
}

/** The scopes of a token, and how it may be bound. */
function rightsOf({ scopes, path, keepsToParticipant, isOfTenant }: Operation): string {
  const scope = `Scope: ${scopes.map((name) => `\`${name}\``).join(' or ')}.`;
  if (isOfTenant) return `${scope} ${OF_ALL_OF_TENANT}`;
  const resource = pathParameters(path).at(-1)?.name ?? '';
  const isOfOne = keepsToParticipant || resource === 'recording' || resource === 'participant';
  const bound = `${BOUND_TOKENS[resource]} ${isOfOne ? OWN_PARTICIPANT : OF_ALL_PARTICIPANTS}`;
  return `${scope} ${bound}`;
}

function pathParameters(path: string): DescribedParameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name] ?? '',
    schema: PATH_SCHEMAS[name] ?? { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$' },
  }));
}

function schemaParameters(query: z.ZodType | undefined, location: 'query' | 'header'): DescribedParameter[] {
  if (!query) return [];
  // What a parameter means is its parsed form; whether it must be there is said by the unparsed one.
  const parsed = schemaOf(query, 'output');
  const required = schemaOf(query, 'input').required;
  return Object.entries(objectOf(parsed.properties)).map(([name, schema]) => {
    const { description, ...rest } = objectOf(schema);
    return {
      name: location === 'header' ? name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()) : name,
      in: location,
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
  if (operation.takesPart) {
    return {
      required: true,
      content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
    };
  }
  if (!operation.body) return undefined;
  const { schema, optional = false } = operation.body;
  const content = { schema: refTo(schema), example: toJson(exampleOf(schema)) };
  return { required: !optional, content: { 'application/json': content } };
}

function describeSuccess(operation: Operation, all: readonly Operation[]): JsonObject {
  const { success } = operation;
  const content = () => ({
    'application/json': {
      schema: refTo(success.schema),
      example: toJson(exampleOfSuccess(success)),
    },
    ...(success.orAs === undefined ? {} : { [success.orAs]: { schema: { type: 'string', format: 'binary' } } }),
    ...(success.alsoAs === undefined ? {} : { [success.alsoAs]: { schema: TEXT } }),
  });
  return {
    description: success.description,
    headers: headers(
      ...UNDER_V1,
      ...(success.recordingIdAt === undefined ? [] : (['Location'] as const)),
      ...(hasEtag(operation) ? (['ETag'] as const) : []),
      ...(isPaged(operation) ? (['Link'] as const) : []),
      ...(isFile(success) || success.alsoAs !== undefined ? (['Content-Disposition'] as const) : []),
    ),
    ...(success.recordingIdAt === undefined ? {} : { links: linksTo(success.recordingIdAt, all) }),
    ...(success.status === 204 ? {} : { content: content() }),
  };
}

/** Where a request that made a recording, and its response, have what paths name. */
function linkParameters(recordingIdAt: string): Readonly<Record<string, string | number>> {
  return {
    partNumber: 1,
    exam: '$request.path.exam',
    attempt: '$request.path.attempt',
    recording: `$response.body#${recordingIdAt}`,
    participant: '$request.body#/participantId',
  };
}

/** From the response to every other call about what it made. */
function linksTo(recordingIdAt: string, all: readonly Operation[]): JsonObject {
  const known = linkParameters(recordingIdAt);
  const others = all.filter((other) => namesSomething(other) && other.success.recordingIdAt === undefined);
  return Object.fromEntries(
    others.map(({ operationId, path }) => {
      const parameters = pathParameters(path).map(({ name }) => [name, known[name] ?? '']);
      return [operationId, { operationId, parameters: Object.fromEntries(parameters) }];
    }),
  );
}

/** The problems of a call with one status: each such set is described once, under a name that lists its codes. */
function problemSets(operation: Operation): [status: string, name: string, codes: ErrorCode[]][] {
  const byStatus = Map.groupBy(problemsOf(operation), (code) => PROBLEMS[code].status);
  return [...byStatus].map(([status, codes]) => [String(status), [status, ...codes].join('.'), codes]);
}

function refsToProblems(operation: Operation): Record<string, JsonObject> {
  const refs = problemSets(operation).map(([status, name]) => [status, { $ref: RESPONSES_URI + name }]);
  return Object.fromEntries(refs);
}

function componentResponses(operations: readonly Operation[]): JsonObject {
  const sets = operations.flatMap(problemSets).map(([, name, codes]) => [name, describeProblems(codes)]);
  return Object.fromEntries(sets);
}

function describeProblems(codes: readonly ErrorCode[]): JsonObject {
  const isRetried = codes.some((code) => PROBLEMS[code].retryAfterSeconds !== undefined || code === 'rate-limited');
  const isOfToken = codes.some((code) => PROBLEMS[code].status === 401 || code === 'scope-missing');
  const schema = { allOf: [refTo(schemas.problem), { type: 'object', properties: { code: { enum: [...codes] } } }] };
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: EXAMPLES_URI + code }]));
  return {
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join('\n\n'),
    headers: headers(
      ...UNDER_V1,
      ...(isRetried ? (['Retry-After'] as const) : []),
      ...(isOfToken ? (['WWW-Authenticate'] as const) : []),
    ),
    content: { [PROBLEM_MEDIA_TYPE]: { schema, examples } },
  };
}

function inShort(code: ErrorCode): string {
  return `${PROBLEMS[code].status} \`${code}\``;
}

function componentExamples(): JsonObject {
  const { example: requestId } = RESPONSE_HEADERS['X-Request-Id'];
  const codes = ERROR_CODES.filter((code) => !OF_NO_CALL.includes(code));
  const examples = codes.map((code) => {
    const { members = [], example } = PROBLEMS[code];
    const value = problemOf(
      { code, data: { ...exampleOfMembers(members as readonly ProblemMember[]), ...example } },
      requestId,
    );
    return [code, { value: toJson(value) }];
  });
  return Object.fromEntries(examples);
}

/** Sent with every response; and with every response under /v1, where a limit of the rate is set. */
const EVERYWHERE: readonly ResponseHeaderName[] = ['Cache-Control', 'Date', 'X-Request-Id'];
const UNDER_V1: readonly ResponseHeaderName[] = [...EVERYWHERE, 'RateLimit', 'RateLimit-Policy'];

function headers(...names: readonly ResponseHeaderName[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, { $ref: HEADERS_URI + name }]));
}

function componentHeaders(): JsonObject {
  return Object.fromEntries(
    Object.entries(RESPONSE_HEADERS).map(([name, { description, schema, example, ...rest }]) => [
      name,
      { description, ...('always' in rest ? { required: true } : {}), schema: { ...schema }, example },
    ]),
  );
}

const IF_NONE_MATCH: DescribedParameter = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` of an earlier response, or several: 304 while nothing has changed. `*`: whatever there is.',
  schema: { type: 'string' },
};
const TEXT = { type: 'string' };
const UNCHANGED = { description: 'Unchanged since the response with that ETag.' };

/** Schemas that the document names once and refers to. */
const components = z.registry<{ id: string }>();
const NAMED = {
  CreateRecording: schemas.createRecordingBody,
  PresignParts: schemas.presignPartsBody,
  CompleteRecording: schemas.completeRecordingBody,
  RequestPlaybackLink: schemas.playbackLinkBody,
  ReportAssessment: schemas.assessmentBody,
  Recording: schemas.recording,
  SignedPart: schemas.signedPart,
  UploadSettings: schemas.uploadSettings,
  CreatedRecording: schemas.createdRecording,
  SignedParts: schemas.signedParts,
  UploadedPart: schemas.uploadedPart,
  UploadedParts: schemas.uploadedParts,
  RecordingList: schemas.recordingList,
  PlaybackLink: schemas.playbackLink,
  Assessment: schemas.assessment,
  KeySet: schemas.keySet,
  Receipt: schemas.receipt,
  ReceiptList: schemas.receiptList,
  ReceiptProof: schemas.proofOfReceipt,
  Proof: schemas.proof,
  Checkpoint: schemas.checkpoint,
  ConsistencyProof: schemas.consistency,
  Explanation: schemas.recordingExplanation,
  Report: schemas.report,
  ParticipantErasure: schemas.participantErasure,
  ParticipantExport: schemas.participantExport,
  RestrictRecording: schemas.restrictionBody,
  LiftRestriction: schemas.liftRestrictionBody,
  AccessLogEntry: schemas.accessLogEntry,
  AccessLog: schemas.accessLog,
  Problem: schemas.problem,
};
for (const [name, schema] of Object.entries(NAMED)) components.add(schema, { id: name });

function componentSchemas(): JsonObject {
  const { schemas } = z.toJSONSchema(components, { uri: (id) => SCHEMAS_URI + id, override: adapt });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIds(toJson(schema))]));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  return objectOf(toJson(z.toJSONSchema(schema, { io, override: adapt })));
}

/** The pattern says at length what `format` says of times; the examples of calls are put together from those of members. */
function adapt({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format === 'date-time' || jsonSchema.format === 'date') delete jsonSchema.pattern;
  delete jsonSchema.example;
}

/** OpenAPI names a schema by its key, and the dialect once for all. */
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

/** What needs no token: probes, metrics and the documents. */
function servicePaths(): Record<string, Record<string, DescribedOperation>> {
  const ready = { type: 'object', required: ['ready'], properties: { ready: { type: 'boolean' }, reason: TEXT } };
  const alive = { type: 'object', required: ['status'], properties: { status: { const: 'ok' } } };
  const json = (description: string, schema: Json) => ({ description, content: { 'application/json': { schema } } });
  const text = (description: string, type: string) => ({ description, content: { [type]: { schema: TEXT } } });
  return {
    '/livez': openCall('getLiveness', 'Whether the process runs', { 200: json('It does.', alive) }),
    '/readyz': openCall('getReadiness', 'Whether requests can be served', {
      200: json('They can.', ready),
      503: json('Not now, and why.', ready),
    }),
    '/metrics': openCall('getMetrics', 'Measurements for Prometheus', { 200: text('The text format.', 'text/plain') }),
    '/.well-known/jwks.json': openCall('getKeys', 'The keys that sign receipts and checkpoints (RFC 7517)', {
      200: json('The first one signs now; none where the service signs nothing.', refTo(schemas.keySet)),
      304: UNCHANGED,
    }),
    // A cache may keep the documents, and asks whether they have changed.
    '/openapi.json': openCall('getOpenapi', 'This document', {
      200: json('OpenAPI 3.1.', { type: 'object' }),
      304: UNCHANGED,
    }),
    '/docs': openCall('getDocs', 'This document as a page', { 200: text('A page.', 'text/html'), 304: UNCHANGED }),
  };
}

function openCall(
  operationId: string,
  summary: string,
  responses: Record<string, JsonObject>,
): Record<string, DescribedOperation> {
  const isTagged = '304' in responses;
  const sent = headers(...EVERYWHERE, ...(isTagged ? (['ETag'] as const) : []));
  const described = Object.entries(responses).map(([status, response]) => [status, { headers: sent, ...response }]);
  return {
    get: {
      operationId,
      summary,
      description: 'Needs no token.',
      security: [],
      parameters: isTagged ? [IF_NONE_MATCH] : [],
      responses: Object.fromEntries(described),
    },
  };
}

/** What every call under /v1 can meet. */
const EVERY_CALL: readonly ErrorCode[] = [
  'malformed-path',
  'token-missing',
  'token-invalid',
  'token-expired',
  'scope-missing',
  'wrong-attempt',
  'wrong-participant',
  'invalid-id',
  'invalid-request',
  'rate-limited',
  'internal',
  'store-refused',
  'store-unavailable',
  'auth-unavailable',
];
/** What requests meet that reach no call. */
const OF_NO_CALL: readonly ErrorCode[] = [
  'not-found',
  'method-not-allowed',
  'malformed-request',
  'headers-too-large',
  'cross-origin',
];
const EVERY_JSON_BODY: readonly ErrorCode[] = [
  'malformed-json',
  'request-aborted',
  'body-too-large',
  'unsupported-media-type',
];

/** Every code that a call can meet, in the order of the table. */
function problemsOf(operation: Operation): ErrorCode[] {
  const met = new Set<ErrorCode>([
    ...EVERY_CALL,
    ...(operation.problems ?? []),
    ...(operation.body ? EVERY_JSON_BODY : []),
  ]);
  if (operation.path.includes('{recording}')) {
    met.add('recording-not-found');
    // A token that is bound to a participant is compared with the description.
    met.add('recording-deleted');
    met.add('recording-unreadable');
  }
  if (operation.handsOut) met.add('store-not-proven');
  return ERROR_CODES.filter((code) => met.has(code));
}

/** The body of a response of success. */
export function exampleOfSuccess(success: Operation['success']): unknown {
  const example = exampleOf(success.schema);
  return success.example ? success.example(example) : example;
}

/** What the members of a schema give as their `example`, put together. */
export function exampleOf<S extends z.ZodType>(schema: S): z.input<S> {
  return assembled(schema) as z.input<S>;
}

function assembled(schema: z.core.$ZodType): unknown {
  const { example } = z.globalRegistry.get(schema) ?? {};
  if (example !== undefined) return example;
  if (schema instanceof z.ZodArray) return [assembled(schema.element)];
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) return assembled(schema.unwrap());
  if (schema instanceof z.ZodLiteral) return schema.value;
  if (!(schema instanceof z.ZodObject)) return undefined;
  return Object.fromEntries(Object.entries(schema.shape).map(([name, member]) => [name, assembled(member)]));
}

/** The members of a problem besides those that all have, as an example. */
function exampleOfMembers(names: readonly ProblemMember[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, assembled(schemas.problemMembers[name])]));
}

if (import.meta.main) {
  const text = `${JSON.stringify(describeApi(OPERATIONS), null, 2)}\n`;
  await writeFile(new URL('../openapi.json', import.meta.url), text);
}
