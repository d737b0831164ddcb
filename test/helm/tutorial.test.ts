// The walk-through for DigitalOcean: its values render, what it names is there, and kubectl takes the commands for Secrets.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { blocksOf, paste, read } from '../docs/blocks.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { type Fields, only, render } from './chart.ts';

const PAGE = 'docs/tutorial-digitalocean.md';

async function values(): Promise<Fields> {
  const [, found = ''] = await blocksOf(PAGE, 'yaml');
  return parse(found);
}

test('the values are those of helm/ci/digitalocean.yaml with what a site adds, and render', async () => {
  const of = await values();
  const least = parse(await read('helm/ci/digitalocean.yaml'));
  expect(Object.keys(of.settings)).toEqual(expect.arrayContaining(Object.keys(least.settings)));
  const manifests = await render(undefined, of);
  const { data } = only(manifests, 'ConfigMap', '') ?? {};
  expect(data).toMatchObject({ S3_ENDPOINT: 'https://ams3.digitaloceanspaces.com', S3_BUCKET: 'acme-recordings' });
  const { spec } = only(manifests, 'Ingress');
  expect(spec).toMatchObject({ ingressClassName: 'traefik', tls: [{ secretName: 'recordings-tls' }] });
  const text = await read(PAGE);
  const jobs = manifests.filter(({ kind }) => kind === 'CronJob').map(({ metadata }) => metadata.name);
  expect(jobs).toHaveLength(2);
  for (const job of jobs) expect(text).toContain(`cronjob/${job} `);
});

test('the issuer of certificates has the class of the ingress, and the name that it asks for', async () => {
  const [issuer = ''] = await blocksOf(PAGE, 'yaml');
  const { ingress } = await values();
  const { metadata, spec } = parse(issuer);
  expect(ingress.annotations['cert-manager.io/cluster-issuer']).toBe(metadata.name);
  expect(spec.acme.solvers).toEqual([{ http01: { ingress: { ingressClassName: ingress.className } } }]);
});

test('kubectl makes the Secrets that the values name, with the keys that the service reads', async () => {
  const [commands = ''] = (await blocksOf(PAGE, 'sh')).filter((block) => block.includes('create secret'));
  const lines = commands.split('\n').filter((line) => line.startsWith('kubectl create secret'));
  const folder = await mkdtemp(join(tmpdir(), 'test-tutorial-'));
  afterThisTest(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'signing-keys.json'), '{"keys": []}');
  const path = `${dirname(process.env.HELM ?? '')}:${process.env.PATH}`;
  const env = { PATH: path, S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };
  const { existingSecret, signingKeysSecret } = await values();
  const made = [];
  for (const line of lines) made.push(parse(await paste([`${line} --dry-run=client --output yaml`], env, folder)));
  expect(made.map(({ metadata, data }) => [metadata.name, Object.keys(data).sort()])).toEqual([
    [existingSecret, ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY']],
    [signingKeysSecret, ['signing-keys.json']],
  ]);
});
