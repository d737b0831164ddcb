// A collector of traces on loopback: takes OTLP over HTTP, keeps what arrived, and the spans of what arrived as JSON.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';

export type Collector = Awaited<ReturnType<typeof startCollector>>;
export type CollectedSpan = ReturnType<typeof spansOf>[number];

type Attributes = readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
/** `kind`: 1 internal, 2 server, 3 client. */
type OtlpSpan = Readonly<
  Record<'traceId' | 'spanId' | 'parentSpanId' | 'name' | 'startTimeUnixNano' | 'endTimeUnixNano', string> & {
    kind: number;
    status: { code?: number };
    attributes: Attributes;
  }
>;
interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

export async function startCollector() {
  const server = createServer(async (request, response) => {
    const sent = await buffer(request);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    const type = request.headers['content-type'] ?? '';
    collector.bodies.push(body);
    collector.contentTypes.add(type);
    const isJson = type === 'application/json';
    if (isJson) collector.spans.push(...spansOf(JSON.parse(String(body)) as OtlpTraces));
    await collector.silence;
    response.writeHead(collector.status, { 'content-type': type }).end(isJson ? '{}' : '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies: [] as Buffer[],
    contentTypes: new Set<string>(),
    spans: [] as CollectedSpan[],
    /** Of the next answers. */
    status: 200,
    /** While this promise is pending, no request is answered. */
    silence: undefined as Promise<void> | undefined,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return collector;
}

function spansOf({ resourceSpans }: OtlpTraces) {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ status, ...span }) => ({
        ...span,
        service: toRecord(resource.attributes)['service.name'],
        parentSpanId: span.parentSpanId || undefined,
        failed: status.code === 2,
        attributes: toRecord(span.attributes),
      })),
    ),
  );
}

function toRecord(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
