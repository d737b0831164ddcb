// `doctor` as an operator runs it: exit codes, the table, and one JSON document.
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { DoctorReport } from '../../src/doctor/doctor.ts';
import { type Installation, install } from '../commands/process.ts';
import { openTestStore, type RealStore } from '../storage/stores.ts';
import { bucketContents, find, startHoledStore, storeSettings } from './support.ts';

let testStore: RealStore;
let installation: Installation | undefined;

beforeEach(async () => {
  testStore = await openTestStore();
});

afterEach(async () => {
  await installation?.remove();
  installation = undefined;
  await testStore.close();
});

test('exits with 0 for a fit bucket, and leaves it as it was', async () => {
  const before = await bucketContents(testStore);
  installation = await install(storeSettings(testStore));
  const { code, stdout } = await installation.run('doctor');
  expect(stdout).toContain('is fit: 0 failed');
  expect(stdout).toMatch(/✓ {2}part URL \+ x-amz-copy-source /);
  expect(code).toBe(0);
  expect(await bucketContents(testStore)).toEqual(before);
});

test('exits with 1 for one that is not, and writes one JSON document without secrets', async () => {
  const holed = await startHoledStore(testStore, { copiesUnsigned: true });
  installation = await install(storeSettings(testStore, holed.endpoint));
  const { code, stdout, stderr } = await installation.run('doctor', '--json');
  await holed.close();
  expect(code).toBe(1);
  const report = JSON.parse(stdout) as DoctorReport;
  expect(report.fit).toBe(false);
  expect(find(report.checks, 'copy-source-with-body')).toMatchObject({ status: 'failed', outcome: 'succeeded' });
  const secrets = [testStore.settings.credentials, testStore.settings.uploadCredentials];
  for (const secret of secrets.flatMap((keys) => keys?.secretAccessKey ?? [])) {
    expect(stdout + stderr).not.toContain(secret);
  }
  expect(stdout + stderr).not.toContain('X-Amz-Signature');
});

test('exits with 1 when the store does not answer', async () => {
  installation = await install(storeSettings(testStore, 'http://127.0.0.1:9'));
  const { code, stdout } = await installation.run('doctor');
  expect(stdout).toContain('is NOT fit');
  expect(code).toBe(1);
});

test('exits with 2 for a bad setting or a flag it does not know', async () => {
  installation = await install({ ...storeSettings(testStore), PORT: 'none' });
  const bad = await installation.run('doctor');
  expect(bad).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('PORT') });
  installation.env.PORT = '0';
  expect((await installation.run('doctor', '--repair')).code).toBe(2);
});

test('refuses a folder without a store, and makes none', async () => {
  installation = await install();
  const { code, stderr } = await installation.run('doctor');
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('there is no store in DATA_DIR') });
  expect(await readdir(installation.dataDir)).toEqual([]);
});

test('examines the embedded store of a folder that nobody serves at the moment', async () => {
  installation = await install();
  await (await installation.start()).stop('SIGTERM');
  const { code, stdout } = await installation.run('doctor', '--json');
  expect((JSON.parse(stdout) as DoctorReport).checks.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(code).toBe(0);
});
