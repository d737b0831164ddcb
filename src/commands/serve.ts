// `serve`: the HTTP API, the schedule of the sweep, and with no settings the embedded store beside them.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { runAttacks } from '../doctor/attacks/run-attacks.ts';
import { findObjectLock } from '../doctor/checks/object-lock.ts';
import { HOUR_MS, SECOND_MS } from '../domain/durations.ts';
import { DUE_PREFIX } from '../domain/keys.ts';
import { createApp } from '../http/app.ts';
import { createAuthenticator } from '../http/auth.ts';
import type { Logger } from '../http/logger.ts';
import type { Scheduler } from '../retention/scheduler.ts';
import { startScheduler } from '../retention/scheduler.ts';
import { MAX_CLOCK_SKEW_MS, SweepRefused, sweep } from '../retention/sweep.ts';
import { inspectBucket } from '../storage/s3/bucket-inspection.ts';
import { readOrCreateSecret } from './auth-secret.ts';
import { recordingsContext, sweepContext } from './contexts.ts';
import { attackDependencies } from './doctor.ts';
import type { Env } from './environment.ts';
import { createLogger } from './logging.ts';
import { type OpenedStore, openStore } from './open-store.ts';
import { type SelfTest, startSelfTest } from './self-test.ts';
import { readSettings, type Settings } from './settings.ts';
import { welcome } from './welcome.ts';

/** A load balancer stops sending, and requests in hand end, within this time; then connections are cut. */
const DRAIN_MS = 20 * SECOND_MS;
const READINESS_KEPT_MS = 5 * SECOND_MS;
/** A store that is down must not hold up the start. */
const LOCK_ANSWER_MS = 3 * SECOND_MS;
/** A recording that is posted through the service on a slow line; Node's own default of five minutes would cut it. */
const REQUEST_TIMEOUT_MS = HOUR_MS;

/** Resolves with the exit code after SIGTERM or SIGINT. @throws Error when a port is taken or the data folder is in use */
export async function serveCommand(argv: string[], env: Env): Promise<number> {
  parseArgs({ args: argv, options: {} });
  const settings = readSettings(env);
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const opened = await openStore({ settings, logger, owner: true });
  const secret =
    settings.auth.keys.mode === 'generated-secret' ? await readOrCreateSecret(settings.dataDir) : undefined;
  const inspection = inspectBucket(opened.client, opened.s3);
  let draining = false;
  let selfTest: SelfTest | undefined;
  const notReady = () => (draining ? 'stopping' : selfTest ? selfTest.readiness().reason : 'starting');
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS },
    createHttp(settings, opened, logger, secret, notReady),
  );
  server.on('clientError', refuseMalformed);
  try {
    // Nobody knows while the store is down: then the self-test asks until it answers.
    const locked = await findObjectLock(inspection, AbortSignal.timeout(LOCK_ANSWER_MS)).catch(() => undefined);
    if (locked !== undefined) return refuse(logger, locked);
    await listen(server, settings);
    const { port } = server.address() as AddressInfo;
    logger.info('listening', { host: settings.host, port, bucket: opened.s3.bucket });
    const scheduler = startSweeps(settings, opened, logger);
    selfTest = startSelfTest({
      findObjectLock: (signal) => findObjectLock(inspection, signal),
      runAttacks:
        settings.uploads.mode === 'proxy' ? undefined : (signal) => runAttacks(attackDependencies(opened, signal)),
      logger,
      wait: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => {}),
    });
    if (secret !== undefined) process.stdout.write(await welcome(`http://localhost:${port}`, secret, Date.now()));

    const refused = await Promise.race([stopped.then(() => undefined), selfTest.refused]);
    logger.info('stopping');
    draining = true;
    await Promise.all([scheduler?.stop(), selfTest.stop(), close(server)]);
    return refused === undefined ? 0 : refuse(logger, refused);
  } finally {
    await opened.close();
  }
}

function refuse(logger: Logger, detail: string): number {
  logger.error('the service refuses this bucket', { code: 'object-lock', detail });
  return 1;
}

function createHttp(
  settings: Settings,
  opened: OpenedStore,
  logger: Logger,
  generatedSecret: string | undefined,
  notReady: () => string | undefined,
): ReturnType<typeof createApp> {
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const { keys, ...claims } = settings.auth;
  const verifiedBy =
    keys.mode === 'jwks'
      ? { jwksUrl: keys.jwksUrl }
      : { sharedSecret: keys.mode === 'shared-secret' ? keys.sharedSecret : (generatedSecret ?? '') };
  const storeAnswers = remembered(() => opened.store.list(DUE_PREFIX, { limit: 1 }), READINESS_KEPT_MS);
  return createApp({
    recordings: recordingsContext(settings, opened, logger),
    authenticate: createAuthenticator({ ...claims, keys: verifiedBy, now: Date.now }),
    logger,
    rateLimitPerMinute: settings.rateLimitPerMinute,
    corsOrigins: settings.corsOrigins,
    metrics,
    async isReady() {
      const reason = notReady();
      if (reason !== undefined) return { ready: false, reason };
      try {
        const { storeTimeMs } = await storeAnswers();
        const isSkewed = Math.abs(Date.now() - storeTimeMs) > MAX_CLOCK_SKEW_MS;
        // A deadline counts from this clock: what is created by a wrong one would be kept too long, or not at all.
        return isSkewed ? { ready: false, reason: "the clock and the store's differ by minutes" } : { ready: true };
      } catch {
        return { ready: false, reason: 'the store does not answer' };
      }
    },
  });
}

function startSweeps(settings: Settings, opened: OpenedStore, logger: Logger): Scheduler | undefined {
  if (settings.sweepSchedule === undefined) return undefined;
  return startScheduler(settings.sweepSchedule, async (signal) => {
    try {
      const { startedAt, finishedAt, due, deleted, kept, failed, overdue, oldestOverdueSeconds, requests } =
        await sweep(sweepContext(settings, opened), { signal });
      const counts = { due, ...deleted, kept, failed, overdue, oldestOverdueSeconds, requests };
      logger[failed > 0 ? 'error' : 'info']('swept', { startedAt, finishedAt, ...counts });
    } catch (error) {
      const code = error instanceof SweepRefused ? error.code : 'sweep-failed';
      logger.error('the sweep did not run', { code, detail: error instanceof Error ? error.message : String(error) });
    }
  });
}

/** What Node's parser refuses never reaches the application: bytes in a path that are no ASCII, headers without end. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  const title = 'The request is not valid HTTP.';
  const body = JSON.stringify({ type: 'about:blank', title, status: 400, detail: title, code: 'malformed-request' });
  const head = ['HTTP/1.1 400 Bad Request', 'Content-Type: application/problem+json', 'Connection: close'];
  socket.end([...head, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'));
}

async function listen(server: Server, { host, port }: Settings): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

/** Takes no new connection, lets running requests end, and cuts what is left after `DRAIN_MS`. */
async function close(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await closed;
  clearTimeout(cut);
}

/** Asks at most once in `keptMs`: a probe a second must not cost a store request a second. */
function remembered<T>(ask: () => Promise<T>, keptMs: number): () => Promise<T> {
  let asked = Number.NEGATIVE_INFINITY;
  let answer: Promise<T> | undefined;
  return () => {
    if (!answer || performance.now() - asked > keptMs) {
      asked = performance.now();
      answer = ask();
    }
    return answer;
  };
}
