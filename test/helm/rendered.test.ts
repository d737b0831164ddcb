// What the chart renders of each values file in helm/ci, and of changes of one.
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import {
  chartFile,
  chartYaml,
  type Fields,
  kindsOf,
  type Manifest,
  NAMESPACE,
  only,
  RELEASE,
  render,
  VALUES_FILES,
} from './chart.ts';

const rendered = VALUES_FILES.map(async (name) => [name, await render(name)] as const);
const charts = Object.fromEntries(await Promise.all(rendered)) as Record<(typeof VALUES_FILES)[number], Manifest[]>;
const { minimal, everything } = charts;

type Pod = ReturnType<typeof podsOf>[number];

/** The pods that the manifests lead to; each has one container. */
function podsOf(manifests: readonly Manifest[]) {
  return manifests.flatMap((manifest) => {
    const { kind, spec } = manifest;
    const template = kind === 'Pod' ? manifest : (spec?.jobTemplate?.spec.template ?? spec?.template);
    if (!template) return [];
    const labels: Record<string, string> = template.metadata.labels;
    const component = labels['app.kubernetes.io/component'] ?? '';
    return [{ component, labels, spec: template.spec, container: template.spec.containers[0] }];
  });
}

function pod(manifests: readonly Manifest[], component: string): Pod {
  const found = podsOf(manifests).find((one) => one.component === component);
  if (!found) throw new Error(`no pod of ${component}`);
  return found;
}

const namesOf = (fields: readonly { name: string }[] = []) => fields.map(({ name }) => name).sort();

/** The secret settings that a pod is given, in the environment or as files. */
function secretsOf({ spec, container }: Pod): string[] {
  const inEnv = (container.env ?? []).flatMap(({ valueFrom }: Fields) => valueFrom?.secretKeyRef?.key ?? []);
  const volume = spec.volumes.find(({ name }: Fields) => name === 'secrets');
  return [...inEnv, ...(volume?.secret.items ?? []).map(({ key }: Fields) => key)];
}

