// What the chart refuses, and how the service reads what it sets.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readSettings, SETTING_NAMES, SETTINGS } from '../../src/config.ts';
import { parseDuration } from '../../src/model/durations.ts';
import { MAX_RETENTION_MS } from '../../src/model/retention.ts';
import { chartYaml, only, refusalOf, render } from './chart.ts';

const existing = (...existingSecretKeys: string[]) => ({ secrets: null, existingSecret: 'ours', existingSecretKeys });
const FILES = { S3_ACCESS_KEY_ID_FILE: '/run/id', S3_SECRET_ACCESS_KEY_FILE: '/run/key' };
const sharedSecret = (AUTH_SHARED_SECRET: string) => ({ secrets: { AUTH_SHARED_SECRET } });
const ingress = (values: object) => ({ ingress: { enabled: true, hosts: ['recordings.example'], ...values } });
const image = (values: object) => ({ image: { repository: 'proctoring-recordings', ...values } });
/** A value that has a default, and was removed by null. */
const missing = (key: string) => new RegExp(`${key} is required|missing property '${key}'`);

// Helm 3.17 writes a path with dots, later ones with slashes.
test.each<[string, object, string | RegExp]>([
  [
    'a retention above 30 days',
    { settings: { RETENTION_AFTER_ASSESSMENT: '40d' } },
    /^settings\.RETENTION_AFTER_ASSESSMENT: "40d" is not allowed; it must be a duration such as 30d, .* from 1s to 30d$/m,
  ],
  ['a tenant with more', { settings: { RETENTION_BY_TENANT: { acme: '721h' } } }, /RETENTION_BY_TENANT\.acme: "721h"/],
  ['a settle time that a request may outlast', { settings: { SETTLE_TIME: '59m' } }, /SETTLE_TIME: "59m" .* from 1h/],
  ['a retention of nothing', { settings: { RETENTION_UNASSESSED: '0d' } }, /RETENTION_UNASSESSED: "0d" is not allowed/],
  ['a link that lives too long', { settings: { PLAYBACK_URL_TTL: '2h' } }, /PLAYBACK_URL_TTL: "2h" .* to 1h$/m],
  ['a prefix of dots', { settings: { S3_KEY_PREFIX: '../x' } }, /S3_KEY_PREFIX: ".*no segment of dots alone/],
  [
    'a media type that cannot be recorded',
    { settings: { CONTENT_TYPES: ['video/avi'] } },
    /"video\/avi" .* audio\/ or/,
  ],
  [
    'a path in an origin',
    { settings: { CORS_ORIGINS: ['https://a.example/b'] } },
    /CORS_ORIGINS: .* an origin such as/,
  ],
  [
    'no image',
    image({ repository: '' }),
    /image\.repository is not set, and no image is published: build one .* push it/,
  ],
  [
    'an image left blank',
    image({ repository: null }),
    /^image\.repository is not set, and no image is published: build one .* push it/m,
  ],
  ['a section left blank', { image: null }, missing('image')],
  ['settings left blank', { settings: null }, missing('settings')],
  ['a bucket left blank', { settings: { S3_BUCKET: null } }, /S3_BUCKET.*null/],
  ['a schedule left blank', { sweep: { schedule: null } }, missing('schedule')],
  ['a number of pods left blank', { replicas: null }, missing('replicas')],
  ['a network policy left blank', { networkPolicy: { enabled: null } }, missing('enabled')],
  ['paths left blank', ingress({ tlsEndsElsewhere: true, paths: null }), missing('paths')],
  ['hosts left blank', ingress({ hosts: null }), 'ingress.hosts is empty'],
  ['the name of a Secret left blank', { secrets: null, existingSecret: null }, "the store's key is missing"],
  ['the keys of a Secret left blank', { ...existing(), existingSecretKeys: null }, "the store's key is missing"],
  ['an image without a registry', image({}), /image\.repository: "proctoring-recordings" names no registry/],
  ['one of Docker Hub, unsaid', image({ repository: 'exams/recordings' }), /"exams\/recordings" names no registry/],
  ['a retention without unit', { settings: { RETENTION_UNASSESSED: 30 } }, 'RETENTION_UNASSESSED'],
  ['a tenant that is no id', { settings: { RETENTION_BY_TENANT: { 'a/b': '7d' } } }, /"a\/b" is not allowed as a key/],
  ['a setting spelled wrong', { settings: { S3_BUKET: 'x' } }, 'S3_BUKET'],
  ['a setting that the chart decides', { settings: { SWEEP_SCHEDULE: '* * * * *' } }, 'SWEEP_SCHEDULE'],
  ['a secret among the settings', { settings: { S3_SECRET_ACCESS_KEY: 'x' } }, 'S3_SECRET_ACCESS_KEY'],
  [
    'a setting in the environment',
    { env: [{ name: 'RETENTION_UNASSESSED', value: '90d' }] },
    'env: RETENTION_UNASSESSED belongs in settings',
  ],
  [
    'a misspelled setting in it',
    { env: [{ name: 'RETENTION_UNASESSED', value: '9d' }] },
    'env: RETENTION_UNASESSED belongs',
  ],
  ['an unknown key', { replica: 2 }, 'replica'],
  ['an unknown key further down', { sweep: { suspend: true } }, 'suspend'],
  ['an unknown key of a peer', { networkPolicy: { store: [{ cidr: '192.0.2.0/24' }] } }, 'cidr'],
  ['a number for a text', { existingSecret: 1 }, 'existingSecret'],
  ['a text for a list', { settings: { CORS_ORIGINS: 'https://exams.example' } }, 'CORS_ORIGINS'],
  ['no replica', { replicas: 0 }, 'replicas'],
  ['root', { runAsUser: 0 }, 'runAsUser'],
  ['a user that there cannot be', { runAsUser: 2 ** 31 }, 'runAsUser'],
  [
    'a time zone in a schedule',
    { sweep: { schedule: 'TZ=UTC 7 * * *' } },
    /sweep\.schedule: "TZ.*a cron expression of five/,
  ],
  [
    'a label of its own',
    { podLabels: { 'app.kubernetes.io/name': 'x' } },
    'app.kubernetes.io/name is a label of the chart',
  ],
  ['credentials in a URL', { settings: { S3_ENDPOINT: 'https://key:secret@s3.example' } }, 'S3_ENDPOINT'],
  [
    'an endpoint with the bucket',
    { settings: { S3_BUCKET: 'exams', S3_ENDPOINT: 'https://exams.ams3.example:8443/' } },
    /^settings\.S3_ENDPOINT must be the endpoint without the bucket: https:\/\/ams3\.example:8443; /m,
  ],
  [
    'a key without its secret',
    { secrets: { S3_UPLOAD_ACCESS_KEY_ID: 'x' } },
    /secrets has S3_UPLOAD_ACCESS_KEY_ID without/,
  ],
  ['a secret without its id', existing('S3_SECRET_ACCESS_KEY'), /S3_SECRET_ACCESS_KEY without S3_ACCESS_KEY_ID/],
  [
    'half an upload key',
    existing('S3_UPLOAD_SECRET_ACCESS_KEY'),
    /existingSecretKeys has S3_UPLOAD_SECRET_ACCESS_KEY without/,
  ],
  [
    'no key of the store',
    existing(),
    /the store's key is missing: set secrets.*existingSecret.*or storeKeyFromRole: true/,
  ],
  ['a role and a key', { storeKeyFromRole: true }, 'storeKeyFromRole is true, and secrets has S3_ACCESS_KEY_ID'],
  ['a key that no setting has', existing('S3_ACCES_KEY_ID'), 'existingSecretKeys'],
  [
    'a secret twice',
    { settings: { S3_ACCESS_KEY_ID_FILE: '/run/id' } },
    /S3_ACCESS_KEY_ID_FILE is set, and secrets has/,
  ],
  ['a short secret', { settings: { AUTH_JWKS_URL: null }, ...sharedSecret('short') }, 'AUTH_SHARED_SECRET'],
  [
    'two ways to check tokens',
    sharedSecret('x'.repeat(32)),
    'AUTH_JWKS_URL is set, and secrets has AUTH_SHARED_SECRET',
  ],
  ['two sources of secrets', { existingSecret: 'ours' }, 'existingSecret and secrets are both set'],
  ...[
    '/metrics',
    '/metrics/',
    '//',
    '/./',
    '/%6detrics',
    '/(.*)',
    '/docs|/metrics',
    '/v1/../metrics',
    '/readyz',
    '/a b',
  ].map((path): [string, object, RegExp] => [
    `an Ingress for ${path}`,
    ingress({ tlsEndsElsewhere: true, paths: ['/v1', path] }),
    /^ingress\.paths: "\S.*" is not allowed; it must be \/ or a path such as \/v1, .* not that of the metrics or of a probe$/m,
  ]),
  ...['127.0.0.1', 'localhost', '::1'].map((HOST): [string, object, string] => [
    `an address that no probe reaches: ${HOST}`,
    { settings: { HOST } },
    `settings.HOST: "${HOST}" is reached from inside the pod alone, and the pod would never be ready; leave it out`,
  ]),
  ['an Ingress for every host', ingress({ hosts: [] }), 'ingress.hosts is empty'],
  [
    'an Ingress without TLS',
    ingress({}),
    /ingress\.tls has no entry for recordings\.example: tokens would pass over plain/,
  ],
  [
    'TLS for another host',
    ingress({ tls: [{ hosts: ['example'] }] }),
    'ingress.tls has no entry for recordings.example',
  ],
  [
    'a minimum of pods above the maximum',
    { autoscaling: { enabled: true, maxReplicas: 1 } },
    'autoscaling.minReplicas',
  ],
])('%s is refused by a line that names the key', async (_what, values, named) => {
  await expect(render('minimal', values)).rejects.toMatchObject({ stderr: expect.stringMatching(named) });
});

test('all that must be set, and is not, is said at once, a line each', async () => {
  const stderr = await refusalOf(undefined, {});
  const lines = [
    'image.repository is not set, and no image is published: ',
    'settings.S3_BUCKET is not set: ',
    'settings.S3_REGION is not set: ',
    "the store's key is missing: ",
    'nothing checks tokens: ',
  ];
  const said = stderr.split('\n').filter((line) => line !== '' && !/^(Error|Use --debug)/.test(line));
  expect(said).toEqual(lines.map((line) => expect.stringMatching(`^${line}`)));
});

test.each([
  ['a registry of the cluster', { image: { repository: 'registry:5000/recordings' } }],
  ['a registry on the machine', { image: { repository: 'localhost/recordings' } }],
  ['an image that is on the nodes', image({ pullPolicy: 'Never' })],
  ['TLS by a wildcard', ingress({ tls: [{ hosts: ['*.example'], secretName: 'tls' }] })],
  ["the controller's own certificate", ingress({ tls: [{ secretName: 'tls' }] })],
  ['TLS in front of the Ingress', ingress({ tlsEndsElsewhere: true })],
  [
    'paths of the API and the problems',
    ingress({ tlsEndsElsewhere: true, paths: ['/v1', '/docs/problems', '/.well-known/jwks.json'] }),
  ],
  ['an address of its own', { settings: { HOST: '::' } }],
  [
    'a store whose own host begins like the bucket',
    { settings: { S3_BUCKET: 'exams', S3_ENDPOINT: 'https://exams.example', S3_FORCE_PATH_STYLE: true } },
  ],
  ['no one who may read metrics', { networkPolicy: { ingress: [{ podSelector: {} }], monitoring: null } }],
  ['an existing Secret with JWKS', existing('S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY')],
  ['secrets in files of others', { ...existing(), existingSecret: '', settings: FILES }],
])('taken is %s', async (_what, values) => {
  await expect(render('minimal', values)).resolves.toContainEqual(expect.objectContaining({ kind: 'Deployment' }));
});

test('credentials in a URL are not shown', async () => {
  const settings = { S3_BUCKET: 'key', S3_ENDPOINT: 'https://key.x:hunter2@s3.example' };
  const stderr = await refusalOf('minimal', { settings });
  expect(stderr).toMatch(/settings\.S3_ENDPOINT: the value is not allowed; it must be a URL/);
  expect(stderr).not.toContain('hunter2');
});

test.each(['1exams', 'exams.spring'])('a release of which no Service can be named is refused: %s', async (release) => {
  await expect(render('minimal', {}, { release })).rejects.toThrow(`the release's name, ${release},`);
});

test('an old Kubernetes is refused', async () => {
  await expect(render('minimal', {}, { kubeVersion: '1.26.0' })).rejects.toThrow('requires kubeVersion');
});

test('the retention that the chart takes is the one that the service takes', async () => {
  const inService = (text: string) => {
    const durationMs = parseDuration(text);
    return durationMs !== undefined && durationMs > 0 && durationMs <= MAX_RETENTION_MS;
  };
  const limits = Object.entries({ d: 30, h: 30 * 24, m: 30 * 24 * 60, s: 30 * 24 * 60 * 60 });
  const texts = limits.flatMap(([unit, most]) => {
    const counts = [0, 1, most - 1, most, most + 1, most * 10, ...fc.sample(fc.nat(most * 2), 50)];
    return counts.flatMap((count) => [`${count}${unit}`, `0${count}${unit}`]);
  });
  texts.push('', '30', 'd', '1w', '1.5d', '-1d', ' 1d', '1d ', '1d,2d', '1d\n', '9999999999s', '08d');
  const byTenant = Object.fromEntries([...new Set(texts)].map((text, index) => [`t${index}`, text]));
  const stderr = await refusalOf('minimal', { settings: { RETENTION_BY_TENANT: byTenant } });
  const refused = [...stderr.matchAll(/^settings\.RETENTION_BY_TENANT\.(t\d+): /gm)].map(([, tenant]) => tenant);
  const tenants = Object.keys(byTenant).filter((tenant) => !inService(byTenant[tenant] ?? ''));
  expect(new Set(refused)).toEqual(new Set(tenants));
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
    unboundRateLimitPerMinute: undefined,
    logLevel: 'debug',
    auth: { keys: { mode: 'jwks' }, issuer: 'https://login.example', audience: 'recordings' },
  });
});
