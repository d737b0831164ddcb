// Opens the store of the settings, or the embedded one. Both use the same adapter.
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';
import { DOCTOR_PREFIX } from '../bucket/layout.ts';
import { type Env, readSettings, type Settings, SettingsError } from '../config.ts';
import { SECOND_MS } from '../model/durations.ts';
import type { Logger } from '../model/logger.ts';
import { Gate } from '../objectstore/gate.ts';
import { createS3Client, type OnStoreRequest, type S3Client, type S3Settings } from '../objectstore/s3/client.ts';
import { S3ObjectStore } from '../objectstore/s3/object-store.ts';
import { createS3Presigner } from '../objectstore/s3/presigner.ts';
import { SERVING, YIELDING } from '../objectstore/window.ts';
import { ClockGuard, holdFor } from './clock-guard.ts';
import { demoOrigins } from './demo-page.ts';
import { createLogger } from './logging.ts';
import { openSigner } from './open-signer.ts';
import { readOrCreateSecret } from './secret-file.ts';
import { inDataDir, onPort } from './start-errors.ts';
import { startTracing, type Tracing } from './tracing.ts';

export type OpenedStore = Awaited<ReturnType<typeof openStore>>;

export interface OpenOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  /** True for `serve`, which runs the embedded store itself. Commands use the running one, if there is one. */
  readonly owner: boolean;
  /** Called for each attempt at the store; undefined ones are skipped. */
  readonly observers?: readonly (OnStoreRequest | undefined)[];
  /** Ends the search for a running embedded store that does not respond. Default: after three seconds. */
  readonly patience?: AbortSignal;
}

/** The form of an error code. Other texts are not used: they could be long, or contain an address. */
const ERROR_CODE = /^\w{1,64}$/;
const EMBEDDED_FOLDER = 's3';
const EMBEDDED = { region: 'local', bucket: 'recordings', keyPrefix: '', forcePathStyle: true };
const PATIENCE_MS = 3 * SECOND_MS;
/** Of a store that another process runs, or somebody else. */
const NOT_OURS = { isFull: () => false, clockGuard: undefined, close: async () => {} };
/** Files that the log line names. */
const MAX_NAMED = 20;

/** @throws Error when the embedded store cannot start: its folder or its port is in use; SettingsError when there is none */
export async function openStore(options: OpenOptions) {
  const { settings, logger, owner, observers = [] } = options;
  const { s3, isFull, clockGuard, close } = settings.s3
    ? { s3: settings.s3, ...NOT_OURS }
    : await openEmbedded(options);
  const signer = await openSigner(settings);
  // A command is background work as a whole: the calls are those of another process.
  const gate = new Gate(owner ? SERVING : YIELDING);
  const clients: S3Client[] = [];
  function connect() {
    let requests = 0;
    function onRequest(operation: string, outcome: string, durationMs: number): void {
      requests += 1;
      const code = ERROR_CODE.test(outcome) ? outcome : 'Other';
      for (const observe of observers) observe?.(operation, code, durationMs);
    }
    const client = createS3Client(s3, onRequest, { gate });
    clients.push(client);
    const place = { ...s3, scratchPrefix: DOCTOR_PREFIX };
    const store = new S3ObjectStore(client, place, (code) =>
      logger.warn('the store lacks an optional feature', { code }),
    );
    /** `requestCount`: every attempt at the store over this connection so far, retries included. */
    return { store, client, signer, requestCount: () => requests };
  }
  const connection = connect();
  return {
    ...connection,
    s3,
    /** All connections pass it. */
    gate,
    /** Whether the embedded store of this process refuses uploads because its disk is full. */
    isFull,
    /** Of the embedded store of `serve`; any other store has a clock to compare with, or a process that does not last. */
    clockGuard,
    presigner: createS3Presigner({ client: connection.client, settings: s3, now: Date.now }),
    /** Opens another connection, with its own request count, its own retry budget and its own sockets. */
    connect,
    /** Ends all connections. */
    async close(): Promise<void> {
      for (const client of clients) client.destroy();
      await close();
    },
  };
}

interface Opened {
  readonly s3: S3Settings;
  readonly isFull: () => boolean;
  readonly clockGuard: ClockGuard | undefined;
  readonly close: () => Promise<void>;
}

