// What the chart refuses, and that it can set every setting of the service.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SETTING_NAMES } from '../../src/commands/setting-names.ts';
import { readSettings } from '../../src/commands/settings.ts';
import { MAX_RETENTION_MS } from '../../src/domain/deadlines.ts';
import { parseDuration } from '../../src/domain/durations.ts';
import { chartYaml, only, refusal, render } from './chart.ts';

/** Settings that the chart decides, and why. */
const FIXED = {
  SWEEP_SCHEDULE: 'a CronJob sweeps: "off"',
  DATA_DIR: 'of the embedded store, which the chart does not run: a pod has no disk of its own',
  LOCAL_S3_PORT: 'of the embedded store',
  WEBHOOKS_FILE: 'where webhooksSecret is mounted',
};

describe('values', () => {
  test.each([
    ['a retention above 30 days', { settings: { RETENTION_AFTER_ASSESSMENT: '31d' } }, 'RETENTION_AFTER_ASSESSMENT'],
    ['30 days and a second', { settings: { RETENTION_UNASSESSED: '2592001s' } }, 'RETENTION_UNASSESSED'],
    ['a tenant with more', { settings: { RETENTION_BY_TENANT: { acme: '721h' } } }, /RETENTION_BY_TENANT[/.]acme/],
    ['a settle time that a request may outlast', { settings: { SETTLE_TIME: '59m' } }, 'SETTLE_TIME'],
    ['a retention of nothing', { settings: { RETENTION_UNASSESSED: '0d' } }, 'RETENTION_UNASSESSED'],
    ['a retention without unit', { settings: { RETENTION_UNASSESSED: 30 } }, 'RETENTION_UNASSESSED'],
    ['a tenant that is no id', { settings: { RETENTION_BY_TENANT: { 'a/b': '7d' } } }, 'a/b'],
    ['a setting spelled wrong', { settings: { S3_BUKET: 'x' } }, 'S3_BUKET'],
    ['a setting that the chart decides', { settings: { SWEEP_SCHEDULE: '* * * * *' } }, 'SWEEP_SCHEDULE'],
    ['a secret among the settings', { settings: { S3_SECRET_ACCESS_KEY: 'x' } }, 'S3_SECRET_ACCESS_KEY'],
    [
      'a setting among other environment',
      { env: [{ name: 'RETENTION_UNASSESSED', value: '90d' }] },
      /env[/.]0[/.]name/,
    ],
    ['an unknown key', { replica: 2 }, 'replica'],
    ['an unknown key further down', { sweep: { suspend: true } }, 'suspend'],
    ['an unknown key of a peer', { networkPolicy: { store: [{ cidr: '192.0.2.0/24' }] } }, 'cidr'],
    ['a text for a number', { replicas: 'two' }, 'replicas'],
    ['a number for a text', { existingSecret: 1 }, 'existingSecret'],
    ['a text for a list', { settings: { CORS_ORIGINS: 'https://exams.example' } }, 'CORS_ORIGINS'],
    ['no replica', { replicas: 0 }, 'replicas'],
    ['root', { runAsUser: 0 }, 'runAsUser'],
    ['credentials in a URL', { settings: { S3_ENDPOINT: 'https://key:secret@s3.example' } }, 'S3_ENDPOINT'],
    ['a key without its secret', { secrets: { S3_UPLOAD_ACCESS_KEY_ID: 'x' } }, 'S3_UPLOAD_SECRET_ACCESS_KEY'],
    [
      'a short secret',
      { settings: { AUTH_JWKS_URL: null }, secrets: { AUTH_SHARED_SECRET: 'short' } },
      'AUTH_SHARED_SECRET',
    ],
    [
      'two ways to check tokens',
      { secrets: { AUTH_SHARED_SECRET: 'x'.repeat(32) } },
      'secrets.AUTH_SHARED_SECRET are both',
    ],
    ['two sources of secrets', { existingSecret: 'ours' }, 'existingSecret and secrets are both set'],
    ['an Ingress for every host', { ingress: { enabled: true } }, 'ingress.hosts is empty'],
    [
      'a policy that does not say where the store is',
      { networkPolicy: { enabled: true } },
      'networkPolicy.store is empty',
    ],
    [
      'a policy that does not say where the JWKS is',
      { networkPolicy: { enabled: true, store: [{ ipBlock: { cidr: '192.0.2.0/24' } }] } },
      'networkPolicy.jwks is empty',
    ],
    [
      'fewer replicas at most than at least',
      { autoscaling: { enabled: true, maxReplicas: 1 } },
      'autoscaling.minReplicas',
    ],
  ])('%s is refused by a line that names the key', async (_what, values, named) => {
    // Helm 3.17 writes a path with dots, later ones with slashes.
    expect(await refusal('minimal', values)).toMatch(named);
  });

  const place = { S3_BUCKET: 'recordings', S3_REGION: 'eu-central-1' };
  const jwks = { AUTH_JWKS_URL: 'https://login.example/jwks.json' };
  test.each([
    ['nothing at all', {}, 'settings.S3_BUCKET is not set'],
    ['no bucket', { settings: { S3_REGION: place.S3_REGION, ...jwks } }, 'settings.S3_BUCKET is not set'],
    ['no region', { settings: { S3_BUCKET: place.S3_BUCKET, ...jwks } }, 'settings.S3_REGION is not set'],
    ['no way to check tokens', { settings: place }, 'set settings.AUTH_JWKS_URL, secrets.AUTH_SHARED_SECRET'],
  ])('%s is refused by a line that says what to set', async (_what, values, said) => {
    expect(await refusal(undefined, values)).toContain(said);
  });

  test('an old Kubernetes is refused', async () => {
    await expect(render('minimal', {}, '1.26.0')).rejects.toThrow('requires kubeVersion');
  });

  test('the retention that the schema takes is the one that the service takes', async () => {
    const { definitions } = await chartYaml('values.schema.json');
    const patterns: RegExp[] = definitions.retention.anyOf.map(
      ({ pattern }: { pattern: string }) => new RegExp(pattern),
    );
    const inSchema = (text: string) => patterns.some((pattern) => pattern.test(text));
    const inService = (text: string) => {
      const durationMs = parseDuration(text);
      return durationMs !== undefined && durationMs > 0 && durationMs <= MAX_RETENTION_MS;
    };
    const perUnit = { d: 30, h: 30 * 24, m: 30 * 24 * 60, s: 30 * 24 * 60 * 60 };
    for (const [unit, most] of Object.entries(perUnit)) {
      for (const count of [0, 1, most - 1, most, most + 1, most * 10]) {
        expect([count + unit, inSchema(count + unit)]).toEqual([count + unit, inService(count + unit)]);
      }
      fc.assert(fc.property(fc.nat(most * 2), (count) => inSchema(count + unit) === inService(count + unit)));
    }
    for (const text of ['', '30', 'd', '1w', '1.5d', '-1d', ' 1d', '1d ', '1d,2d', '1d\n'])
      expect(inSchema(text)).toBe(false);
  });
});

