// Spans of requests, runs and store calls, sent over OTLP. They name routes and operations, never a path, a key or an id.
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultTextMapGetter, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { TracesProtocol } from '../config.ts';
import { methodOf, QUIET_ROUTES, type RequestHandler, requestState, UNMATCHED_ROUTE } from '../http/request.ts';
import { SECOND_MS } from '../model/durations.ts';
import type { Logger } from '../model/logger.ts';
import type { OnStoreRequest } from '../objectstore/s3/client.ts';

export interface Tracing {
  /** A server span for each request. */
  readonly middleware?: RequestHandler;
  /** A client span for each attempt at the store that belongs to a request or a run. */
  readonly onStoreRequest?: OnStoreRequest;
  /** Runs `act` in a trace of its own. */
  inSpan<T>(name: string, act: () => Promise<T>): Promise<T>;
  /** Sends what is left, for a few seconds at most. Never rejects; safe to repeat. */
  close(): Promise<void>;
}

const OFF: Tracing = { inSpan: (_name, act) => act(), close: async () => {} };

const SERVICE_NAME = 'proctoring-recordings';
/** The limit for the last delivery, so that a collector that is down does not delay the exit. */
const CLOSE_WITHIN_MS = 5 * SECOND_MS;

/**
 * Attributes are those of OpenTelemetry's semantic conventions for HTTP and for calls of an AWS API. The exporter and
 * the sampler read the usual variables (OTEL_…) by themselves. One for each process.
 */
export async function startTracing(protocol: TracesProtocol | undefined, logger: Logger): Promise<Tracing> {
  if (protocol === undefined) return OFF;
  // Without tracing OpenTelemetry's SDK is not loaded.
  const [{ AsyncLocalStorageContextManager }, core, resources, { BasicTracerProvider, BatchSpanProcessor }, otlp] =
    await Promise.all([
      import('@opentelemetry/context-async-hooks'),
      import('@opentelemetry/core'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace-base'),
      protocol === 'http/json'
        ? import('@opentelemetry/exporter-trace-otlp-http')
        : import('@opentelemetry/exporter-trace-otlp-proto'),
    ]);
  let isWarned = false;
  // The exporter fails every few seconds while the collector is down; its errors may hold an address.
  core.setGlobalErrorHandler(() => {
    if (!isWarned) logger.warn('traces cannot be delivered; those that do not fit into the queue are lost');
    isWarned = true;
  });
  const provider = new BasicTracerProvider({
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': SERVICE_NAME }))
      // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new otlp.OTLPTraceExporter())],
  });
  const tracer = provider.getTracer(SERVICE_NAME);
  const propagator = new core.W3CTraceContextPropagator();
  const contexts = new AsyncLocalStorageContextManager().enable();

  const middleware: RequestHandler = (req, res, next) => {
    if (QUIET_ROUTES.has(req.path)) return next();
    const method = methodOf(req);
    const parent = propagator.extract(ROOT_CONTEXT, req.headers, defaultTextMapGetter);
    const attributes = {
      'http.request.method': method,
      'url.scheme': req.protocol,
      'network.protocol.version': req.httpVersion,
    };
    const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
    const state = requestState(req);
    state.traceId = span.spanContext().traceId;
    res.once('close', () => {
      if (state.route !== UNMATCHED_ROUTE) {
        span.updateName(`${method} ${state.route}`);
        span.setAttribute('http.route', state.route);
      }
      if (res.headersSent) span.setAttribute('http.response.status_code', res.statusCode);
      if (!res.writableFinished) fail(span, 'aborted');
      else if (res.statusCode >= 500) fail(span, String(res.statusCode));
      span.end();
    });
    contexts.with(trace.setSpan(parent, span), next);
  };

  return {
    middleware,
    onStoreRequest(operation, outcome, durationMs) {
      const parent = contexts.active();
      // Probes and the self-test belong to no request.
      if (!trace.getSpan(parent)) return;
      const endMs = Date.now();
      const attributes = { 'rpc.system': 'aws-api', 'rpc.service': 'S3', 'rpc.method': operation };
      const options = { kind: SpanKind.CLIENT, attributes, startTime: endMs - durationMs };
      const span = tracer.startSpan(`S3/${operation}`, options, parent);
      if (outcome !== 'ok') fail(span, outcome);
      span.end(endMs);
    },
    async inSpan(name, act) {
      const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL }, ROOT_CONTEXT);
      try {
        return await contexts.with(trace.setSpan(ROOT_CONTEXT, span), act);
      } catch (error) {
        fail(span, error instanceof Error ? error.name : 'Error');
        throw error;
      } finally {
        span.end();
      }
    },
    async close() {
      const late = sleep(CLOSE_WITHIN_MS, undefined, { ref: false });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
    },
  };
}

/** The error without its message, which could contain a key or an address. */
function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
