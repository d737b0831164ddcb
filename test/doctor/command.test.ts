// `doctor` and the self-test of `serve` as an operator meets them: exit codes, what they write, and when `serve` is ready.
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { afterEach, expect, test } from '@jest/globals';
import type { DoctorReport } from '../../src/doctor/doctor.ts';
import { type Installation, install, pause } from '../commands/process.ts';
import { openTestStore, type RealStore } from '../storage/stores.ts';
import { find, type HoledStore, type Holes, startHoledStore, storeSettings } from './support.ts';

let testStore: RealStore | undefined;
let holed: HoledStore;
let installation: Installation;

afterEach(async () => {
  await installation.remove();
  if (testStore) await holed.close();
  await testStore?.close();
  testStore = undefined;
});

async function installOnHoled(holes: Holes, settings: Record<string, string> = {}): Promise<RealStore> {
  testStore = await openTestStore();
  holed = await startHoledStore(testStore, holes);
  installation = await install({ ...storeSettings(testStore, holed.endpoint), ...settings });
  return testStore;
}

/** What /readyz says when it says what is awaited. */
async function readiness(
  isAwaited: (answer: { ready: boolean; reason?: string }) => boolean,
): Promise<string | undefined> {
  for (;;) {
    const answer = await fetch(`${installation.url}/readyz`).catch(() => undefined);
    const body = (await answer?.json()) as { ready: boolean; reason?: string } | undefined;
    if (body && isAwaited(body)) return body.reason;
    await pause();
  }
}

test('doctor refuses a folder without a store, and finds the store fit that nobody serves at the moment', async () => {
  installation = await install();
  const refused = await installation.run('doctor');
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no store in DATA_DIR') });
  expect(await readdir(installation.dataDir)).toEqual([]);
  expect(await (await installation.start()).stop('SIGTERM')).toBe(0);
  const { code, stdout } = await installation.run('doctor');
  expect(stdout).toContain('is fit: 0 failed');
  expect(stdout).toMatch(/✓ {2}part URL \+ x-amz-copy-source /);
  expect(code).toBe(0);
});

test('on a store with holes doctor exits with 1 and tells no secret, and serve is not ready and says why', async () => {
  const { settings } = await installOnHoled({ copiesUnsigned: true, tagsUnsigned: true });
  const { code, stdout, stderr } = await installation.run('doctor', '--json');
  const report = JSON.parse(stdout) as DoctorReport;
  expect({ code, fit: report.fit }).toEqual({ code: 1, fit: false });
  expect(find(report.checks, 'copy-source-with-body')).toMatchObject({ status: 'failed', outcome: 'succeeded' });
  const serve = installation.launch();
  expect(await readiness(({ reason }) => reason?.includes('abused') === true)).toBe(
    'a presigned URL can be abused: copy-source-with-body, copy-source-without-body, tagging; set UPLOADS=proxy',
  );
  expect(serve.output()).toContain('a presigned URL can be abused');
  expect(await serve.stop('SIGTERM')).toBe(0);
  const secrets = [settings.credentials, settings.uploadCredentials].flatMap((keys) => keys?.secretAccessKey ?? []);
  for (const secret of [...secrets, 'X-Amz-']) expect(stdout + stderr + serve.output()).not.toContain(secret);
});

test('serve is ready on a store with holes when uploads pass through it', async () => {
  await installOnHoled({ copiesUnsigned: true }, { UPLOADS: 'proxy' });
  const serve = await installation.start();
  expect(await serve.stop('SIGTERM')).toBe(0);
});

test('serve refuses to start on a bucket that locks objects, with one clear line', async () => {
  await installOnHoled({ locks: true });
  const serve = installation.launch();
  expect(await once(serve.process, 'close')).toEqual([1, null]);
  expect(serve.output().trim().split('\n')).toHaveLength(1);
  expect(serve.output()).toContain('COMPLIANCE, 90 days');
});

test('while the store is down doctor exits with 1, and serve waits, and stops when it turns out to lock objects', async () => {
  await installOnHoled({ status: 503 });
  expect(await installation.run('doctor')).toMatchObject({ code: 1, stdout: expect.stringContaining('is NOT fit') });
  expect(await installation.run('doctor', '--repair')).toMatchObject({ code: 2, stdout: '' });
  const serve = installation.launch();
  const closed = once(serve.process, 'close');
  await readiness(({ reason }) => reason?.includes('does not answer') === true);
  expect(serve.output()).toContain('the self-test waits for the store');
  holed.holes = { locks: true };
  expect(await closed).toEqual([1, null]);
  expect(serve.output()).toContain('COMPLIANCE, 90 days');
});