async function openEmbedded(options: OpenOptions): Promise<Opened> {
  const { owner, patience = AbortSignal.timeout(PATIENCE_MS) } = options;
  const { dataDir, localS3Port, corsOrigins } = options.settings;
  // A command must not create a new store: it would find nothing to delete in it.
  if (!owner && !existsSync(join(dataDir, EMBEDDED_FOLDER))) {
    throw new SettingsError(
      `DATA_DIR: there is no store in ${dataDir}; set S3_BUCKET, or run serve with this DATA_DIR first`,
    );
  }
  const [secretAccessKey, uploadSecret] = await Promise.all([
    readOrCreateSecret(dataDir, 's3-service-key'),
    readOrCreateSecret(dataDir, 's3-upload-key'),
  ]);
  const credentials = { accessKeyId: 'local-service', secretAccessKey };
  const uploadCredentials = { accessKeyId: 'local-upload', secretAccessKey: uploadSecret };
  const settingsOf = (endpoint: string) => ({ ...EMBEDDED, endpoint, credentials, uploadCredentials });
  const endpointFile = join(dataDir, 's3-endpoint');
  const running = owner ? undefined : await runningEndpoint(endpointFile, patience);
  if (running) return { s3: settingsOf(running), ...NOT_OURS };

  const { deleteLeadMs } = options.settings;
  const clockGuard = owner ? new ClockGuard(holdFor(deleteLeadMs), options.logger) : undefined;
  const starting = startEmbeddedS3({
    dataDir: join(dataDir, EMBEDDED_FOLDER),
    bucket: EMBEDDED.bucket,
    region: EMBEDDED.region,
    port: owner ? localS3Port : 0,
    credentials: [credentials, { ...uploadCredentials, uploadOnly: true }],
    allowedOrigins: [...corsOrigins, ...demoOrigins(options.settings)],
    mayExpire: () => clockGuard?.isRight() ?? true,
    keepUnknownMs: shortestRetentionMs(options.settings),
    onDamage({ unreadable, foreign }) {
      // The files of records have hashes for names, and no ids.
      const named = [...unreadable.map((path) => `unreadable: ${path}`), ...foreign.map((path) => `foreign: ${path}`)];
      const fields = { code: 'data-folder-damaged', count: named.length, detail: named.slice(0, MAX_NAMED) };
      options.logger.warn('the data folder contains files that cannot be used', fields);
    },
  });
  const server = await onPort('LOCAL_S3_PORT', localS3Port, inDataDir(dataDir, starting));
  if (owner) await writeFile(endpointFile, server.endpoint).catch((error: unknown) => requireFull(error, options));
  return {
    s3: settingsOf(server.endpoint),
    isFull: () => server.isFull(),
    clockGuard,
    async close() {
      if (owner) await rm(endpointFile, { force: true });
      await server.close();
    },
  };
}

/** A full disk must not keep the service from deleting: only the commands beside it do not find its store. */
function requireFull(error: unknown, { logger }: OpenOptions): void {
  if ((error as { code?: unknown }).code !== 'ENOSPC') throw error;
  logger.warn('the disk is full: other commands cannot find the embedded store of this process', { code: 'ENOSPC' });
}

/** Whose recording the bytes are cannot be known: none may be kept for longer than that of the shortest retention. */
function shortestRetentionMs({ policy: { afterAssessmentMs, unassessedMs, byTenantMs } }: Settings): number {
  return Math.min(afterAssessmentMs, unassessedMs, ...byTenantMs.values());
}

/** The endpoint that a running `serve` wrote to the data folder, if it responds in time. */
async function runningEndpoint(endpointFile: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const endpoint = await readFile(endpointFile, 'utf8');
    await fetch(endpoint, { method: 'HEAD', signal });
    return endpoint;
  } catch {
    return undefined;
  }
}

export interface CommandContext {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly tracing: Tracing;
  readonly opened: OpenedStore;
}

/** The values of flags without an argument. */
export type Switches<N extends string> = { readonly [K in N]: boolean | undefined };

/** Runs a command, or `serve`, on the store of the settings, and closes the store afterwards. */
export async function onStore(
  env: Env,
  run: (context: CommandContext) => Promise<number>,
  { owner = false, observers = [] }: Partial<Pick<OpenOptions, 'owner' | 'observers'>> = {},
): Promise<number> {
  const settings = readSettings(env, { needsAuth: owner });
  const logger = createLogger({ level: settings.logLevel, now: Date.now });
  await using closing = new AsyncDisposableStack();
  const tracing = closing.adopt(await startTracing(settings.traces, logger), (started) => started.close());
  const opening = openStore({ settings, logger, owner, observers: [...observers, tracing.onStoreRequest] });
  const opened = closing.adopt(await opening, (store) => store.close());
  return await run({ settings, logger, tracing, opened });
}