describe.each(VALUES_FILES)('all of %s', (name) => {
  const manifests = charts[name];

  test('is in the namespace of the release, and says to which it belongs', () => {
    const labels = { 'app.kubernetes.io/name': 'proctoring-recordings', 'app.kubernetes.io/instance': RELEASE };
    for (const { metadata } of manifests) expect(metadata).toMatchObject({ namespace: NAMESPACE, labels });
  });

  test('runs in pods that a restricted namespace takes, with a read-only root, limits, no token, and the same settings', () => {
    const user = name === 'existing-secret' ? {} : { runAsUser: 10_001, runAsGroup: 10_001 };
    const memory = expect.any(String);
    const { data: settings, metadata } = only(manifests, 'ConfigMap', 'recordings');
    expect(settings.SWEEP_SCHEDULE).toBe('off');
    const pods = podsOf(manifests);
    expect(pods.map(({ component }) => component).sort()).toEqual(['serve', 'sweep', 'test', 'verify']);
    for (const { component, spec, container } of pods) {
      expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(spec.securityContext).toEqual({ ...user, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(spec.containers).toHaveLength(1);
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(JSON.stringify(spec)).not.toMatch(/"(host(Network|PID|IPC|Port|Path)|(init|ephemeral)Containers)":/);
      const volumeTypes = spec.volumes.flatMap((volume: Fields) => Object.keys(volume).filter((key) => key !== 'name'));
      expect(['configMap', 'emptyDir', 'secret']).toEqual(expect.arrayContaining(volumeTypes));
      expect(namesOf(container.volumeMounts)).toEqual(namesOf(spec.volumes));
      expect(container.resources).toEqual({ requests: { cpu: expect.any(String), memory }, limits: { memory } });
      expect(namesOf(container.env)).toEqual([...new Set(namesOf(container.env))]);
      expect(container.envFrom).toEqual(component === 'test' ? undefined : [{ configMapRef: { name: metadata.name } }]);
    }
  });

  test('has no secret in a ConfigMap, nor in the open in a pod', async () => {
    const secrets: Record<string, string> = (await chartYaml(`ci/${name}.yaml`)).secrets ?? {};
    const encoded = Object.entries(secrets).map(([key, value]) => [key, btoa(value)] as const);
    const inSecrets = manifests.filter(({ kind }) => kind === 'Secret').map(({ data }) => data);
    expect(inSecrets).toEqual(encoded.length > 0 ? [Object.fromEntries(encoded)] : []);
    const others = JSON.stringify(manifests.filter(({ kind }) => kind !== 'Secret'));
    for (const value of encoded.flatMap(([key, base64]) => [base64, secrets[key]])) expect(others).not.toContain(value);
  });
});

const runs = (...args: string[]) => ({ command: ['node', 'dist/main.js'], args });
const probe = (path: string) => ({ httpGet: { path } });
test('the API is probed, alive without the store, has more time to end than it takes, and is replaced one pod at a time', () => {
  const spread = { whenUnsatisfiable: 'ScheduleAnyway' };
  const probes = { startupProbe: probe('/livez'), livenessProbe: probe('/livez'), readinessProbe: probe('/readyz') };
  expect(only(minimal, 'Deployment').spec).toMatchObject({
    replicas: 2,
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    template: {
      spec: {
        terminationGracePeriodSeconds: 60,
        topologySpreadConstraints: [spread, spread],
        containers: [{ ...runs('serve'), ...probes, ports: [{ name: 'http', containerPort: 8080 }] }],
      },
    },
  });
});

test('deletion runs hourly, is proven daily and repaired where that is asked for; one job at a time, in UTC', () => {
  const cronJob = (schedule: unknown, spec: object, ...args: string[]) => ({
    schedule,
    timeZone: 'Etc/UTC',
    concurrencyPolicy: 'Forbid',
    startingDeadlineSeconds: 1800,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 3,
    jobTemplate: {
      spec: {
        ...spec,
        // Only with `Never` does Kubernetes take the policy, by which a drained node is no failure.
        podFailurePolicy: {
          rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
        },
        template: { spec: { restartPolicy: 'Never', containers: [runs(...args)] } },
      },
    },
  });
  const sweep = cronJob('7 * * * *', { backoffLimit: 2, activeDeadlineSeconds: 7200 }, 'sweep', '--json');
  expect(only(minimal, 'CronJob', '-sweep').spec).toMatchObject(sweep);
  // No retry: it would only find the same again.
  const verify = cronJob(expect.stringMatching(/^\d+ \d+ \* \* \*$/), { backoffLimit: 0 }, 'verify', '--json');
  expect(only(minimal, 'CronJob', '-verify').spec).toMatchObject(verify);
  expect(pod(everything, 'verify').container).toMatchObject(runs('verify', '--fix', '--json'));
});

test('port, load and Ingress are as everything.yaml says; the Ingress leads to the API, not to the metrics', () => {
  expect(pod(everything, 'serve').container.ports).toEqual([{ name: 'http', containerPort: 9090 }]);
  expect(only(everything, 'HorizontalPodAutoscaler').spec).toMatchObject({ minReplicas: 3, maxReplicas: 12 });
  const { metadata, spec } = only(everything, 'Ingress');
  expect(metadata.annotations).toEqual({ 'nginx.ingress.kubernetes.io/proxy-body-size': '10g' });
  const host = 'recordings.example';
  const prefixes = ['/v1', '/docs', '/openapi.json'].map((path) => ({ path, pathType: 'Prefix' }));
  const http = { paths: [{ path: '/', pathType: 'Exact' }, ...prefixes] };
  const tls = [{ hosts: [host], secretName: 'recordings-tls' }];
  expect(spec).toMatchObject({ ingressClassName: 'nginx', tls, rules: [{ host, http }] });
});

test('by default: the API, its two jobs, their settings and secrets, a budget, policies, and a test', () => {
  const kinds = 'ConfigMap CronJob Deployment NetworkPolicy Pod PodDisruptionBudget Secret Service ServiceAccount';
  expect(kindsOf(minimal)).toEqual(kinds.split(' '));
});

test('the Service, the budget and the policy select the pods that serve, and no others', () => {
  const selectors = [
    only(everything, 'Service').spec.selector,
    only(everything, 'PodDisruptionBudget').spec.selector.matchLabels,
    only(everything, 'Deployment').spec.selector.matchLabels,
    only(everything, 'NetworkPolicy', '-serve').spec.podSelector.matchLabels,
  ];
  for (const selector of selectors.map((each) => Object.entries(each))) {
    const selected = podsOf(everything).filter(({ labels }) => selector.every(([key, value]) => labels[key] === value));
    expect(selected.map(({ component }) => component)).toEqual(['serve']);
  }
});

test.each([
  ['minimal', 'of two', {}, 2, true],
  ['shared-secret', 'of one', {}, 1, false],
  ['minimal', 'of two to ten by load', { replicas: 1, autoscaling: { enabled: true } }, undefined, true],
  ['role', 'of one to three by load', {}, undefined, false],
] as const)(
  '%s, %s replicas: a disruption budget only where there are always two or more',
  async (name, _what, values, replicas, has) => {
    const manifests = await render(name, values);
    expect(kindsOf(manifests).includes('PodDisruptionBudget')).toBe(has);
    expect(only(manifests, 'Deployment').spec.replicas).toBe(replicas);
  },
);

test('the API restarts when a setting or a secret changes, and not otherwise', async () => {
  const annotations = async (overrides: object) =>
    only(await render('minimal', overrides), 'Deployment').spec.template.metadata.annotations;
  const first = await annotations({});
  expect(await annotations({ replicas: 3 })).toEqual(first);
  expect(await annotations({ settings: { LOG_LEVEL: 'debug' } })).not.toEqual(first);
  expect(await annotations({ secrets: { S3_SECRET_ACCESS_KEY: 'another' } })).not.toEqual(first);
});

test('all pods have the priority and the volumes that the operator gives them', async () => {
  const extra = (await chartYaml('ci/everything.yaml')).extraVolumeMounts;
  for (const { spec, container } of podsOf(everything)) {
    expect(spec.priorityClassName).toBe('exams');
    expect(container.volumeMounts).toEqual(expect.arrayContaining(extra));
  }
});

test('the heap of jobs is small, and of the API as Node has it', () => {
  const optionsOf = (component: string) =>
    pod(minimal, component).container.env?.find(({ name }: Fields) => name === 'NODE_OPTIONS')?.value;
  const small = '--max-old-space-size=160 --max-semi-space-size=4';
  expect(['sweep', 'verify', 'serve'].map(optionsOf)).toEqual([small, small, undefined]);
});

test('every process trusts an authority of its own, and NODE_OPTIONS is the operator’s where they set it', async () => {
  const options = { name: 'NODE_OPTIONS', value: '--max-old-space-size=512' };
  const manifests = await render('everything', { env: [options] });
  for (const component of ['serve', 'sweep', 'verify']) {
    const { env, volumeMounts } = pod(manifests, component).container;
    expect(env.filter(({ name }: Fields) => name === options.name)).toEqual([options]);
    const { mountPath } = volumeMounts.find(({ name }: Fields) => name === 'ca');
    expect(env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: `${mountPath}/ca.crt` });
  }
});

describe('secrets', () => {
  const ofStore = ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'];
  const ofUploads = ['S3_UPLOAD_ACCESS_KEY_ID', 'S3_UPLOAD_SECRET_ACCESS_KEY'];
  const byComponent = Object.entries({ serve: [...ofStore, ...ofUploads, 'AUTH_SHARED_SECRET'], sweep: ofStore });

  test('each pod is given those that it needs', () => {
    const given = podsOf(charts['shared-secret']).map((each) => [each.component, secretsOf(each)]);
    const serve = [...ofStore, ...ofUploads, 'AUTH_SHARED_SECRET'];
    expect(Object.fromEntries(given)).toEqual({ serve, sweep: ofStore, verify: ofStore, test: [] });
  });

  test("of an operator's own Secret each pod is given those that it needs, and does not start without any of them", async () => {
    const manifests = await render('existing-secret', { secretsAs: 'environment' });
    for (const [component, keys] of byComponent) {
      const references = pod(manifests, component).container.env.flatMap(({ valueFrom }: Fields) => valueFrom ?? []);
      expect(references).toEqual(keys.map((key) => ({ secretKeyRef: { name: 'our-secret', key } })));
    }
  });

  test('as files they are mounted where the service is told to read them', () => {
    for (const [component, keys] of byComponent) {
      const { spec, container } = pod(charts['existing-secret'], component);
      const { secret } = spec.volumes.find(({ name }: Fields) => name === 'secrets');
      expect(secret).toEqual({ secretName: 'our-secret', items: keys.map((key) => ({ key, path: key })) });
      const { mountPath } = container.volumeMounts.find(({ name }: Fields) => name === 'secrets');
      const files = keys.map((key) => ({ name: `${key}_FILE`, value: `${mountPath}/${key}` }));
      expect(container.env).toEqual(expect.arrayContaining(files));
      expect(JSON.stringify(container.env)).not.toContain('secretKeyRef');
    }
    expect(secretsOf(pod(charts['existing-secret'], 'test'))).toEqual([]);
  });

  test('a ConfigMap or a Secret that lacks its file keeps a pod from starting', () => {
    const { volumes } = pod(everything, 'serve').spec;
    const itemsOf = (name: string) => {
      const { configMap, secret } = volumes.find((volume: Fields) => volume.name === name);
      return (configMap ?? secret).items.map(({ key }: Fields) => key);
    };
    const files = ['ca', 'webhooks', 'signing-keys'].flatMap(itemsOf);
    expect(files).toEqual(['ca.crt', 'webhooks.json', 'signing-keys.json']);
  });

  test('a role of the cloud needs none', () => {
    expect(JSON.stringify(charts.role)).not.toContain('secretKeyRef');
    const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/recordings' };
    const account = { automountServiceAccountToken: false, metadata: { annotations } };
    expect(only(charts.role, 'ServiceAccount')).toMatchObject(account);
  });
});

test("an image is named by digest where there is one, else by the version; the chart's versions are the package's", async () => {
  const { version } = await chartYaml('../package.json');
  expect(await chartYaml('Chart.yaml')).toMatchObject({ version, appVersion: version });
  for (const { spec, container } of podsOf(charts.role)) {
    expect(container.image).toMatch(/^registry\.example\/proctoring-recordings@sha256:[0-9a-f]{64}$/);
    expect(spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
  }
  for (const { container } of podsOf(minimal)) {
    expect(container.image).toBe(`registry.example/proctoring-recordings:${version}`);
  }
});

describe('a network policy', () => {
  const policyTypes = ['Ingress', 'Egress'];
  const dns = { ports: [53, 5353].flatMap((port) => ['UDP', 'TCP'].map((protocol) => ({ port, protocol }))) };
  const anyPod = { to: [{ namespaceSelector: {} }] };
  const policy = (manifests: Manifest[], nameEnd: string) => only(manifests, 'NetworkPolicy', nameEnd).spec;

  test('by default lets everyone reach the API, and it DNS, other pods, and any address on the ports of its URLs', async () => {
    const env = [
      { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://collector.monitoring:4318' },
      { name: 'HTTPS_PROXY', value: 'http://proxy.example:3128' },
    ];
    const manifests = await render('minimal', {
      env,
      settings: { S3_ENDPOINT: 'https://s3.example:9000/base', S3_PUBLIC_ENDPOINT: 'https://media.example' },
      webhooksSecret: 'hooks',
      networkPolicy: { webhooksPorts: [8443] },
    });
    const { podSelector: _, ...rules } = policy(manifests, '-serve');
    const shared = [9000, 443, 4318, 3128];
    const portsOf = (...ports: number[]) => ({ ports: ports.map((port) => ({ port })) });
    expect(rules).toEqual({
      policyTypes,
      ingress: [{ ports: [{ port: 'http' }] }],
      egress: [dns, portsOf(...shared, 8443), anyPod],
    });
    expect(policy(manifests, '-jobs').egress).toEqual([dns, portsOf(...shared), anyPod]);
    expect(kindsOf(await render('minimal', { networkPolicy: { enabled: false } }))).not.toContain('NetworkPolicy');
  });

  test('with a role lets all pods reach the metadata services that give it', () => {
    const to = expect.arrayContaining([{ ipBlock: { cidr: '169.254.169.254/32' } }]);
    for (const nameEnd of ['-serve', '-jobs']) {
      expect(policy(charts.role, nameEnd).egress).toContainEqual({ to, ports: [{ port: 80 }] });
    }
    expect(JSON.stringify(minimal)).not.toContain('169.254.');
  });

  test('with peers lets the API reach DNS, store, JWKS and what was named; the ingress, the monitoring and the test reach it', async () => {
    const { networkPolicy } = await chartYaml('ci/everything.yaml');
    const { podSelector: _, ...rules } = policy(everything, '-serve');
    const matchLabels = expect.objectContaining({ 'app.kubernetes.io/component': 'test' });
    const from = [...networkPolicy.ingress, ...networkPolicy.monitoring, { podSelector: { matchLabels } }];
    expect(rules).toEqual({
      policyTypes,
      ingress: [{ from, ports: [{ port: 'http' }] }],
      egress: [
        dns,
        { to: networkPolicy.store, ports: [{ port: 8443 }, { port: 443 }] },
        { to: networkPolicy.env, ports: [{ port: 4318 }] },
        { to: networkPolicy.jwks, ports: [{ port: 443 }] },
        { to: networkPolicy.webhooks, ports: [{ port: 443 }] },
        ...networkPolicy.extraEgress,
      ],
    });
  });

  test('lets the jobs reach DNS and the store alone, and nothing reach them', async () => {
    const { networkPolicy } = await chartYaml('ci/existing-secret.yaml');
    const { podSelector, ...rules } = policy(charts['existing-secret'], '-jobs');
    const ports = [{ port: 8080 }, { port: 443 }];
    expect(rules).toEqual({ policyTypes, egress: [dns, { to: networkPolicy.store, ports }] });
    const matchExpressions = [{ key: 'app.kubernetes.io/component', operator: 'In', values: ['sweep', 'verify'] }];
    expect(podSelector).toMatchObject({ matchExpressions });
  });

  test('lets the test of the chart reach DNS and the API alone, and nothing reach it', () => {
    const { podSelector, ...rules } = policy(everything, '-test');
    expect(only(everything, 'Pod').metadata.labels).toMatchObject(podSelector.matchLabels);
    const { matchLabels } = policy(everything, '-serve').podSelector;
    const api = { to: [{ podSelector: { matchLabels } }], ports: [{ port: 'http' }] };
    expect(rules).toEqual({ policyTypes, egress: [dns, api] });
  });

  test('names the peers of DNS in each policy', async () => {
    const peers = [{ ipBlock: { cidr: '169.254.20.10/32' } }];
    const manifests = await render('everything', { networkPolicy: { dns: peers } });
    for (const nameEnd of ['-serve', '-jobs', '-test']) {
      expect(policy(manifests, nameEnd).egress).toContainEqual({ ...dns, to: peers });
    }
  });

  test('takes other ports where the store and the JWKS are reached through a Service', async () => {
    const manifests = await render('everything', { networkPolicy: { storePorts: [7480], jwksPorts: [8443] } });
    const [, toStore, , toJwks] = policy(manifests, '-serve').egress;
    expect([toStore.ports, toJwks.ports]).toEqual([[{ port: 7480 }], [{ port: 8443 }]]);
  });
});

test('monitoring and helm test find the API through its Service; Grafana finds the dashboard', () => {
  const service = only(everything, 'Service');
  expect(service.spec.ports).toEqual([expect.objectContaining({ name: 'http', port: 8080 })]);
  const { metadata, spec } = only(everything, 'ServiceMonitor');
  expect(metadata.labels.release).toBe('prometheus');
  expect(service.metadata.labels).toMatchObject(spec.selector.matchLabels);
  expect(spec.endpoints).toEqual([{ port: 'http', path: '/metrics', interval: '15s' }]);
  expect(only(everything, 'Pod').metadata.annotations).toMatchObject({ 'helm.sh/hook': 'test' });
  const url = `http://${service.metadata.name}:8080/readyz`;
  expect(pod(everything, 'test').container.env).toEqual([{ name: 'URL', value: url }]);
  const dashboard = only(everything, 'ConfigMap', '-dashboard');
  expect(dashboard.metadata.labels.grafana_dashboard).toBe('1');
  expect(JSON.parse(dashboard.data['proctoring-recordings.json'])).toMatchObject({ uid: 'proctoring-recordings' });
});

test("the values in the chart's README are taken, as they stand there", async () => {
  const [, values = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(await chartFile('README.md')) ?? [];
  const manifests = await render(undefined, parse(values));
  expect(only(manifests, 'Ingress').spec.rules[0].host).toBe('recordings.example');
  expect(secretsOf(pod(manifests, 'serve'))).toEqual(['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY']);
});

test('names leave room for what a CronJob adds, however long the release is called', async () => {
  expect(only(minimal, 'CronJob', '-verify').metadata.name).toBe('proctoring-recordings-verify');
  for (const { kind, metadata } of await render('minimal', {}, { release: 'r'.repeat(53) })) {
    expect([kind, metadata.name.length <= (kind === 'CronJob' ? 52 : 63)]).toEqual([kind, true]);
  }
});
