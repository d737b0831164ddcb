// What an operator may set, what stops the start, and the secret that comes with it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readmeWithValues } from '../../ci/write-chart-readme.ts';
import { chartChecks, pageWithSettings, schemaWithSettings } from '../../ci/write-settings.ts';
import { EVENT_TYPES } from '../../src/bucket/outbox.ts';
import { readSettings, SECRET_NAMES, SettingsError } from '../../src/config.ts';
import { DAY_MS } from '../../src/model/durations.ts';
import { readOrCreateSecret, SECRET_FILES } from '../../src/runtime/secret-file.ts';
import { type TokenFlags, tokenCommand } from '../../src/runtime/token.ts';

const SECRET = 's'.repeat(32);
const WITH_BUCKET = { S3_BUCKET: 'recordings', S3_REGION: 'eu-west-1', AUTH_SHARED_SECRET: SECRET };
const COLLECTOR = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
const folder = mkdtempSync(join(tmpdir(), 'settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Why a start with these settings is refused: lines of the error, for which `main.ts` exits with 2. */
function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    readSettings(env);
    return [];
  } catch (error) {
    return (error as SettingsError).message.split('\n');
  }
}

it('has defaults for what docs/settings.md says in words, and keeps nothing for longer than 30 days', () => {
  const containers = ['webm', 'mp4', 'matroska', 'x-matroska'];
  const types = [...containers.flatMap((name) => [`video/${name}`, `audio/${name}`]), 'audio/ogg'];
  const sizes = { partSizeBytes: 5 * 1024 ** 2, maxRecordingBytes: 10 * 1024 ** 3 };
  expect(readSettings({ PATH: '/bin', HOME: '/root' })).toMatchObject({
    s3: undefined,
    policy: { afterAssessmentMs: 30 * DAY_MS, unassessedMs: 30 * DAY_MS, byTenantMs: new Map() },
    deleteLeadMs: DAY_MS,
    webhooks: new Map(),
    auth: { keys: { mode: 'generated-secret' }, issuer: undefined, audience: undefined },
    uploads: { ...sizes, contentTypes: new Set(types) },
    corsOrigins: [],
    traces: undefined,
  });
});

it('docs/settings.md and what the chart checks and describes are what `npm run settings` writes', async () => {
  const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
  const page = await read('docs/settings.md');
  expect(page).toBe(pageWithSettings(page));
  const schema = JSON.parse(await read('helm/values.schema.json'));
  expect(schema).toEqual(JSON.parse(JSON.stringify(schemaWithSettings(schema))));
  expect(JSON.parse(await read('helm/files/settings.json'))).toEqual(JSON.parse(JSON.stringify(chartChecks())));
  const readme = await read('helm/README.md');
  expect(readme).toBe(await readmeWithValues(readme));
  expect(readme).toContain('\n| `image.repository` | string | `""` | ');
});

