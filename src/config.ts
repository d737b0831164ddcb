// The settings of the service, one row each. docs/settings.md and the chart's schema are written from this table.
import { MAX_KEY_BYTES } from './bucket/layout.ts';
import { formatDuration, HOUR_MS, parseDuration, SECOND_MS } from './model/durations.ts';
import { ID_PATTERN, isId } from './model/ids.ts';
import { anyCase, RECORDED_SUBTYPES, readRecordingType } from './model/media-type.ts';
import { MAX_PART_NUMBER, MAX_PART_SIZE_BYTES, MIN_PART_SIZE_BYTES, maxPartsFor } from './model/parts.ts';
import { MAX_RETENTION_MS } from './model/retention.ts';
import { readTextFile } from './runtime/json-file.ts';
import { isCron } from './runtime/schedule.ts';
import { readSigningKeysFile } from './runtime/signing-keys.ts';
import { readWebhooksFile } from './runtime/webhooks-file.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Invalid settings or flags: nothing was done, exit code 2. The message has a line for each of them. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

interface Type<T> {
  /** @throws Error whose message completes "NAME: …" and shows no secret */
  readonly parse: (text: string) => T;
  /** JSON Schema of the value in the chart's values, where numbers are numbers and lists are lists. */
  readonly schema: object;
  /** A check by the chart's templates: the message of its schema would show a regular expression. */
  readonly chartCheck?: ChartCheck;
}

/** Applies to a value, to each item of a list, or to each value of a map. */
interface ChartCheck {
  readonly expected: string;
  /** Go's regular expressions, which charts use, cannot look ahead. */
  readonly pattern?: string;
  readonly minSeconds?: number;
  readonly maxSeconds?: number;
  /** Of the keys of a map. */
  readonly keyPattern?: string;
  /** The value is not shown: it may hold a secret. */
  readonly isHidden?: boolean;
}

const GIB = 1024 ** 3;
const MAX_PORT = 65_535;
const ANY_LENGTH = Number.MAX_SAFE_INTEGER;
/** Longer values are cut off in a message: a key may have been pasted into the wrong setting. */
const MAX_SHOWN_LENGTH = 80;

const refused = (given: string, expected: string) =>
  new Error(`"${given.slice(0, MAX_SHOWN_LENGTH)}" is not allowed; it must be ${expected}`);

/** `read` returns undefined for a text that is not `expected`. */
function type<T>(expected: string, schema: object, read: (text: string) => T | undefined, isHidden = false): Type<T> {
  return {
    schema,
    parse(given) {
      const value = read(given);
      if (value !== undefined) return value;
      throw isHidden ? new Error(`the value is not allowed; it must be ${expected}`) : refused(given, expected);
    },
  };
}

const defined = (name: string) => ({ $ref: `#/definitions/${name}` });

const text = type('a text', defined('text'), (given) => given);

const matching = (pattern: RegExp, expected: string) => ({
  ...type(expected, text.schema, (given) => (pattern.test(given) ? given : undefined)),
  chartCheck: { expected, pattern: pattern.source },
});

const choice = <const T extends string>(...choices: readonly T[]) =>
  type(choices.join(' or '), { enum: choices }, (given) => choices.find((one) => one === given));

const flag: Type<boolean> = {
  schema: { type: 'boolean' },
  parse: (given) => choice('true', 'false').parse(given) === 'true',
};

function integer(minimum: number, maximum: number): Type<number> {
  return type(`a whole number from ${minimum} to ${maximum}`, { type: 'integer', minimum, maximum }, (given) => {
    const value = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
    return value >= minimum && value <= maximum ? value : undefined;
  });
}

/** Milliseconds. The chart may allow less: from `chartMinMs`. */
function duration(minMs: number, maxMs: number, chartMinMs = minMs) {
  const expectedFrom = (fromMs: number) => {
    const limits = `from ${formatDuration(fromMs)}${maxMs === ANY_LENGTH ? '' : ` to ${formatDuration(maxMs)}`}`;
    return `a duration such as 30d, 24h, 10m or 5s, ${limits}`;
  };
  return {
    ...type(expectedFrom(minMs), defined('duration'), (given) => {
      const valueMs = parseDuration(given);
      return valueMs !== undefined && valueMs >= minMs && valueMs <= maxMs ? valueMs : undefined;
    }),
    chartCheck: {
      expected: expectedFrom(chartMinMs),
      minSeconds: chartMinMs / SECOND_MS,
      maxSeconds: Math.floor(maxMs / SECOND_MS),
    },
  };
}

