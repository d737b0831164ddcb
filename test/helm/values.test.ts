// What the chart refuses, and how the service reads what it sets.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readSettings, SETTING_NAMES, SETTINGS } from '../../src/config.ts';
import { parseDuration } from '../../src/model/durations.ts';
import { MAX_RETENTION_MS } from '../../src/model/retention.ts';
import { chartYaml, type Fields, only, render } from './chart.ts';

const sharedSecret = (AUTH_SHARED_SECRET: string) => ({ secrets: { AUTH_SHARED_SECRET } });
const policy = (peers: object) => ({ networkPolicy: { enabled: true, ...peers } });

// Helm 3.17 writes a path with dots, later ones with slashes.
test.each<[string, object, string | RegExp]>([
  ['a retention above 30 days', { settings: { RETENTION_AFTER_ASSESSMENT: '31d' } }, 'RETENTION_AFTER_ASSESSMENT'],
  ['a tenant with more', { settings: { RETENTION_BY_TENANT: { acme: '721h' } } }, /RETENTION_BY_TENANT[/.]acme/],
  ['a settle time that a request may outlast', { settings: { SETTLE_TIME: '59m' } }, 'SETTLE_TIME'],
  ['a retention of nothing', { settings: { RETENTION_UNASSESSED: '0d' } }, 'RETENTION_UNASSESSED'],
  ['a retention without unit', { settings: { RETENTION_UNASSESSED: 30 } }, 'RETENTION_UNASSESSED'],
  ['a tenant that is no id', { settings: { RETENTION_BY_TENANT: { 'a/b': '7d' } } }, 'a/b'],
  ['a setting spelled wrong', { settings: { S3_BUKET: 'x' } }, 'S3_BUKET'],
  ['a setting that the chart decides', { settings: { SWEEP_SCHEDULE: '* * * * *' } }, 'SWEEP_SCHEDULE'],
  ['a secret among the settings', { settings: { S3_SECRET_ACCESS_KEY: 'x' } }, 'S3_SECRET_ACCESS_KEY'],
  ['a setting in the environment', { env: [{ name: 'RETENTION_UNASSESSED', value: '90d' }] }, /env[/.]0[/.]name/],
  ['a misspelled setting in it', { env: [{ name: 'RETENTION_UNASESSED', value: '9d' }] }, /env[/.]0[/.]name/],
  ['an unknown key', { replica: 2 }, 'replica'],
  ['an unknown key further down', { sweep: { suspend: true } }, 'suspend'],
  ['an unknown key of a peer', { networkPolicy: { store: [{ cidr: '192.0.2.0/24' }] } }, 'cidr'],
  ['a number for a text', { existingSecret: 1 }, 'existingSecret'],
  ['a text for a list', { settings: { CORS_ORIGINS: 'https://exams.example' } }, 'CORS_ORIGINS'],
  ['no replica', { replicas: 0 }, 'replicas'],
  ['root', { runAsUser: 0 }, 'runAsUser'],
  ['a user that there cannot be', { runAsUser: 2 ** 31 }, 'runAsUser'],
  ['a time zone in a schedule', { sweep: { schedule: 'TZ=UTC 7 * * *' } }, /sweep[/.]schedule/],
  ['a label that the chart selects by', { podLabels: { 'app.kubernetes.io/name': 'x' } }, 'app.kubernetes.io/name'],
  ['credentials in a URL', { settings: { S3_ENDPOINT: 'https://key:secret@s3.example' } }, 'S3_ENDPOINT'],
  ['a key without its secret', { secrets: { S3_UPLOAD_ACCESS_KEY_ID: 'x' } }, 'S3_UPLOAD_SECRET_ACCESS_KEY'],
  ['a short secret', { settings: { AUTH_JWKS_URL: null }, ...sharedSecret('short') }, 'AUTH_SHARED_SECRET'],
  ['two ways to check tokens', sharedSecret('x'.repeat(32)), 'secrets.AUTH_SHARED_SECRET are both'],
  ['two sources of secrets', { existingSecret: 'ours' }, 'existingSecret and secrets are both set'],
  ['an Ingress for every host', { ingress: { enabled: true } }, 'ingress.hosts is empty'],
  ['a policy that does not say where the store is', policy({}), 'networkPolicy.store is empty'],
  ['a policy without JWKS', policy({ store: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }), 'networkPolicy.jwks is empty'],
  [
    'a minimum of pods above the maximum',
    { autoscaling: { enabled: true, maxReplicas: 1 } },
    'autoscaling.minReplicas',
  ],
])('%s is refused by a line that names the key', async (_what, values, named) => {
  await expect(render('minimal', values)).rejects.toMatchObject({ stderr: expect.stringMatching(named) });
});

