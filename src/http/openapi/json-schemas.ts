// The schemas of the API as JSON Schema, each once and under its name.
import { z } from 'zod';
import { components } from '../schemas.ts';
import type { Json, JsonObject } from './description.ts';

const SCHEMAS_URI = '#/components/schemas/';

export function componentSchemas(): JsonObject {
  const { schemas } = z.toJSONSchema(components, { uri: (id) => SCHEMAS_URI + id, override: dropTimePattern });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutIds(toJson(schema))]));
}

export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
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

export function refTo(schema: z.ZodType): JsonObject {
  const id = components.get(schema)?.id;
  if (id === undefined) throw new Error('a schema of an operation has no name');
  return { $ref: SCHEMAS_URI + id };
}

export function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}
