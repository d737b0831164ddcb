// The application as `serve` puts it together, in process: on a store in memory, by a clock that only the test moves.
import { afterEach } from '@jest/globals';
import { Registry } from 'prom-client';
import { type HttpServer, startHttpServer } from '../../src/commands/http-server.ts';
import { createReadiness } from '../../src/commands/readiness.ts';
import { createApp, type HttpDependencies } from '../../src/http/app.ts';
import { createAuthenticator } from '../../src/http/auth.ts';
import type { Logger } from '../../src/http/logger.ts';
import { startTestService, type TestService } from '../kit/service.ts';
import { callerOf, SECRET } from './process.ts';

export type Replica = Awaited<ReturnType<typeof startReplica>>;

export const SILENT: Logger = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, audit: () => {} };

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

interface ReplicaOptions extends Pick<HttpDependencies, 'trace'> {
  /** Default: a new one. */
  readonly service?: TestService;
  readonly port?: number;
}

/** Is closed after the test. */
export async function startReplica({ service = startTestService(), port = 0, trace }: ReplicaOptions = {}) {
  const { clock, store, context } = service;
  /** Why it is not ready, whatever its store says. */
  const state: { notReady: string | undefined } = { notReady: undefined };
  const notReady = () => state.notReady;
  const claims = { tenantClaim: 'tenant', scopeClaim: 'scope' };
  const app = createApp({
    recordings: context,
    authenticate: createAuthenticator({ keys: { sharedSecret: SECRET }, ...claims, now: clock.now }),
    logger: SILENT,
    rateLimitPerMinute: undefined,
    corsOrigins: [],
    metrics: new Registry(),
    trace,
    isReady: createReadiness({ store, now: clock.now, notReady, onAnswer: () => {}, timers: clock }),
  });
  const server = await startHttpServer((request, response) => void app(request, response), { host: '127.0.0.1', port });
  servers.push(server);
  const url = `http://127.0.0.1:${server.port}`;
  return { ...callerOf(url, clock.now), url, server, state };
}
