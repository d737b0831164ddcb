// Writes openapi.json, the OpenAPI 3.1 document that the service serves, from the calls that it serves: `npm run openapi`.
// A test holds the file to them.
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { SCOPES, type Scope } from '../src/http/auth.ts';
import { hasEtag, isFile, isPaged, namesSomething, type Operation } from '../src/http/operation.ts';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../src/http/problems.ts';
import { RESPONSE_HEADERS, type ResponseHeaderName } from '../src/http/response.ts';
import { OPERATIONS } from '../src/http/routes/index.ts';
import * as schemas from '../src/http/schemas.ts';
import { ERROR_CODES, type ErrorCode, PROBLEMS, type ProblemMember } from '../src/model/errors.ts';
import { MAX_PART_NUMBER } from '../src/model/parts.ts';
import { attemptId, examId, participantId, recordingId, tenantId } from '../src/model/recording.ts';
import { mapValues, shareComponents } from './shared-components.ts';

export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export interface JsonObject {
  [member: string]: Json;
}

export interface ApiDescription {
  readonly openapi: '3.1.0';
  readonly info: JsonObject;
  readonly servers: readonly JsonObject[];
  readonly tags: readonly { readonly name: Caller; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: Readonly<
    Record<'schemas' | 'headers' | 'parameters' | 'responses' | 'examples' | 'securitySchemes', JsonObject>
  >;
}

export interface DescribedOperation {
  readonly operationId: string;
  readonly tags: readonly Caller[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly JsonObject[];
  readonly parameters: readonly JsonObject[];
  readonly requestBody?: JsonObject;
  readonly deprecated?: boolean;
  readonly responses: Readonly<Record<string, JsonObject>>;
}

type Parameter = {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Json;
  readonly example?: Json;
};

const { version: API_VERSION } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const SCHEMAS_URI = '#/components/schemas/';
const HEADERS_URI = '#/components/headers/';
const EXAMPLES_URI = '#/components/examples/';

/** Who calls: the groups of the reference, in its order. */
const CALLERS = {
  'Exam client': "Records in the participant's browser and uploads the recordings. Scope: `recordings:upload`.",
  Reviewer: 'Lists recordings and plays them. Scope: `recordings:review`.',
  'Assessment system':
    'Reports when an attempt was assessed. The deletion deadline counts from that time. Scope: `assessments:write`.',
  'Privacy desk and auditor':
    'Handle requests of participants, and show that recordings were deleted on time. Scope: `privacy:manage`.',
  Operator: 'Probes, metrics, public keys and this documentation. No token is needed.',
} as const;
type Caller = keyof typeof CALLERS;

/** By the first of the scopes that a call accepts. */
const CALLER_BY_SCOPE: Readonly<Record<Scope, Caller>> = {
  'recordings:upload': 'Exam client',
  'recordings:review': 'Reviewer',
  'assessments:write': 'Assessment system',
  'privacy:manage': 'Privacy desk and auditor',
};

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  exam: 'The id of the exam.',
  attempt: 'The id of the attempt: one participant taking the exam once.',
  recording: 'The id of the recording, assigned by the service.',
  partNumber: 'The number of the part, starting at 1.',
  participant: 'The `participantId` with which the recordings were created.',
};

/** So that the example of a call is complete: the ids are those of the examples of bodies. */
const PATH_EXAMPLES: Readonly<Record<string, z.ZodType>> = {
  exam: examId,
  attempt: attemptId,
  recording: recordingId,
  participant: participantId,
};

/** Of what is not an id of the caller. */
const PATH_SCHEMAS: Readonly<Record<string, JsonObject>> = {
  recording: { type: 'string', pattern: '^[0-9a-v]{36}$' },
  partNumber: { type: 'integer', minimum: 1, maximum: MAX_PART_NUMBER },
};

/** How a token may be bound, by what the path of a call names last. */
const BOUND_TOKENS: Readonly<Record<string, string>> = {
  exam: 'The token must not be bound to an attempt.',
  attempt: 'A bound token must be bound to this attempt.',
  recording: 'A bound token must be bound to this attempt.',
  partNumber: 'A bound token must be bound to this attempt.',
  participant: 'The token must not be bound to an exam or an attempt.',
  '': 'The token may be bound to an attempt.',
};
const OWN_PARTICIPANT = 'A token bound to a participant reaches only the recordings of that participant.';
const OF_ALL_PARTICIPANTS = 'The token must not be bound to a participant.';
const OF_ALL_OF_TENANT = 'The token must not be bound to an exam, an attempt or a participant.';

/** Generators and Postman need one; as it is, the one of `npm start`. */
const SERVER = {
  url: '{scheme}://{host}',
  description: 'The address of the service.',
  variables: {
    scheme: { enum: ['https', 'http'], default: 'http' },
    host: { default: 'localhost:8080', description: 'The host, with a port and a path where needed.' },
  },
};

export function describeApi(operations: readonly Operation[]): ApiDescription {
  const paths: Record<string, Record<string, DescribedOperation>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describeOperation(operation, operations) };
  }
  const shared = shareComponents({ ...paths, ...servicePaths() });
  return {
    openapi: '3.1.0',
    info: {
      title: 'Proctoring recordings',
      version: API_VERSION,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
      description:
        'Stores optional exam-proctoring recordings, and deletes each no later than 30 days after the assessment of its ' +
        'attempt.\n\n' +
        'The calls are grouped by who makes them. Send a token with every call under `/v1`: ' +
        '`Authorization: Bearer <JWT>`. The token determines the tenant; a caller cannot see anything of another tenant.\n\n' +
        'Errors are problem documents (RFC 9457) with a stable `code`. [Problems](/docs/problems) explains each code and ' +
        'what to do about it. When you report an error, include the `X-Request-Id` of the response.\n\n' +
        `Any request can fail before it reaches a call: ${OF_NO_CALL.map(inShort).join(', ')}. ` +
        'Every GET call also accepts HEAD. If a JSON object repeats a member, the last value wins.',
    },
    servers: [SERVER],
    tags: Object.entries(CALLERS).map(([name, description]) => ({ name: name as Caller, description })),
    paths: shared.paths,
    components: {
      schemas: componentSchemas(),
      headers: componentHeaders(),
      ...shared.components,
      examples: componentExamples(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'Claims: `tenant`, `scope` (separated by spaces), `sub` and `exp`. Optional: `exam` and `attempt` bind a token ' +
            'to one attempt, `participant` binds it to the recordings of one participant. ' +
            `Scopes: ${Object.entries(SCOPES)
              .map(([scope, meaning]) => `\`${scope}\` (${meaning})`)
              .join(', ')}.`,
        },
      },
    },
  };
}

function callersOf({ scopes: [scope] }: Operation): Caller[] {
  return scope === undefined ? [] : [CALLER_BY_SCOPE[scope]];
}

function describeOperation(operation: Operation, all: readonly Operation[]): DescribedOperation {
  const requestBody = describeBody(operation);
  return {
    operationId: operation.operationId,
    tags: callersOf(operation),
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
    ...(operation.isDeprecated ? { deprecated: true } : {}),
    responses: {
      [operation.success.status ?? 200]: describeSuccess(operation, all),
      ...(hasEtag(operation) ? { 304: { ...UNCHANGED, headers: headers(...UNDER_V1, 'ETag') } } : {}),
      ...problemResponses(operation),
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

function pathParameters(path: string): Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: PATH_PARAMETERS[name] ?? '',
    schema: PATH_SCHEMAS[name] ?? { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$' },
    example: toJson(PATH_EXAMPLES[name] ? exampleOf(PATH_EXAMPLES[name]) : 1),
  }));
}

function schemaParameters(query: z.ZodType | undefined, location: 'query' | 'header'): Parameter[] {
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
  if (operation.takesBytes) {
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

/** The problems of a call, by status. */
function problemResponses(operation: Operation): Record<string, JsonObject> {
  const byStatus = Map.groupBy(problemsOf(operation), (code) => PROBLEMS[code].status);
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, describeProblems(codes)]));
}

function describeProblems(codes: readonly ErrorCode[]): JsonObject {
  const isRetried = codes.some((code) => PROBLEMS[code].retryAfterSeconds !== undefined || code === 'rate-limited');
  const isOfToken = codes.some((code) => PROBLEMS[code].status === 401 || code === 'scope-missing');
  const schema = { allOf: [refTo(schemas.problem), { type: 'object', properties: { code: { enum: [...codes] } } }] };
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: EXAMPLES_URI + code }]));
  return {
    description: `${alternatives(codes)}.`,
    headers: headers(
      ...UNDER_V1,
      ...(isRetried ? (['Retry-After'] as const) : []),
      ...(isOfToken ? (['WWW-Authenticate'] as const) : []),
    ),
    content: { [PROBLEM_MEDIA_TYPE]: { schema, examples } },
  };
}

function alternatives(codes: readonly ErrorCode[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction' }).format(codes.map((code) => `\`${code}\``));
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

