// Holds a real answer to the OpenAPI document: its status, its headers, its media type, its body to the last member.
import { readFile } from 'node:fs/promises';
import { expect } from '@jest/globals';
import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js';
import { PROBLEM_MEDIA_TYPE } from '../../src/http/problems.ts';
import type { Answer } from './api.ts';

/** Its references name the document, so that each schema can be compiled alone. */
const api = JSON.parse(
  (await readFile(new URL('../../openapi.json', import.meta.url), 'utf8')).replaceAll('"#/', '"openapi#/'),
);
const ajv = new Ajv2020({
  allErrors: true,
  // Words of OpenAPI and of documentation among those of JSON Schema.
  strict: false,
  formats: {
    'date-time': (text: string) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
    'uri-reference': (text: string) => URL.canParse(text, 'http://host'),
    date: (text: string) => /^\d{4}-\d\d-\d\d$/.test(text),
    binary: true,
  },
});
ajv.addSchema(api, 'openapi');

/** Headers that any answer may have and that the OpenAPI document leaves out. */
const ANYWHERE =
  /^(date|connection|keep-alive|transfer-encoding|content-length|content-type|vary|access-control-.*|x-.*-(options|policies|prefetch-control)|x-xss-protection|(content-security|referrer|cross-origin-[a-z]+)-policy|strict-transport-security|origin-agent-cluster)$/;

/** A path with other bytes is refused before routing. */
const SEGMENT = '[!-.0-~]+';
const templates = Object.keys(api.paths).map((template) => {
  return [template, new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, SEGMENT)}$`)] as const;
});

/** A path that the API does not have may be answered with anything. @throws what `expect` throws for what is not documented */
export function expectDocumented(method: string, path: string, answer: Answer<unknown>): void {
  const [template] = templates.find(([, pattern]) => pattern.test(path.replace(/\?.*/, ''))) ?? [];
  if (template === undefined || method === 'OPTIONS') return;
  const { status, headers } = answer;
  const responses = api.paths[template][method === 'HEAD' ? 'get' : method.toLowerCase()]?.responses;
  if (!responses) {
    expect({ method, path, status, allow: headers.allow }).toMatchObject({ status: 405, allow: expect.any(String) });
    return;
  }
  const where = `${method} ${template} ${status}`;
  const response = resolve(responses[status]);
  const mistakes = response
    ? [
        ...mistakesOfHeaders(Object.keys(response.headers ?? {}), headers),
        ...(method === 'HEAD' ? [] : mistakesOfBody(response.content ?? {}, answer)),
      ]
    : ['the status is not documented'];
  expect({ where, mistakes }).toEqual({ where, mistakes: [] });
}

/** What a reference names, or what is described in its place. */
// biome-ignore lint/suspicious/noExplicitAny: a document of any shape.
function resolve(described: any): any {
  const [, , kind, name] = described?.$ref?.split('/') ?? [];
  return kind === undefined ? described : api.components[kind][name];
}

function mistakesOfHeaders(names: string[], headers: Answer['headers']): string[] {
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

type Content = Record<string, { schema: AnySchema; examples?: Record<string, object> }>;

function mistakesOfBody(content: Content, { headers, body }: Answer<unknown>): string[] {
  const type = headers['content-type']?.split(';')[0];
  if (type === undefined) {
    const isEmpty = !body || Object.keys(body).length === 0;
    return isEmpty || Object.keys(content).length === 0 ? [] : ['no content type'];
  }
  const documented = content[type];
  if (!documented) return [`media type ${type} is not documented`];
  if (!type.endsWith('json')) return [];
  const validate = validatorOf(documented.schema);
  if (!validate(body)) return [`${ajv.errorsText(validate.errors)}: ${JSON.stringify(body)}`];
  if (type !== PROBLEM_MEDIA_TYPE) return [];
  // A problem may have any member; ours have those of their example.
  const example = resolve(documented.examples?.[(body as { code: string }).code])?.value ?? {};
  const beyond = Object.keys(body as object).filter((name) => !(name in example));
  return beyond.map((name) => `the example of the problem has no member ${name}`);
}

/** Compiled once: ajv knows a schema again. */
export const validatorOf = (schema: AnySchema) => ajv.compile(schema);