describe('settings', () => {
  test('every setting of the service can be set, but those that the chart decides', async () => {
    const { properties } = await chartYaml('values.schema.json');
    const known = [...Object.keys(properties.settings.properties), ...Object.keys(properties.secrets.properties)];
    const expected = SETTING_NAMES.filter((name) => !Object.hasOwn(FIXED, name));
    expect(known.sort()).toEqual([...expected].sort());
  });

  test('helm/ci/everything.yaml gives each of them, and the service reads what was meant', async () => {
    const given = (await chartYaml('ci/everything.yaml')).settings as Record<string, unknown>;
    const { properties } = await chartYaml('values.schema.json');
    expect(Object.keys(given).sort()).toEqual(Object.keys(properties.settings.properties).sort());
    const { data } = only(await render('everything'), 'ConfigMap', 'recordings');
    const settings = readSettings(data, { needsAuth: true });
    expect(settings).toMatchObject({
      host: '::',
      port: 9090,
      s3: { bucket: 'recordings', region: 'eu-central-1', keyPrefix: 'exams/', forcePathStyle: true },
      sweepSchedule: undefined,
      uploads: { mode: 'proxy', partSizeBytes: 16_777_216, maxRecordingBytes: 10_737_418_240 },
      corsOrigins: ['https://exams.example', 'https://review.example'],
      rateLimitPerMinute: undefined,
      logLevel: 'debug',
      auth: { keys: { mode: 'jwks' }, issuer: 'https://login.example', audience: 'recordings' },
    });
    expect(settings.policy.afterAssessmentMs).toBe(MAX_RETENTION_MS);
    expect(settings.policy.byTenantMs).toEqual(
      new Map([
        ['acme', MAX_RETENTION_MS * (7 / 30)],
        ['other-tenant', MAX_RETENTION_MS],
      ]),
    );
    expect([...settings.uploads.contentTypes]).toEqual(['video/webm', 'audio/webm']);
  });

  test('no secret is ever in a ConfigMap, nor in the open in a pod', async () => {
    for (const name of ['minimal', 'shared-secret', 'everything'] as const) {
      const { secrets } = await chartYaml(`ci/${name}.yaml`);
      const manifests = await render(name);
      expect(only(manifests, 'Secret').data).toEqual(
        Object.fromEntries(Object.entries(secrets).map(([key, value]) => [key, btoa(String(value))])),
      );
      const others = JSON.stringify(manifests.filter(({ kind }) => kind !== 'Secret'));
      for (const value of Object.values(secrets).map(String)) {
        expect(others).not.toContain(value);
        expect(others).not.toContain(btoa(value));
      }
    }
  });
});