const HTTP_URL = 'a URL that begins with http:// or https:// and holds no credentials, such as https://login.example';
const httpUrl = {
  ...type(
    HTTP_URL,
    text.schema,
    (given) => {
      const url = URL.canParse(given) ? new URL(given) : undefined;
      return url && /^https?:$/.test(url.protocol) && !url.username && !url.password ? url : undefined;
    },
    true,
  ),
  chartCheck: { expected: HTTP_URL, pattern: '^https?://[^/@\\s]+(/\\S*)?$', isHidden: true },
};

const STORE_URL = 'a URL without "?" and "#", such as https://s3.example:9000';
/** Without a trailing slash. */
const storeUrl = {
  ...type(
    STORE_URL,
    text.schema,
    (given) => {
      const { href, search, hash } = httpUrl.parse(given);
      return search || hash ? undefined : href.replace(/\/$/, '');
    },
    true,
  ),
  chartCheck: { expected: STORE_URL, pattern: '^https?://[^/@\\s?#]+(/[^\\s?#]*)?$', isHidden: true },
};

const ORIGIN = 'an origin such as https://exams.example';
const origin = {
  ...type(ORIGIN, text.schema, (given) =>
    URL.canParse(given) && new URL(given).origin === given && /^https?:/.test(given) ? given : undefined,
  ),
  chartCheck: { expected: ORIGIN, pattern: '^https?://[^/@\\s]+$' },
};

const itemsOf = (given: string) => given.split(',').flatMap((item) => item.trim() || []);

/** Separated by commas. */
function list(item: Type<string>, minItems = 0): Type<string[]> {
  const schema = { type: 'array', ...(minItems > 0 && { minItems }), items: item.schema };
  const read = (given: string) => {
    const items = itemsOf(given);
    return items.length < minItems ? undefined : items.map((one) => item.parse(one));
  };
  return { ...type('a list that is not empty', schema, read), ...(item.chartCheck && { chartCheck: item.chartCheck }) };
}

/** Undefined: off. */
function orOff<T>({ parse, schema }: Type<T>): Type<T | undefined> {
  const description = 'Write "off" in quotes, because YAML reads off without quotes as false.';
  return {
    parse: (given) => (given === 'off' ? undefined : parse(given)),
    schema: { description, anyOf: [schema, { const: 'off' }] },
  };
}

const retention = duration(SECOND_MS, MAX_RETENTION_MS);

const retentionByTenant: Type<ReadonlyMap<string, number>> = {
  schema: { type: 'object', additionalProperties: retention.schema },
  chartCheck: { ...retention.chartCheck, keyPattern: ID_PATTERN.source },
  parse(given) {
    const pairs = itemsOf(given).map((item) => {
      const [tenant = '', retained = '', ...rest] = item.split('=').map((word) => word.trim());
      if (!isId(tenant) || rest.length > 0) throw refused(item, 'tenant=duration, such as acme=14d');
      return [tenant, retention.parse(retained)] as const;
    });
    const byTenantMs = new Map(pairs);
    if (byTenantMs.size < pairs.length) throw new Error('a tenant is named twice; each may be named once');
    return byTenantMs;
  },
};

