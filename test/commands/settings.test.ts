// What an operator may set, what stops the start, and the secret and the log that come with it.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { readOrCreateSecret } from '../../src/commands/auth-secret.ts';
import { createLogger } from '../../src/commands/logging.ts';
import { type LogLevel, readSettings } from '../../src/commands/settings.ts';
import { SettingsError } from '../../src/commands/settings-error.ts';
import { tokenCommand } from '../../src/commands/token.ts';
import { UsageError } from '../../src/commands/usage-error.ts';
import type { LogFields } from '../../src/http/logger.ts';
import { problemsOf } from './problems.ts';

const SECRET = 's'.repeat(32);
const WITH_BUCKET = { S3_BUCKET: 'recordings', S3_REGION: 'eu-west-1', AUTH_SHARED_SECRET: SECRET };
const DAY_MS = 86_400_000;

describe('without any setting', () => {
  it('everything has its default', () => {
    expect(readSettings({ PATH: '/bin', HOME: '/root' })).toEqual({
      host: '0.0.0.0',
      port: 8080,
      dataDir: './data',
      localS3Port: 8081,
      s3: undefined,
      policy: { afterAssessmentMs: 30 * DAY_MS, unassessedMs: 30 * DAY_MS, byTenantMs: new Map() },
      webhooks: new Map(),
      deleteLeadMs: DAY_MS,
      settleTimeMs: DAY_MS / 24,
      uploadIdleLimitMs: DAY_MS / 12,
      logRetentionMs: 365 * DAY_MS,
      sweepSchedule: '*/10 * * * *',
      auth: {
        keys: { mode: 'generated-secret' },
        issuer: undefined,
        audience: undefined,
        tenantClaim: 'tenant',
        scopeClaim: 'scope',
      },
      uploads: {
        mode: 'direct',
        partSizeBytes: 5 * 1024 ** 2,
        maxRecordingBytes: 10 * 1024 ** 3,
        partUrlTtlMs: DAY_MS / 24,
        playbackUrlTtlMs: 600_000,
        contentTypes: new Set(['video/webm', 'audio/webm', 'video/mp4', 'audio/mp4', 'video/x-matroska', 'audio/ogg']),
      },
      maxContentUploads: 32,
      corsOrigins: [],
      rateLimitPerMinute: 600,
      shutdownDelayMs: 5000,
      traces: undefined,
      logLevel: 'info',
    });
  });
});

describe('a value is read:', () => {
  const keys = { S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };
  const uploadKeys = { S3_UPLOAD_ACCESS_KEY_ID: 'id', S3_UPLOAD_SECRET_ACCESS_KEY: 'secret' };
  const credentials = { accessKeyId: 'id', secretAccessKey: 'secret' };
  const jwksUrl = 'https://id.example/jwks.json';
  const ofSdk = { forcePathStyle: false, credentials: undefined, uploadCredentials: undefined };

  it.each<[Record<string, string>, object]>([
    [{ PORT: '', S3_BUCKET: ' ', RETENTION_UNASSESSED: '' }, readSettings({})],
    [WITH_BUCKET, { s3: { bucket: 'recordings', region: 'eu-west-1', keyPrefix: '', ...ofSdk } }],
    [WITH_BUCKET, { auth: { keys: { mode: 'shared-secret', sharedSecret: SECRET } } }],
    [{ AUTH_JWKS_URL: jwksUrl }, { auth: { keys: { mode: 'jwks', jwksUrl: new URL(jwksUrl) } } }],
    [
      { ...WITH_BUCKET, S3_ENDPOINT: 'https://s3.example:9000/' },
      { s3: { endpoint: 'https://s3.example:9000', forcePathStyle: true } },
    ],
    [
      { ...WITH_BUCKET, S3_PUBLIC_ENDPOINT: 'https://media.example' },
      { s3: { publicEndpoint: 'https://media.example' } },
    ],
    [{ ...WITH_BUCKET, S3_KEY_PREFIX: 'proctoring/v1' }, { s3: { keyPrefix: 'proctoring/v1/' } }],
    [{ ...WITH_BUCKET, ...keys }, { s3: { credentials, uploadCredentials: undefined } }],
    [{ ...WITH_BUCKET, ...uploadKeys }, { s3: { credentials: undefined, uploadCredentials: credentials } }],
    [
      { RETENTION_BY_TENANT: 'acme=14d, beta=36h' },
      { policy: { byTenantMs: new Map(Object.entries({ acme: 14 * DAY_MS, beta: 1.5 * DAY_MS })) } },
    ],
    [{ CONTENT_TYPES: 'video/webm,audio/ogg' }, { uploads: { contentTypes: new Set(['video/webm', 'audio/ogg']) } }],
    [
      { CORS_ORIGINS: 'https://exams.example, http://localhost:3000' },
      { corsOrigins: ['https://exams.example', 'http://localhost:3000'] },
    ],
    [{ RATE_LIMIT: 'off' }, { rateLimitPerMinute: undefined }],
    [{ SWEEP_SCHEDULE: 'off' }, { sweepSchedule: undefined }],
    [{ UPLOADS: 'proxy' }, { uploads: { mode: 'proxy' } }],
  ])('%j', (env, settings) => {
    expect(readSettings(env)).toMatchObject(settings);
  });
});

