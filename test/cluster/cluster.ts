// A Kubernetes server without nodes, for the tests of the chart. It is thrown away afterwards, so nothing is removed from it.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Fields, type Manifest, RELEASE, type Rendering, render, type VALUES_FILES } from '../helm/chart.ts';

const { TEST_KUBECONFIG = '', KUBECTL = 'kubectl', HELM = 'helm' } = process.env;
const EVENTUALLY_MS = 200_000;
const MINUTE_MS = 60_000;

/** What it prints. @throws Error with what the server said, when it refused something or warned of it */
export async function kubectl(args: string, ...rest: string[]): Promise<string> {
  return run([...args.split(' '), ...rest]);
}

async function run(args: string[], items: readonly object[] = []): Promise<string> {
  const options = ['--kubeconfig', TEST_KUBECONFIG, '--warnings-as-errors'];
  const ended = promisify(execFile)(KUBECTL, [...options, ...args], { maxBuffer: 2 ** 26 });
  // A kubectl that reads nothing may have ended before its input does.
  ended.child.stdin?.on('error', () => {});
  // One by one: of a List, kubectl itself would be the judge and not the server.
  ended.child.stdin?.end(items.map((item) => JSON.stringify(item)).join('\n'));
  return (await ended).stdout;
}

export const kubeVersion: string = JSON.parse(await kubectl('version -o json')).serverVersion.gitVersion.slice(1);

/** A namespace of its own that takes only what the restricted Pod Security Standard allows, and warns of all else. */
export async function makeNamespace(): Promise<string> {
  const name = `exams-${randomBytes(4).toString('hex')}`;
  const levels = ['enforce', 'warn', 'audit'].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, 'restricted'],
    [`pod-security.kubernetes.io/${mode}-version`, 'latest'],
  ]);
  await apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: Object.fromEntries(levels) } },
    // That of everything.yaml.
    { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'exams' }, value: 1000 },
  ]);
  return name;
}

/** @throws Error with what the server said, when it refused something or warned of it */
export async function apply(manifests: readonly Manifest[]): Promise<void> {
  await run(['apply', '--server-side', '-f', '-'], manifests);
}

/** Creates what only has an address: a pod's binding to a node, for example. */
export async function create(path: string, item: object): Promise<void> {
  await run(['create', '--raw', path, '-f', '-'], [item]);
}

/** As the server keeps them, in the same order. */
export async function readBack(manifests: readonly Manifest[]): Promise<Manifest[]> {
  const { items, ...only } = JSON.parse(await run(['get', '-o', 'json', '-f', '-'], manifests));
  return items ?? [only];
}

/** All of a kind, the oldest first. */
export async function list(namespace: string, kind: string, selector = ''): Promise<Fields[]> {
  const { items } = JSON.parse(await kubectl(`get ${kind} -o json -n ${namespace} -l`, selector));
  return items.sort((a: Fields, b: Fields) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp));
}

/** The chart in a namespace of its own. */
export async function install(
  name: (typeof VALUES_FILES)[number],
  overrides: object = {},
  rendering: Rendering = {},
): Promise<{ namespace: string; manifests: Manifest[] }> {
  const namespace = await makeNamespace();
  const manifests = await render(name, overrides, { namespace, kubeVersion, ...rendering });
  await apply(manifests);
  return { namespace, manifests };
}

/** Helm itself, as an operator calls it. @throws Error with what Helm said */
export async function upgradeByHelm(chart: string, values: string, namespace: string): Promise<void> {
  const options = ['--kubeconfig', TEST_KUBECONFIG, '--namespace', namespace, '--values', values];
  await promisify(execFile)(HELM, ['upgrade', '--install', RELEASE, chart, ...options]);
}

/** Repeats an expectation until it holds. @throws what it said at last */
export async function eventually<Found>(expectation: () => Promise<Found>): Promise<Found> {
  for (const endMs = Date.now() + EVENTUALLY_MS; ; await sleep(300)) {
    try {
      return await expectation();
    } catch (error) {
      if (Date.now() > endMs) throw error;
    }
  }
}

/** The hourly schedule whose last time was some minutes ago. */
export function minutesAgo(minutes: number): string {
  return `${new Date(Date.now() - minutes * MINUTE_MS).getUTCMinutes()} * * * *`;
}

/** As if a CronJob had last started two hours ago: what its schedule named since then was missed. */
export async function missStarts(namespace: string, component: string): Promise<void> {
  const status = { lastScheduleTime: new Date(Date.now() - 120 * MINUTE_MS).toISOString() };
  await patchStatus(namespace, `cronjob/proctoring-recordings-${component}`, status);
}

export async function patchStatus(namespace: string, object: string, status: object): Promise<void> {
  await kubectl(`patch ${object} -n ${namespace} --subresource=status --type=merge -p`, JSON.stringify({ status }));
}