const port = integer(0, MAX_PORT);
/** The chart's pods have no privileges. */
const servicePort = { ...port, schema: integer(1024, MAX_PORT).schema };
const region = matching(/^[A-Za-z0-9-]{1,64}$/, 'the name of a region, such as eu-central-1');
const bucket = matching(/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/, 'the name of a bucket, such as recordings');
/** Of a segment of dots alone a URL would be made without it. */
const KEY_PREFIX = /^\.*[\w-][\w.-]*(\/\.*[\w-][\w.-]*)*\/?$/;
/** S3's keys have 1024 bytes; one for the slash at the end. */
const MAX_PREFIX_LENGTH = 1024 - MAX_KEY_BYTES - 1;
const PREFIX = `letters, digits, ".", "_", "-" and inner "/", such as exams/, no segment of dots alone, at most ${MAX_PREFIX_LENGTH}`;
const keyPrefix = {
  ...type(PREFIX, { type: 'string', maxLength: MAX_PREFIX_LENGTH }, (given) =>
    given.length <= MAX_PREFIX_LENGTH && KEY_PREFIX.test(given) ? given : undefined,
  ),
  chartCheck: { expected: PREFIX, pattern: KEY_PREFIX.source },
};
const margin = duration(0, MAX_RETENTION_MS);
/** In a cluster at least as long as a request may last. */
const gracePeriod = duration(SECOND_MS, MAX_RETENTION_MS, HOUR_MS);
const anyDuration = duration(SECOND_MS, ANY_LENGTH);
const cron = type('a cron expression such as */10 * * * *, or off', defined('cron'), (given) =>
  isCron(given) ? given : undefined,
);
const secret = type(
  'at least 32 bytes',
  { type: 'string', minLength: 32 },
  (given) => (Buffer.byteLength(given) < 32 ? undefined : given),
  true,
);
const contentTypePattern = `${anyCase('audio', 'video')}/${anyCase(...RECORDED_SUBTYPES)}`;
const CONTENT_TYPE = `audio/ or video/ and ${RECORDED_SUBTYPES.slice(0, -1).join(', ')} or ${RECORDED_SUBTYPES.at(-1)}`;
const contentType = {
  ...type(CONTENT_TYPE, text.schema, (given) => {
    const base = readRecordingType(given)?.base;
    return base === given.toLowerCase() ? base : undefined;
  }),
  chartCheck: { expected: CONTENT_TYPE, pattern: `^${contentTypePattern}$` },
};
const BY_DEFAULT = [
  'video/webm,audio/webm,video/mp4,audio/mp4',
  'video/matroska,audio/matroska,video/x-matroska,audio/x-matroska',
  'audio/ogg',
].join();
const contentTypes = list(contentType, 1);
const partSize = integer(MIN_PART_SIZE_BYTES, MAX_PART_SIZE_BYTES);
/** S3's largest object. */
const objectSize = integer(1, 5 * 1024 * GIB);
/** The rest of a minute, a usual grace period of orchestrators, is left for running requests. */
const delay = duration(0, 30 * SECOND_MS);
const upToAnHour = duration(SECOND_MS, HOUR_MS);
const upToHalfADay = duration(SECOND_MS, 12 * HOUR_MS);
const count = integer(1, 10_000);
const uploads = choice('direct', 'proxy');
const logLevel = choice('error', 'warn', 'info', 'debug');
/** Its name is not shown: the secret itself may have been pasted there. */
const secretFile: Type<string> = {
  schema: text.schema,
  parse(path) {
    const content = readTextFile(path, 'the file').trim();
    if (!content) throw new Error('the file is empty');
    return content;
  },
};
const signingKeysFile = { parse: readSigningKeysFile, schema: text.schema };
const webhooksFile = { parse: readWebhooksFile, schema: text.schema };

interface Setting<T> {
  readonly type: Type<T>;
  /** As an operator would write it. */
  readonly default: string | undefined;
  /** Its meaning, for docs/settings.md. */
  readonly help: string;
  /** The section of the chart's values; `none`: the chart sets it. */
  readonly chart: 'settings' | 'secrets' | 'none';
}

function setting<T>(of: Type<T>, fallback: string, help: string, chart: Setting<T>['chart'] = 'settings'): Setting<T> {
  return { type: of, default: fallback, help, chart };
}

function optional<T>(of: Type<T>, help: string, chart: Setting<T>['chart'] = 'settings'): Setting<T | undefined> {
  return { type: of, default: undefined, help, chart };
}

