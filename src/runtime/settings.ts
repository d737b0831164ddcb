// The settings of the service: the only reader of the environment. A bad value stops the start with a line of its own.
import { validate as isCron } from 'node-cron';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../model/durations.ts';
import { isId } from '../model/ids.ts';
import { MAX_PART_NUMBER, MIN_PART_SIZE_BYTES, maxPartsFor } from '../model/parts.ts';
import { MAX_RETENTION_MS, type RetentionPolicy } from '../model/retention.ts';
import type { S3Credentials, S3Settings } from '../objectstore/s3/client.ts';
import type { UploadSettings } from '../recordings/context.ts';
import type { Endpoint } from '../webhooks/endpoint.ts';
import { type Env, EnvironmentReader, formatDuration } from './environment.ts';
import { findMisspelled, type SettingName } from './setting-names.ts';
import { SettingsError } from './settings-error.ts';
import { readWebhooks } from './webhooks-file.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How traces are sent; `grpc` is not spoken. */
export const TRACES_PROTOCOLS = ['http/protobuf', 'http/json'] as const;
export type TracesProtocol = (typeof TRACES_PROTOCOLS)[number];

export type AuthKeys =
  | { readonly mode: 'jwks'; readonly jwksUrl: URL }
  | { readonly mode: 'shared-secret'; readonly sharedSecret: string }
  /** A secret that the service makes and keeps in `dataDir`; with the embedded store only. */
  | { readonly mode: 'generated-secret' };

export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly localS3Port: number;
  /** Undefined: the embedded store, in `dataDir`. */
  readonly s3: S3Settings | undefined;
  readonly policy: RetentionPolicy;
  readonly deleteLeadMs: number;
  readonly settleTimeMs: number;
  readonly uploadIdleLimitMs: number;
  readonly logRetentionMs: number;
  /** Cron, in UTC; undefined: this process does not sweep. */
  readonly sweepSchedule: string | undefined;
  readonly auth: {
    readonly keys: AuthKeys;
    readonly issuer: string | undefined;
    readonly audience: string | undefined;
    readonly tenantClaim: string;
    readonly scopeClaim: string;
  };
  readonly uploads: UploadSettings;
  readonly maxContentUploads: number;
  readonly corsOrigins: readonly string[];
  /** Undefined: no limit. */
  readonly rateLimitPerMinute: number | undefined;
  /** After SIGTERM the service says that it is not ready, and serves on for this long. */
  readonly shutdownDelayMs: number;
  /** Undefined: nothing is traced. Where to, and which, the exporter reads from OTEL_… by itself. */
  readonly traces: TracesProtocol | undefined;
  readonly logLevel: LogLevel;
  /** By tenant: where its events go; none by default. */
  readonly webhooks: ReadonlyMap<string, Endpoint>;
}

const GIB = 1024 ** 3;
/** S3's largest part. */
const MAX_PART_SIZE_BYTES = 5 * GIB;
/** S3's largest object. */
const MAX_OBJECT_BYTES = 5 * 1024 * GIB;
const MIN_SECRET_BYTES = 32;
const MAX_PORT = 65_535;
const ANY_LENGTH = Number.MAX_SAFE_INTEGER;
/** What is left of a minute, which is a usual grace period, is for the requests in hand. */
const MAX_SHUTDOWN_DELAY_MS = 30 * SECOND_MS;
const CONTENT_TYPE = /^(audio|video)\/(webm|x-matroska|mp4|ogg)$/;
const DEFAULT_CONTENT_TYPES = ['video/webm', 'audio/webm', 'video/mp4', 'audio/mp4', 'video/x-matroska', 'audio/ogg'];

export interface ReadOptions {
  /** False for the commands that look at the store alone: a sweeper needs no secret of the API. Default: true. */
  readonly needsAuth?: boolean;
}

