// The pages for operators: each file of values renders, and Helm and kubectl have the commands and options that pages name.
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import pMap from 'p-map';
import { parse } from 'yaml';
import { blocksOf, linesOf, PAGES, read } from '../docs/blocks.ts';
import { type Fields, only, RELEASE, render } from './chart.ts';

const { HELM = '' } = process.env;

async function values(page: string): Promise<Fields> {
  const [found = '', ...others] = await blocksOf(page, 'yaml');
  expect(others).toEqual([]);
  return parse(found);
}

test.each(['docs/operations.md', 'helm/README.md'])('the values of %s render as they are', async (page) => {
  const { settings, image, ingress } = await values(page);
  const manifests = await render(undefined, await values(page));
  expect(only(manifests, 'ConfigMap', RELEASE).data).toMatchObject({ S3_BUCKET: settings.S3_BUCKET });
  expect(only(manifests, 'Deployment').spec.template.spec.containers[0].image).toContain(`${image.repository}:`);
  expect(only(manifests, 'Ingress').spec.rules.map(({ host }: Fields) => host)).toEqual(ingress.hosts);
});

test('the annotations for ingress-nginx reach the Ingress, and let through what the service takes', async () => {
  const { ingress } = await values('docs/running.md');
  const hosts = { enabled: true, hosts: ['recordings.example'], tls: [{ secretName: 'tls' }] };
  const { metadata } = only(await render('minimal', { ingress: { ...hosts, ...ingress } }), 'Ingress');
  expect(metadata.annotations).toMatchObject(ingress.annotations);
  const [, mebibytes] = /^(\d+)m$/.exec(metadata.annotations['nginx.ingress.kubernetes.io/proxy-body-size']) ?? [];
  expect(Number(mebibytes) * 2 ** 20).toBeGreaterThanOrEqual(100_000_000);
});

/** Every call of Helm and kubectl in the blocks and in the text of a page. */
async function callsIn(page: string): Promise<string[]> {
  const text = await read(page);
  const blocks = (await blocksOf(page, 'sh')).flatMap(linesOf);
  const inText = [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  return [...blocks, ...inText]
    .flatMap((line) => line.split(/ (?:\||&&) /))
    .filter((line) => /^(helm|kubectl) [a-z]/.test(line));
}

/** The words of a program's help that a call does not find there. */
async function unknownIn(call: string): Promise<string[]> {
  const [program = '', ...words] = call.split(' ');
  const binary = program === 'helm' ? HELM : join(dirname(HELM), 'kubectl');
  const help = async (...args: string[]) => (await promisify(execFile)(binary, args)).stdout;
  const first = words.findIndex((word) => !/^[a-z]+$/.test(word));
  const commands = words.slice(0, first === -1 ? words.length : first);
  const isGroup = program === 'kubectl' && commands[0] === 'create';
  const named = commands.slice(0, isGroup ? (commands[1] === 'secret' ? 3 : 2) : 1);
  const usage = await help(...named, '--help');
  const all = program === 'kubectl' ? usage + (await help('options')) : usage;
  const options = words.flatMap((word) => /^(--[a-z][\w-]*)/.exec(word)?.[1] ?? []);
  const isKnown = usage.includes(`Usage:\n  ${program} ${named.join(' ')} `);
  return [...(isKnown ? [] : named), ...options.filter((option) => !new RegExp(`${option}\\b`).test(all))];
}

test.each(['helm upgrade --instal x helm', 'kubectl create secret generic x --from-literals=a=b', 'helm pusch x'])(
  '"%s" is found to be wrong',
  async (call) => {
    expect(await unknownIn(call).catch(() => ['refused'])).not.toEqual([]);
  },
);

test('Helm and kubectl have every command, and every option, that a page names', async () => {
  const calls = (await pMap(PAGES, callsIn)).flat();
  expect(calls.length).toBeGreaterThan(20);
  const wrong = await pMap(calls, async (call) => ((await unknownIn(call)).length > 0 ? [call] : []), {
    concurrency: 2,
  });
  expect(wrong.flat()).toEqual([]);
});