export const SETTINGS = {
  HOST: optional(
    text,
    'The address that the API listens on. If not set, `0.0.0.0` with `S3_BUCKET` and in the image; otherwise `127.0.0.1`.',
  ),
  PORT: setting(servicePort, '8080', 'The port of the API. `0` selects a free port.'),
  DATA_DIR: setting(
    text,
    './data',
    'The folder of the embedded store, which is used if `S3_BUCKET` is not set.',
    'none',
  ),
  LOCAL_S3_PORT: setting(port, '8081', 'The port of the embedded store.', 'none'),
  S3_ENDPOINT: optional(
    storeUrl,
    'The URL of the S3-compatible store, without the bucket. If not set, the store is AWS S3.',
  ),
  S3_PUBLIC_ENDPOINT: optional(
    storeUrl,
    'The URL by which browsers reach the store, if it differs from `S3_ENDPOINT`.',
  ),
  S3_REGION: optional(region, 'The region where recordings are kept. Required with `S3_BUCKET`.'),
  S3_BUCKET: optional(bucket, 'The bucket for recordings. If not set, the service uses the embedded store.'),
  S3_KEY_PREFIX: optional(
    keyPrefix,
    `A prefix of every object key in the bucket; at most ${MAX_PREFIX_LENGTH} characters.`,
  ),
  S3_FORCE_PATH_STYLE: optional(
    flag,
    'Whether URLs have the bucket in their path instead of in the host name. If not set, `true` with `S3_ENDPOINT`.',
  ),
  S3_ACCESS_KEY_ID: optional(
    text,
    "The id of the service's access key for the store. If not set, the AWS SDK looks for credentials.",
    'secrets',
  ),
  S3_SECRET_ACCESS_KEY: optional(text, 'The secret of the access key `S3_ACCESS_KEY_ID`.', 'secrets'),
  S3_UPLOAD_ACCESS_KEY_ID: optional(
    text,
    'The id of an access key that may only upload. It signs part URLs.',
    'secrets',
  ),
  S3_UPLOAD_SECRET_ACCESS_KEY: optional(text, 'The secret of the access key `S3_UPLOAD_ACCESS_KEY_ID`.', 'secrets'),
  S3_MAX_PARTS: setting(
    integer(1, MAX_PART_NUMBER),
    '10000',
    'The largest number of parts that the store accepts in an upload. Set `1000` on Scaleway.',
  ),
  RETENTION_AFTER_ASSESSMENT: setting(retention, '30d', 'How long to keep a recording after its assessment.'),
  RETENTION_UNASSESSED: setting(
    retention,
    '30d',
    'How long to keep a recording after its creation if it is not assessed.',
  ),
  RETENTION_BY_TENANT: setting(
    retentionByTenant,
    '',
    'A shorter retention for some tenants, such as `acme=14d,beta=7d`. See below.',
  ),
  DELETE_LEAD: setting(margin, '24h', 'How long before its deadline a recording is deleted. See below.'),
  SETTLE_TIME: setting(
    gracePeriod,
    '1h',
    'The grace period: how long sweeps and `verify` leave new objects alone. See below.',
  ),
  UPLOAD_IDLE_LIMIT: setting(anyDuration, '2h', 'How long an upload may be idle before a sweep completes it.'),
  LOG_RETENTION: setting(anyDuration, '365d', 'How long deletion receipts and audit events are kept.'),
  SWEEP_SCHEDULE: setting(
    orOff(cron),
    '*/10 * * * *',
    'When `serve` sweeps: a cron expression in UTC, or `off`.',
    'none',
  ),
  AUTH_JWKS_URL: optional(httpUrl, 'The URL of the public keys with which the service verifies tokens. See below.'),
  AUTH_SHARED_SECRET: optional(
    secret,
    'The secret with which tokens are signed (HS256); at least 32 bytes.',
    'secrets',
  ),
  AUTH_ISSUER: optional(text, 'The required issuer (`iss`) of tokens. If not set, the issuer is not checked.'),
  AUTH_AUDIENCE: optional(text, 'The required audience (`aud`) of tokens. If not set, the audience is not checked.'),
  AUTH_TENANT_CLAIM: setting(text, 'tenant', 'The name of the claim that holds the tenant of a token.'),
  AUTH_SCOPE_CLAIM: setting(text, 'scope', 'The name of the claim that holds the scopes of a token.'),
  PART_SIZE_BYTES: setting(
    partSize,
    '5242880',
    'The size in bytes of every part except the last, from 5 MiB to 5 GiB.',
  ),
  PART_URL_TTL: setting(upToHalfADay, '1h', 'How long a part URL is valid; at most `12h`.'),
  PLAYBACK_URL_TTL: setting(
    upToAnHour,
    '10m',
    'How long a playback link is valid. No link is valid past the deadline of its recording.',
  ),
  MAX_RECORDING_BYTES: setting(
    objectSize,
    '10737418240',
    'The size in bytes of the largest recording that is accepted; at most 5 TiB.',
  ),
  MAX_CONTENT_UPLOADS: setting(count, '32', 'How many uploads may pass through each process at once. See below.'),
  MAX_CONTENT_BYTES: setting(
    objectSize,
    '100000000',
    'The size in bytes of the largest request to `…/content`. Larger files must be sent in parts.',
  ),
  CONTENT_TYPES: setting(contentTypes, BY_DEFAULT, 'The media types that recordings may have.'),
  CORS_ORIGINS: setting(list(origin), '', 'The origins of pages that call the API, separated by commas.'),
  RATE_LIMIT: setting(
    orOff(integer(1, 1_000_000)),
    '600',
    'How many requests a minute each process accepts from one caller, or `off`. See below.',
  ),
  RATE_LIMIT_UNBOUND: setting(
    orOff(integer(1, 1_000_000)),
    '6000',
    'How many requests a minute each process accepts from one caller whose token is bound to no attempt and no participant, such as a server; or `off`.',
  ),
  TENANT_RATE_LIMIT: setting(
    orOff(integer(1, 100_000_000)),
    '60000',
    'How many requests a minute each process accepts from all callers of a tenant together, or `off`.',
  ),
  MAX_CONNECTIONS: setting(
    integer(16, 1_000_000),
    '4096',
    'How many connections to the API each process keeps open. See below.',
  ),
  UPLOADS: setting(
    uploads,
    'direct',
    '`direct`: clients send media to the store. `proxy`: clients send media through the service.',
  ),
  SHUTDOWN_DELAY: setting(
    delay,
    '5s',
    'How long the service accepts connections after SIGTERM, while it reports that it is not ready; at most `30s`.',
  ),
  LOG_LEVEL: setting(
    logLevel,
    'info',
    'The level of the log: `error`, `warn`, `info` or `debug`. The log is JSON lines on stderr.',
  ),
  SIGNING_KEYS_FILE: optional(
    signingKeysFile,
    'The path of the file with the [keys that sign receipts](proof.md). If not set, the service creates a file with the embedded store, and signs nothing with `S3_BUCKET`.',
    'none',
  ),
  WEBHOOKS_FILE: optional(
    webhooksFile,
    "The path of the file with each tenant's [webhook](webhooks.md) endpoint.",
    'none',
  ),
};

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
export const SECRET_NAMES = SETTING_NAMES.filter((name) => SETTINGS[name].chart === 'secrets');
/** Names a file that holds a secret setting, as the official container images do it. */
export const fileSettingOf = (name: SettingName) => `${name}_FILE` as const;
const FILE_SETTINGS: ReadonlySet<string> = new Set(SECRET_NAMES.map(fileSettingOf));
type Values = { readonly [N in SettingName]: (typeof SETTINGS)[N] extends Setting<infer T> ? T : never };

