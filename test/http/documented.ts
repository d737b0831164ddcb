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

interface DocumentedContent {
  readonly schema: AnySchema;
  readonly examples?: Readonly<Record<string, { readonly value: JsonObject }>>;
}
interface DocumentedResponse {
  readonly headers?: Readonly<Record<string, unknown>>;
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

/** A path that the API does not have may be answered with anything. @throws what `expect` throws for what is not documented */
export function expectDocumented(method: string, path: string, answer: RawAnswer): void {
  const template = templates.find(({ pattern }) => pattern.test(path.replace(/\?.*/, '')))?.template;
  if (template === undefined || method === 'OPTIONS') return;
  const { status, headers } = answer;
  const responses = api.paths[template][method === 'HEAD' ? 'get' : method.toLowerCase()]?.responses;
  if (!responses) {
    expect({ method, path, status, allow: headers.allow }).toMatchObject({ status: 405, allow: expect.any(String) });
    return;
  }
  const where = `${method} ${template} ${status}`;
  expect({ where, documented: Object.keys(responses) }).toEqual({
    where,
    documented: expect.arrayContaining([String(status)]),
  });
  const mistakes = [
    ...mistakesOfHeaders(responses[status], headers),
    ...(method === 'HEAD' ? [] : mistakesOfBody(responses[status], answer)),
  ];
  expect({ where, mistakes }).toEqual({ where, mistakes: [] });
}

function mistakesOfHeaders(response: DocumentedResponse, headers: RawAnswer['headers']): string[] {
  const names = Object.keys(response.headers ?? {});
  const known = new Set(names.map((name) => name.toLowerCase()));
  const undocumented = Object.keys(headers).filter((name) => !known.has(name) && !ANYWHERE.test(name));
  const mistakes = names.flatMap((name) => {
    const { required, schema } = api.components.headers[name];
    const value = headers[name.toLowerCase()];
    if (value === undefined) return required ? [`header ${name} is missing`] : [];
    const isValid = validatorOf(schema)(schema.type === 'integer' ? Number(value) : value);
    return isValid ? [] : [`header ${name}: ${value}`];
  });
  return [...undocumented.map((name) => `header ${name} is not documented`), ...mistakes];
}

function mistakesOfBody({ content = {} }: DocumentedResponse, { headers, body }: RawAnswer): string[] {
  const type = headers['content-type']?.split(';')[0];
  if (type === undefined) return Object.keys(content).length === 0 || isEmpty(body) ? [] : ['no content type'];
  const documented = content[type];
  if (!documented) return [`media type ${type} is not documented`];
  if (!type.endsWith('json')) return [];
  const validate = validatorOf(documented.schema);
  if (!validate(body)) return [`${ajv.errorsText(validate.errors)}: ${JSON.stringify(body)}`];
  if (type !== PROBLEM_MEDIA_TYPE) return [];
  // A problem may have any member; ours have those of their example.
  const example = documented.examples?.[(body as { code: string }).code]?.value ?? {};
  const beyond = Object.keys(body as object).filter((name) => !(name in example));
  return beyond.map((name) => `the example of the problem has no member ${name}`);
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

function isEmpty(body: unknown): boolean {
  return body === undefined || body === '' || (typeof body === 'object' && Object.keys(body ?? {}).length === 0);
}
