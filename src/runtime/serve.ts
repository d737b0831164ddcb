// `serve`: the HTTP API, the schedule of the sweep, and with no settings the embedded store beside them.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { type Env, readSettings, type Settings } from '../config.ts';
import { findObjectLock } from '../doctor/bucket-checks.ts';
import { PART_URL_GROUP, PLAYBACK_GROUP, runAttacks } from '../doctor/run-attacks.ts';
import { runTrials } from '../doctor/trials.ts';
import { createApp } from '../http/app.ts';
import { createAuthenticator } from '../http/auth.ts';
import { SECOND_MS } from '../model/durations.ts';
import type { Logger } from '../model/logger.ts';
import { inspectBucket } from '../objectstore/s3/bucket-inspection.ts';
import { readDueStatus } from '../sweeper/due-status.ts';
import { recordingsContext, sweepContext } from './contexts.ts';
import { demoPage, welcome } from './demo-page.ts';
import { attackDependencies } from './doctor.ts';
import { startHttpServer } from './http-server.ts';
import { createLogger } from './logging.ts';
import { createRegistry, dueMetrics, readyMetric, recordingMetrics, storeMetrics } from './metrics.ts';
import { createReadiness } from './readiness.ts';
import { type SelfTest, startSelfTest } from './self-test.ts';
import { listenForStop, shutDown } from './shutdown.ts';
import { type OpenedStore, openStore } from './store.ts';
import { startSweeps } from './sweep.ts';
import { secretOf } from './token.ts';
import { startTracing, type Tracing } from './tracing.ts';
import { startWebhooks } from './webhooks.ts';

/** From the signal on: then the process ends, whatever still runs. Less than a minute, a usual grace period. */
const EXIT_AFTER_MS = 55 * SECOND_MS;
/** A store that is down must not hold up the start. */
const LOCK_ANSWER_MS = 3 * SECOND_MS;

/** Resolves with the exit code after SIGTERM or SIGINT. @throws Error when a port is taken or the data folder is in use */
export async function serveCommand(env: Env): Promise<number> {
  const settings = readSettings(env);
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  const stop = listenForStop();
  const tracing = await startTracing(settings.traces, logger);
  const metrics = createRegistry();
  const countStoreRequest = storeMetrics(metrics);
  const opened = await openStore({
    settings,
    logger,
    owner: true,
    onRequest(...request) {
      countStoreRequest(...request);
      tracing.onStoreRequest?.(...request);
    },
  });
  const { keys } = settings.auth;
  const secret = keys.mode === 'jwks' ? undefined : await secretOf(settings);
  const inspection = inspectBucket(opened.client, opened.s3);
  let selfTest: SelfTest | undefined;
  const whyClosed = () => (selfTest ? selfTest.readiness().reason : 'starting');
  const notReady = () => (stop.signal.aborted ? 'stopping' : whyClosed());
  try {
    // Unknown while the store is down: then the self-test tries until it responds.
    const locked = await findObjectLock(inspection, AbortSignal.timeout(LOCK_ANSWER_MS)).catch(() => undefined);
    if (locked !== undefined) return refuse(logger, locked);
    const app = createHttp({ settings, opened, logger, secret, notReady, whyClosed, metrics, tracing });
    const server = await startHttpServer(app, settings);
    logger.info('listening', { host: settings.host, port: server.port, bucket: opened.s3.bucket });
    const scheduler = startSweeps(settings, opened, logger, metrics, tracing);
    const webhooks = startWebhooks(settings, opened, logger, metrics);
    selfTest = startSelfTest({
      findObjectLock: (signal) => findObjectLock(inspection, signal),
      runTrials: (signal) => runTrials(attackDependencies(opened, signal)),
      runAttacks: (signal) =>
        runAttacks(
          attackDependencies(opened, signal),
          // No part URL is handed out then.
          settings.uploads.mode === 'proxy' ? [PLAYBACK_GROUP] : [PART_URL_GROUP, PLAYBACK_GROUP],
        ),
      logger,
      wait: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }).catch(() => {}),
    });
    if (secret !== undefined && keys.mode === 'generated-secret') {
      const text = await welcome(settings, `http://localhost:${server.port}`, secret);
      // Its lines work from then on.
      void selfTest.passed.then(() => process.stdout.write(text));
    }

    const refused = await Promise.race([aborted(stop.signal), selfTest.refused]);
    logger.info('stopping', { signal: String(stop.signal.reason ?? '') || undefined });
    exitInTime(logger);
    await shutDown({
      server,
      running: [scheduler, webhooks, selfTest],
      reason: stop.signal.reason,
      delayMs: settings.shutdownDelayMs,
      wait: (milliseconds) => sleep(milliseconds),
    });
    return refused === undefined ? 0 : refuse(logger, refused);
  } finally {
    await opened.close();
    await tracing.close();
    stop.dispose();
  }
}

/** What still runs then is cut off. */
function exitInTime(logger: Logger): void {
  setTimeout(() => {
    logger.error('the process did not end in time; what still ran was cut off');
    process.exit(1);
  }, EXIT_AFTER_MS).unref();
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function refuse(logger: Logger, detail: string): number {
  logger.error('the service refuses this bucket', { code: 'object-lock', detail });
  return 1;
}

interface HttpParts {
  readonly settings: Settings;
  readonly opened: OpenedStore;
  readonly logger: Logger;
  /** Undefined with JWKS. */
  readonly secret: string | undefined;
  readonly notReady: () => string | undefined;
  /** Why nothing may be handed out: the self-test's reason alone, so that a process that stops or waits serves on. */
  readonly whyClosed: () => string | undefined;
  readonly metrics: Registry;
  readonly tracing: Tracing;
}

function createHttp(parts: HttpParts): ReturnType<typeof createApp> {
  const { settings, opened, logger, secret: sharedSecret = '', notReady, whyClosed, metrics, tracing } = parts;
  const { keys, ...claims } = settings.auth;
  const verifiedBy = keys.mode === 'jwks' ? { jwksUrl: keys.jwksUrl } : { sharedSecret };
  const onAnswer = readyMetric(metrics, () => void isReady());
  const isReady = createReadiness({ store: opened.store, now: Date.now, notReady, onAnswer });
  const status = sweepContext(settings, opened);
  dueMetrics(metrics, { read: () => readDueStatus(status), now: Date.now, leadMs: settings.deleteLeadMs });
  return createApp({
    recordings: recordingsContext(settings, opened, logger, recordingMetrics(metrics)),
    whyClosed,
    authenticate: createAuthenticator({ ...claims, keys: verifiedBy, now: Date.now }),
    logger,
    rateLimitPerMinute: settings.rateLimitPerMinute,
    corsOrigins: settings.corsOrigins,
    metrics,
    trace: tracing.middleware,
    demo: demoPage(settings, opened.s3.endpoint ?? '', sharedSecret),
    isReady,
  });
}