/** Prefixes of settings that other programs use too. */
const SHARED_WORDS = ['HOST', 'PORT', 'DATA', 'LOCAL', 'LOG', 'MAX', 'CONTENT', 'CORS', 'RATE'];
const OWN_WORDS = SETTING_NAMES.map((name) => name.replace(/_.*/, '')).filter((word) => !SHARED_WORDS.includes(word));
/** An unknown variable with such a prefix is an error: to ignore it could keep recordings for too long. */
export const OWN_NAMES = new RegExp(`^(${[...new Set(OWN_WORDS.map((word) => word.replace(/S$/, '')))].join('|')})S?_`);
/** Kubernetes sets these for a service that is called `s3` or `auth`. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)/;

class Reader {
  /** All problems, not only the first. */
  readonly problems: string[];
  readonly #env: Env;
  /** Contents of files, by the secret setting that they give; undefined: the file cannot be used. */
  readonly #fromFiles = new Map<string, string | undefined>();

  constructor(env: Env) {
    this.#env = env;
    this.problems = Object.keys(env)
      .filter((name) => OWN_NAMES.test(name) && !Object.hasOwn(SETTINGS, name) && !FILE_SETTINGS.has(name))
      .filter((name) => !SERVICE_LINK.test(name))
      .sort()
      .map((name) => {
        const like = SETTING_NAMES.filter((known) => known.startsWith(OWN_NAMES.exec(name)?.[1] ?? ''));
        return `${name}: there is no such setting; those that begin like it are ${like.join(', ')}`;
      });
  }

  /** An empty value is the same as none, as containers often cannot unset one. */
  raw(name: string): string | undefined {
    return this.#fromFiles.get(name) ?? (this.#env[name]?.trim() || undefined);
  }

  /** Whether the setting is given, also by a file that cannot be used: that is a problem already. */
  isGiven(name: string): boolean {
    return this.#fromFiles.has(name) || this.raw(name) !== undefined;
  }

  /** Reads the files that NAME_FILE settings name; white space around a secret is removed, as it is from a variable. */
  readFiles(): void {
    for (const name of SECRET_NAMES) {
      const fileSetting = fileSettingOf(name);
      const path = this.raw(fileSetting);
      if (path === undefined) continue;
      if (this.raw(name) !== undefined) this.problem(fileSetting, `is set together with ${name}; set one of them`);
      this.#fromFiles.set(name, this.read(fileSetting, secretFile));
    }
  }

  /** A bad value is a problem, and read as the default. */
  read<T>(name: string, { parse }: Type<T>, fallback?: string): T | undefined {
    try {
      const given = this.raw(name);
      if (given !== undefined) return parse(given);
    } catch (error) {
      this.problem(name, (error as Error).message);
    }
    return fallback === undefined ? undefined : parse(fallback);
  }

  readAll(): Values {
    const settings = Object.entries<Setting<unknown>>(SETTINGS);
    return Object.fromEntries(settings.map(([name, of]) => [name, this.read(name, of.type, of.default)])) as Values;
  }

  problem(name: string, problem: string): void {
    this.problems.push(`${name}: ${problem}`);
  }
}

