// The pods: what a namespace with the pod-security level `restricted` takes, and what each is given and runs.
import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { kindsOf, only, type Pod, podsOf, render, VALUES_FILES } from './chart.ts';

const VOLUMES_OF_RESTRICTED = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];
const SECRETS_OF_THE_STORE = ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'];

async function podsByComponent(...args: Parameters<typeof render>): Promise<Record<string, Pod>> {
  return Object.fromEntries(podsOf(await render(...args)).map((pod) => [pod.component, pod]));
}

function secretsOf(pod: Pod | undefined): string[] {
  const env: { valueFrom?: { secretKeyRef?: { key: string } } }[] = pod?.spec.containers[0].env ?? [];
  return env.flatMap(({ valueFrom }) => (valueFrom?.secretKeyRef ? [valueFrom.secretKeyRef.key] : []));
}

/** What the Pod Security Standard `restricted` forbids, clause by clause. */
function breachesOf({ spec }: Pod): string[] {
  const breaches: string[] = [];
  const refuse = (breach: string, isBroken: boolean) => isBroken && breaches.push(breach);
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) refuse(field, spec[field] === true);
  refuse('sysctls', (spec.securityContext.sysctls ?? []).length > 0);
  for (const { name, ...volume } of spec.volumes ?? []) {
    refuse(`volume ${name}`, !Object.keys(volume).every((type) => VOLUMES_OF_RESTRICTED.includes(type)));
  }
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const own = container.securityContext ?? {};
    const effective = { ...spec.securityContext, ...own };
    refuse('privileged', own.privileged === true);
    refuse('allowPrivilegeEscalation', own.allowPrivilegeEscalation !== false);
    refuse('runAsNonRoot', effective.runAsNonRoot !== true);
    refuse('runAsUser', effective.runAsUser === 0);
    refuse('seccompProfile', !['RuntimeDefault', 'Localhost'].includes(effective.seccompProfile?.type));
    refuse('capabilities.drop', !own.capabilities?.drop?.includes('ALL'));
    refuse(
      'capabilities.add',
      (own.capabilities?.add ?? []).some((name: string) => name !== 'NET_BIND_SERVICE'),
    );
    refuse(
      'hostPort',
      (container.ports ?? []).some((port: { hostPort?: number }) => port.hostPort),
    );
    refuse('procMount', (own.procMount ?? 'Default') !== 'Default');
  }
  return breaches;
}

describe.each(VALUES_FILES)('every pod of %s', (name) => {
  test('is accepted by a restricted namespace', async () => {
    const pods = podsOf(await render(name));
    expect(pods.map(({ component }) => component).sort()).toEqual(['serve', 'sweep', 'test', 'verify']);
    for (const pod of pods) expect([pod.component, breachesOf(pod)]).toEqual([pod.component, []]);
  });

  test('has no token, a read-only root, memory limits, and links to no other service', async () => {
    for (const { spec } of podsOf(await render(name))) {
      expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
      expect(spec.containers).toHaveLength(1);
      const [{ securityContext, resources, volumeMounts }] = spec.containers;
      expect(securityContext.readOnlyRootFilesystem).toBe(true);
      expect(resources.requests).toEqual({ cpu: expect.any(String), memory: expect.any(String) });
      expect(resources.limits).toEqual({ memory: expect.any(String) });
      expect(volumeMounts.map(({ name: volume }: { name: string }) => volume).sort()).toEqual(
        spec.volumes.map(({ name: volume }: { name: string }) => volume).sort(),
      );
    }
  });
});

test('a breach of the standard would be found', async () => {
  const { serve } = await podsByComponent('minimal');
  if (!serve) throw new Error('no pod serves');
  const [container] = serve.spec.containers;
  const bad = { ...serve.spec, hostNetwork: true, volumes: [{ name: 'host', hostPath: { path: '/' } }] };
  expect(breachesOf({ ...serve, spec: bad })).toEqual(['hostNetwork', 'volume host']);
  const open = { ...serve.spec, securityContext: {}, containers: [{ ...container, securityContext: {} }] };
  expect(breachesOf({ ...serve, spec: open })).toEqual([
    'allowPrivilegeEscalation',
    'runAsNonRoot',
    'seccompProfile',
    'capabilities.drop',
  ]);
});

