// As much of the Kubernetes API as Helm needs to look up a Secret or a ConfigMap, on loopback.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterThisTest } from '../kit/cleanup.ts';
import { NAMESPACE } from './chart.ts';

/** Helm 4 also wants to know the kinds that it renders. */
const KINDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  v1: {
    secrets: 'Secret',
    configmaps: 'ConfigMap',
    services: 'Service',
    serviceaccounts: 'ServiceAccount',
    pods: 'Pod',
  },
  'apps/v1': { deployments: 'Deployment' },
  'batch/v1': { cronjobs: 'CronJob' },
  'networking.k8s.io/v1': { networkpolicies: 'NetworkPolicy' },
  'policy/v1': { poddisruptionbudgets: 'PodDisruptionBudget' },
  'autoscaling/v2': { horizontalpodautoscalers: 'HorizontalPodAutoscaler' },
};

const groups = Object.keys(KINDS).flatMap((groupVersion) => {
  const [name, version] = groupVersion.split('/');
  return version === undefined ? [] : [{ name, versions: [{ groupVersion, version }] }];
});
const lists = Object.entries(KINDS).map(([groupVersion, kinds]) => {
  const resources = Object.entries(kinds).map(([name, kind]) => {
    return { name, kind, namespaced: true, verbs: ['get'], singularName: '' };
  });
  const path = `${groupVersion === 'v1' ? '/api' : '/apis'}/${groupVersion}`;
  return [path, { kind: 'APIResourceList', groupVersion, resources }];
});
const DISCOVERY: Readonly<Record<string, object>> = {
  '/version': { major: '1', minor: '31', gitVersion: 'v1.31.4' },
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups },
  ...Object.fromEntries(lists),
};

/** Its address, until the test ends. `held`: data by type and name, `{ 'secrets/ours': { key: '…' } }`. */
export async function serveKubernetes(held: Readonly<Record<string, object>> = {}): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const path = url.replace(/\?.*/, '');
    const [type = '', name = ''] = path.replace(`/api/v1/namespaces/${NAMESPACE}/`, '').split('/');
    const data = held[`${type}/${name}`];
    const found =
      DISCOVERY[path] ??
      (data && { apiVersion: 'v1', kind: KINDS.v1?.[type], metadata: { name, namespace: NAMESPACE }, data });
    const notFound = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? notFound));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  afterThisTest(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
