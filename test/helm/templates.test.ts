// What is rendered when: everything optional is off, or safe, by default.
import { describe, expect, test } from '@jest/globals';
import { chartYaml, kindsOf, NAMESPACE, only, podsOf, RELEASE, render, VALUES_FILES } from './chart.ts';

const ALWAYS = ['ConfigMap', 'CronJob', 'Deployment', 'Pod', 'Service', 'ServiceAccount'];

test('by default: the API, its two jobs, their settings and secrets, a budget, and a test', async () => {
  expect(kindsOf(await render('minimal'))).toEqual([...ALWAYS, 'PodDisruptionBudget', 'Secret'].sort());
});

test('everything is in the namespace of the release, and says to which it belongs', async () => {
  for (const name of VALUES_FILES) {
    for (const { metadata } of await render(name)) {
      expect(metadata).toMatchObject({ namespace: NAMESPACE });
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'proctoring-recordings',
        'app.kubernetes.io/instance': RELEASE,
      });
    }
  }
});

test('the Service, the budget and the policy select the pods that serve, and no others', async () => {
  const manifests = await render('everything');
  const selectors = [
    only(manifests, 'Service').spec.selector,
    only(manifests, 'PodDisruptionBudget').spec.selector.matchLabels,
    only(manifests, 'Deployment').spec.selector.matchLabels,
    only(manifests, 'NetworkPolicy', '-serve').spec.podSelector.matchLabels,
  ];
  for (const selector of selectors) {
    const selected = podsOf(manifests).filter(({ labels }) =>
      Object.entries(selector).every(([key, value]) => labels[key] === value),
    );
    expect(selected.map(({ component }) => component)).toEqual(['serve']);
  }
});

describe('replicas', () => {
  test.each([
    ['two replicas', 'minimal', { replicas: 2 }, true],
    ['one replica', 'minimal', { replicas: 1 }, false],
    ['two to ten by load', 'minimal', { replicas: 1, autoscaling: { enabled: true } }, true],
    ['one to three by load', 'role', { replicas: 2 }, false],
  ] as const)('%s: a disruption budget only when there is more than one', async (_what, name, values, hasBudget) => {
    const kinds = kindsOf(await render(name, values));
    expect(kinds.includes('PodDisruptionBudget')).toBe(hasBudget);
  });

  test('are counted by the autoscaler where there is one, and by the Deployment where there is none', async () => {
    const scaled = await render('everything');
    expect(only(scaled, 'Deployment').spec).not.toHaveProperty('replicas');
    expect(only(scaled, 'HorizontalPodAutoscaler').spec).toMatchObject({ minReplicas: 3, maxReplicas: 12 });
    expect(only(await render('minimal'), 'Deployment').spec.replicas).toBe(2);
  });

  test('are exchanged one by one, a new one first', async () => {
    expect(only(await render('minimal'), 'Deployment').spec.strategy.rollingUpdate).toEqual({
      maxSurge: 1,
      maxUnavailable: 0,
    });
  });
});

