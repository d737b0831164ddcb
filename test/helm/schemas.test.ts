// Every manifest against the API's schemas: values by the schema, and unknown fields, which schemas let pass, by the types.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { chartFile, KUBE_VERSIONS, kindsOf, type Manifest, only, render, VALUES_FILES } from './chart.ts';

/** What the schemas and the types say against manifests; none when all is well. */
async function problemsOf(manifests: readonly Manifest[]): Promise<string[]> {
  const problems: string[] = [];
  const literals: string[] = [];
  for (const [index, manifest] of manifests.entries()) {
    const { apiVersion, kind, metadata } = manifest;
    const isOfMonitoring = apiVersion.startsWith('monitoring.');
    // Each kind is a class that validates, and its type has an I before its name.
    const models = `${isOfMonitoring ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'}/${apiVersion}`;
    const Model: new (manifest: Manifest) => { validate(): void } = (await import(models))[kind];
    try {
      new Model(manifest).validate();
    } catch (error) {
      problems.push(`${kind} ${metadata.name}: ${String(error)}`);
    }
    literals.push(`export const m${index}: import('${models}').I${kind} = ${JSON.stringify(manifest)};`);
  }
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

test('every values file in helm/ci is tried', async () => {
  expect((await readdir('helm/ci')).toSorted()).toEqual(VALUES_FILES.map((name) => `${name}.yaml`).toSorted());
});

test.each(KUBE_VERSIONS)('what is rendered for Kubernetes %s is what its API takes', async (version) => {
  const manifests = await Promise.all(VALUES_FILES.map((name) => render(name, {}, { kubeVersion: version })));
  expect(await problemsOf(manifests.flat())).toEqual([]);
});

test('everything.yaml leads to every kind that the chart can make', async () => {
  const names = (await readdir('helm/templates', { recursive: true })).filter((name) => /\.(yaml|tpl)$/.test(name));
  const templates = await Promise.all(names.map((name) => chartFile(`templates/${name}`)));
  const kinds = [...templates.join('\n').matchAll(/^kind: (\w+)$/gm)].map(([, kind = '']) => kind);
  expect(kinds.length).toBeGreaterThanOrEqual(13);
  expect(kindsOf(await render('everything'))).toEqual([...new Set(kinds)].sort());
});

test('an unknown field, a missing one and a wrong type would be found', async () => {
  const manifests = await render('role');
  const deployment = only(manifests, 'Deployment');
  const { selector: _, ...withoutSelector } = deployment.spec;
  const problems = await problemsOf([
    { ...only(manifests, 'ServiceAccount'), automountServiceAccountTokens: false },
    { ...deployment, spec: withoutSelector },
    { ...deployment, spec: { ...deployment.spec, replicas: 'two' } },
  ]);
  const found = ['must have required property selector', 'replicas must be integer', 'automountServiceAccountTokens'];
  expect(problems).toEqual(found.map((said) => expect.stringContaining(said)));
});
