// `doctor` and the self-test of `serve` as an operator meets them: exit codes, what they write, and when `serve` is ready.
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { freePort } from '../../demo/free-port.ts';
import type { DoctorReport } from '../../src/doctor/report.ts';
import type { S3Credentials, S3Settings } from '../../src/objectstore/s3/client.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { until } from '../kit/until.ts';
import { openTestStore } from '../objectstore/stores.ts';
import { type Installation, install } from '../runtime/process.ts';
import { find, type Holes, startHoledStore } from './support.ts';

let installation: Installation;
let holed: Awaited<ReturnType<typeof startHoledStore>>;

async function installOn(settings: Record<string, string> = {}): Promise<void> {
  const installed = await install(settings);
  afterThisTest(() => installed.remove());
  installation = installed;
}

async function installOnHoled(holes: Holes): Promise<S3Settings> {
  const testStore = await openTestStore();
  afterThisTest(() => testStore.close());
  holed = await startHoledStore(testStore, holes);
  const { region, bucket, credentials, uploadCredentials } = testStore.settings;
  const place = { S3_ENDPOINT: holed.endpoint, S3_REGION: region, S3_BUCKET: bucket, S3_FORCE_PATH_STYLE: 'true' };
  await installOn({ ...place, ...keysOf('S3', credentials), ...keysOf('S3_UPLOAD', uploadCredentials) });
  return testStore.settings;
}

function keysOf(name: string, keys: S3Credentials | undefined): Record<string, string> {
  if (!keys) return {};
  return { [`${name}_ACCESS_KEY_ID`]: keys.accessKeyId, [`${name}_SECRET_ACCESS_KEY`]: keys.secretAccessKey };
}

/** The reason that /readyz gives, once it matches what is expected. */
async function readiness(awaited: string): Promise<string> {
  let reason = '';
  await until(async () => {
    const answer = await fetch(`${installation.url}/readyz`).catch(() => undefined);
    reason = (((await answer?.json()) ?? {}) as { reason?: string }).reason ?? '';
    return reason.includes(awaited);
  });
  return reason;
}

test('doctor refuses a folder without a store, and finds a store fit while no service runs on it', async () => {
  await installOn({ CORS_ORIGINS: 'https://exams.example' });
  const refused = await installation.run('doctor');
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('DATA_DIR: there is no store in ') });
  expect(await readdir(installation.dataDir)).toEqual([]);
  expect(await (await installation.start()).stop('SIGTERM')).toBe(0);
  const { code, stdout } = await installation.run('doctor', '--fix');
  expect(stdout).toContain('is fit: 0 failed');
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    'Every origin of CORS_ORIGINS may upload and play, because the embedded store follows CORS_ORIGINS of serve.',
  );
  expect(stdout).toMatch(/✓ {2}part URL \+ x-amz-copy-source /);
  expect(code).toBe(0);
});

test('on a store with holes doctor exits with 1 and prints no secret, and serve is not ready, says why and hands nothing out, unless UPLOADS is proxy and it can delete', async () => {
  const settings = await installOnHoled({ honours: ['x-amz-copy-source', 'x-amz-tagging'] });
  const { code, stdout, stderr } = await installation.run('doctor', '--json');
  const report = JSON.parse(stdout) as DoctorReport;
  expect({ code, fit: report.fit }).toEqual({ code: 1, fit: false });
  expect(find(report.checks, 'copy-source-with-body')).toMatchObject({ status: 'failed', outcome: 'succeeded' });
  const serve = installation.launch();
  expect(await readiness('abused')).toBe(
    'a presigned URL can be abused: copy-source-with-body, copy-source-without-body, tagging; set UPLOADS=proxy',
  );
  expect(serve.output()).toContain('a presigned URL can be abused');
  await expect(installation.create()).rejects.toThrow('store-not-proven');
  expect(await serve.stop('SIGTERM')).toBe(0);
  const secrets = [settings.credentials, settings.uploadCredentials].flatMap((keys) => keys?.secretAccessKey ?? []);
  for (const secret of [...secrets, 'X-Amz-']) expect(stdout + stderr + serve.output()).not.toContain(secret);
  installation.env.UPLOADS = 'proxy';
  expect(await (await installation.start()).stop('SIGTERM')).toBe(0);
  holed.holes = { cannotAbort: true };
  const unfit = installation.launch();
  expect(await readiness('lacks')).toBe('the store lacks a required feature: AbortMultipartUpload (NotImplemented)');
  await expect(installation.create()).rejects.toThrow('AbortMultipartUpload');
  expect(unfit.output()).toContain('temporary objects of the self-test could not be removed');
  expect(await unfit.stop('SIGTERM')).toBe(0);
});

test('while the store is down doctor exits with 2, because nothing is known of the bucket, and serve waits; it ends when it finds that the store locks objects', async () => {
  await installOnHoled({ status: 503 });
  const closedEndpoint = `http://127.0.0.1:${await freePort()}`;
  for (const [endpoint, cause] of [
    [closedEndpoint, 'ECONNREFUSED'],
    [holed.endpoint, ''],
  ] as const) {
    installation.env.S3_ENDPOINT = endpoint;
    const { code, stdout } = await installation.run('doctor');
    expect(code).toBe(2);
    expect(stdout.replace(/\s+/g, ' ')).toContain(`No usable response from ${new URL(endpoint).host} (${cause}`);
    expect(stdout).not.toMatch(/Skipped|What this store does/);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('It could not be determined whether the bucket is fit.');
  }
  expect(await installation.run('doctor', '--repair')).toMatchObject({ code: 2, stdout: '' });
  const waiting = installation.launch();
  const closed = once(waiting.process, 'close');
  await readiness('does not respond');
  expect(waiting.output()).toContain('the self-test is waiting for the store');
  holed.holes = { locks: true };
  expect(await closed).toEqual([1, null]);
  expect(waiting.output()).toContain('COMPLIANCE, 90 days');
  const { code, all } = await installation.run('serve');
  expect(code).toBe(1);
  expect(all.trim().split('\n')).toEqual([
    expect.stringContaining('receipts-unsigned'),
    expect.stringContaining('COMPLIANCE, 90 days'),
  ]);
});