/** @throws SettingsError naming everything that is wrong; secrets are never shown */
export function readSettings(env: Env, { needsAuth = true }: ReadOptions = {}): Settings {
  const reader = new EnvironmentReader(env);
  reader.problems.push(...findMisspelled(env));
  const s3 = readS3(reader);
  const deleteLeadMs = reader.duration('DELETE_LEAD', DAY_MS, { min: 0, max: MAX_RETENTION_MS });
  const settleTimeMs = reader.duration('SETTLE_TIME', HOUR_MS, { min: SECOND_MS, max: MAX_RETENTION_MS });
  const settings: Settings = {
    host: reader.raw('HOST') ?? '0.0.0.0',
    port: reader.integer('PORT', 8080, { min: 0, max: MAX_PORT }),
    dataDir: reader.raw('DATA_DIR') ?? './data',
    localS3Port: reader.integer('LOCAL_S3_PORT', 8081, { min: 0, max: MAX_PORT }),
    s3,
    policy: readPolicy(reader, { deleteLeadMs, settleTimeMs }),
    deleteLeadMs,
    settleTimeMs,
    uploadIdleLimitMs: reader.duration('UPLOAD_IDLE_LIMIT', 2 * HOUR_MS, { min: SECOND_MS, max: ANY_LENGTH }),
    logRetentionMs: reader.duration('LOG_RETENTION', 365 * DAY_MS, { min: SECOND_MS, max: ANY_LENGTH }),
    sweepSchedule: readSchedule(reader),
    auth: readAuth(reader, needsAuth && s3 !== undefined),
    uploads: readUploads(reader),
    maxContentUploads: reader.integer('MAX_CONTENT_UPLOADS', 32, { min: 1, max: 10_000 }),
    corsOrigins: readOrigins(reader),
    rateLimitPerMinute: readRateLimit(reader),
    shutdownDelayMs: reader.duration('SHUTDOWN_DELAY', 5 * SECOND_MS, { min: 0, max: MAX_SHUTDOWN_DELAY_MS }),
    traces: readTraces(reader),
    logLevel: reader.choice('LOG_LEVEL', LOG_LEVELS, 'info'),
    webhooks: readWebhooks(reader),
  };
  if (reader.problems.length > 0) throw new SettingsError(reader.problems);
  return settings;
}

