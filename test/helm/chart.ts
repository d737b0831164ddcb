// The chart as the real Helm renders it, for the tests of it. HELM names the binary; ci/chart brings one.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';

const CHART = new URL('../../helm', import.meta.url).pathname;
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
}

/** Everything that Helm renders of a values file, or of none, with `overrides`. @throws Error with what Helm says */
export async function render(
  name: (typeof VALUES_FILES)[number] | undefined,
  overrides: object = {},
  { kubeVersion = KUBE_VERSIONS[0], release = RELEASE, namespace = NAMESPACE, chart = CHART }: Rendering = {},
): Promise<Manifest[]> {
  const binary = process.env.HELM;
  if (!binary) throw new Error('HELM is not set; run ci/chart');
  const files = name === undefined ? [] : ['--values', `${chart}/ci/${name}.yaml`];
  const options = ['--namespace', namespace, '--kube-version', kubeVersion, ...files, '--values', '-'];
  const helm = promisify(execFile)(binary, ['template', release, chart, ...options]);
  // Not as YAML: Helm reads an older one, in which off is false.
  helm.child.stdin?.end(JSON.stringify(overrides));
  return parseAllDocuments((await helm).stdout).flatMap((document) => {
    // A duplicate key is an error too: Kubernetes would silently take one of the two.
    if (document.errors.length > 0) throw new Error(`${name}: ${document.errors.join('; ')}`);
    return (document.toJS() as Manifest | null) ?? [];
  });
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
