// Every manifest against the API's schemas: values by the schema, and unknown fields, which schemas let pass, by the types.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import * as monitoring from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import * as apps from 'kubernetes-models/apps/v1';
import * as autoscaling from 'kubernetes-models/autoscaling/v2';
import * as batch from 'kubernetes-models/batch/v1';
import * as networking from 'kubernetes-models/networking.k8s.io/v1';
import * as policy from 'kubernetes-models/policy/v1';
import * as core from 'kubernetes-models/v1';
import { KUBE_VERSIONS, kindsOf, type Manifest, only, render, VALUES_FILES } from './chart.ts';

type Model = new (manifest: never) => { validate(): void };

/** By kind: the model that validates, and where its type is. */
const MODELS: Readonly<Record<string, [Model, string]>> = {
  ConfigMap: [core.ConfigMap, 'kubernetes-models/v1'],
  CronJob: [batch.CronJob, 'kubernetes-models/batch/v1'],
  Deployment: [apps.Deployment, 'kubernetes-models/apps/v1'],
  HorizontalPodAutoscaler: [autoscaling.HorizontalPodAutoscaler, 'kubernetes-models/autoscaling/v2'],
  Ingress: [networking.Ingress, 'kubernetes-models/networking.k8s.io/v1'],
  NetworkPolicy: [networking.NetworkPolicy, 'kubernetes-models/networking.k8s.io/v1'],
  Pod: [core.Pod, 'kubernetes-models/v1'],
  PodDisruptionBudget: [policy.PodDisruptionBudget, 'kubernetes-models/policy/v1'],
  PrometheusRule: [monitoring.PrometheusRule, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
  Secret: [core.Secret, 'kubernetes-models/v1'],
  Service: [core.Service, 'kubernetes-models/v1'],
  ServiceAccount: [core.ServiceAccount, 'kubernetes-models/v1'],
  ServiceMonitor: [monitoring.ServiceMonitor, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
};

/** What the schemas and the types say against manifests; none when all is well. */
async function problemsOf(manifests: readonly Manifest[]): Promise<string[]> {
  const problems: string[] = [];
  const literals = manifests.map((manifest, index) => {
    const { kind, metadata } = manifest;
    const [Model, path] = MODELS[kind] ?? [];
    if (!Model) throw new Error(`no schema is known for ${kind}`);
    try {
      new Model(manifest as never).validate();
    } catch (error) {
      problems.push(`${kind} ${metadata.name}: ${(error as Error).message}`);
    }
    return `export const manifest${index}: import('${path}').I${kind} = ${JSON.stringify(manifest)};`;
  });
  // Below the project, so that the packages are found.
  await mkdir('node_modules/.cache', { recursive: true });
  const folder = await mkdtemp(join(process.cwd(), 'node_modules/.cache/manifests-'));
  const file = join(folder, 'manifests.ts');
  await writeFile(file, literals.join('\n'));
  const options = '--noEmit --strict --skipLibCheck --module nodenext --target es2024 --ignoreConfig'.split(' ');
  const tsc = promisify(execFile)('node_modules/.bin/tsc', [...options, file]);
  await tsc.catch(({ stdout }: { stdout: string }) => problems.push(stdout));
  await rm(folder, { recursive: true });
  return problems;
}

test.each(KUBE_VERSIONS)('what is rendered for Kubernetes %s is what its API takes', async (version) => {
  const manifests = await Promise.all(VALUES_FILES.map((name) => render(name, {}, version)));
  expect(await problemsOf(manifests.flat())).toEqual([]);
});

test('everything.yaml leads to every kind that the chart can make', async () => {
  expect(kindsOf(await render('everything'))).toEqual(Object.keys(MODELS).sort());
});

test('an unknown field, a missing one and a wrong type would be found', async () => {
  const manifests = await render('role');
  const account = only(manifests, 'ServiceAccount');
  const deployment = only(manifests, 'Deployment');
  const { selector: _, ...withoutSelector } = deployment.spec;
  const problems = await problemsOf([
    { ...account, automountServiceAccountTokens: false },
    { ...deployment, spec: withoutSelector },
    { ...deployment, spec: { ...deployment.spec, replicas: 'two' } },
  ]);
  const found = ['must have required property selector', 'replicas must be integer', 'automountServiceAccountTokens'];
  expect(problems).toEqual(found.map((said) => expect.stringContaining(said)));
});
