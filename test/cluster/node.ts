// A node that runs nothing: it takes every pod of a namespace, reports that it is ready or has succeeded, and serves a log.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Fields } from '../helm/chart.ts';
import { apply, create, kubectl, list, patchStatus } from './cluster.ts';

/** The only line of each log. */
export const LOG_LINE = 'a line of the log';
const ROUND_MS = 200;

/** What the server asks of a kubelet for `kubectl logs` and `helm test --logs`. */
async function serveLogs() {
  const folder = await mkdtemp(join(tmpdir(), 'test-kubelet-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=node', '-days', '2'];
  await promisify(execFile)('openssl', [...request, '-keyout', key, '-out', cert]);
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, ({ url = '' }, response) => {
    response.writeHead(url.startsWith('/containerLogs/') ? 200 : 404).end(`${LOG_LINE}\n`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await rm(folder, { recursive: true });
  return server;
}

/** Starts the node. The function that it returns takes it away. */
export async function startNode(namespace: string): Promise<() => Promise<void>> {
  const server = await serveLogs();
  const name = `node-${randomBytes(4).toString('hex')}`;
  const kubeletEndpoint = { Port: (server.address() as AddressInfo).port };
  const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
  await apply([{ apiVersion: 'v1', kind: 'Node', metadata: { name } }]);
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: null }];
  await kubectl(
    `patch node/${name} --subresource=status --type=merge -p`,
    JSON.stringify({ status: { addresses, conditions, daemonEndpoints: { kubeletEndpoint } } }),
  );

  async function renewLease(): Promise<void> {
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    const metadata = { name, namespace: 'kube-node-lease' };
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
    await apply([{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }]);
  }

  async function runPod({ metadata, spec }: Fields): Promise<void> {
    const pod = `/api/v1/namespaces/${namespace}/pods/${metadata.name}`;
    const target = { apiVersion: 'v1', kind: 'Node', name };
    await create(`${pod}/binding`, { apiVersion: 'v1', kind: 'Binding', metadata: { name: metadata.name }, target });
    const ends = spec.restartPolicy === 'Never';
    const state = ends ? { terminated: { exitCode: 0 } } : { running: {} };
    const [{ name: container, image }] = spec.containers;
    const status = { name: container, image, imageID: '', ready: !ends, started: true, restartCount: 0, state };
    await patchStatus(namespace, `pod/${metadata.name}`, {
      phase: ends ? 'Succeeded' : 'Running',
      conditions: [{ type: 'Ready', status: ends ? 'False' : 'True' }],
      containerStatuses: [status],
    });
  }

  async function round(): Promise<void> {
    await renewLease();
    for (const pod of await list(namespace, 'pods')) {
      const { name: podName, deletionTimestamp } = pod.metadata;
      if (deletionTimestamp) {
        await kubectl(`delete --raw /api/v1/namespaces/${namespace}/pods/${podName}?gracePeriodSeconds=0`);
      } else if (!pod.spec.nodeName) await runPod(pod);
    }
  }

  let isRunning = true;
  const ended = (async () => {
    for (; isRunning; await sleep(ROUND_MS)) {
      // A pod may be deleted between two calls: what matters is what the commands of a test say.
      await round().catch(() => {});
    }
  })();
  return async () => {
    isRunning = false;
    await ended;
    server.closeAllConnections();
    await server[Symbol.asyncDispose]();
    await kubectl(`delete node/${name}`);
  };
}