export type Settings = ReturnType<typeof readSettings>;
export type LogLevel = Settings['logLevel'];
export type TracesProtocol = NonNullable<Settings['traces']>;

/**
 * `needsAuth`: false for the commands that use the store alone, as a sweep needs no secret of the API.
 * @throws SettingsError naming everything that is wrong; secrets are never shown
 */
export function readSettings(env: Env, { needsAuth = true } = {}) {
  const reader = new Reader(env);
  reader.readFiles();
  const value = reader.readAll();
  const s3 = s3Of(value, reader);
  const settings = {
    /** Without a store of its own the service is being tried out, on this machine. */
    host: value.HOST ?? (s3 === undefined ? '127.0.0.1' : '0.0.0.0'),
    port: value.PORT,
    dataDir: value.DATA_DIR,
    localS3Port: value.LOCAL_S3_PORT,
    /** Undefined: the embedded store, in `dataDir`. */
    s3,
    policy: policyOf(value, reader),
    deleteLeadMs: value.DELETE_LEAD,
    settleTimeMs: value.SETTLE_TIME,
    uploadIdleLimitMs: value.UPLOAD_IDLE_LIMIT,
    logRetentionMs: value.LOG_RETENTION,
    /** Undefined: this process does not sweep. */
    sweepSchedule: value.SWEEP_SCHEDULE,
    auth: {
      keys: authKeysOf(value, reader, needsAuth && s3 !== undefined),
      issuer: value.AUTH_ISSUER,
      audience: value.AUTH_AUDIENCE,
      /** Settings that would keep out tokens of the same keys that were made for others. */
      unchecked: uncheckedOf(value),
      tenantClaim: value.AUTH_TENANT_CLAIM,
      scopeClaim: value.AUTH_SCOPE_CLAIM,
    },
    uploads: uploadsOf(value, reader),
    maxContentUploads: value.MAX_CONTENT_UPLOADS,
    corsOrigins: value.CORS_ORIGINS,
    /** Undefined: no limit. */
    rateLimitPerMinute: value.RATE_LIMIT,
    /** Never lower than that of the other callers. */
    unboundRateLimitPerMinute: higherLimit(value.RATE_LIMIT, value.RATE_LIMIT_UNBOUND),
    tenantRateLimitPerMinute: value.TENANT_RATE_LIMIT,
    maxConnections: value.MAX_CONNECTIONS,
    shutdownDelayMs: value.SHUTDOWN_DELAY,
    /** How traces are sent; undefined: nothing is traced. */
    traces: tracesOf(reader),
    logLevel: value.LOG_LEVEL,
    /** The first one signs. Undefined: none is set. */
    signingKeys: value.SIGNING_KEYS_FILE,
    /** By tenant. */
    webhooks: value.WEBHOOKS_FILE ?? new Map<string, never>(),
  };
  if (reader.problems.length > 0) throw new SettingsError(reader.problems.join('\n'));
  return settings;
}

