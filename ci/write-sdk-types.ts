// Writes the SDK's types of what the API takes and returns, from openapi.json and the table of problems.
import { readFile, writeFile } from 'node:fs/promises';
import { compile } from 'json-schema-to-typescript';
import { ERROR_CODES } from '../src/model/errors.ts';
import { ERASURE_REASONS } from '../src/model/recording.ts';

export const SDK_TYPES = new URL('../packages/sdk/src/schemas.ts', import.meta.url);
const DOCUMENT = new URL('../openapi.json', import.meta.url);
const BANNER = '// Made by `npm run openapi` from openapi.json, not by hand.';

interface OpenApiDocument {
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export async function sdkTypes(): Promise<string> {
  const text = (await readFile(DOCUMENT, 'utf8')).replaceAll('#/components/schemas/', '#/$defs/');
  const { components } = JSON.parse(text) as OpenApiDocument;
  const named = {
    ...components.schemas,
    DeletionReason: { enum: ERASURE_REASONS },
    ProblemCode: { description: 'Every `code` of a problem: see /docs#problems.', enum: [...ERROR_CODES].sort() },
  };
  const types = await compile({ $defs: named }, 'Root', {
    bannerComment: BANNER,
    // What the API returns may grow: a type says what is known.
    additionalProperties: false,
    unreachableDefinitions: true,
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 120, trailingComma: 'all' },
  });
  return types
    .replace(/export interface Root \{[^}]*\}\n/, '')
    .replace(/^\/\*\*\n \* This interface was referenced by `Root`.*\n \* via the `definition` ".*"\.\n \*\/\n/gm, '')
    .replace(/ \*\n \* This interface was referenced by `Root`.*\n \* via the `definition` ".*"\.\n/gm, '');
}

if (import.meta.main) await writeFile(SDK_TYPES, await sdkTypes());
