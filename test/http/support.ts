// What the tests of the HTTP layer share: the whole application on the embedded store, tokens, and the log it wrote.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach } from '@jest/globals';
import type { JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { Registry } from 'prom-client';
import { createLogger } from '../../src/commands/logging.ts';
import { signToken } from '../../src/commands/token.ts';
import type { Manifest } from '../../src/domain/documents.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/domain/durations.ts';
import { createApp, type HttpDependencies } from '../../src/http/app.ts';
import { createAuthenticator } from '../../src/http/auth.ts';
import { startLocalS3 } from '../../src/local-s3/server.ts';
import { ContentUploads } from '../../src/recordings/content-uploads.ts';
import { createAuditTrail } from '../../src/storage/audit-trail.ts';
import { createS3Client } from '../../src/storage/s3/client.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { createS3Presigner } from '../../src/storage/s3/presigner.ts';

export const SECRET = 'a-secret-of-the-tests-with-enough-bytes';
export const ATTEMPT_PATH = '/v1/exams/exam-1/attempts/attempt-1';
/** Well-formed, and nobody's. */
export const UNKNOWN_RECORDING = `0${'1'.repeat(35)}`;
export const CREATE_BODY = {
  participantId: 'p-1',
  kind: 'webcam',
  contentType: 'video/webm;codecs=vp8,opus',
  consent: { givenAt: '2026-11-02T09:55:00+01:00', policyVersion: '2026-05' },
};

const cleanups: (() => unknown)[] = [];

export function afterThisTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export interface Service {
  server: Server;
  /** Such as http://127.0.0.1:12345. */
  url: string;
  log: () => Record<string, unknown>[];
  closeStore: () => Promise<void>;
  metrics: Registry;
}

export async function startService(
  overrides: Partial<HttpDependencies> & { maxRecordingBytes?: number } = {},
): Promise<Service> {
  const dataDir = await mkdtemp(join(tmpdir(), 'http-'));
  afterThisTest(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });
  const credentials = { accessKeyId: 'KEY', secretAccessKey: 'secret' };
  const local = await startLocalS3({ dataDir, bucket: 'recordings', credentials: [credentials] });
  afterThisTest(() => local.close());
  const settings = {
    endpoint: local.endpoint,
    region: 'us-east-1',
    bucket: 'recordings',
    keyPrefix: '',
    forcePathStyle: true,
    credentials,
  };
  const client = createS3Client(settings);
  const store = new S3ObjectStore(client, settings);
  const now = Date.now;
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const metrics = new Registry();
  const app = createApp({
    recordings: {
      store,
      presigner: createS3Presigner({ client, settings, now }),
      audit: createAuditTrail(store, now, randomBytes),
      policy: { afterAssessmentMs: 30 * DAY_MS, unassessedMs: 30 * DAY_MS, byTenantMs: new Map() },
      leadMs: DAY_MS,
      uploads: {
        mode: 'direct',
        partSizeBytes: 5 * 1024 * 1024,
        maxRecordingBytes: overrides.maxRecordingBytes ?? 100 * 1024 * 1024,
        partUrlTtlMs: HOUR_MS,
        playbackUrlTtlMs: 10 * MINUTE_MS,
        contentTypes: new Set(['video/webm', 'audio/webm']),
      },
      contentUploads: new ContentUploads({ max: 32, idleMs: MINUTE_MS }),
      manifests: new LRUCache<string, Manifest>({ max: 100 }),
      takingParts: new LRUCache<string, Promise<Manifest>>({ max: 100, ttl: 1000 }),
      logRetentionMs: 365 * DAY_MS,
      now,
      randomBytes,
    },
    authenticate: createAuthenticator({
      keys: { sharedSecret: SECRET },
      tenantClaim: 'tenant',
      scopeClaim: 'scope',
      now,
    }),
    logger: createLogger({ level: 'debug', now, stream }),
    rateLimitPerMinute: undefined,
    corsOrigins: [],
    metrics,
    isReady: () => Promise.resolve({ ready: true }),
    ...overrides,
  });
  const server = await listen(createServer((req, res) => void app(req, res)));
  return {
    server,
    url: urlOf(server),
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    closeStore: () => local.close(),
    metrics,
  };
}

export async function listen(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  afterThisTest(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });
  return server;
}

export function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export const ALL_SCOPES = 'recordings:upload recordings:review assessments:write privacy:manage';

/** The value of an Authorization header. */
export async function bearer(claims: JWTPayload = {}, ttlMs = HOUR_MS, secret = SECRET): Promise<string> {
  const token = await signToken(
    secret,
    { tenant: 'acme', scope: ALL_SCOPES, sub: 'tester', ...claims },
    ttlMs,
    Date.now(),
  );
  return `Bearer ${token}`;
}
