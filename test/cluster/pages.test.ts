// The commands of the pages for operators, pasted into a shell with Helm, kubectl and a Kubernetes server.
import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { blocksOf, paste, ROOT, read } from '../docs/blocks.ts';
import { RELEASE } from '../helm/chart.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { apply, list } from './cluster.ts';
import { LOG_LINE, startNode } from './node.ts';

const { HELM = '', KUBECTL = '', TEST_KUBECONFIG = '' } = process.env;
const OPERATIONS = 'docs/operations.md';
const TUTORIAL = 'docs/tutorial-digitalocean.md';
const CHART = 'helm/README.md';

/** They need an account, or Docker: each call is written down, and `doctl` prints the Secret of the registry, as it would. */
const STAND_INS: Readonly<Record<string, string>> = {
  docker: '',
  aws: '',
  doctl: `[ "$2" != kubernetes-manifest ] || cat <<SECRET
apiVersion: v1
kind: Secret
metadata: { namespace: "$4", name: "$6" }
type: kubernetes.io/dockerconfigjson
data: { .dockerconfigjson: ${btoa('{"auths":{}}')} }
SECRET`,
};

/** A clone, as far as the commands see it, with the values of a page in the file that its first line names. */
async function makeClone(
  page: string,
): Promise<{ clone: string; env: NodeJS.ProcessEnv; calls: () => Promise<string[]> }> {
  const clone = await mkdtemp(join(tmpdir(), 'test-pages-'));
  afterThisTest(() => rm(clone, { recursive: true }));
  for (const name of ['package.json', 'node_modules', 'src']) await symlink(join(ROOT, name), join(clone, name));
  await cp(join(ROOT, 'helm'), join(clone, 'helm'), { recursive: true });
  for (const values of await blocksOf(page, 'yaml')) {
    const [, file] = /^# ([\w-]+\.yaml)\n/.exec(values) ?? [];
    if (file) await writeFile(join(clone, file), values);
  }
  await mkdir(join(clone, 'stand-ins'));
  for (const [name, lines] of Object.entries(STAND_INS)) {
    const path = join(clone, 'stand-ins', name);
    await writeFile(path, `#!/bin/sh\necho "${name} $*" >>'${clone}/calls'\n${lines}\n`);
    await chmod(path, 0o755);
  }
  const path = [join(clone, 'stand-ins'), dirname(resolve(HELM)), dirname(resolve(KUBECTL)), process.env.PATH].join(
    ':',
  );
  const env = { PATH: path, HOME: clone, KUBECONFIG: TEST_KUBECONFIG, npm_config_update_notifier: 'false' };
  const calls = async () => (await readFile(join(clone, 'calls'), 'utf8')).trimEnd().split('\n');
  return { clone, env, calls };
}

/** The blocks of a page in a namespace of their own, in which a node takes all pods. */
async function startPage(page: string): Promise<{ namespace: string; blocks: readonly string[] }> {
  const namespace = `page-${randomBytes(4).toString('hex')}`;
  afterThisTest(await startNode(namespace));
  const blocks = await blocksOf(page, 'sh');
  return { namespace, blocks: blocks.map((block) => block.replaceAll(/(?<=namespace )exams\b/g, namespace)) };
}

test('the page on operations installs, tests, upgrades, rolls back and restarts', async () => {
  const { clone, env } = await makeClone(OPERATIONS);
  const { namespace, blocks } = await startPage(OPERATIONS);
  const commands = blocks.filter((block) => block.startsWith('helm '));
  expect(commands).toHaveLength(4);
  const printed = await paste(commands, env, clone);
  expect(printed.split(LOG_LINE)).toHaveLength(3);
  expect(printed).toContain('Rollback was a success');
  const status = await paste([`helm status ${RELEASE} --namespace ${namespace} --output json`], env, clone);
  expect(JSON.parse(status)).toMatchObject({ version: 4, info: { status: 'deployed' } });
  const [deployment] = await list(namespace, 'deployments');
  expect(deployment.spec.template.metadata.annotations.rotated).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect(deployment.status.readyReplicas).toBe(deployment.spec.replicas);
});

test('the page of the chart builds the image that its values name, makes the Secret, installs and tests', async () => {
  const { clone, env, calls } = await makeClone(CHART);
  const { namespace, blocks } = await startPage(CHART);
  const printed = await paste(blocks, env, clone);
  expect(printed).toContain(LOG_LINE);
  const { version } = JSON.parse(await read('package.json'));
  const [deployment] = await list(namespace, 'deployments');
  const [{ image }] = deployment.spec.template.spec.containers;
  expect(image).toBe(`registry.example/proctoring-recordings:${version}`);
  expect(await calls()).toEqual([`docker build --tag ${image} .`, `docker push ${image}`]);
  expect(printed).not.toContain('WARNING: The Secret');
});

test("cert-manager's types take the issuer of the walk-through", async () => {
  const [issuer = ''] = await blocksOf(TUTORIAL, 'yaml');
  await apply([parse(issuer)]);
  const misspelled = parse(issuer.replace('privateKeySecretRef', 'privateKeySecret'));
  await expect(apply([misspelled])).rejects.toMatchObject({ stderr: expect.stringContaining('privateKeySecret') });
});

test('the walk-through for DigitalOcean makes its Secrets, installs, tests, and runs both jobs', async () => {
  const { clone, env, calls } = await makeClone(TUTORIAL);
  const given = { REGISTRY: 'registry.example/acme', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };
  const { namespace, blocks } = await startPage(TUTORIAL);
  const printed = await paste(blocks, { ...env, ...given }, clone);
  expect(printed.split(LOG_LINE)).toHaveLength(3);
  expect(printed).not.toContain('was not found in the namespace');
  const secrets = (await list(namespace, 'secrets')).map(({ metadata }) => metadata.name);
  expect(secrets).toEqual(expect.arrayContaining(['registry', 'spaces', 'recordings-signing']));
  const [deployment] = await list(namespace, 'deployments');
  const [{ image }] = deployment.spec.template.spec.containers;
  expect(await calls()).toContain(`docker push ${image}`);
  const jobs = await list(namespace, 'jobs');
  expect(new Set(jobs.map(({ metadata }) => metadata.name))).toEqual(new Set(['first-sweep', 'first-verify']));
});