describe('the API', () => {
  test('is probed, alive without the store, and has more time to end than it drains', async () => {
    const { serve } = await podsByComponent('minimal');
    const [container] = serve?.spec.containers ?? [];
    expect([...container.command, ...container.args]).toEqual(['node', 'dist/commands/main.js', 'serve']);
    expect(container.startupProbe.httpGet.path).toBe('/livez');
    expect(container.livenessProbe.httpGet.path).toBe('/livez');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    expect(serve?.spec.terminationGracePeriodSeconds).toBe(60);
    expect(container.ports).toEqual([{ name: 'http', containerPort: 8080 }]);
    expect((await podsByComponent('everything')).serve?.spec.containers[0].ports[0].containerPort).toBe(9090);
  });

  test('starts anew when a setting or a secret changes, and not otherwise', async () => {
    const annotations = async (overrides: object) =>
      only(await render('minimal', overrides), 'Deployment').spec.template.metadata.annotations;
    const first = await annotations({});
    expect(await annotations({ replicas: 3 })).toEqual(first);
    expect(await annotations({ settings: { LOG_LEVEL: 'debug' } })).not.toEqual(first);
    expect(await annotations({ secrets: { S3_SECRET_ACCESS_KEY: 'another' } })).not.toEqual(first);
  });

  test('spreads over zones and machines without waiting for them', async () => {
    const constraints: object[] = (await podsByComponent('minimal')).serve?.spec.topologySpreadConstraints;
    expect(constraints).toHaveLength(2);
    for (const constraint of constraints) expect(constraint).toMatchObject({ whenUnsatisfiable: 'ScheduleAnyway' });
  });
});

