// Every manifest against the API's schemas: values by the schema, and unknown fields, which schemas let pass, by the types.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { PrometheusRule, ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { CronJob } from 'kubernetes-models/batch/v1';
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Pod, Secret, Service, ServiceAccount } from 'kubernetes-models/v1';
import { KUBE_VERSIONS, kindsOf, type Manifest, render, VALUES_FILES } from './chart.ts';

interface Model {
  validate(): void;
}

/** By kind: the model that validates, and where its type is. */
const MODELS: Readonly<Record<string, [new (manifest: never) => Model, string]>> = {
  ConfigMap: [ConfigMap, 'kubernetes-models/v1'],
  CronJob: [CronJob, 'kubernetes-models/batch/v1'],
  Deployment: [Deployment, 'kubernetes-models/apps/v1'],
  HorizontalPodAutoscaler: [HorizontalPodAutoscaler, 'kubernetes-models/autoscaling/v2'],
  Ingress: [Ingress, 'kubernetes-models/networking.k8s.io/v1'],
  NetworkPolicy: [NetworkPolicy, 'kubernetes-models/networking.k8s.io/v1'],
  Pod: [Pod, 'kubernetes-models/v1'],
  PodDisruptionBudget: [PodDisruptionBudget, 'kubernetes-models/policy/v1'],
  PrometheusRule: [PrometheusRule, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
  Secret: [Secret, 'kubernetes-models/v1'],
  Service: [Service, 'kubernetes-models/v1'],
  ServiceAccount: [ServiceAccount, 'kubernetes-models/v1'],
  ServiceMonitor: [ServiceMonitor, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
};

let folder: string;
beforeAll(async () => {
  // Below the project, so that the packages are found.
  await mkdir('node_modules/.cache', { recursive: true });
  folder = await mkdtemp(join(process.cwd(), 'node_modules/.cache/manifests-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the schemas and the types say against manifests; none when all is well. */
async function problemsOf(manifests: readonly Manifest[]): Promise<string[]> {
  const problems: string[] = [];
  const literals: string[] = [];
  for (const [index, manifest] of manifests.entries()) {
    const known = MODELS[manifest.kind];
    if (!known) throw new Error(`no schema is known for ${manifest.kind}`);
    const [Model, path] = known;
    try {
      new Model(manifest as never).validate();
    } catch (error) {
      problems.push(`${manifest.kind} ${manifest.metadata.name}: ${(error as Error).message}`);
    }
    literals.push(
      `import type { I${manifest.kind} as T${index} } from '${path}';`,
      `export const manifest${index}: T${index} = ${JSON.stringify(manifest)};`,
    );
  }
  await writeFile(join(folder, 'manifests.ts'), literals.join('\n'));
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--ignoreConfig',
  ];
  const tsc = promisify(execFile)('node_modules/.bin/tsc', [...options, join(folder, 'manifests.ts')]);
  await tsc.catch(({ stdout }: { stdout: string }) => problems.push(stdout));
  return problems;
}

test.each(VALUES_FILES.flatMap((name) => KUBE_VERSIONS.map((version) => [name, version] as const)))(
  'what %s renders for Kubernetes %s is what its API takes',
  async (name, version) => {
    expect(await problemsOf(await render(name, {}, version))).toEqual([]);
  },
);

test('everything.yaml leads to every kind that the chart can make', async () => {
  expect(kindsOf(await render('everything'))).toEqual(Object.keys(MODELS).sort());
});

test('an unknown field, a missing one and a wrong type would be found', async () => {
  const [account] = await render('role').then((all) => all.filter(({ kind }) => kind === 'ServiceAccount'));
  const [deployment] = await render('role').then((all) => all.filter(({ kind }) => kind === 'Deployment'));
  if (!account || !deployment) throw new Error('the chart has changed');
  expect(await problemsOf([{ ...account, automountServiceAccountTokens: false }])).toEqual([
    expect.stringContaining('automountServiceAccountTokens'),
  ]);
  const { selector: _, ...withoutSelector } = deployment.spec;
  expect((await problemsOf([{ ...deployment, spec: withoutSelector }])).join()).toContain('selector');
  expect((await problemsOf([{ ...deployment, spec: { ...deployment.spec, replicas: 'two' } }])).join()).toContain(
    'replicas',
  );
});
