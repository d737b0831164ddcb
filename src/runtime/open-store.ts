// Opens the store that the settings name, or the embedded one: the same adapter speaks to both.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { startLocalS3 } from '../../packages/embedded-s3/src/server.ts';
import type { Logger } from '../http/logger.ts';
import type { Presigner } from '../objectstore/presigner.ts';
import { createS3Client, type OnStoreRequest, type S3Credentials, type S3Settings } from '../objectstore/s3/client.ts';
import { S3ObjectStore } from '../objectstore/s3/object-store.ts';
import { createS3Presigner } from '../objectstore/s3/presigner.ts';
import { demoOrigins } from './demo-page.ts';
import type { Settings } from './settings.ts';
import { UsageError } from './usage-error.ts';

export interface StoreConnection {
  readonly store: S3ObjectStore;
  readonly client: S3Client;
  /** Every attempt at the store over this connection so far, retries included. */
  requestCount(): number;
}

export interface OpenedStore extends StoreConnection {
  readonly s3: S3Settings;
  readonly presigner: Presigner;
  /** Another one, for work that is counted by itself and must not take the sockets of others. */
  connect(): StoreConnection;
  /** Ends all connections. */
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  /** `serve` runs the embedded store itself; a command uses the one that runs already, if there is one. */
  readonly owner: boolean;
  readonly onRequest?: OnStoreRequest | undefined;
}

/** What a store calls an error; anything else could be a text without end, or an address. */
const ERROR_CODE = /^\w{1,64}$/;
const EMBEDDED_FOLDER = 's3';
const EMBEDDED_BUCKET = 'recordings';
const EMBEDDED_REGION = 'local';
const SERVICE_KEY_ID = 'local-service';
const UPLOAD_KEY_ID = 'local-upload';

/** @throws Error when the embedded store cannot start: its folder is in use, or its port is taken; UsageError when there is none. */
export async function openStore(options: OpenOptions): Promise<OpenedStore> {
  const { settings, logger, onRequest } = options;
  const { s3, close } = settings.s3 ? { s3: settings.s3, close: async () => {} } : await openEmbedded(options);
  const clients: S3Client[] = [];
  function connect(): StoreConnection {
    let requests = 0;
    const client = createS3Client(s3, (operation, outcome, durationMs) => {
      requests += 1;
      onRequest?.(operation, ERROR_CODE.test(outcome) ? outcome : 'Other', durationMs);
    });
    clients.push(client);
    const store = new S3ObjectStore(client, s3, (notice) => logger.warn('the store lacks something', { code: notice }));
    return { store, client, requestCount: () => requests };
  }
  const connection = connect();
  return {
    ...connection,
    s3,
    presigner: createS3Presigner({ client: connection.client, settings: s3, now: Date.now }),
    connect,
    async close() {
      for (const client of clients) client.destroy();
      await close();
    },
  };
}

async function openEmbedded({ settings, owner }: OpenOptions): Promise<{ s3: S3Settings; close: () => Promise<void> }> {
  const { dataDir } = settings;
  // A command that made a store of its own would find nothing to delete in it, and say so for ever.
  if (!owner && !existsSync(join(dataDir, EMBEDDED_FOLDER))) {
    throw new UsageError(`there is no store in DATA_DIR (${dataDir}); set S3_BUCKET, or run serve there first`);
  }
  await mkdir(dataDir, { recursive: true });
  const credentials = {
    accessKeyId: SERVICE_KEY_ID,
    secretAccessKey: await readOrCreateKey(dataDir, 's3-service-key'),
  };
  const uploadCredentials = {
    accessKeyId: UPLOAD_KEY_ID,
    secretAccessKey: await readOrCreateKey(dataDir, 's3-upload-key'),
  };
  const endpointFile = join(dataDir, 's3-endpoint');
  const running = owner ? undefined : await runningEndpoint(endpointFile);
  if (running) return { s3: embeddedSettings(running, credentials, uploadCredentials), close: async () => {} };

  const server = await startLocalS3({
    dataDir: join(dataDir, EMBEDDED_FOLDER),
    bucket: EMBEDDED_BUCKET,
    region: EMBEDDED_REGION,
    port: owner ? settings.localS3Port : 0,
    credentials: [credentials, { ...uploadCredentials, uploadOnly: true }],
    allowedOrigins: [...settings.corsOrigins, ...demoOrigins(settings)],
  });
  if (owner) await writeFile(endpointFile, server.endpoint);
  return {
    s3: embeddedSettings(server.endpoint, credentials, uploadCredentials),
    async close() {
      if (owner) await rm(endpointFile, { force: true });
      await server.close();
    },
  };
}

function embeddedSettings(endpoint: string, credentials: S3Credentials, uploadCredentials: S3Credentials): S3Settings {
  return {
    endpoint,
    region: EMBEDDED_REGION,
    bucket: EMBEDDED_BUCKET,
    keyPrefix: '',
    forcePathStyle: true,
    credentials,
    uploadCredentials,
  };
}

/** The endpoint that a running `serve` wrote down, when something answers there. */
async function runningEndpoint(endpointFile: string): Promise<string | undefined> {
  try {
    const endpoint = await readFile(endpointFile, 'utf8');
    await fetch(endpoint, { method: 'HEAD' });
    return endpoint;
  } catch {
    return undefined;
  }
}

/** A key of the embedded store: made once, readable by its owner only. */
async function readOrCreateKey(dataDir: string, name: string): Promise<string> {
  const path = join(dataDir, name);
  try {
    await writeFile(path, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFile(path, 'utf8');
}
