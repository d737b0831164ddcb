// What people read after an installation: it names what is missing, and leaves out what does not concern them.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { CHART, chartFile, only, render, type VALUES_FILES } from './chart.ts';
import { serveKubernetes } from './kubernetes.ts';

/** `helm template` leaves the notes out, and `helm install` wants a cluster: here they are in a ConfigMap of a copy. */
const chart = await mkdtemp(join(tmpdir(), 'chart-with-notes-'));
afterAll(() => rm(chart, { recursive: true }));
await cp(CHART, chart, { recursive: true });
const notes = await chartFile('templates/NOTES.txt');
await writeFile(join(chart, 'templates/_notes.tpl'), `{{ define "notes" }}${notes}{{ end }}`);
const metadata = '{ name: notes, namespace: exams }';
const manifest = `apiVersion: v1\nkind: ConfigMap\nmetadata: ${metadata}\ndata: { notes: {{ include "notes" . | toJson }} }\n`;
await writeFile(join(chart, 'templates/notes.yaml'), manifest);

async function notesOf(name: (typeof VALUES_FILES)[number], overrides: object = {}, apiServer = ''): Promise<string> {
  return only(await render(name, overrides, { chart, apiServer }), 'ConfigMap', 'notes').data.notes;
}

const WATCHED = { prometheusRule: { enabled: true } };
const INGRESS = { enabled: true, hosts: ['a.example', 'b.example'], tls: [{ secretName: 'tls' }] };

const warningsIn = (notes: string) => notes.match(/WARNING: .*/g) ?? [];

test('what is well set up has no warning, but for Secrets that the cluster does not have yet', async () => {
  const notes = await notesOf('everything', { secrets: null, existingSecret: 'ours' });
  const missing = ['Secret ours', 'Secret our-webhooks', 'Secret our-signing-keys', 'ConfigMap our-authorities'];
  expect(warningsIn(notes)).toEqual(
    missing.map((name) => expect.stringContaining(`The ${name} was not found in the namespace exams.`)),
  );
  expect(notes).toContain('Pods do not start until it exists with\n  S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY.\n');
});

test('a Secret that the cluster has is not warned of', async () => {
  const values = { existingSecret: 'ours', storeKeyFromRole: false };
  const data = { S3_ACCESS_KEY_ID: btoa('id'), S3_SECRET_ACCESS_KEY: btoa('key') };
  const withIt = await notesOf('role', values, await serveKubernetes({ 'secrets/ours': data }));
  const without = await notesOf('role', values, await serveKubernetes());
  expect([withIt, without].map((text) => text.includes('The Secret ours was not found'))).toEqual([false, true]);
});

test.each<[string, object, RegExp]>([
  ['no alerts', {}, /nobody is notified when deletion fails/],
  ['no policy', { ...WATCHED, networkPolicy: { enabled: false } }, /networkPolicy\.enabled is false/],
  ['a load balancer', { ...WATCHED, service: { type: 'LoadBalancer' } }, /service\.type is LoadBalancer/],
  [
    'TLS that ends elsewhere',
    { ...WATCHED, ingress: { ...INGRESS, tls: [], tlsEndsElsewhere: true } },
    /ingress\.tlsEndsElsewhere is true/,
  ],
])('%s is warned of, and nothing else', async (_what, values, warning) => {
  expect(warningsIn(await notesOf('role', { ...WATCHED, ingress: INGRESS }))).toEqual([]);
  expect(warningsIn(await notesOf('role', values))).toEqual([expect.stringMatching(warning)]);
});

test('the addresses are those of the Ingress, and it is said that the reference is public, where it is', async () => {
  const notes = await notesOf('minimal', { ingress: INGRESS });
  expect(notes).toContain('https://a.example/v1, https://b.example/v1\n');
  expect(notes).toMatch(/API reference, public: +https:\/\/a\.example\/docs, .*set ingress\.paths to \[\/v1\]\)/);
  expect(await notesOf('minimal', { ingress: { ...INGRESS, paths: ['/v1'] } })).not.toContain('/docs');
  expect(await notesOf('minimal')).not.toContain('https://');
});

test('secrets in the values are warned of, and not shown', async () => {
  const notes = await notesOf('minimal');
  expect(notes).toContain('WARNING: The secrets are part of the release');
  expect(notes).not.toContain('the-secret-of-the-key');
});