/** Undefined: no limit. */
function higherLimit(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other);
}

function s3Of(value: Values, reader: Reader) {
  const { S3_ENDPOINT: endpoint, S3_REGION: region, S3_BUCKET: bucket, S3_KEY_PREFIX: prefix = '' } = value;
  const credentials = keyOf(value, reader, 'S3_');
  const uploadCredentials = keyOf(value, reader, 'S3_UPLOAD_');
  if (!reader.raw('S3_BUCKET')) {
    // Otherwise a forgotten S3_BUCKET would silently keep recordings on the local disk.
    const given = SETTING_NAMES.find(
      (name) => name.startsWith('S3_') && name !== 'S3_MAX_PARTS' && reader.isGiven(name),
    );
    if (given) reader.problem('S3_BUCKET', `is not set, but ${given} is; set both, or neither for the embedded store`);
    return undefined;
  }
  if (!reader.raw('S3_REGION')) {
    const example = 'name the region where recordings are kept, such as eu-central-1 (policy 6.1)';
    reader.problem('S3_REGION', `is not set; ${example}`);
  }
  if (bucket === undefined || region === undefined) return undefined;
  const withoutBucket = endpointWithoutBucket(endpoint, bucket);
  if (withoutBucket !== undefined && value.S3_FORCE_PATH_STYLE !== true) {
    const orElse = 'if this is the host of the store itself, set S3_FORCE_PATH_STYLE to true';
    reader.problem('S3_ENDPOINT', `must be the endpoint without the bucket: ${withoutBucket}; ${orElse}`);
  }
  const keyPrefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  const forcePathStyle = value.S3_FORCE_PATH_STYLE ?? endpoint !== undefined;
  const publicEndpoint = value.S3_PUBLIC_ENDPOINT;
  return { endpoint, publicEndpoint, region, bucket, keyPrefix, forcePathStyle, credentials, uploadCredentials };
}

/** Undefined when the host does not begin with the bucket, as the consoles of some providers show it. */
function endpointWithoutBucket(endpoint: string | undefined, bucket: string): string | undefined {
  if (endpoint === undefined) return undefined;
  const { protocol, host } = new URL(endpoint);
  const start = `${bucket.toLowerCase()}.`;
  return host.startsWith(start) ? `${protocol}//${host.slice(start.length)}` : undefined;
}

function keyOf(value: Values, reader: Reader, prefix: 'S3_' | 'S3_UPLOAD_') {
  const [idName, secretName] = [`${prefix}ACCESS_KEY_ID`, `${prefix}SECRET_ACCESS_KEY`] as const;
  const [accessKeyId, secretAccessKey] = [value[idName], value[secretName]];
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
  const [missing, given] = reader.isGiven(idName) ? [secretName, idName] : [idName, secretName];
  if (reader.isGiven(given) && !reader.isGiven(missing)) {
    reader.problem(missing, `is not set, but ${given} is; set both or neither`);
  }
  return undefined;
}

