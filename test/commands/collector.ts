// A collector of traces on loopback: takes OTLP over HTTP as JSON, and keeps what arrived.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly failed: boolean;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Collector {
  readonly url: string;
  /** Whatever was sent, as it came. */
  readonly bodies: Buffer[];
  readonly contentTypes: Set<string>;
  /** Of all processes, by `service.name`. */
  readonly services: Set<unknown>;
  readonly spans: CollectedSpan[];
  /** Takes what is sent and answers nothing. */
  isSilent: boolean;
  close(): Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly Attribute[];
}
interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const bodies: Buffer[] = [];
  const contentTypes = new Set<string>();
  const services = new Set<unknown>();
  const spans: CollectedSpan[] = [];
  let collector: Collector | undefined;
  const server = createServer((request, response) => {
    request.toArray().then(
      (chunks: Buffer[]) => {
        const sent = Buffer.concat(chunks);
        const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
        bodies.push(body);
        const contentType = request.headers['content-type'] ?? '';
        contentTypes.add(contentType);
        if (contentType === 'application/json' && request.url === '/v1/traces') keep(JSON.parse(String(body)));
        if (collector?.isSilent) return;
        response.writeHead(200, { 'content-type': contentType }).end(contentType === 'application/json' ? '{}' : '');
      },
      () => response.destroy(),
    );
  }).listen(0, '127.0.0.1');

  function keep({ resourceSpans }: OtlpTraces): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      services.add(toRecord(resource.attributes)['service.name']);
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        spans.push({
          traceId: span.traceId,
          spanId: span.spanId,
          parentSpanId: span.parentSpanId || undefined,
          name: span.name,
          kind: span.kind,
          failed: span.status.code === 2,
          durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
          attributes: toRecord(span.attributes),
        });
      }
    }
  }

  await once(server, 'listening');
  collector = {
    isSilent: false,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    contentTypes,
    services,
    spans,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return collector;
}

function toRecord(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
