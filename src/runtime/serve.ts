// `serve`: the HTTP API, the schedule of the sweep, the webhooks, and with no settings the embedded store beside them.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Env } from '../config.ts';
import { PART_URL_GROUP, PLAYBACK_GROUP } from '../doctor/attacks.ts';
import { findObjectLock } from '../doctor/bucket-checks.ts';
import { runAttacks } from '../doctor/run-attacks.ts';
import { runTrials } from '../doctor/trials.ts';
import { createApp } from '../http/app.ts';
import { createAuthenticator } from '../http/auth.ts';
import { SECOND_MS } from '../model/durations.ts';
import type { Logger } from '../model/logger.ts';
import { inspectBucket } from '../objectstore/s3/bucket-inspection.ts';
import { isStoreError } from '../objectstore/store-error.ts';
import { onBehalfOf } from '../objectstore/work.ts';
import { readDueStatus } from '../sweeper/due-status.ts';
import { Dispatcher } from '../webhooks/dispatcher.ts';
import { processMemory, recordingsContext, sweepContext } from './contexts.ts';
import { demoPage, welcome } from './demo-page.ts';
import { attackDependencies } from './doctor.ts';
import { startHttpServer } from './http-server.ts';
import {
  createRegistry,
  dueMetrics,
  gateMetrics,
  readyMetric,
  recordingMetrics,
  storeMetrics,
  webhookMetrics,
} from './metrics.ts';
import { createReadiness } from './readiness.ts';
import { type SelfTest, startSelfTest } from './self-test.ts';
import { listenForStop, pause, shutDown } from './shutdown.ts';
import { onPort } from './start-errors.ts';
import { type CommandContext, onStore } from './store.ts';
import { startSweeps } from './sweep.ts';
import { secretOf } from './token.ts';
import { REVISION, VERSION } from './version.ts';

/** This long after the signal the process exits in any case. Less than a minute, a usual grace period. */
const EXIT_AFTER_MS = 55 * SECOND_MS;
/** The limit for the first check of object lock, so that a store that is down does not delay the start. */
const LOCK_ANSWER_MS = 3 * SECOND_MS;
/** What decides whether this process gets calls at all is as urgent as the most urgent of them. */
const OF_THE_PROCESS = { urgency: 'upload' } as const;

/** Resolves with the exit code after SIGTERM or SIGINT. @throws Error when a port is taken or the data folder is in use */
export async function serveCommand(env: Env): Promise<number> {
  using stop = listenForStop();
  const metrics = createRegistry();
  const serving = { owner: true, observers: [storeMetrics(metrics)] };
  return await onStore(env, (context) => serve(context, metrics, stop.signal), serving);
}

async function serve(context: CommandContext, metrics: Registry, stopping: AbortSignal): Promise<number> {
  const { settings, logger, opened } = context;
  const stopped = stopping.aborted ? Promise.resolve() : once(stopping, 'abort');
  gateMetrics(metrics, opened.gate);
  const { keys, unchecked } = settings.auth;
  for (const name of unchecked)
    logger.warn('tokens that were issued for other services are accepted', {
      code: 'token-unchecked',
      detail: `${name} is not set`,
    });
  if (!opened.signer)
    logger.warn('deletion receipts are not signed', {
      code: 'receipts-unsigned',
      detail: 'SIGNING_KEYS_FILE is not set',
    });
  const secret = keys.mode === 'jwks' ? undefined : await secretOf(settings);
  const inspection = inspectBucket(opened.client, opened.s3);
  let selfTest: SelfTest | undefined;
  // Undefined also while the store is down: then the self-test checks it once the store responds.
  const firstCheck = () => findObjectLock(inspection, AbortSignal.timeout(LOCK_ANSWER_MS));
  const locked = await onBehalfOf(OF_THE_PROCESS, firstCheck).catch(() => undefined);
  if (locked !== undefined) return refuse(logger, locked);
  const whyClosed = () => (selfTest ? selfTest.reason() : 'starting');
  const whyFull = () => (opened.isFull() ? 'the disk of the embedded store is full; deletions still work' : undefined);
  const notReady = () => (stopping.aborted ? 'stopping' : (whyFull() ?? whyClosed()));
  const http = createHttp(context, metrics, { secret, notReady, whyClosed });
  const server = await onPort('PORT', settings.port, startHttpServer(http, settings));
  const place = { host: settings.host, port: server.port, bucket: opened.s3.bucket };
  logger.info('listening', { ...place, version: VERSION, revision: REVISION });
  const sweeps = startSweeps(context, metrics);
  const webhooks = startWebhooks(context, metrics);
  // With UPLOADS=proxy no part URL is handed out.
  const attacked = settings.uploads.mode === 'proxy' ? [PLAYBACK_GROUP] : [PART_URL_GROUP, PLAYBACK_GROUP];
  selfTest = onBehalfOf(OF_THE_PROCESS, () =>
    startSelfTest({
      findObjectLock: (signal) => findObjectLock(inspection, signal),
      runTrials: (signal) => runTrials(attackDependencies(opened, signal)),
      runAttacks: (signal) => runAttacks(attackDependencies(opened, signal), attacked),
      logger,
      wait: pause,
    }),
  );
  if (keys.mode === 'generated-secret') {
    // Nothing works before the self-test has passed.
    void selfTest.passed.then(() => process.stdout.write(welcome(settings, server.port)));
  }

  const refused = await Promise.race([stopped.then(() => undefined), selfTest.refused]);
  logger.info('stopping', { signal: String(stopping.reason ?? '') || undefined });
  setTimeout(() => {
    logger.error('the process did not stop in time; running work was aborted');
    process.exit(1);
  }, EXIT_AFTER_MS).unref();
  await shutDown({
    server,
    running: [sweeps, webhooks, selfTest],
    reason: stopping.reason,
    delayMs: settings.shutdownDelayMs,
    wait: (milliseconds) => sleep(milliseconds),
  });
  return refused === undefined ? 0 : refuse(logger, refused);
}

