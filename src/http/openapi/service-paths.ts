// What needs no token: probes, metrics and the documents.
import type { DescribedOperation, DescribedParameter, JsonObject } from './description.ts';
import { EVERYWHERE, headers, IF_NONE_MATCH, UNCHANGED } from './headers.ts';

export function servicePaths(): Record<string, Record<string, DescribedOperation>> {
  const readiness = {
    'application/json': {
      schema: {
        type: 'object',
        required: ['ready'],
        properties: { ready: { type: 'boolean' }, reason: { type: 'string' } },
      },
    },
  };
  const status = {
    type: 'object',
    required: ['status'],
    properties: { status: { const: 'ok' } },
  };
  return {
    '/livez': serviceOperation('getLiveness', 'Whether the process runs', {
      200: { description: 'It does.', content: { 'application/json': { schema: status } } },
    }),
    '/readyz': serviceOperation('getReadiness', 'Whether requests can be served', {
      200: { description: 'They can.', content: readiness },
      503: { description: 'Not now, and why.', content: readiness },
    }),
    '/metrics': serviceOperation('getMetrics', 'Measurements for Prometheus', {
      200: { description: 'The text format.', content: { 'text/plain': { schema: { type: 'string' } } } },
    }),
    '/openapi.json': documentOperation('getOpenapi', 'This document', {
      description: 'OpenAPI 3.1.',
      content: { 'application/json': { schema: { type: 'object' } } },
    }),
    '/docs': documentOperation('getDocs', 'This document as a page', {
      description: 'A page.',
      content: { 'text/html': { schema: { type: 'string' } } },
    }),
  };
}

/** What may be kept by a cache, which asks whether it is still the same. */
function documentOperation(operationId: string, summary: string, success: JsonObject) {
  const tagged = headers(...EVERYWHERE, 'ETag');
  return serviceOperation(
    operationId,
    summary,
    { 200: { ...success, headers: tagged }, 304: { ...UNCHANGED, headers: tagged } },
    [IF_NONE_MATCH],
  );
}

function serviceOperation(
  operationId: string,
  summary: string,
  responses: Record<string, JsonObject>,
  parameters: DescribedParameter[] = [],
): Record<string, DescribedOperation> {
  const answers = Object.entries(responses).map(([status, response]) => [
    status,
    { headers: headers(...EVERYWHERE), ...response },
  ]);
  return {
    get: {
      operationId,
      summary,
      description: 'Needs no token.',
      security: [],
      parameters,
      responses: Object.fromEntries(answers),
    },
  };
}
