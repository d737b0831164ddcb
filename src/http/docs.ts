// The documentation as one plain page: rendered once, from the OpenAPI document, without scripts or network.
import { ERROR_CODES, type ErrorCode, PROBLEMS } from '../model/errors.ts';

/** The OpenAPI document, as far as the page reads it. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export interface JsonObject {
  [member: string]: Json;
}

export interface ApiDescription {
  readonly openapi: '3.1.0';
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly license: { readonly name: string; readonly identifier: string };
  };
  readonly servers: readonly JsonObject[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: Readonly<
    Record<'schemas' | 'headers' | 'responses' | 'examples' | 'securitySchemes', JsonObject>
  >;
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
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: Json;
}

export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #2563eb; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 6rem; }
h1 { margin-bottom: .25rem; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
code, pre { font: 13.5px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: .75rem 1rem; border-radius: .4rem; overflow-x: auto; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.25rem; margin: 1rem 0; }
section h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4rem; text-transform: uppercase; color: var(--accent); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-top: 1px solid var(--line); }
th { font-weight: 600; white-space: nowrap; } tr:target { background: #fde68a66; }
summary { cursor: pointer; }
`;

export function renderDocs(api: ApiDescription): string {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${text(api.info.title)}</title><style>${DOCS_STYLE}</style></head><body>`,
    `<h1>${text(api.info.title)}</h1><p>Version ${text(api.info.version)}. ${prose(api.info.description)}</p>`,
    '<p>For machines: <a href="/openapi.json">/openapi.json</a>. ',
    '<a href="#calls">Calls</a>, <a href="#problems">problems</a>, <a href="#schemas">schemas</a>.</p>',
    '<h2 id="calls">Calls</h2>',
    ...operations.map(({ path, method, operation }) => renderOperation(api, path, method, operation)),
    '<h2 id="problems">Problems</h2>',
    `<p>${prose(
      'Every refusal is `application/problem+json` (RFC 9457). Decide by `code`, show `detail` to people, give ' +
        '`requestId` to the operator. Its `type` leads here.',
    )}</p>`,
    '<table><thead><tr><th>Code</th><th>Status</th><th>Meaning, and what to do</th></tr></thead><tbody>',
    ...ERROR_CODES.map(renderProblem),
    '</tbody></table><h2 id="schemas">Schemas</h2>',
    ...Object.entries(api.components.schemas).map(([name, schema]) => renderSchema(name, schema)),
    '</body></html>',
  ].join('\n');
}

function renderOperation(api: ApiDescription, path: string, method: string, operation: DescribedOperation): string {
  const responses = Object.entries(operation.responses).map(([status, described]) => {
    const response = resolve(api, described);
    return `<tr><th>${text(status)}</th><td>${renderContent(response)}${prose(textOf(response.description))}${renderHeaders(response)}</td></tr>`;
  });
  return [
    `<section id="${text(operation.operationId)}">`,
    `<h3><span class="method">${text(method)}</span> <code>${text(path)}</code></h3>`,
    `<p><strong>${text(operation.summary)}.</strong> ${prose(operation.description)}</p>`,
    operation.parameters.length > 0 ? `<table>${operation.parameters.map(renderParameter).join('')}</table>` : '',
    operation.requestBody ? `<p>Body: ${renderContent(operation.requestBody)}</p>` : '',
    `<details><summary>Responses</summary><table>${responses.join('')}</table></details>`,
    '</section>',
  ].join('\n');
}

function renderParameter(parameter: DescribedParameter): string {
  const presence = parameter.required ? '' : ', optional';
  const schema = `<code>${text(JSON.stringify(parameter.schema))}</code>`;
  return `<tr><th><code>${text(parameter.name)}</code> (${parameter.in}${presence})</th><td>${prose(parameter.description)} ${schema}</td></tr>`;
}

/** The schema of a body or a response, and its example. */
function renderContent(body: JsonObject): string {
  return Object.entries(objectOf(body.content))
    .map(([mediaType, content]) => {
      const { schema, example } = objectOf(content);
      const ref = objectOf(schema).$ref;
      const name = typeof ref === 'string' ? (ref.split('/').at(-1) ?? '') : '';
      const link = name ? ` <a href="#schema-${text(name)}">${text(name)}</a>` : '';
      const shown = example === undefined ? '' : `<pre>${text(JSON.stringify(example, null, 2))}</pre>`;
      return `<code>${text(mediaType)}</code>${link}${shown || '<br>'}`;
    })
    .join('');
}

function renderHeaders(response: JsonObject): string {
  const names = Object.keys(objectOf(response.headers)).map((name) => `\`${name}\``);
  return names.length === 0 ? '' : `<br>${prose(`Headers: ${names.join(', ')}.`)}`;
}

function renderProblem(code: ErrorCode): string {
  const { status, title, advice, retryAfterSeconds, members = [] } = PROBLEMS[code];
  const unexplained = members.map((name) => `\`${name}\``).filter((name) => !advice.includes(name));
  const meaning = [
    `<strong>${text(title)}.</strong> ${prose(advice)}`,
    unexplained.length > 0 ? prose(`Has ${unexplained.join(' and ')}.`) : '',
    retryAfterSeconds === undefined ? '' : `Retry-After: ${retryAfterSeconds} seconds.`,
  ];
  return `<tr id="problem-${code}"><th><code>${code}</code></th><td>${status}</td><td>${meaning.join(' ').trim()}</td></tr>`;
}

function renderSchema(name: string, schema: Json): string {
  return `<details id="schema-${text(name)}"><summary><code>${text(name)}</code></summary><pre>${text(JSON.stringify(schema, null, 2))}</pre></details>`;
}

/** A response that several calls share is described once, among the components. */
function resolve(api: ApiDescription, response: JsonObject): JsonObject {
  const name = textOf(response.$ref).split('/').at(-1) ?? '';
  return name === '' ? response : objectOf(api.components.responses[name]);
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function text(value: string): string {
  return value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Escaped text in which `code` and blank lines mean what they mean in Markdown; the code of a problem leads to it. */
function prose(value: string): string {
  return text(value)
    .replace(/`([^`]+)`/g, (_, code: string) => {
      const shown = `<code>${code}</code>`;
      return Object.hasOwn(PROBLEMS, code) ? `<a href="#problem-${code}">${shown}</a>` : shown;
    })
    .replaceAll('\n\n', '<br>');
}
