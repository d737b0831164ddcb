// The chart as a real Kubernetes server takes it: admission, what the server makes of it, and an upgrade in place.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { type Fields, type Manifest, only, type Rendering, render, VALUES_FILES } from '../helm/chart.ts';
import {
  apply,
  eventually,
  install,
  kubectl,
  kubeVersion,
  list,
  makeNamespace,
  minutesAgo,
  missStarts,
  readBack,
  upgradeByHelm,
} from './cluster.ts';

const NOW_DUE = { sweep: { schedule: minutesAgo(10) }, verify: { schedule: minutesAgo(10) } };
const SERVES = 'app.kubernetes.io/component=serve';

/** The server gives a pod two more tolerations. */
function asKept(manifest: Manifest): object {
  if (manifest.kind !== 'Pod') return manifest;
  return {
    ...manifest,
    spec: { ...manifest.spec, tolerations: expect.arrayContaining(manifest.spec.tolerations ?? []) },
  };
}

const componentOf = ({ metadata }: Fields): string => metadata.labels['app.kubernetes.io/component'];
const componentsOf = (pods: readonly Fields[]) => pods.map(componentOf).sort();

/** Of which components the pods are that a selector leads to. */
async function selected(namespace: string, { matchLabels = {}, matchExpressions = [] }: Fields): Promise<string[]> {
  const labels = Object.entries<string>(matchLabels).map(([key, value]) => `${key}=${value}`);
  const sets = matchExpressions.map(({ key, values }: Fields) => `${key} in (${values.join(',')})`);
  return componentsOf(await list(namespace, 'pods', [...labels, ...sets].join(',')));
}

test.each(VALUES_FILES)(
  '%s is admitted where pods are restricted, without a warning, and kept as it is meant; the pods that serve are made',
  async (name) => {
    const { namespace, manifests } = await install(name);
    expect(await readBack(manifests)).toMatchObject(manifests.map(asKept));
    const scaler = manifests.find(({ kind }) => kind === 'HorizontalPodAutoscaler');
    const replicas = scaler?.spec.minReplicas ?? only(manifests, 'Deployment').spec.replicas;
    await eventually(async () => {
      const pods = await list(namespace, 'pods', SERVES);
      expect(pods.map(({ status }) => status.phase)).toEqual(Array(replicas).fill('Pending'));
    });
    expect(await kubectl(`get events -n ${namespace} -o name --field-selector reason=FailedCreate`)).toBe('');
  },
);

test('what is not restricted is refused there, and a Deployment of it is warned of', async () => {
  const namespace = await makeNamespace();
  const manifests = await render('minimal', {}, { namespace, kubeVersion });
  await apply([only(manifests, 'ServiceAccount')]);
  for (const [kind, said] of [
    ['Pod', /forbidden: violates PodSecurity "restricted:latest"/],
    ['Deployment', /Warning: would violate PodSecurity "restricted:latest"/],
  ] as const) {
    const careless = structuredClone(only(manifests, kind));
    (kind === 'Pod' ? careless.spec : careless.spec.template.spec).containers[0].securityContext = {};
    await expect(apply([careless])).rejects.toMatchObject({ stderr: expect.stringMatching(said) });
  }
});

test('autoscaling, the budget and the policies say on the server what they say in the chart, and select the pods that they are for', async () => {
  const { namespace, manifests } = await install('everything', NOW_DUE);
  await missStarts(namespace, 'sweep');
  await missStarts(namespace, 'verify');
  await eventually(async () => {
    const all = ['serve', 'serve', 'serve', 'sweep', 'test', 'verify'];
    expect(componentsOf(await list(namespace, 'pods'))).toEqual(all);
  });

  const live = await readBack(manifests);
  const scaler = only(live, 'HorizontalPodAutoscaler');
  expect(scaler.spec).toEqual(only(manifests, 'HorizontalPodAutoscaler').spec);
  expect(scaler.status.conditions).toContainEqual(expect.objectContaining({ type: 'AbleToScale', status: 'True' }));

  const budget = await eventually(async () => {
    const one = only(await readBack(manifests), 'PodDisruptionBudget');
    expect(one.status).toMatchObject({ expectedPods: 3, desiredHealthy: 2 });
    return one;
  });
  expect(budget.spec).toEqual(only(manifests, 'PodDisruptionBudget').spec);

  for (const [nameEnd, pods] of Object.entries({
    '-serve': ['serve', 'serve', 'serve'],
    '-jobs': ['sweep', 'verify'],
    '-test': ['test'],
  })) {
    const { spec } = only(live, 'NetworkPolicy', nameEnd);
    // All that the server adds.
    const ports = (rule: Fields) => ({
      ...rule,
      ports: rule.ports.map((port: Fields) => ({ protocol: 'TCP', ...port })),
    });
    const { ingress, egress, ...others } = only(manifests, 'NetworkPolicy', nameEnd).spec;
    const rules = { ...(ingress && { ingress: ingress.map(ports) }), egress: egress.map(ports) };
    expect(spec).toEqual({ ...others, ...rules });
    expect(await selected(namespace, spec.podSelector)).toEqual(pods);
  }
  const { selector } = only(live, 'Service').spec;
  expect(await selected(namespace, { matchLabels: selector })).toEqual(['serve', 'serve', 'serve']);

  // An upgrade leaves to the autoscaler what it has set.
  await apply(manifests);
  expect(only(await readBack(manifests), 'Deployment').spec.replicas).toBe(3);
});

const chartBefore = process.env.TEST_CHART_BEFORE ?? '';
const isHook = ({ metadata }: Manifest) => metadata.annotations?.['helm.sh/hook'] !== undefined;

/** What the server refuses of the chart before was never there. That is said, and is no failure of this chart. */
async function isTaken(change: Promise<void>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    process.stdout.write(`of the chart before: ${String((error as { stderr?: string }).stderr ?? error)}`);
    return false;
  }
}

test.each((await readdir(`${chartBefore}/ci`)).sort())('the chart before is upgraded in place: %s', async (file) => {
  const namespace = await makeNamespace();
  // An upgrade may need other values: each chart gets its own.
  const rendered = async (chart: Rendering = {}) => {
    const folder = [chart.chart ?? 'helm', chartBefore].find((each) => existsSync(`${each}/ci/${file}`));
    const values = parse(await readFile(`${folder}/ci/${file}`, 'utf8'));
    const manifests = await render(undefined, values, { namespace, kubeVersion, ...chart });
    return manifests.filter((manifest) => !isHook(manifest));
  };
  const before: Manifest[] = [];
  for (const manifest of await rendered({ chart: chartBefore })) {
    if (await isTaken(apply([manifest]))) before.push(manifest);
  }
  const uids = async () => (await readBack(before)).map(({ metadata }) => metadata.uid);
  const kept = await uids();
  const manifests = await rendered();
  await apply(manifests);
  expect(await uids()).toEqual(kept);
  expect(await readBack(manifests)).toMatchObject(manifests.map(asKept));
});

test('Helm upgrades the chart before, also where its installation had failed', async () => {
  const namespace = await makeNamespace();
  const values = 'ci/everything.yaml';
  await isTaken(upgradeByHelm(chartBefore, `${chartBefore}/${values}`, namespace));
  await upgradeByHelm('helm', `helm/${values}`, namespace);
  expect(await list(namespace, 'cronjobs')).toHaveLength(2);
});