function policyOf(value: Values, reader: Reader) {
  const { RETENTION_AFTER_ASSESSMENT, RETENTION_UNASSESSED, RETENTION_BY_TENANT } = value;
  const byTenant = [...RETENTION_BY_TENANT].map(([tenant, ms]) => [`RETENTION_BY_TENANT (${tenant})`, ms] as const);
  const retentions = [...Object.entries({ RETENTION_AFTER_ASSESSMENT, RETENTION_UNASSESSED }), ...byTenant];
  const shorter = [
    ['DELETE_LEAD', 'everything would be deleted at once'],
    ['SETTLE_TIME', 'a recording would be left alone past its deadline'],
  ] as const;
  for (const [name, retentionMs] of retentions) {
    for (const [other, effect] of shorter) {
      if (retentionMs > value[other]) continue;
      const limit = `${other} (${formatDuration(value[other])})`;
      reader.problem(name, `${formatDuration(retentionMs)} is not more than ${limit}: ${effect}`);
    }
  }
  return {
    afterAssessmentMs: RETENTION_AFTER_ASSESSMENT,
    unassessedMs: RETENTION_UNASSESSED,
    byTenantMs: RETENTION_BY_TENANT,
  };
}

/** `generated-secret`: one that the service makes and keeps in `dataDir`; with the embedded store only. */
function authKeysOf(value: Values, reader: Reader, isRequired: boolean) {
  const { AUTH_JWKS_URL: jwksUrl, AUTH_SHARED_SECRET: sharedSecret } = value;
  const [givenUrl, givenSecret] = [reader.isGiven('AUTH_JWKS_URL'), reader.isGiven('AUTH_SHARED_SECRET')];
  if (givenUrl && givenSecret)
    reader.problem('AUTH_JWKS_URL', 'is set together with AUTH_SHARED_SECRET; set one of them');
  if (isRequired && !givenUrl && !givenSecret) {
    reader.problem('AUTH_JWKS_URL', 'is not set, nor is AUTH_SHARED_SECRET; with S3_BUCKET one of them must be');
  }
  if (jwksUrl) return { mode: 'jwks', jwksUrl } as const;
  return sharedSecret === undefined
    ? ({ mode: 'generated-secret' } as const)
    : ({ mode: 'shared-secret', sharedSecret } as const);
}

/** A shared secret signs for this service alone; the keys of an issuer sign for all that trust it. */
function uncheckedOf(value: Values): readonly string[] {
  if (!value.AUTH_JWKS_URL) return [];
  return (['AUTH_ISSUER', 'AUTH_AUDIENCE'] as const).filter((name) => value[name] === undefined);
}

function uploadsOf(value: Values, reader: Reader) {
  const { PART_SIZE_BYTES: partSizeBytes, MAX_RECORDING_BYTES: maxRecordingBytes, S3_MAX_PARTS: maxParts } = value;
  const needed = maxPartsFor(maxRecordingBytes, partSizeBytes);
  if (needed > maxParts) {
    const enough = Math.max(MIN_PART_SIZE_BYTES, Math.ceil(maxRecordingBytes / maxParts));
    const parts = `${needed} parts of MAX_RECORDING_BYTES (${maxRecordingBytes}), more than S3_MAX_PARTS (${maxParts})`;
    reader.problem('PART_SIZE_BYTES', `${partSizeBytes} makes ${parts}; ${enough} would do`);
  }
  return {
    mode: value.UPLOADS,
    partSizeBytes,
    maxRecordingBytes,
    maxContentBytes: value.MAX_CONTENT_BYTES,
    partUrlTtlMs: value.PART_URL_TTL,
    playbackUrlTtlMs: value.PLAYBACK_URL_TTL,
    contentTypes: new Set(value.CONTENT_TYPES),
  };
}

const TRACES_PROTOCOL = choice('http/protobuf', 'http/json');
const TRACES_SAMPLER = choice(
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
);

/** The variables of OpenTelemetry's specification: on where an endpoint is named. The exporter reads them by itself. */
function tracesOf(reader: Reader) {
  if (reader.raw('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  if (reader.raw('OTEL_TRACES_EXPORTER') === 'none') return undefined;
  const own = reader.read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', httpUrl);
  const general = reader.read('OTEL_EXPORTER_OTLP_ENDPOINT', httpUrl);
  if (!own && !general) return undefined;
  reader.read('OTEL_TRACES_SAMPLER', TRACES_SAMPLER);
  reader.read('OTEL_TRACES_SAMPLER_ARG', matching(/^(0(\.\d+)?|1(\.0+)?)$/, 'a number from 0 to 1'));
  const protocol = reader.read('OTEL_EXPORTER_OTLP_PROTOCOL', TRACES_PROTOCOL, 'http/protobuf');
  return reader.read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', TRACES_PROTOCOL, protocol);
}
