// Holds a real answer to the OpenAPI document: its status, its headers, its media type, its body to the last member.
import { expect } from '@jest/globals';
import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js';
import type { JsonObject } from '../../src/http/openapi/description.ts';
import { describeApi } from '../../src/http/openapi.ts';
import { PROBLEM_MEDIA_TYPE } from '../../src/http/problem.ts';
import { OPERATIONS } from '../../src/http/routes/index.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface DocumentedHeader {
  readonly required?: boolean;
  readonly schema: AnySchema & { readonly type?: string };
}
interface DocumentedContent {
  readonly schema: AnySchema;
  readonly examples?: Readonly<Record<string, { readonly value: JsonObject }>>;
}
interface DocumentedResponse {
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, DocumentedContent>>;
}

const api = JSON.parse(JSON.stringify(describeApi(OPERATIONS)));
const ajv = new Ajv2020({
  allErrors: true,
  // Words of OpenAPI and of documentation among those of JSON Schema.
  strict: false,
  formats: {
    'date-time': (text: string) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
    'uri-reference': (text: string) => URL.canParse(text, 'http://host'),
    binary: true,
  },
});
ajv.addSchema(api, 'openapi');

/** Sent with every answer of this server, whatever it answers; what each does is no part of the API. */
const ANYWHERE =
  /^(date|connection|keep-alive|transfer-encoding|content-length|content-type|vary|access-control-.*|x-.*-(options|policies|prefetch-control)|x-xss-protection|(content-security|referrer|cross-origin-[a-z]+)-policy|strict-transport-security|origin-agent-cluster)$/;

/** A path with other bytes is refused before it is one. */
const SEGMENT = '[!-.0-~]+';

const templates = Object.keys(api.paths).map((template) => ({
  template,
  pattern: new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, SEGMENT)}$`),
}));

/** The template of a path, undefined for a path that the API does not have. */
export function templateOf(path: string): string | undefined {
  const [bare = ''] = path.split('?');
  return templates.find(({ pattern }) => pattern.test(bare))?.template;
}

/** @throws what `expect` throws for all that is not documented for this call */
export function expectDocumented(method: string, path: string, answer: RawAnswer): void {
  const template = templateOf(path);
  if (template === undefined || method === 'OPTIONS') return;
  const operation = api.paths[template][method === 'HEAD' ? 'get' : method.toLowerCase()];
  if (!operation) {
    expect({ method, path, status: answer.status, allow: answer.headers.allow }).toMatchObject({
      status: 405,
      allow: expect.stringMatching(/./),
    });
    return;
  }
  const response: DocumentedResponse | undefined = operation.responses[answer.status];
  const where = `${method} ${template} ${answer.status}`;
  expect({ where, documented: Object.keys(operation.responses) }).toEqual({
    where,
    documented: expect.arrayContaining([String(answer.status)]),
  });
  expect({ where, mistakes: mistakesOf(method, response ?? {}, answer) }).toEqual({ where, mistakes: [] });
}

function mistakesOf(method: string, response: DocumentedResponse, { headers, body }: RawAnswer): string[] {
  const documented = Object.entries(response.headers ?? {}).map(([name, { $ref }]): [string, DocumentedHeader] => [
    name,
    at($ref),
  ]);
  const names = new Set(documented.map(([name]) => name.toLowerCase()));
  const undocumented = Object.keys(headers).filter((name) => !names.has(name) && !ANYWHERE.test(name));
  return [
    ...undocumented.map((name) => `header ${name} is not documented`),
    ...documented.flatMap(([name, header]) => mistakesOfHeader(name, header, headers[name.toLowerCase()])),
    ...(method === 'HEAD' ? [] : mistakesOfBody(response, headers, body)),
  ];
}

function mistakesOfHeader(name: string, { required, schema }: DocumentedHeader, value: string | undefined): string[] {
  if (value === undefined) return required ? [`header ${name} is missing`] : [];
  const validate = ajv.compile(schema);
  const parsed = schema.type === 'integer' ? Number(value) : value;
  return validate(parsed) ? [] : [`header ${name}: ${value} ${ajv.errorsText(validate.errors)}`];
}

function mistakesOfBody({ content = {} }: DocumentedResponse, headers: RawAnswer['headers'], body: unknown): string[] {
  const type = headers['content-type']?.split(';')[0];
  if (type === undefined) return Object.keys(content).length === 0 || isEmpty(body) ? [] : ['no content type'];
  const documented = content[type];
  if (!documented) return [`media type ${type} is not documented`];
  if (!type.endsWith('json')) return [];
  const validate = validatorOf(documented.schema);
  if (!validate(body)) return [`${ajv.errorsText(validate.errors)}: ${JSON.stringify(body)}`];
  return type === PROBLEM_MEDIA_TYPE ? membersBeyondExample(documented, body as { code: string }) : [];
}

/** A problem may have any member; ours have those of their example. */
function membersBeyondExample({ examples = {} }: DocumentedContent, problem: { readonly code: string }): string[] {
  const example = examples[problem.code]?.value ?? {};
  return Object.keys(problem)
    .filter((name) => !(name in example))
    .map((name) => `the example of ${problem.code} has no member ${name}`);
}

const validators = new Map<AnySchema, ValidateFunction>();

/** The references of a schema are relative to the document that it stands in. */
export function validatorOf(schema: AnySchema): ValidateFunction {
  const known = validators.get(schema);
  if (known) return known;
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as AnySchema;
  const made = ajv.compile(absolute);
  validators.set(schema, made);
  return made;
}

function at<Value>(ref: string): Value {
  return ref
    .slice(2)
    .split('/')
    .reduce((value: JsonObject, name) => value[name] as JsonObject, api) as Value;
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === '' || (typeof body === 'object' && Object.keys(body ?? {}).length === 0);
}