describe('deletion', () => {
  test('runs hourly, one at a time, in UTC, with deadlines and a history', async () => {
    expect(only(await render('minimal'), 'CronJob', '-sweep').spec).toMatchObject({
      schedule: '7 * * * *',
      timeZone: 'Etc/UTC',
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: 1800,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      jobTemplate: { spec: { backoffLimit: 2, activeDeadlineSeconds: 7200 } },
    });
  });

  test('is proven daily, and a finding is not looked for twice', async () => {
    const { schedule, timeZone, concurrencyPolicy, jobTemplate } = only(
      await render('minimal'),
      'CronJob',
      '-verify',
    ).spec;
    expect(schedule).toMatch(/^\d+ \d+ \* \* \*$/);
    expect({ timeZone, concurrencyPolicy }).toEqual({ timeZone: 'Etc/UTC', concurrencyPolicy: 'Forbid' });
    expect(jobTemplate.spec.backoffLimit).toBe(0);
  });

  test('is not counted as failed when its node is drained', async () => {
    for (const name of ['-sweep', '-verify']) {
      const { podFailurePolicy, template } = only(await render('minimal'), 'CronJob', name).spec.jobTemplate.spec;
      expect(podFailurePolicy.rules).toEqual([{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }]);
      // Kubernetes takes the policy with no other.
      expect(template.spec.restartPolicy).toBe('Never');
    }
  });

  test('runs the commands, which bound their own heap; NODE_OPTIONS is the operator’s', async () => {
    const chosen = { env: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=512' }] };
    const { sweep, verify } = await podsByComponent('minimal', chosen);
    for (const [pod, args] of [
      [sweep, ['sweep', '--json']],
      [verify, ['verify', '--json']],
    ] as const) {
      const [container] = pod?.spec.containers ?? [];
      expect([...container.command, ...container.args]).toEqual(['node', 'dist/commands/main.js', ...args]);
      expect(pod?.spec.restartPolicy).toBe('Never');
      const options = container.env.filter(({ name }: { name: string }) => name === 'NODE_OPTIONS');
      expect(options).toEqual(chosen.env);
    }
    const fixing = (await podsByComponent('everything')).verify?.spec.containers[0].args;
    expect(fixing).toEqual(['verify', '--fix', '--json']);
  });

  test('has the same settings as the API, where the schedule is off', async () => {
    for (const name of VALUES_FILES) {
      const manifests = await render(name);
      const settings = only(manifests, 'ConfigMap', 'recordings');
      expect(settings.data.SWEEP_SCHEDULE).toBe('off');
      for (const { component, spec } of podsOf(manifests)) {
        const given = component === 'test' ? undefined : [{ configMapRef: { name: settings.metadata.name } }];
        expect(spec.containers[0].envFrom).toEqual(given);
      }
    }
  });
});

describe('secrets', () => {
  test('each pod is given those that it needs', async () => {
    const { serve, sweep, verify, test: tester } = await podsByComponent('shared-secret');
    const ofUploads = ['S3_UPLOAD_ACCESS_KEY_ID', 'S3_UPLOAD_SECRET_ACCESS_KEY'];
    expect(secretsOf(serve)).toEqual([...SECRETS_OF_THE_STORE, ...ofUploads, 'AUTH_SHARED_SECRET']);
    expect(secretsOf(sweep)).toEqual(SECRETS_OF_THE_STORE);
    expect(secretsOf(verify)).toEqual(SECRETS_OF_THE_STORE);
    expect(secretsOf(tester)).toEqual([]);
  });

  test("an operator's own Secret is used as it is; without JWKS it has to check tokens", async () => {
    const manifests = await render('existing-secret');
    expect(kindsOf(manifests)).not.toContain('Secret');
    const serve = podsOf(manifests).find(({ component }) => component === 'serve');
    const references = serve?.spec.containers[0].env.map(
      ({ valueFrom }: { valueFrom: { secretKeyRef: object } }) => valueFrom.secretKeyRef,
    );
    expect(references).toContainEqual({ name: 'our-secret', key: 'AUTH_SHARED_SECRET', optional: false });
    expect(references).toContainEqual({ name: 'our-secret', key: 'S3_UPLOAD_ACCESS_KEY_ID', optional: true });
    const settings = { AUTH_JWKS_URL: 'https://login.example/jwks.json' };
    const policy = { jwks: [{ ipBlock: { cidr: '192.0.2.1/32' } }] };
    const withJwks = await podsByComponent('existing-secret', { settings, networkPolicy: policy });
    expect(secretsOf(withJwks.serve)).not.toContain('AUTH_SHARED_SECRET');
  });

  test('a role of the cloud needs none', async () => {
    const manifests = await render('role');
    expect(kindsOf(manifests)).not.toContain('Secret');
    expect(JSON.stringify(manifests)).not.toContain('secretKeyRef');
    expect(only(manifests, 'ServiceAccount')).toMatchObject({
      automountServiceAccountToken: false,
      metadata: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/recordings' } },
    });
  });
});

test('an image by digest, and a user that the cluster chooses', async () => {
  for (const { spec } of podsOf(await render('role'))) {
    expect(spec.containers[0].image).toMatch(/^registry\.example\/proctoring-recordings@sha256:[0-9a-f]{64}$/);
    expect(spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect(spec.securityContext.runAsUser).toBe(10_001);
  }
  for (const { spec } of podsOf(await render('existing-secret'))) {
    expect(spec.containers[0].image).toBe('proctoring-recordings:0.1.0');
    expect(spec.securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  }
});

test('an authority of its own is trusted by every process', async () => {
  for (const { component, spec } of podsOf(await render('everything')).filter(
    ({ component }) => component !== 'test',
  )) {
    const [{ env, volumeMounts }] = spec.containers;
    const { value } = env.find(({ name }: { name: string }) => name === 'NODE_EXTRA_CA_CERTS');
    const mount = volumeMounts.find(({ name }: { name: string }) => name === 'ca');
    expect([component, value]).toEqual([component, `${mount.mountPath}/ca.crt`]);
  }
});

test('no environment variable is given twice', async () => {
  for (const name of VALUES_FILES) {
    for (const { spec } of podsOf(await render(name))) {
      const names = (spec.containers[0].env ?? []).map((variable: { name: string }) => variable.name);
      expect(names).toEqual([...new Set(names)]);
    }
  }
  expect(parseAllDocuments('a: 1\na: 2')[0]?.errors).toHaveLength(1);
});
