// Which headers an answer has, as references to the one description of each.
import { RESPONSE_HEADERS, type ResponseHeaderName } from '../response-headers.ts';
import type { DescribedParameter, JsonObject } from './description.ts';

const HEADERS_URI = '#/components/headers/';

/** Sent with every answer; and with every answer under /v1, where a limit of the rate is set. */
export const EVERYWHERE: readonly ResponseHeaderName[] = ['Cache-Control', 'X-Request-Id'];
export const UNDER_V1: readonly ResponseHeaderName[] = [...EVERYWHERE, 'RateLimit', 'RateLimit-Policy'];

export function headers(...names: readonly ResponseHeaderName[]): JsonObject {
  return Object.fromEntries(names.map((name) => [name, { $ref: HEADERS_URI + name }]));
}

export function componentHeaders(): JsonObject {
  return Object.fromEntries(
    Object.entries(RESPONSE_HEADERS).map(([name, { description, schema, example, ...rest }]) => [
      name,
      { description, ...('always' in rest ? { required: true } : {}), schema: { ...schema }, example },
    ]),
  );
}

export const IF_NONE_MATCH: DescribedParameter = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  description: 'The `ETag` of an earlier answer, or several: 304 while nothing has changed. `*`: whatever there is.',
  schema: { type: 'string' },
};
export const UNCHANGED = { description: 'Unchanged since the answer with that ETag.' };