test.each([
  ['settings.S3_BUCKET is not set', {}],
  ['settings.S3_REGION is not set', { S3_BUCKET: 'recordings', AUTH_JWKS_URL: 'https://login.example/jwks.json' }],
  ['set settings.AUTH_JWKS_URL, secrets.AUTH_SHARED_SECRET', { S3_BUCKET: 'recordings', S3_REGION: 'eu-central-1' }],
])('what must be set, and is not, is refused by a line that says so: %s', async (said, settings) => {
  await expect(render(undefined, { settings })).rejects.toMatchObject({ stderr: expect.stringContaining(said) });
});

test.each(['1exams', 'exams.spring'])('a release of which no Service can be named is refused: %s', async (release) => {
  await expect(render('minimal', {}, { release })).rejects.toThrow(`the release's name, ${release},`);
});

test('an old Kubernetes is refused', async () => {
  await expect(render('minimal', {}, { kubeVersion: '1.26.0' })).rejects.toThrow('requires kubeVersion');
});

test('the retention that the schema takes is the one that the service takes', async () => {
  const { definitions } = await chartYaml('values.schema.json');
  const patterns: RegExp[] = definitions.retention.anyOf.map(({ pattern }: Fields) => new RegExp(pattern));
  const inSchema = (text: string) => patterns.some((pattern) => pattern.test(text));
  const inService = (text: string) => {
    const durationMs = parseDuration(text);
    return durationMs !== undefined && durationMs > 0 && durationMs <= MAX_RETENTION_MS;
  };
  for (const [unit, most] of Object.entries({ d: 30, h: 30 * 24, m: 30 * 24 * 60, s: 30 * 24 * 60 * 60 })) {
    const examples = [0, 1, most - 1, most, most + 1, most * 10].map((count): [number] => [count]);
    const isAgreed = (count: number) => inSchema(count + unit) === inService(count + unit);
    fc.assert(fc.property(fc.nat(most * 2), isAgreed), { examples });
  }
  const malformed = ['', '30', 'd', '1w', '1.5d', '-1d', ' 1d', '1d ', '1d,2d', '1d\n'];
  expect(malformed.filter(inSchema)).toEqual([]);
});

test('everything.yaml has every setting that the chart does not decide by itself', async () => {
  const { settings } = await chartYaml('ci/everything.yaml');
  expect(Object.keys(settings).sort()).toEqual(
    SETTING_NAMES.filter((name) => SETTINGS[name].chart === 'settings').sort(),
  );
});

test('the service reads what everything.yaml means', async () => {
  const { data } = only(await render('everything'), 'ConfigMap', 'recordings');
  const byTenantMs = new Map(Object.entries({ acme: MAX_RETENTION_MS * (7 / 30), 'other-tenant': MAX_RETENTION_MS }));
  const sizes = { partSizeBytes: 16_777_216, maxRecordingBytes: 10_737_418_240 };
  expect(readSettings(data, { needsAuth: true })).toMatchObject({
    host: '::',
    port: 9090,
    s3: { bucket: 'recordings', region: 'eu-central-1', keyPrefix: 'exams/', forcePathStyle: true },
    policy: { afterAssessmentMs: MAX_RETENTION_MS, byTenantMs },
    sweepSchedule: undefined,
    uploads: { mode: 'proxy', ...sizes, contentTypes: new Set(['video/webm', 'audio/webm']) },
    corsOrigins: ['https://exams.example', 'https://review.example'],
    rateLimitPerMinute: undefined,
    logLevel: 'debug',
    auth: { keys: { mode: 'jwks' }, issuer: 'https://login.example', audience: 'recordings' },
  });
});
