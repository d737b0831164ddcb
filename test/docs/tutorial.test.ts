// The walk-through for DigitalOcean, as far as it goes without it: the doctor and the service with the page's settings on a store
// with one key, and every call of the API. test/helm/tutorial.test.ts has what needs Helm.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startEmbeddedS3 } from '@proctoring-recordings/embedded-s3';
import { SCOPES } from '../http/calls.ts';
import { type Installation, install } from '../runtime/process.ts';
import { blocksOf, paste, ROOT } from './blocks.ts';

const PAGE = 'docs/tutorial-digitalocean.md';
const KEY = { accessKeyId: 'a-key-of-the-bucket', secretAccessKey: 'the-secret-of-that-key' };

const opened = new AsyncDisposableStack();
let installation: Installation;
/** A clone, as far as the commands see it. */
let clone: string;

beforeAll(async () => {
  const [file = ''] = await blocksOf(PAGE, 'ini');
  const settings: Record<string, string> = Object.fromEntries(
    file
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s)),
  );
  expect(settings).toMatchObject({ S3_ACCESS_KEY_ID: '…', S3_SECRET_ACCESS_KEY: '…', S3_REGION: 'ams3' });
  installation = await install();
  opened.defer(() => installation.remove());
  const store = await startEmbeddedS3({
    dataDir: join(installation.dataDir, 'spaces'),
    bucket: settings.S3_BUCKET ?? '',
    region: settings.S3_REGION ?? '',
    credentials: [KEY],
  });
  opened.defer(() => store.close());
  const known = {
    S3_ENDPOINT: store.endpoint,
    S3_ACCESS_KEY_ID: KEY.accessKeyId,
    S3_SECRET_ACCESS_KEY: KEY.secretAccessKey,
  };
  Object.assign(settings, known);
  Object.assign(installation.env, settings);
  clone = join(installation.dataDir, 'clone');
  await mkdir(clone);
  for (const name of ['package.json', 'node_modules', 'src', 'demo'])
    await symlink(join(ROOT, name), join(clone, name));
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(clone, 'recordings.env'), lines.join(''));
  await installation.start();
});
afterAll(() => opened.disposeAsync());

test('the commands lead from a fit bucket to a played recording and its receipt', async () => {
  const blocks = await blocksOf(PAGE, 'sh run');
  expect(blocks).toHaveLength(4);
  const commands = blocks.map((block) => block.replaceAll('https://recordings.example', installation.url));
  const env = { PATH: process.env.PATH, TOKEN: await installation.token(SCOPES.join(' ')) };
  const printed = await paste(commands, env, clone);
  expect(printed).toContain('The bucket is fit: 0 failed');
  expect(printed).toContain('"state":"stored"');
  expect(printed).toMatch(/^http\S+X-Amz-Signature=\S+\nidentical$/m);
  expect(printed).toMatch(/"deleteBy":"[^"]+"/);
  expect(printed).toMatch(/"reason":"erasure"/);
});