function refuse(logger: Logger, detail: string): number {
  logger.error('this bucket cannot be used', { code: 'object-lock', detail });
  return 1;
}

interface HttpParts {
  /** Undefined with JWKS. */
  readonly secret: string | undefined;
  readonly notReady: () => string | undefined;
  /** Why nothing may be handed out: only the self-test's reason, so that a stopping process still serves requests. */
  readonly whyClosed: () => string | undefined;
}

function createHttp({ settings, opened, logger, tracing }: CommandContext, metrics: Registry, parts: HttpParts) {
  const { secret: sharedSecret = '', notReady, whyClosed } = parts;
  const { keys, ...claims } = settings.auth;
  const verifiedBy = keys.mode === 'jwks' ? { jwksUrl: keys.jwksUrl } : { sharedSecret };
  const status = sweepContext(settings, opened);
  dueMetrics(metrics, { read: () => readDueStatus(status), now: Date.now, leadMs: settings.deleteLeadMs });
  const recordings = recordingsContext(settings, {
    ...opened,
    memory: processMemory(settings),
    onEvent: recordingMetrics(metrics),
    onAudited: ({ ref, event, requestId, actor, detail }) => {
      const recordingId = 'recording' in ref ? ref.recording : undefined;
      const ids = { tenant: ref.tenant, examId: ref.exam, attemptId: ref.attempt, recordingId };
      logger.audit(event, { requestId, actor, ...ids, event, detail });
    },
  });
  const isReady = createReadiness({ store: opened.store, now: Date.now, notReady });
  return createApp({
    recordings,
    whyClosed,
    authenticate: createAuthenticator({ ...claims, keys: verifiedBy, now: Date.now }),
    logger,
    rateLimitPerMinute: settings.rateLimitPerMinute,
    unboundRateLimitPerMinute: settings.unboundRateLimitPerMinute,
    tenantRateLimitPerMinute: settings.tenantRateLimitPerMinute,
    corsOrigins: settings.corsOrigins,
    metrics,
    trace: tracing.middleware,
    demo: demoPage(settings, opened.s3.endpoint ?? '', sharedSecret),
    isReady: readyMetric(metrics, () => onBehalfOf(OF_THE_PROCESS, isReady)),
  });
}

/** Sends the events of the outbox, and counts them. Logs no URL or secret. Undefined without webhooks. */
export function startWebhooks({ settings, opened, logger }: CommandContext, metrics: Registry) {
  if (settings.webhooks.size === 0) return undefined;
  const { deliveries, backlog } = webhookMetrics(metrics);
  const dispatcher = new Dispatcher({
    store: opened.store,
    signer: opened.signer,
    endpoints: settings.webhooks,
    settleMs: settings.settleTimeMs,
    now: Date.now,
    mayExpire: () => opened.clockGuard?.isRight() ?? true,
    random: Math.random,
    onResult: (result, count) => deliveries.inc({ result }, count),
    onBacklog: (objects) => backlog.set(objects),
    onFailure({ tenant, event, recording, code }) {
      logger.warn('a webhook was not delivered', { tenant, event, recordingId: recording, code });
    },
  });
  dispatcher.start(pause, (error) =>
    logger.warn('the queue of webhooks could not be read', {
      code: isStoreError(error) ? error.storeCode : 'unexpected',
    }),
  );
  return dispatcher;
}
