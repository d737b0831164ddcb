// What is said of a value that is not valid: words that say what to send, and never the schema library's own.
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { validate } from '../../src/http/input.ts';
import { OPERATIONS } from '../../src/http/routes/index.ts';
import type { ServiceError } from '../../src/model/errors.ts';

function messagesOf(schema: z.ZodType, value: unknown): string[] {
  try {
    validate(schema, value, 'request');
    return [];
  } catch (error) {
    const { errors } = (error as ServiceError).data as { errors: readonly { message: string }[] };
    return errors.map(({ message }) => message);
  }
}

const OUR_OWN = /^(Must (be|have|say|not)|Is (missing|not known|before)|Names no|Looks like|A part number) ?/;
/** Words of zod's default messages. */
const RAW = /\b(received|Invalid|expected (string|number|int|array|object|one)|Too (small|big)|NaN|Unrecognized)\b/;
const TEXTS = [
  '',
  'x',
  'true',
  '0',
  '-1',
  '1.5',
  '1e9',
  '9'.repeat(20),
  'x'.repeat(2000),
  '2026-02-30',
  ['1', '2'],
  '@',
];
const VALUES = [
  ...TEXTS,
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  [],
  [1],
  [[]],
  {},
  { a: 1 },
  [{}],
  Array(20_000).fill({ partNumber: 0 }),
];

/** Values in whose every member, to the last, each of the others stands. */
function* withEach(schema: z.ZodType, values: readonly unknown[]): Generator<unknown> {
  yield* values;
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) {
    yield undefined;
    for (const [name, member] of Object.entries(inner.shape as Record<string, z.ZodType>)) {
      for (const value of withEach(member, values)) yield { [name]: value };
    }
  }
  if (inner instanceof z.ZodArray) {
    for (const value of withEach(inner.element as z.ZodType, values)) yield [value];
  }
}

function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? unwrapped(schema.unwrap() as z.ZodType)
    : schema;
}

const SENT = OPERATIONS.flatMap(({ operationId, query, headers, body }) =>
  (
    [
      ['query', query, TEXTS],
      ['headers', headers, TEXTS],
      ['body', body?.schema, VALUES],
    ] as const
  ).flatMap(([what, schema, values]) => (schema ? [{ operationId, what, schema, values }] : [])),
);

it.each(SENT)('$operationId says what to send in its $what', ({ schema, values }) => {
  const said = [...withEach(schema, values)].flatMap((value) => messagesOf(schema, value));
  expect(said.length).toBeGreaterThan(0);
  expect(said.filter((message) => !OUR_OWN.test(message) || RAW.test(message))).toEqual([]);
});

it.each<[string, z.ZodType, unknown]>([
  ['Must be a text, not null', z.string(), null],
  ['Must be a text, not a list', z.string(), ['1', '2']],
  ['Is missing', z.strictObject({ size: z.string() }), {}],
  ['Is missing: send a JSON object', z.object({}), undefined],
  ['Must be an object: send {}, not [], where it is empty', z.object({}), []],
  ['Is missing: send a, b or c', z.strictObject({ kind: z.enum(['a', 'b', 'c']) }), {}],
  ['Must be a', z.enum(['a']), 'd'],
  ['Must be a whole number', z.int(), 1.5],
  ['Must be at least 1', z.int().min(1), 0],
  ['Must have at most 2 characters', z.string().max(2), 'abc'],
  ['Must have at least 2 items', z.array(z.int()).min(2), [1]],
  ['Must not be empty', z.string().min(1), ''],
])('%s', (message, schema, value) => {
  expect(messagesOf(schema, value)).toEqual([message]);
});