describe('a value is read:', () => {
  const jwksUrl = 'https://id.example/jwks.json';
  const everything = {
    ...WITH_BUCKET,
    S3_ENDPOINT: 'https://s3.example:9000/',
    S3_PUBLIC_ENDPOINT: 'https://media.example',
    S3_KEY_PREFIX: 'proctoring/v1',
    S3_ACCESS_KEY_ID: 'id',
    S3_SECRET_ACCESS_KEY: 'secret',
    S3_UPLOAD_ACCESS_KEY_ID: 'upload-id',
    S3_UPLOAD_SECRET_ACCESS_KEY: 'upload-secret',
    RETENTION_BY_TENANT: 'acme=14d, beta=36h',
    CONTENT_TYPES: 'video/webm,audio/ogg',
    CORS_ORIGINS: 'https://exams.example, http://localhost:3000',
    RATE_LIMIT: 'off',
    SWEEP_SCHEDULE: 'off',
    UPLOADS: 'proxy',
  };
  const ofBucket = { bucket: 'recordings', region: 'eu-west-1' };
  const s3 = {
    ...ofBucket,
    endpoint: 'https://s3.example:9000',
    publicEndpoint: 'https://media.example',
    forcePathStyle: true,
    keyPrefix: 'proctoring/v1/',
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    uploadCredentials: { accessKeyId: 'upload-id', secretAccessKey: 'upload-secret' },
  };
  const ofSdk = { keyPrefix: '', forcePathStyle: false, credentials: undefined, uploadCredentials: undefined };

  it.each<[Record<string, string>, object]>([
    [
      everything,
      {
        s3,
        auth: { keys: { mode: 'shared-secret', sharedSecret: SECRET } },
        policy: { byTenantMs: new Map(Object.entries({ acme: 14 * DAY_MS, beta: 1.5 * DAY_MS })) },
        uploads: { mode: 'proxy', contentTypes: new Set(['video/webm', 'audio/ogg']) },
        corsOrigins: ['https://exams.example', 'http://localhost:3000'],
        rateLimitPerMinute: undefined,
        unboundRateLimitPerMinute: undefined,
        sweepSchedule: undefined,
      },
    ],
    [{ RATE_LIMIT: '600' }, { rateLimitPerMinute: 600, unboundRateLimitPerMinute: 6_000 }],
    [{ RATE_LIMIT: '50000' }, { rateLimitPerMinute: 50_000, unboundRateLimitPerMinute: 50_000 }],
    [{ RATE_LIMIT_UNBOUND: 'off' }, { rateLimitPerMinute: 600, unboundRateLimitPerMinute: undefined }],
    [{ RATE_LIMIT_UNBOUND: '100' }, { rateLimitPerMinute: 600, unboundRateLimitPerMinute: 600 }],
    [{ PORT: '', S3_BUCKET: ' ', RETENTION_UNASSESSED: '' }, readSettings({})],
    [WITH_BUCKET, { s3: { ...ofBucket, ...ofSdk } }],
    [{ AUTH_JWKS_URL: jwksUrl }, { auth: { keys: { mode: 'jwks', jwksUrl: new URL(jwksUrl) } } }],
    [{ AUTH_JWKS_URL: jwksUrl }, { auth: { unchecked: ['AUTH_ISSUER', 'AUTH_AUDIENCE'] } }],
    [{ AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: 'i' }, { auth: { unchecked: ['AUTH_AUDIENCE'] } }],
    [{ AUTH_JWKS_URL: jwksUrl, AUTH_ISSUER: 'i', AUTH_AUDIENCE: 'a' }, { auth: { unchecked: [] } }],
    [{}, { auth: { unchecked: [] } }],
    [COLLECTOR, { traces: 'http/protobuf' }],
    [{ ...COLLECTOR, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, { traces: 'http/json' }],
    [{ ...COLLECTOR, OTEL_SDK_DISABLED: 'true' }, { traces: undefined }],
    [{ ...COLLECTOR, OTEL_TRACES_EXPORTER: 'none' }, { traces: undefined }],
    [{ OTEL_SERVICE_NAME: 'recordings', OTEL_TRACES_SAMPLER: 'always_on' }, { traces: undefined }],
  ])('%j', (env, settings) => {
    expect(readSettings(env)).toMatchObject(settings);
  });
});

const BAD_PREFIXES = [
  '/x',
  '.',
  '..',
  'a/../b',
  './a',
  'a/.',
  '.../a',
  'a//b',
  'x'.repeat(900),
  `a/${'x'.repeat(600)}/`,
].map((prefix): [Record<string, string>, RegExp] => [
  { ...WITH_BUCKET, S3_KEY_PREFIX: prefix },
  /^S3_KEY_PREFIX: .*no segment of dots alone, at most \d+$/,
]);

describe('the start is stopped by', () => {
  it.each<[Record<string, string>, RegExp]>([
    [{ RETENTION_AFTER_ASSESSMENT: '721h' }, /^RETENTION_AFTER_ASSESSMENT: "721h" .* to 30d$/],
    [{ RETENTION_UNASSESSED: '30' }, /^RETENTION_UNASSESSED: "30" is not allowed; it must be a duration/],
    [{ RETENTION_UNASSESSED: '24h' }, /^RETENTION_UNASSESSED: 1d is not more than DELETE_LEAD \(1d\).*at once/],
    [{ DELETE_LEAD: '30d' }, /^RETENTION_AFTER_ASSESSMENT: .*at once/],
    [{ RETENTION_BY_TENANT: 'acme=60d' }, /^RETENTION_BY_TENANT: "60d"/],
    [{ RETENTION_BY_TENANT: 'acme=12h' }, /^RETENTION_BY_TENANT \(acme\): 12h is not more/],
    [{ RETENTION_BY_TENANT: 'a@example.org=9d' }, /^RETENTION_BY_TENANT: .*tenant=duration/],
    [{ RETENTION_BY_TENANT: 'acme=9d,acme=14d' }, /^RETENTION_BY_TENANT: a tenant is named twice/],
    [{ SETTLE_TIME: '0s' }, /^SETTLE_TIME: "0s" .* from 1s/],
    [{ SETTLE_TIME: '30d' }, /^RETENTION_AFTER_ASSESSMENT: 30d is not more than SETTLE_TIME \(30d\)/],
    [{ SETTLE_TIME: '8d', RETENTION_BY_TENANT: 'acme=7d' }, /^RETENTION_BY_TENANT \(acme\): .* SETTLE_TIME/],
    [{ UPLOAD_IDLE_LIMIT: '0s' }, /^UPLOAD_IDLE_LIMIT: "0s" .* from 1s$/],
    [{ SWEEP_SCHEDULE: 'every day' }, /^SWEEP_SCHEDULE: /],
    [{ SWEEP_SCHEDULE: '0 0 30 2 *' }, /^SWEEP_SCHEDULE: /],
    [{ PART_SIZE_BYTES: '1048576' }, /^PART_SIZE_BYTES: .*from 5242880 to 5368709120/],
    [{ MAX_RECORDING_BYTES: '107374182400', S3_MAX_PARTS: '1000' }, /^PART_SIZE_BYTES: .*; 107374183 would do$/],
    [{ PART_URL_TTL: '13h' }, /^PART_URL_TTL: /],
    [{ PLAYBACK_URL_TTL: '61m' }, /^PLAYBACK_URL_TTL: .*to 1h/],
    [{ CONTENT_TYPES: 'video/webm,video/avi' }, /^CONTENT_TYPES: "video\/avi"/],
    [{ CONTENT_TYPES: ',' }, /^CONTENT_TYPES: "," is not allowed; it must be a list that is not empty/],
    [{ CORS_ORIGINS: 'https://exams.example/' }, /^CORS_ORIGINS: /],
    [{ CORS_ORIGINS: '*' }, /^CORS_ORIGINS: /],
    [{ RATE_LIMIT: '0' }, /^RATE_LIMIT: /],
    [{ RATE_LIMIT_UNBOUND: '-1' }, /^RATE_LIMIT_UNBOUND: /],
    [{ PORT: 'tcp://10.0.0.1:80' }, /^PORT: /],
    [{ LOG_LEVEL: 'verbose' }, /^LOG_LEVEL: .*error or warn or info or debug/],
    [{ ...WITH_BUCKET, S3_REGION: '' }, /^S3_REGION: is not set/],
    [{ ...WITH_BUCKET, S3_ENDPOINT: 'ftp://s3.example' }, /^S3_ENDPOINT: .*http/],
    [
      { ...WITH_BUCKET, S3_ENDPOINT: 'https://Recordings.ams3.example:8443/' },
      /^S3_ENDPOINT: must be the endpoint without the bucket: https:\/\/ams3\.example:8443; .*S3_FORCE_PATH_STYLE/,
    ],
    ...BAD_PREFIXES,
    [{ ...WITH_BUCKET, S3_ACCESS_KEY_ID: 'id' }, /^S3_SECRET_ACCESS_KEY: is not set/],
    [{ ...WITH_BUCKET, S3_UPLOAD_SECRET_ACCESS_KEY: 'x' }, /^S3_UPLOAD_ACCESS_KEY_ID: is not set/],
    [{ ...WITH_BUCKET, AUTH_SHARED_SECRET: '' }, /^AUTH_JWKS_URL: is not set/],
    [{ AUTH_JWKS_URL: 'jwks' }, /^AUTH_JWKS_URL: the value is not allowed; it must be a URL/],
    [{ ...WITH_BUCKET, AUTH_JWKS_URL: 'https://id.example/jwks' }, /^AUTH_JWKS_URL: .*together/],
    [{ S3_ENDPOINT: 'https://s3.example' }, /^S3_BUCKET: is not set, but S3_ENDPOINT is/],
    [
      { RETENTION_AFTER_ASESSMENT: '9d' },
      /^RETENTION_AFTER_ASESSMENT: there is no such setting; .*RETENTION_UNASSESSED/,
    ],
    [{ S3_SECRET_KEY: 'hidden' }, /^S3_SECRET_KEY: there is no such setting; those .* S3_SECRET_ACCESS_KEY/],
    [{ WEBHOOK_FILE: 'x' }, /^WEBHOOK_FILE: there is no such setting; .* WEBHOOKS_FILE$/],
    [{ AUTH_ISSUER_URL: 'https://id.example' }, /^AUTH_ISSUER_URL: there is no such setting/],
    [{ WEBHOOKS_FILE: join(folder, 'none.json') }, /^WEBHOOKS_FILE: .*\/none\.json does not exist$/],
    [{ SIGNING_KEYS_FILE: join(folder, 'none.json') }, /^SIGNING_KEYS_FILE: .*\/none\.json does not exist$/],
    [{ SIGNING_KEYS_FILE: folder }, /^SIGNING_KEYS_FILE: .* is a folder$/],
    [{ SIGNING_KEYS_FILE: `${'k'.repeat(43)}` }, /^SIGNING_KEYS_FILE: the file \(.* is not shown\) does not exist$/],
    [{ SIGNING_KEYS_FILE: '{"keys":[]}' }, /^SIGNING_KEYS_FILE: the file \(.* is not shown\) does not exist$/],
    [{ WEBHOOKS_FILE: `whsec_${'k'.repeat(32)}` }, /^WEBHOOKS_FILE: the file \(.* is not shown\) does not exist$/],
    [{ ...COLLECTOR, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /^OTEL_EXPORTER_OTLP_PROTOCOL: /],
    [{ ...COLLECTOR, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'grpc' }, /^OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: /],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4318' }, /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: /],
    [{ ...COLLECTOR, OTEL_TRACES_SAMPLER: 'sometimes' }, /^OTEL_TRACES_SAMPLER: /],
    [{ ...COLLECTOR, OTEL_TRACES_SAMPLER_ARG: '1.5' }, /^OTEL_TRACES_SAMPLER_ARG: /],
  ])('%j', (env, line) => {
    expect(problemsOf(env)[0]).toMatch(line);
  });

  it('every bad value at once, a line for each, and secrets are never shown', () => {
    const problems = problemsOf({
      ...WITH_BUCKET,
      AUTH_SHARED_SECRET: 'hunter2',
      S3_SECRET_ACCESS_KEY: 'hunter2',
      S3_ENDPOINT: 'https://user:hunter2@s3.example',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:hunter2@collector',
    });
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).not.toMatch(/hunter2/);
  });

  it('no store whose own host begins like the bucket, if its URLs have the bucket in the path', () => {
    const endpoint = { S3_ENDPOINT: 'https://recordings.example', S3_FORCE_PATH_STYLE: 'true' };
    expect(problemsOf({ ...WITH_BUCKET, ...endpoint })).toEqual([]);
    expect(problemsOf({ ...WITH_BUCKET, S3_ENDPOINT: 'https://recordings2.example' })).toEqual([]);
  });

  it('no name that begins like those of other programs', () => {
    expect(
      problemsOf({ LOG_FORMAT: 'json', MAX_OLD_SPACE: '1', DATA_CENTER: 'x', HOSTNAME: 'a', PORTAL: 'b' }),
    ).toEqual([]);
  });

  it('no names that Kubernetes sets for a service called s3 or auth', () => {
    const ofS3 = ['S3_SERVICE_HOST', 'S3_SERVICE_PORT', 'S3_PORT', 'S3_PORT_80_TCP', 'S3_PORT_80_TCP_ADDR'];
    const links = Object.fromEntries([...ofS3, 'AUTH_SERVICE_PORT_HTTP'].map((name) => [name, 'tcp://10.0.0.1:80']));
    expect(problemsOf(links)).toEqual([]);
  });
});

describe('a secret setting is read from the file that its NAME_FILE names:', () => {
  function secretFile(content: string | Buffer): string {
    const path = join(mkdtempSync(join(folder, 'secret-')), 'secret');
    writeFileSync(path, content);
    return path;
  }

  it('each of them, without the newline at its end', () => {
    const secrets = Object.fromEntries(SECRET_NAMES.map((name) => [name, `${name} of at least thirty-two bytes`]));
    const files = Object.entries(secrets).map(([name, content]) => [`${name}_FILE`, secretFile(`${content}\n`)]);
    const bucket = { S3_BUCKET: 'recordings', S3_REGION: 'eu-west-1' };
    expect(SECRET_NAMES).toHaveLength(5);
    expect(readSettings({ ...bucket, ...Object.fromEntries(files) })).toEqual(readSettings({ ...bucket, ...secrets }));
  });

  const missing = join(folder, 'no-such-file');
  const { AUTH_SHARED_SECRET: _, ...bucket } = WITH_BUCKET;
  const large = secretFile('s'.repeat(1024 * 1024 + 1));
  const binary = secretFile(Buffer.alloc(32, 0xff));
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  it.each<[string, Record<string, string>, string | RegExp]>([
    ['missing', { AUTH_SHARED_SECRET_FILE: missing }, 'AUTH_SHARED_SECRET_FILE: the file does not exist'],
    ['a folder', { AUTH_SHARED_SECRET_FILE: folder }, 'AUTH_SHARED_SECRET_FILE: the file is a folder'],
    ['empty', { AUTH_SHARED_SECRET_FILE: secretFile(' \n') }, 'AUTH_SHARED_SECRET_FILE: the file is empty'],
    ['too large', { AUTH_SHARED_SECRET_FILE: large }, 'AUTH_SHARED_SECRET_FILE: the file is larger than 1 MiB'],
    ['a device', { AUTH_SHARED_SECRET_FILE: '/dev/zero' }, 'AUTH_SHARED_SECRET_FILE: the file is not a regular file'],
    ['a pipe', { AUTH_SHARED_SECRET_FILE: pipe }, 'AUTH_SHARED_SECRET_FILE: the file is not a regular file'],
    ['not UTF-8', { AUTH_SHARED_SECRET_FILE: binary }, 'AUTH_SHARED_SECRET_FILE: the file is not text in UTF-8'],
    ['too short', { AUTH_SHARED_SECRET_FILE: secretFile('short') }, /^AUTH_SHARED_SECRET: .* at least 32 bytes$/],
    [
      'given as well as the secret',
      { AUTH_SHARED_SECRET: SECRET, AUTH_SHARED_SECRET_FILE: secretFile(SECRET) },
      'AUTH_SHARED_SECRET_FILE: is set together with AUTH_SHARED_SECRET; set one of them',
    ],
    [
      'missing for one half of a key',
      { AUTH_SHARED_SECRET: SECRET, S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY_FILE: missing },
      'S3_SECRET_ACCESS_KEY_FILE: the file does not exist',
    ],
    [
      'the only half of a key',
      { AUTH_SHARED_SECRET: SECRET, S3_UPLOAD_ACCESS_KEY_ID_FILE: secretFile('id') },
      /^S3_UPLOAD_SECRET_ACCESS_KEY: is not set, but S3_UPLOAD_ACCESS_KEY_ID is/,
    ],
  ])('a file that is %s stops the start with one line', (_what, env, line) => {
    const problems = problemsOf({ ...bucket, ...env });
    expect(problems).toEqual([typeof line === 'string' ? line : expect.stringMatching(line)]);
  });

  it('a secret in place of a path is not shown', () => {
    expect(problemsOf({ AUTH_SHARED_SECRET_FILE: 'hunter2' }).join()).not.toContain('hunter2');
  });

  it('a file needs a bucket as the setting does', () => {
    expect(problemsOf({ S3_ACCESS_KEY_ID_FILE: secretFile('id') })[0]).toMatch(/^S3_SECRET_ACCESS_KEY: is not set/);
    expect(problemsOf({ S3_ACCESS_KEY_ID_FILE: missing, S3_SECRET_ACCESS_KEY: 's' })).toEqual([
      'S3_ACCESS_KEY_ID_FILE: the file does not exist',
      expect.stringMatching(/^S3_BUCKET: is not set, but S3_ACCESS_KEY_ID is/),
    ]);
  });

  it('no other setting has one', () => {
    expect(problemsOf({ AUTH_ISSUER_FILE: '/run/issuer' })[0]).toMatch(/^AUTH_ISSUER_FILE: there is no such setting/);
  });
});

const KEY = Buffer.alloc(32, 3).toString('base64');
const HOOK_SECRET = `whsec_${KEY}`;
const GOOD = { url: 'https://lms.example/hooks', secret: HOOK_SECRET };

function webhooksFile(content: string): Record<string, string> {
  const WEBHOOKS_FILE = join(folder, 'webhooks.json');
  writeFileSync(WEBHOOKS_FILE, content);
  return { WEBHOOKS_FILE };
}

describe('WEBHOOKS_FILE', () => {
  it('names an endpoint for each tenant; all events unless some are chosen, and two secrets while one is replaced', () => {
    const beta = { url: 'http://127.0.0.1:9/x', secret: [HOOK_SECRET, HOOK_SECRET], events: ['recording.erased'] };
    const { webhooks } = readSettings(webhooksFile(JSON.stringify({ acme: GOOD, beta })));
    const key = new Uint8Array(Buffer.from(KEY, 'base64'));
    expect(Object.fromEntries(webhooks)).toEqual({
      acme: { url: new URL(GOOD.url), keys: [key], events: new Set(EVENT_TYPES) },
      beta: { url: new URL(beta.url), keys: [key, key], events: new Set(beta.events) },
    });
  });

  const acme = (own: object) => JSON.stringify({ acme: { ...GOOD, ...own } });
  it.each([
    ['http elsewhere', acme({ url: 'http://127.0.0.1.example/' }), /acme\.url: must begin with https/],
    ['no URL', acme({ url: 'lms' }), /acme\.url: is no URL$/],
    ['credentials', acme({ url: 'https://u:p4ssw0rd@lms.example/' }), /acme\.url: holds credentials/],
    ['no prefix', acme({ secret: KEY }), /acme\.secret: must be whsec_ and base64$/],
    ['a short secret', acme({ secret: 'whsec_c2hvcnQ=' }), /acme\.secret: must decode to 24 to 64 bytes$/],
    ['an unknown field', acme({ uri: 'x' }), /acme: /],
    ['no JSON', '{', /^WEBHOOKS_FILE: .*webhooks\.json is not JSON$/],
    ['a list', '[]', /^WEBHOOKS_FILE: the file: /],
    ['no id of a tenant', JSON.stringify({ 'a@b.example': GOOD }), /^WEBHOOKS_FILE: /],
  ])('%s stops the start with one line, which shows no secret', (_, content, line) => {
    const problems = problemsOf(webhooksFile(content));
    expect(problems).toEqual([expect.stringMatching(line)]);
    for (const hidden of [KEY, 'p4ssw0rd', 'c2hvcnQ']) expect(problems.join()).not.toContain(hidden);
  });
});

describe.each(SECRET_FILES)('the secret in %s', (name) => {
  it('is made once, readable by its owner only, however many ask for it at once', async () => {
    const fresh = join(folder, `fresh-${name}`);
    const secrets = await Promise.all(Array.from({ length: 10 }, () => readOrCreateSecret(fresh, name)));
    expect(new Set(secrets).size).toBe(1);
    expect(Buffer.from(secrets[0] ?? '', 'base64url')).toHaveLength(32);
    expect((await stat(join(fresh, name))).mode & 0o777).toBe(0o600);
    expect(await readdir(fresh)).toEqual([name]);
  });

  it.each(['', 'short', `${'x'.repeat(43)} and more`])('is refused when the file holds "%s"', async (content) => {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, name), content);
    await expect(readOrCreateSecret(join(folder, name), name)).rejects.toThrow(/does not hold a secret.*delete it/);
  });
});

const TOKEN = { tenant: 'acme', scope: 'privacy:manage', sub: 'tester', ttl: '1h' };
it.each<[Partial<TokenFlags>, Record<string, string>, RegExp]>([
  [{ tenant: '@' }, {}, /--tenant is not a valid id/],
  [{ scope: 'privacy:all' }, {}, /there is no privacy:all/],
  [{ attempt: 'a' }, {}, /--attempt needs --exam/],
  [{ participant: 'p@example.org' }, {}, /--participant is not a valid id/],
  [{ ttl: '0s' }, {}, /--ttl must be/],
  [{ ttl: '367d' }, {}, /--ttl must be .* a year at most/],
  [{}, { AUTH_JWKS_URL: 'https://id.example/jwks' }, /AUTH_JWKS_URL/],
])('no token is signed for %j (%j)', async (flags, env, message) => {
  const error = await tokenCommand({ ...TOKEN, ...flags }, { DATA_DIR: folder, ...env }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SettingsError);
  expect((error as Error).message).toMatch(message);
});
