// The chart as the real Helm renders it, for the tests of it. HELM names the binary; ci/chart brings one.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parse, parseAllDocuments, stringify } from 'yaml';

const CHART = new URL('../../helm', import.meta.url).pathname;
export const RELEASE = 'proctoring-recordings';
export const NAMESPACE = 'exams';
/** The oldest Kubernetes that Chart.yaml takes, and one that is current. */
export const KUBE_VERSIONS = ['1.27.0', '1.36.0'];
/** helm/ci/{name}.yaml: what the chart is tried with. */
export const VALUES_FILES = ['minimal', 'shared-secret', 'existing-secret', 'role', 'everything'] as const;
export type ValuesFile = (typeof VALUES_FILES)[number];

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a shape of its own; schemas.test.ts holds them to it.
  readonly [field: string]: any;
}

const run = promisify(execFile);

/** Everything that Helm renders of a values file, or of none, with `overrides`. @throws Error with what Helm says */
export async function render(
  name: ValuesFile | undefined,
  overrides: object = {},
  kubeVersion = KUBE_VERSIONS[0] ?? '',
  release = RELEASE,
): Promise<Manifest[]> {
  const files = name === undefined ? [] : ['--values', `${CHART}/ci/${name}.yaml`];
  const rendered = await helm(
    ['template', release, CHART, '--namespace', NAMESPACE, '--kube-version', kubeVersion, ...files],
    overrides,
  );
  return parseAllDocuments(rendered).flatMap((document) => {
    // An error is a key given twice, too: Kubernetes would take one of them without a word.
    if (document.errors.length > 0) throw new Error(`${name}: ${document.errors.join('; ')}`);
    const manifest = document.toJS() as Manifest | null;
    return manifest ? [manifest] : [];
  });
}

/** What Helm says when it refuses. @throws Error when it does not */
export async function refusal(name: ValuesFile | undefined, overrides: object): Promise<string> {
  try {
    await render(name, overrides);
  } catch (error) {
    return (error as { stderr?: string }).stderr ?? String(error);
  }
  throw new Error('Helm took it');
}

/** The values that are given last win over those of files. */
async function helm(args: string[], overrides: object): Promise<string> {
  const binary = process.env.HELM;
  if (!binary) throw new Error('HELM is not set; run ci/chart');
  const running = run(binary, [...args, '--values', '-'], { maxBuffer: 16 * 1024 * 1024 });
  running.child.stdin?.end(stringify(overrides));
  return (await running).stdout;
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

export interface Pod {
  readonly component: string;
  // biome-ignore lint/suspicious/noExplicitAny: see Manifest.
  readonly spec: any;
  readonly labels: Readonly<Record<string, string>>;
}

/** The pods that the manifests lead to. */
export function podsOf(manifests: readonly Manifest[]): Pod[] {
  return manifests.flatMap((manifest) => {
    const template =
      manifest.kind === 'Pod'
        ? { metadata: manifest.metadata, spec: manifest.spec }
        : (manifest.spec?.jobTemplate?.spec?.template ?? manifest.spec?.template);
    if (!template) return [];
    const { labels } = template.metadata;
    return [{ component: labels['app.kubernetes.io/component'], spec: template.spec, labels }];
  });
}

export async function chartFile(path: string): Promise<string> {
  return readFile(`${CHART}/${path}`, 'utf8');
}

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema, or values.
export async function chartYaml(path: string): Promise<any> {
  return parse(await chartFile(path));
}