const IF_NONE_MATCH: Parameter = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description:
    'One or more `ETag` values of earlier responses. If one still matches, the response is 304. `*` matches any.',
  schema: { type: 'string' },
};
const TEXT = { type: 'string' };
const UNCHANGED = { description: 'Nothing has changed since the response with that `ETag`.' };

/** Schemas that the document names once and refers to. */
const components = z.registry<{ id: string }>();
const NAMED = {
  TenantId: tenantId,
  ExamId: examId,
  AttemptId: attemptId,
  ParticipantId: participantId,
  RecordingId: recordingId,
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
  const { schemas } = z.toJSONSchema(components, { uri: (id) => SCHEMAS_URI + id, override: adaptComponent });
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

/** Leaves out the limits of JavaScript's safe integers, which mean nothing to a reader. */
function adaptComponent(context: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  adapt(context);
  const { jsonSchema } = context;
  if (jsonSchema.minimum === 0 && jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
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
    '/livez': openCall('getLiveness', 'Check that the process is running', {
      200: json('The process is running.', alive),
    }),
    '/readyz': openCall('getReadiness', 'Check that requests can be served', {
      200: json('Requests can be served.', ready),
      503: json('Requests cannot be served; `reason` says why.', ready),
    }),
    '/metrics': openCall('getMetrics', 'Get the metrics for Prometheus', {
      200: text('The metrics in the Prometheus text format.', 'text/plain'),
    }),
    '/.well-known/jwks.json': openCall('getKeys', 'Get the public keys for receipts and checkpoints (RFC 7517)', {
      200: json(
        'The first key is the current one. The list is empty if the service has no signing key.',
        refTo(schemas.keySet),
      ),
      304: UNCHANGED,
    }),
    // A cache may keep the documents, and asks whether they have changed.
    '/openapi.json': openCall('getOpenapi', 'Get this document', {
      200: json('The OpenAPI 3.1 document.', { type: 'object' }),
      304: UNCHANGED,
    }),
    '/docs': openCall('getDocs', 'Read this document as a page', { 200: text('A page.', 'text/html'), 304: UNCHANGED }),
    '/docs/problems': openCall('getProblems', 'Read what each problem means and what to do about it', {
      200: text('A page.', 'text/html'),
      304: UNCHANGED,
    }),
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
      tags: ['Operator'],
      summary,
      description: 'No token is needed.',
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

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** The members of a problem besides those that all have, as an example. */
function exampleOfMembers(names: readonly ProblemMember[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, assembled(schemas.problemMembers[name])]));
}

/** JSON in which each call and each component has a line of its own, so that a difference names what has changed. */
function toLines({ paths, components, ...head }: ApiDescription): string {
  const lines = Object.entries(head).map(([name, value]) => member(name, JSON.stringify(value)));
  const calls = mapValues(paths, (methods) => object(mapValues(methods, (call) => JSON.stringify(call))));
  const shared = mapValues(components, (kind) => object(mapValues(kind, (component) => JSON.stringify(component))));
  return `{\n${[...lines, member('paths', object(calls)), member('components', object(shared))].join(',\n')}\n}\n`;
}

function member(name: string, json: string): string {
  return `${JSON.stringify(name)}: ${json}`;
}

function object(members: Readonly<Record<string, string>>): string {
  return `{\n${Object.entries(members)
    .map(([name, json]) => member(name, json))
    .join(',\n')}\n}`;
}

if (import.meta.main) {
  await writeFile(new URL('../openapi.json', import.meta.url), toLines(describeApi(OPERATIONS)));
}
