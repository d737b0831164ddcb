// The OpenAPI 3.1 document, made from the operations that are served: it cannot say anything else than they do.
import type { z } from 'zod';
import { SCOPES } from './access.ts';
import type { ApiDescription, DescribedOperation, DescribedParameter, JsonObject } from './openapi/description.ts';
import { componentHeaders, headers, IF_NONE_MATCH, UNCHANGED, UNDER_V1 } from './openapi/headers.ts';
import { componentSchemas, objectOf, refTo, schemaOf, toJson } from './openapi/json-schemas.ts';
import { describeProblems, inShort, OF_NO_CALL, problemsOf } from './openapi/problems.ts';
import { servicePaths } from './openapi/service-paths.ts';
import { hasEtag, isPaged, type Operation, type Place } from './operation.ts';

const API_VERSION = '0.1.0';

const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  exam: 'The id of the exam.',
  attempt: 'The id of the attempt: one sitting of the exam by a participant.',
  recording: 'The id that the service gave the recording.',
  participant: 'The id of the participant, as it was given when the recording was started.',
};

const OWN_SITTING = 'A token that is bound to a sitting reaches that one alone.';
const BOUND_TOKENS: Readonly<Record<Place, string>> = {
  exam: 'A token that is bound to this exam may call, one that is bound to an attempt may not.',
  attempt: OWN_SITTING,
  recording: OWN_SITTING,
  participant: 'A token that is bound to an exam may not call: the answer is about all exams.',
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
        'assessment of its attempt. Every answer carries an X-Request-Id; every problem is RFC 9457 with a stable `code`, ' +
        'and /docs#problems says of each what to do. ' +
        'The tenant is taken from the token: what belongs to another tenant does not exist for the caller.\n\n' +
        `Not listed with each call, because they are answers to none: ${OF_NO_CALL.map(inShort).join(', ')}. ` +
        'Each GET has a HEAD. Of a member that stands twice in an object the last counts.',
    },
    paths: { ...paths, ...servicePaths() },
    components: {
      schemas: componentSchemas(),
      headers: componentHeaders(),
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
      [operation.success.status]: describeSuccess(operation, all),
      ...(hasEtag(operation) ? { 304: { ...UNCHANGED, headers: headers(...UNDER_V1, 'ETag') } } : {}),
      ...describeProblems(problemsOf(operation)),
    },
  };
}

/** The scopes of a token, and how it may be bound. */
function rightsOf({ scopes, place }: Operation): string {
  return `Scope: ${scopes.map((scope) => `\`${scope}\``).join(' or ')}. ${BOUND_TOKENS[place]}`;
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

function schemaParameters(query: z.ZodType | undefined, place: 'query' | 'header'): DescribedParameter[] {
  if (!query) return [];
  // What a parameter means is its parsed form; whether it must be there is said by the unparsed one.
  const parsed = schemaOf(query, 'output');
  const required = schemaOf(query, 'input').required;
  return Object.entries(objectOf(parsed.properties)).map(([name, schema]) => {
    const { description, ...rest } = objectOf(schema);
    return {
      name: place === 'header' ? name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()) : name,
      in: place,
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

function describeSuccess(operation: Operation, all: readonly Operation[]): JsonObject {
  const { success } = operation;
  const content = () => ({
    'application/json': { schema: refTo(success.schema), example: toJson(success.example) },
    ...(success.orAs === undefined ? {} : { [success.orAs]: { schema: { type: 'string', format: 'binary' } } }),
  });
  return {
    description: success.description,
    headers: headers(
      ...UNDER_V1,
      ...(success.location ? (['Location'] as const) : []),
      ...(hasEtag(operation) ? (['ETag'] as const) : []),
      ...(isPaged(operation) ? (['Link'] as const) : []),
      ...(success.orAs === undefined ? [] : (['Content-Disposition'] as const)),
    ),
    ...(success.recordingIdAt === undefined ? {} : { links: linksTo(success.recordingIdAt, all) }),
    ...(success.status === 204 ? {} : { content: content() }),
  };
}

/** Where a request that made a recording, and its answer, have what paths name. */
function linkParameters(recordingIdAt: string): Readonly<Record<string, string>> {
  return {
    exam: '$request.path.exam',
    attempt: '$request.path.attempt',
    recording: `$response.body#${recordingIdAt}`,
    participant: '$request.body#/participantId',
  };
}

/** How the answer leads on: to every other call about what it made. */
function linksTo(recordingIdAt: string, all: readonly Operation[]): JsonObject {
  const known = linkParameters(recordingIdAt);
  const others = all.filter(({ success }) => success.recordingIdAt === undefined);
  return Object.fromEntries(
    others.map(({ operationId, path }) => {
      const parameters = pathParameters(path).map(({ name }) => [name, known[name] ?? '']);
      return [operationId, { operationId, parameters: Object.fromEntries(parameters) }];
    }),
  );
}