function readS3(reader: EnvironmentReader): S3Settings | undefined {
  const bucket = reader.matching('S3_BUCKET', /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'it must be the name of a bucket');
  const endpoint = originOf(reader, 'S3_ENDPOINT');
  const publicEndpoint = originOf(reader, 'S3_PUBLIC_ENDPOINT');
  const region = reader.matching('S3_REGION', /^[A-Za-z0-9-]{1,64}$/, 'it must be the name of a region');
  const prefix = reader.matching(
    'S3_KEY_PREFIX',
    /^[\w.-]+(\/[\w.-]+)*\/?$/,
    'use letters, digits, ".", "_", "-" and "/" in between',
  );
  const forcePathStyle =
    reader.choice('S3_FORCE_PATH_STYLE', ['true', 'false'], endpoint ? 'true' : 'false') === 'true';
  const credentials = readKeys(reader, 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY');
  const uploadCredentials = readKeys(reader, 'S3_UPLOAD_ACCESS_KEY_ID', 'S3_UPLOAD_SECRET_ACCESS_KEY');
  if (!reader.isSet('S3_BUCKET')) {
    // Without this, a forgotten bucket would quietly keep recordings on the local disk.
    const given = S3_PLACE.find((name) => reader.isSet(name));
    if (given) reader.problem('S3_BUCKET', `is not set, but ${given} is; set both, or neither for the embedded store`);
    return undefined;
  }
  if (!reader.isSet('S3_REGION')) {
    reader.problem('S3_REGION', 'is not set; name the region where recordings are kept (policy 6.1)');
  }
  if (bucket === undefined || region === undefined) return undefined;
  const keyPrefix = prefix === undefined || prefix.endsWith('/') ? (prefix ?? '') : `${prefix}/`;
  return { endpoint, publicEndpoint, region, bucket, keyPrefix, forcePathStyle, credentials, uploadCredentials };
}

const S3_PLACE: readonly SettingName[] = [
  'S3_ENDPOINT',
  'S3_PUBLIC_ENDPOINT',
  'S3_REGION',
  'S3_KEY_PREFIX',
  'S3_FORCE_PATH_STYLE',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'S3_UPLOAD_ACCESS_KEY_ID',
  'S3_UPLOAD_SECRET_ACCESS_KEY',
];

/** Without a trailing slash. */
function originOf(reader: EnvironmentReader, name: SettingName): string | undefined {
  const url = reader.httpUrl(name);
  if (!url) return undefined;
  if (url.search || url.hash) {
    reader.problem(name, 'must be a URL without "?" and "#"');
    return undefined;
  }
  return url.href.replace(/\/$/, '');
}

function readKeys(reader: EnvironmentReader, idName: SettingName, secretName: SettingName): S3Credentials | undefined {
  const accessKeyId = reader.raw(idName);
  const secretAccessKey = reader.raw(secretName);
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
  if (accessKeyId !== undefined) reader.problem(secretName, `is not set, but ${idName} is; set both or neither`);
  if (secretAccessKey !== undefined) reader.problem(idName, `is not set, but ${secretName} is; set both or neither`);
  return undefined;
}

function readPolicy(
  reader: EnvironmentReader,
  { deleteLeadMs, settleTimeMs }: Pick<Settings, 'deleteLeadMs' | 'settleTimeMs'>,
): RetentionPolicy {
  const range = { min: SECOND_MS, max: MAX_RETENTION_MS };
  const afterAssessmentMs = reader.duration('RETENTION_AFTER_ASSESSMENT', MAX_RETENTION_MS, range);
  const unassessedMs = reader.duration('RETENTION_UNASSESSED', MAX_RETENTION_MS, range);
  const byTenantMs = new Map<string, number>();
  for (const item of reader.list('RETENTION_BY_TENANT')) {
    const [tenant = '', duration = '', ...rest] = item.split('=').map((word) => word.trim());
    if (!isId(tenant) || rest.length > 0) {
      reader.refuse('RETENTION_BY_TENANT', item, 'it must be tenant=duration, with commas in between');
    } else if (byTenantMs.has(tenant)) {
      reader.refuse('RETENTION_BY_TENANT', item, 'each tenant may be named once');
    } else {
      const retentionMs = reader.parseDuration('RETENTION_BY_TENANT', duration, range);
      if (retentionMs !== undefined) byTenantMs.set(tenant, retentionMs);
    }
  }
  const retentions: [string, number][] = [
    ['RETENTION_AFTER_ASSESSMENT', afterAssessmentMs],
    ['RETENTION_UNASSESSED', unassessedMs],
    ...[...byTenantMs].map(([tenant, ms]): [string, number] => [`RETENTION_BY_TENANT (${tenant})`, ms]),
  ];
  const shorter = [
    ['DELETE_LEAD', deleteLeadMs, 'everything would be deleted at once'],
    ['SETTLE_TIME', settleTimeMs, 'a recording would be left alone past its deadline'],
  ] as const;
  for (const [name, retentionMs] of retentions) {
    for (const [other, otherMs, effect] of shorter) {
      if (retentionMs > otherMs) continue;
      const retention = formatDuration(retentionMs);
      reader.problem(name, `${retention} is not more than ${other} (${formatDuration(otherMs)}): ${effect}`);
    }
  }
  return { afterAssessmentMs, unassessedMs, byTenantMs };
}

function readSchedule(reader: EnvironmentReader): string | undefined {
  const value = reader.raw('SWEEP_SCHEDULE') ?? '*/10 * * * *';
  if (value === 'off') return undefined;
  if (!isCron(value))
    reader.refuse('SWEEP_SCHEDULE', value, 'it must be a cron expression such as */10 * * * *, or off');
  return value;
}

function readAuth(reader: EnvironmentReader, isRequired: boolean): Settings['auth'] {
  return {
    keys: readAuthKeys(reader, isRequired),
    issuer: reader.raw('AUTH_ISSUER'),
    audience: reader.raw('AUTH_AUDIENCE'),
    tenantClaim: reader.raw('AUTH_TENANT_CLAIM') ?? 'tenant',
    scopeClaim: reader.raw('AUTH_SCOPE_CLAIM') ?? 'scope',
  };
}

function readAuthKeys(reader: EnvironmentReader, isRequired: boolean): AuthKeys {
  const jwksUrl = reader.httpUrl('AUTH_JWKS_URL');
  const sharedSecret = reader.raw('AUTH_SHARED_SECRET');
  if (reader.isSet('AUTH_JWKS_URL') && sharedSecret !== undefined) {
    reader.problem('AUTH_JWKS_URL', 'is set together with AUTH_SHARED_SECRET; set one of them');
  }
  if (sharedSecret !== undefined && Buffer.byteLength(sharedSecret) < MIN_SECRET_BYTES) {
    reader.problem('AUTH_SHARED_SECRET', `is too short; it must have at least ${MIN_SECRET_BYTES} bytes`);
  }
  if (isRequired && !reader.isSet('AUTH_JWKS_URL') && sharedSecret === undefined) {
    reader.problem('AUTH_JWKS_URL', 'is not set, nor is AUTH_SHARED_SECRET; with S3_BUCKET one of them must be');
  }
  if (jwksUrl) return { mode: 'jwks', jwksUrl };
  return sharedSecret === undefined ? { mode: 'generated-secret' } : { mode: 'shared-secret', sharedSecret };
}

function readUploads(reader: EnvironmentReader): UploadSettings {
  const partSizeBytes = reader.integer('PART_SIZE_BYTES', MIN_PART_SIZE_BYTES, {
    min: MIN_PART_SIZE_BYTES,
    max: MAX_PART_SIZE_BYTES,
  });
  const maxRecordingBytes = reader.integer('MAX_RECORDING_BYTES', 10 * GIB, { min: 1, max: MAX_OBJECT_BYTES });
  const maxParts = reader.integer('S3_MAX_PARTS', MAX_PART_NUMBER, { min: 1, max: MAX_PART_NUMBER });
  const needed = maxPartsFor(maxRecordingBytes, partSizeBytes);
  if (needed > maxParts) {
    const enough = Math.max(MIN_PART_SIZE_BYTES, Math.ceil(maxRecordingBytes / maxParts));
    reader.problem(
      'PART_SIZE_BYTES',
      `${partSizeBytes} makes ${needed} parts of MAX_RECORDING_BYTES (${maxRecordingBytes}), more than S3_MAX_PARTS (${maxParts}); ${enough} would do`,
    );
  }
  return {
    mode: reader.choice('UPLOADS', ['direct', 'proxy'], 'direct'),
    partSizeBytes,
    maxRecordingBytes,
    partUrlTtlMs: reader.duration('PART_URL_TTL', HOUR_MS, { min: SECOND_MS, max: 12 * HOUR_MS }),
    playbackUrlTtlMs: reader.duration('PLAYBACK_URL_TTL', 10 * MINUTE_MS, { min: SECOND_MS, max: HOUR_MS }),
    contentTypes: readContentTypes(reader),
  };
}

function readContentTypes(reader: EnvironmentReader): Set<string> {
  if (!reader.isSet('CONTENT_TYPES')) return new Set(DEFAULT_CONTENT_TYPES);
  const contentTypes = reader.list('CONTENT_TYPES');
  for (const contentType of contentTypes.filter((item) => !CONTENT_TYPE.test(item))) {
    reader.refuse('CONTENT_TYPES', contentType, 'each must be audio/ or video/ and webm, x-matroska, mp4 or ogg');
  }
  if (contentTypes.length === 0) reader.problem('CONTENT_TYPES', 'names no type');
  return new Set(contentTypes);
}

function readOrigins(reader: EnvironmentReader): string[] {
  const origins = reader.list('CORS_ORIGINS');
  for (const origin of origins) {
    const isOrigin = URL.canParse(origin) && new URL(origin).origin === origin && /^https?:/.test(origin);
    if (!isOrigin) reader.refuse('CORS_ORIGINS', origin, 'each must be an origin such as https://exams.example');
  }
  return origins;
}

function readRateLimit(reader: EnvironmentReader): number | undefined {
  if (reader.raw('RATE_LIMIT') === 'off') return undefined;
  return reader.integer('RATE_LIMIT', 600, { min: 1, max: 1_000_000 });
}

/** The variables of OpenTelemetry's specification: on where an endpoint is named, and not turned off. */
function readTraces(reader: EnvironmentReader): TracesProtocol | undefined {
  if (reader.raw('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  if (reader.raw('OTEL_TRACES_EXPORTER') === 'none') return undefined;
  const own = reader.httpUrl('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const general = reader.httpUrl('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (!own && !general) return undefined;
  reader.choice('OTEL_TRACES_SAMPLER', TRACES_SAMPLERS, 'parentbased_always_on');
  reader.matching('OTEL_TRACES_SAMPLER_ARG', /^(0(\.\d+)?|1(\.0+)?)$/, 'it must be a number from 0 to 1');
  const protocol = reader.choice('OTEL_EXPORTER_OTLP_PROTOCOL', TRACES_PROTOCOLS, 'http/protobuf');
  return reader.choice('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', TRACES_PROTOCOLS, protocol);
}

const TRACES_SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
