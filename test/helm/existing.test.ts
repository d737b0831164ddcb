// What the chart asks a cluster about Secrets and ConfigMaps of the operator's, and what it says of them.
import { expect, test } from '@jest/globals';
import { refusalOf, render } from './chart.ts';
import { serveKubernetes } from './kubernetes.ts';

const VALUE = btoa('hunter2');
const withKeys = (...names: string[]) => Object.fromEntries(names.map((name) => [name, VALUE]));
const OTHERS = { webhooksSecret: 'hooks', signingKeysSecret: 'signing', caConfigMap: 'authorities' };
const SECRET = ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY', 'AUTH_SHARED_SECRET'];

test.each<[string, Record<string, object>, RegExp]>([
  [
    'a misspelled key',
    { 'secrets/our-secret': withKeys('S3_ACCES_KEY_ID', 'S3_SECRET_ACCESS_KEY', 'AUTH_SHARED_SECRET') },
    /^existingSecret: the Secret our-secret in the namespace exams has no S3_ACCESS_KEY_ID; its keys are: AUTH_SHARED_SECRET, S3_ACCES_KEY_ID, S3_SECRET_ACCESS_KEY$/m,
  ],
  [
    'an empty one',
    { 'secrets/our-secret': { ...withKeys(...SECRET), S3_ACCESS_KEY_ID: '' } },
    /has no S3_ACCESS_KEY_ID;/,
  ],
  ['no data', { 'secrets/our-secret': {} }, /has no S3_SECRET_ACCESS_KEY; its keys are: none$/m],
  [
    'an upload key that would not be used',
    { 'secrets/our-secret': withKeys(...SECRET, 'S3_UPLOAD_ACCESS_KEY_ID', 'S3_UPLOAD_SECRET_ACCESS_KEY') },
    /has S3_UPLOAD_ACCESS_KEY_ID, which existingSecretKeys does not list/,
  ],
  [
    'webhooks by another name',
    { 'secrets/hooks': withKeys('hooks.json') },
    /^webhooksSecret: .* has no webhooks\.json;/m,
  ],
  [
    'no signing keys',
    { 'secrets/signing': withKeys('keys.json') },
    /^signingKeysSecret: .* has no signing-keys\.json;/m,
  ],
  [
    'no authorities',
    { 'configmaps/authorities': { 'tls.crt': 'x' } },
    /^caConfigMap: the ConfigMap .* has no ca\.crt;/m,
  ],
])('%s is refused by a line that names it', async (_what, held, line) => {
  const apiServer = await serveKubernetes(held);
  const said = await refusalOf('existing-secret', { ...OTHERS, existingSecretKeys: SECRET }, { apiServer });
  expect(said).toMatch(line);
  expect(said).not.toMatch(new RegExp(`hunter2|${VALUE}`));
});

test('a Secret that has all is taken, and so is one that is not there yet', async () => {
  const values = { ...OTHERS, existingSecretKeys: SECRET };
  for (const held of [{}, { 'secrets/our-secret': withKeys(...SECRET, 'something-else') }]) {
    const apiServer = await serveKubernetes(held);
    await expect(render('existing-secret', values, { apiServer })).resolves.not.toEqual([]);
  }
});