describe('the network policy', () => {
  const store = [{ ipBlock: { cidr: '192.0.2.0/24' } }];
  const dns = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }];
  const dnsRule = {
    to: dns,
    ports: [
      { port: 53, protocol: 'UDP' },
      { port: 53, protocol: 'TCP' },
    ],
  };

  test('lets the API out to DNS, the store, the JWKS and what was named, and nowhere else', async () => {
    const values = (await chartYaml('ci/everything.yaml')).networkPolicy;
    const { spec } = only(await render('everything'), 'NetworkPolicy', '-serve');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.egress).toEqual([
      dnsRule,
      { to: store, ports: [{ port: 8443 }, { port: 443 }] },
      { to: values.jwks, ports: [{ port: 443 }] },
      ...values.extraEgress,
    ]);
  });

  test('lets the jobs out to DNS and the store alone, and nobody in', async () => {
    const { spec } = only(await render('existing-secret'), 'NetworkPolicy', '-jobs');
    expect(spec).not.toHaveProperty('ingress');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    const peers = (await chartYaml('ci/existing-secret.yaml')).networkPolicy.store;
    expect(spec.egress).toEqual([dnsRule, { to: peers, ports: [{ port: 8080 }, { port: 443 }] }]);
    expect(spec.podSelector.matchExpressions).toEqual([
      { key: 'app.kubernetes.io/component', operator: 'In', values: ['sweep', 'verify'] },
    ]);
  });

  test('lets the test of the chart out to DNS and the API alone, and nobody in', async () => {
    const manifests = await render('everything');
    const { spec } = only(manifests, 'NetworkPolicy', '-test');
    expect(spec).not.toHaveProperty('ingress');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(only(manifests, 'Pod').metadata.labels).toMatchObject(spec.podSelector.matchLabels);
    const { matchLabels } = only(manifests, 'NetworkPolicy', '-serve').spec.podSelector;
    expect(spec.egress).toEqual([dnsRule, { to: [{ podSelector: { matchLabels } }], ports: [{ port: 'http' }] }]);
  });

  test('lets in the ingress, the monitoring and the test of the chart, to one port', async () => {
    const { ingress, monitoring } = (await chartYaml('ci/everything.yaml')).networkPolicy;
    const { spec } = only(await render('everything'), 'NetworkPolicy', '-serve');
    expect(spec.ingress).toEqual([
      {
        from: [
          ...ingress,
          ...monitoring,
          { podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'test' }) } },
        ],
        ports: [{ port: 'http' }],
      },
    ]);
  });

  test('an empty list of peers closes; it never means everyone', async () => {
    const values = { settings: { S3_BUCKET: 'b-1', S3_REGION: 'r' }, secrets: { AUTH_SHARED_SECRET: 'x'.repeat(32) } };
    const manifests = await render(undefined, { ...values, networkPolicy: { enabled: true, store, dns: [] } });
    for (const end of ['-serve', '-jobs']) {
      const { spec } = only(manifests, 'NetworkPolicy', end);
      expect(spec.egress).toEqual([{ to: store, ports: [{ port: 443 }] }]);
      for (const { from } of spec.ingress ?? []) expect(from).toHaveLength(1);
    }
    expect(only(manifests, 'NetworkPolicy', '-test').spec.egress).toHaveLength(1);
  });

  test('takes other ports where the store and the JWKS are reached through a Service', async () => {
    const networkPolicy = { storePorts: [7480], jwksPorts: [8443] };
    const { spec } = only(await render('everything', { networkPolicy }), 'NetworkPolicy', '-serve');
    expect(spec.egress.slice(1, 3).map(({ ports }: { ports: object[] }) => ports)).toEqual([
      [{ port: 7480 }],
      [{ port: 8443 }],
    ]);
  });
});

describe('the Ingress', () => {
  test('has its hosts, TLS and class, and leads to the API, not to the metrics', async () => {
    const { spec, metadata } = only(await render('everything'), 'Ingress');
    expect(metadata.annotations).toEqual({ 'nginx.ingress.kubernetes.io/proxy-body-size': '10g' });
    expect(spec).toMatchObject({
      ingressClassName: 'nginx',
      tls: [{ hosts: ['recordings.example'], secretName: 'recordings-tls' }],
    });
    const [{ host, http }] = spec.rules;
    expect(host).toBe('recordings.example');
    expect(http.paths.map(({ path }: { path: string }) => path)).toEqual(['/v1', '/docs', '/openapi.json']);
  });
});

describe('monitoring', () => {
  test('finds the Service by its labels, and its port by name', async () => {
    const manifests = await render('everything');
    const { metadata, spec } = only(manifests, 'ServiceMonitor');
    expect(metadata.labels.release).toBe('prometheus');
    expect(only(manifests, 'Service').metadata.labels).toMatchObject(spec.selector.matchLabels);
    expect(spec.endpoints).toEqual([{ port: 'http', path: '/metrics', interval: '15s' }]);
    expect(only(manifests, 'Service').spec.ports).toEqual([expect.objectContaining({ name: 'http', port: 8080 })]);
  });

  test('the dashboard is found by Grafana, and is JSON', async () => {
    const { metadata, data } = only(await render('everything'), 'ConfigMap', '-dashboard');
    expect(metadata.labels.grafana_dashboard).toBe('1');
    expect(JSON.parse(data['proctoring-recordings.json'])).toMatchObject({ uid: 'proctoring-recordings' });
  });
});

test('helm test asks the API through its Service whether it is ready', async () => {
  const manifests = await render('everything');
  const { metadata, spec } = only(manifests, 'Pod');
  expect(metadata.annotations).toMatchObject({ 'helm.sh/hook': 'test' });
  const {
    metadata: service,
    spec: { ports },
  } = only(manifests, 'Service');
  expect(spec.containers[0].env).toEqual([{ name: 'URL', value: `http://${service.name}:${ports[0].port}/readyz` }]);
});

test('names leave room for what a CronJob adds, however long the release is called', async () => {
  const { metadata } = only(await render('minimal'), 'CronJob', '-verify');
  expect(metadata.name).toBe('proctoring-recordings-verify');
  const longest = await render('minimal', {}, undefined, 'r'.repeat(53));
  for (const {
    kind,
    metadata: { name },
  } of longest) {
    expect([kind, name.length <= (kind === 'CronJob' ? 52 : 63)]).toEqual([kind, true]);
  }
});

test("the chart's versions are the package's", async () => {
  const { version } = await chartYaml('../package.json');
  expect(await chartYaml('Chart.yaml')).toMatchObject({ version, appVersion: version });
});
