// The chart as the real Helm renders it, for the tests of it. HELM names the binary; ci/chart brings one.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';

/** Its folder. */
export const CHART = new URL('../../helm', import.meta.url).pathname;
export const RELEASE = 'proctoring-recordings';
export const NAMESPACE = 'exams';
/** The oldest Kubernetes that Chart.yaml takes, and one that is current. */
export const KUBE_VERSIONS = ['1.27.0', '1.36.0'] as const;
/** helm/ci/{name}.yaml: what the chart is tried with. */
export const VALUES_FILES = [
  'minimal',
  'shared-secret',
  'existing-secret',
  'role',
  'digitalocean',
  'everything',
] as const;

/** What YAML holds, unchecked: each kind has a shape of its own, and schemas.test.ts holds manifests to it. */
export type Fields = ReturnType<typeof parse>;

export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly [field: string]: Fields };
  readonly [field: string]: Fields;
}

export interface Rendering {
  readonly kubeVersion?: string;
  readonly release?: string;
  readonly namespace?: string;
  /** Its folder. Default: the one of this working tree. */
  readonly chart?: string;
  /** The address of a Kubernetes API that the chart may ask. Default: none, it asks nothing. */
  readonly apiServer?: string;
}

/** Everything that Helm renders of a values file, or of none, with `overrides`. @throws Error with what Helm says */
export async function render(
  name: (typeof VALUES_FILES)[number] | undefined,
  overrides: object = {},
  {
    kubeVersion = KUBE_VERSIONS[0],
    release = RELEASE,
    namespace = NAMESPACE,
    chart = CHART,
    apiServer = '',
  }: Rendering = {},
): Promise<Manifest[]> {
  const cluster =
    apiServer === '' ? [] : ['--dry-run=server', '--disable-openapi-validation', '--kube-apiserver', apiServer];
  const options = ['--namespace', namespace, '--kube-version', kubeVersion, ...cluster];
  const stdout = await helm(['template', release, chart, ...options], chart, name, overrides);
  return parseAllDocuments(stdout).flatMap((document) => {
    // A duplicate key is an error too: Kubernetes would silently take one of the two.
    if (document.errors.length > 0) throw new Error(`${name}: ${document.errors.join('; ')}`);
    return (document.toJS() as Manifest | null) ?? [];
  });
}

async function helm(args: string[], chart: string, name: string | undefined, overrides: object): Promise<string> {
  const binary = process.env.HELM;
  if (!binary) throw new Error('HELM is not set; run ci/chart');
  const files = name === undefined ? [] : ['--values', `${chart}/ci/${name}.yaml`];
  // Without the clusters of whoever runs the tests.
  const env = { ...process.env, KUBECONFIG: '/dev/null' };
  const ended = promisify(execFile)(binary, [...args, ...files, '--values', '-'], { env });
  // Not as YAML: Helm reads an older one, in which off is false.
  ended.child.stdin?.end(JSON.stringify(overrides));
  return (await ended).stdout;
}

/** What Helm prints when it refuses values; empty when it takes them. */
export async function refusalOf(...given: Parameters<typeof render>): Promise<string> {
  return render(...given).then(
    () => '',
    ({ stderr }: { stderr: string }) => stderr,
  );
}

/** @throws Error when there is none, or more than one */
export function only(manifests: readonly Manifest[], kind: string, nameEnd = ''): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind && manifest.metadata.name.endsWith(nameEnd));
  const [manifest] = found;
  if (!manifest || found.length > 1) throw new Error(`${found.length} of ${kind} …${nameEnd}`);
  return manifest;
}

export function kindsOf(manifests: readonly Manifest[]): string[] {
  return [...new Set(manifests.map(({ kind }) => kind))].sort();
}

export async function chartFile(path: string): Promise<string> {
  return readFile(`${CHART}/${path}`, 'utf8');
}

export async function chartYaml(path: string): Promise<Fields> {
  return parse(await chartFile(path));
}
