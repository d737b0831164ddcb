// Traces, where the environment asks for them; where it does not, nothing of OpenTelemetry's SDK is even loaded.
import type { RequestHandler } from 'express';
import type { Logger } from '../http/logger.ts';
import type { OnStoreRequest } from '../objectstore/s3/client.ts';
import type { TracesProtocol } from './settings.ts';

export interface Tracing {
  /** A server span for each request; undefined where nothing is traced. */
  readonly middleware: RequestHandler | undefined;
  /** A client span for each attempt at the store that belongs to a request or a run; undefined where nothing is traced. */
  readonly onStoreRequest: OnStoreRequest | undefined;
  /** Runs `act` in a trace of its own. */
  inSpan<T>(name: string, act: () => Promise<T>): Promise<T>;
  /** Sends what is left, for a few seconds at most. Never rejects; safe to repeat. */
  close(): Promise<void>;
}

const OFF: Tracing = {
  middleware: undefined,
  onStoreRequest: undefined,
  inSpan: (_name, act) => act(),
  close: async () => {},
};

/** The exporter and the sampler read the usual variables (OTEL_…) by themselves. One for each process. */
export async function startTracing(protocol: TracesProtocol | undefined, logger: Logger): Promise<Tracing> {
  if (protocol === undefined) return OFF;
  const { startOtlpTracing } = await import('./otlp-tracing.ts');
  return startOtlpTracing(protocol, logger);
}