describe('the start is stopped by', () => {
  it.each<[Record<string, string>, RegExp]>([
    [{ RETENTION_AFTER_ASSESSMENT: '31d' }, /^RETENTION_AFTER_ASSESSMENT: "31d" .* to 30d$/],
    [{ RETENTION_AFTER_ASSESSMENT: '721h' }, /^RETENTION_AFTER_ASSESSMENT: /],
    [{ RETENTION_AFTER_ASSESSMENT: '0d' }, /^RETENTION_AFTER_ASSESSMENT: /],
    [{ RETENTION_UNASSESSED: '30' }, /^RETENTION_UNASSESSED: "30" is not allowed; it must be a duration/],
    [{ RETENTION_UNASSESSED: '24h' }, /^RETENTION_UNASSESSED: 1d is not more than DELETE_LEAD \(1d\).*at once/],
    [{ DELETE_LEAD: '30d' }, /^RETENTION_AFTER_ASSESSMENT: .*at once/],
    [{ RETENTION_BY_TENANT: 'acme=60d' }, /^RETENTION_BY_TENANT: "60d"/],
    [{ RETENTION_BY_TENANT: 'acme=12h' }, /^RETENTION_BY_TENANT \(acme\): 12h is not more/],
    [{ RETENTION_BY_TENANT: 'a@example.org=9d' }, /^RETENTION_BY_TENANT: .*tenant=duration/],
    [{ RETENTION_BY_TENANT: 'acme=9d,acme=14d' }, /^RETENTION_BY_TENANT: .*named once/],
    [{ SETTLE_TIME: 'soon' }, /^SETTLE_TIME: /],
    [{ SETTLE_TIME: '0s' }, /^SETTLE_TIME: "0s" .* from 1s/],
    [{ SETTLE_TIME: '30d' }, /^RETENTION_AFTER_ASSESSMENT: 30d is not more than SETTLE_TIME \(30d\)/],
    [
      { SETTLE_TIME: '8d', RETENTION_BY_TENANT: 'acme=7d' },
      /^RETENTION_BY_TENANT \(acme\): 7d is not more .*SETTLE_TIME/,
    ],
    [{ UPLOAD_IDLE_LIMIT: '0s' }, /^UPLOAD_IDLE_LIMIT: "0s" .* from 1s/],
    [{ SWEEP_SCHEDULE: 'every day' }, /^SWEEP_SCHEDULE: /],
    [{ PART_SIZE_BYTES: '1048576' }, /^PART_SIZE_BYTES: .*from 5242880 to 5368709120/],
    [{ MAX_RECORDING_BYTES: '107374182400', S3_MAX_PARTS: '1000' }, /^PART_SIZE_BYTES: .*; 107374183 would do$/],
    [{ PART_URL_TTL: '13h' }, /^PART_URL_TTL: /],
    [{ PLAYBACK_URL_TTL: '61m' }, /^PLAYBACK_URL_TTL: .*to 1h/],
    [{ CONTENT_TYPES: 'video/webm,video/avi' }, /^CONTENT_TYPES: "video\/avi"/],
    [{ CONTENT_TYPES: ',' }, /^CONTENT_TYPES: names no type/],
    [{ CORS_ORIGINS: 'https://exams.example/' }, /^CORS_ORIGINS: /],
    [{ CORS_ORIGINS: '*' }, /^CORS_ORIGINS: /],
    [{ RATE_LIMIT: '0' }, /^RATE_LIMIT: /],
    [{ PORT: '65536' }, /^PORT: /],
    [{ PORT: 'tcp://10.0.0.1:80' }, /^PORT: /],
    [{ LOG_LEVEL: 'verbose' }, /^LOG_LEVEL: .*error or warn or info or debug/],
    [{ UPLOADS: 'both' }, /^UPLOADS: /],
    [{ ...WITH_BUCKET, S3_REGION: '' }, /^S3_REGION: is not set/],
    [{ ...WITH_BUCKET, S3_ENDPOINT: 's3.example' }, /^S3_ENDPOINT: .*http/],
    [{ ...WITH_BUCKET, S3_ENDPOINT: 'ftp://s3.example' }, /^S3_ENDPOINT: .*http/],
    [{ ...WITH_BUCKET, S3_KEY_PREFIX: '/x' }, /^S3_KEY_PREFIX: /],
    [{ ...WITH_BUCKET, S3_ACCESS_KEY_ID: 'id' }, /^S3_SECRET_ACCESS_KEY: is not set/],
    [{ ...WITH_BUCKET, S3_UPLOAD_SECRET_ACCESS_KEY: 'x' }, /^S3_UPLOAD_ACCESS_KEY_ID: is not set/],
    [{ ...WITH_BUCKET, AUTH_SHARED_SECRET: '' }, /^AUTH_JWKS_URL: is not set/],
    [{ ...WITH_BUCKET, AUTH_JWKS_URL: 'https://id.example/jwks' }, /^AUTH_JWKS_URL: .*together/],
    [{ S3_ENDPOINT: 'https://s3.example' }, /^S3_BUCKET: is not set, but S3_ENDPOINT is/],
    [{ RETENTION_AFTER_ASESSMENT: '9d' }, /^RETENTION_AFTER_ASESSMENT: .*did you mean RETENTION_AFTER_ASSESSMENT\?/],
    [{ S3_SECRET_KEY: 'x' }, /^S3_SECRET_KEY: .*did you mean S3_SECRET_ACCESS_KEY\?/],
    [{ AUTH_SECRET: 'x' }, /^AUTH_SECRET: .*did you mean AUTH_SHARED_SECRET\?/],
    [{ DELETE_LEED: '1h' }, /^DELETE_LEED: .*did you mean DELETE_LEAD\?/],
  ])('%j', (env, line) => {
    expect(problemsOf(env)[0]).toMatch(line);
  });

  it('every bad value at once, a line for each', () => {
    const read = () => readSettings({ PORT: 'x', UPLOADS: 'y', RETENTION_UNASSESSED: 'z' });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(/^.+\n.+\n.+$/);
  });

  it('secrets, which are never shown', () => {
    const problems = problemsOf({
      ...WITH_BUCKET,
      AUTH_SHARED_SECRET: 'hunter2',
      S3_SECRET_ACCESS_KEY: 'hunter2',
      S3_ENDPOINT: 'https://user:hunter2@s3.example',
    });
    expect(problems).toHaveLength(3);
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it('no names that Kubernetes sets for a service called s3 or auth', () => {
    const links = {
      S3_SERVICE_HOST: '10.0.0.1',
      S3_SERVICE_PORT: '80',
      S3_PORT: 'tcp://10.0.0.1:80',
      S3_PORT_80_TCP: 'tcp://10.0.0.1:80',
      S3_PORT_80_TCP_ADDR: '10.0.0.1',
      AUTH_SERVICE_PORT_HTTP: '80',
    };
    expect(problemsOf(links)).toEqual([]);
  });
});

describe('commands', () => {
  let dataDir = '';
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'commands-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  function run(line: string, env: Record<string, string> = {}) {
    const args = ['src/commands/main.ts', ...line.split(' ').filter(Boolean)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      env: { DATA_DIR: dataDir, ...env },
      encoding: 'utf8',
    });
    return { code: status, out: stdout, err: stderr };
  }

  it('make one secret, readable by its owner only, however many ask at once; nothing else is taken for it', async () => {
    const folder = join(dataDir, 'fresh');
    const secrets = await Promise.all(Array.from({ length: 10 }, () => readOrCreateSecret(folder)));
    expect(new Set(secrets).size).toBe(1);
    expect(Buffer.from(secrets[0] ?? '', 'base64url')).toHaveLength(32);
    expect((await stat(join(folder, 'auth-secret'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['auth-secret']);
    await writeFile(join(folder, 'auth-secret'), '');
    await expect(readOrCreateSecret(folder)).rejects.toThrow(/does not hold a secret/);
  });

  it('sign a token', () => {
    const line = 'token --tenant acme --scope recordings:upload --exam e --attempt a --ttl 10m --json';
    const { code, out, err } = run(line, { AUTH_ISSUER: 'https://id.example' });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { token, ...others } = JSON.parse(out) as { token: string };
    const { iat = 0, exp = 0, ...claims } = decodeJwt(token);
    const bound = { tenant: 'acme', scope: 'recordings:upload', exam: 'e', attempt: 'a' };
    expect(claims).toMatchObject({ ...bound, iss: 'https://id.example' });
    expect(exp - iat).toBe(600);
    expect(decodeProtectedHeader(token).alg).toBe('HS256');
    expect(Object.keys(others)).toEqual(['expiresAt']);
    expect(run('token --tenant acme --scope privacy:manage').out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['', {}, /which command\?/],
    ['swep', {}, /there is no command "swep"/],
    ['__proto__', {}, /there is no command/],
    ['token --tenat acme', {}, /Unknown option '--tenat'/],
    ['token --scope privacy:manage', {}, /--tenant is missing/],
    ['token --tenant acme --scope privacy:manage', { PORT: 'x' }, /^PORT: /],
  ])('"%s" (%j) ends with 2 and one line', (line, env, text) => {
    const { code, out, err } = run(line, env);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err).toMatch(text);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['--tenant @ --scope privacy:manage', {}, /--tenant is not a valid id/],
    ['--tenant acme --scope privacy:all', {}, /there is no privacy:all/],
    ['--tenant acme --scope privacy:manage --attempt a', {}, /--attempt needs --exam/],
    ['--tenant acme --scope privacy:manage --ttl 0s', {}, /--ttl must be/],
    ['--tenant acme --scope privacy:manage', { AUTH_JWKS_URL: 'https://id.example/jwks' }, /AUTH_JWKS_URL/],
  ])('sign no token of "%s" (%j)', async (line, env, text) => {
    const error = await tokenCommand(line.split(' '), { DATA_DIR: dataDir, ...env }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toMatch(text);
  });

  it.each([
    ['--help', /<command>/],
    ['sweep --help', /sweep \[--dry-run\]/],
    ['token -h', /--tenant/],
  ])('"%s" shows help', (line, text) => {
    expect(run(line)).toMatchObject({ code: 0, out: expect.stringMatching(text) });
  });
});

describe('the log', () => {
  function write(level: LogLevel, act: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
    const lines: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    act(createLogger({ level, now: () => Date.UTC(2026, 10, 2), stream }));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  it('is one JSON document a line, with the time of the clock it was given, and no field that is not named', () => {
    const unnamed = { url: 'https://x', authorization: 'y', level: 'error', message: 'z' };
    const fields = { status: 200, causes: ['A b'], ...unnamed } as LogFields;
    expect(write('info', (log) => log.info('request', fields))).toEqual([
      { time: '2026-11-02T00:00:00.000Z', level: 'info', message: 'request', status: 200, causes: ['A b'] },
    ]);
  });

  it('writes from its level on, and audit events at every level', () => {
    const lines = write('error', (log) => {
      log.warn('no');
      log.debug('no');
      log.error('yes');
      log.audit('link issued', { actor: 'a' });
    });
    expect(lines).toEqual([
      expect.objectContaining({ level: 'error', message: 'yes' }),
      expect.objectContaining({ level: 'info', channel: 'audit', message: 'link issued', actor: 'a' }),
    ]);
  });

  it.each(['x-amz-security-token: leak', 'Authorization: Bearer leak.leak'])(
    'takes what is secret out of every field: "%s"',
    (text) => {
      const [line = {}] = write('info', (log) => log.info(text, { detail: text, causes: [text] }));
      for (const field of [line.message, line.detail, line.causes]) {
        expect(String(field)).toContain('[redacted]');
        expect(String(field)).not.toContain('leak');
      }
    },
  );

  it('shortens long and strange text', () => {
    const detail = `${'://a'.repeat(100_000)}\n\u0000`;
    const [line] = write('info', (log) => log.info('a@'.repeat(1_000_000), { detail }));
    expect(JSON.stringify(line).length).toBeLessThan(5_000);
  });
});
