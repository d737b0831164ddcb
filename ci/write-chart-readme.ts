// Writes the table of values in the chart's README: types and descriptions from its schema, defaults from values.yaml.
import { readFile, writeFile } from 'node:fs/promises';
import { parse } from 'yaml';

const README = new URL('../helm/README.md', import.meta.url);
const SCHEMA = new URL('../helm/values.schema.json', import.meta.url);
const VALUES = new URL('../helm/values.yaml', import.meta.url);

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly items?: Schema;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/**
 * The page with its table of values, which is the first of the page.
 * @throws Error when a value has no description
 */
export async function readmeWithValues(page: string): Promise<string> {
  const schema = JSON.parse(await readFile(SCHEMA, 'utf8')) as Schema;
  const table = ['| Value | Type | Default | Description |', '|---|---|---|---|'];
  table.push(...rowsOf('', schema, parse(await readFile(VALUES, 'utf8')), schema.definitions ?? {}));
  return page.replace(/^\| Value \|.*\n(\|.*\n)*/m, () => `${table.join('\n')}\n`);
}

/** `value`: undefined where values.yaml has none. */
function rowsOf(path: string, schema: Schema, value: unknown, definitions: Readonly<Record<string, Schema>>): string[] {
  const isGroup = schema.properties !== undefined;
  const own = path === '' || (isGroup && !schema.description) ? [] : [rowOf(path, schema, value, definitions)];
  const inner = Object.entries(schema.properties ?? {}).flatMap(([key, property]) => {
    const innerValue = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
    return rowsOf(path === '' ? key : `${path}.${key}`, property, innerValue, definitions);
  });
  return [...own, ...inner];
}

function rowOf(path: string, schema: Schema, value: unknown, definitions: Readonly<Record<string, Schema>>): string {
  if (!schema.description) throw new Error(`${path} has no description in helm/values.schema.json`);
  const fallback = value ?? schema.default;
  const cells = [
    `\`${path}\``,
    typeOf(schema, definitions),
    fallback === undefined ? '' : code(fallback),
    schema.description,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

const code = (value: unknown) => `\`${JSON.stringify(value)}\``;

function typeOf(schema: Schema, definitions: Readonly<Record<string, Schema>>): string {
  const { $ref, type, items, anyOf } = schema;
  if ($ref) return typeOf(definitions[$ref.replace('#/definitions/', '')] ?? {}, definitions);
  if (anyOf) return anyOf.map((one) => typeOf(one, definitions)).join(' or ');
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(' or ');
  if (type === 'array') return `list of ${items?.enum ? 'names' : `${items ? typeOf(items, definitions) : 'value'}s`}`;
  return [type].flat().join(' or ');
}

if (import.meta.main) await writeFile(README, await readmeWithValues(await readFile(README, 'utf8')));
