// `serve` and its self-test, in a child process: not ready while an attack succeeds, and no start on a locked bucket.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Installation, install, pause } from '../commands/process.ts';
import { openTestStore, type RealStore } from '../storage/stores.ts';
import { bucketContents, type HoledStore, type Holes, startHoledStore, storeSettings } from './support.ts';

const MAIN = new URL('../../src/commands/main.ts', import.meta.url).pathname;
const PATIENCE_MS = 240_000;

let testStore: RealStore;
let holed: HoledStore;
let installation: Installation;
let child: ChildProcess | undefined;
let output = '';

beforeEach(async () => {
  testStore = await openTestStore();
});

afterEach(async () => {
  child?.kill('SIGKILL');
  child = undefined;
  await installation.remove();
  await holed.close();
  await testStore.close();
});

async function serve(holes: Holes, settings: Record<string, string> = {}): Promise<ChildProcess> {
  holed = await startHoledStore(testStore, holes);
  installation = await install({ ...storeSettings(testStore, holed.endpoint), ...settings });
  child = spawn(process.execPath, [MAIN, 'serve'], { env: installation.env });
  output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  return child;
}

interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

async function until(isIt: (readiness: Readiness) => boolean): Promise<Readiness> {
  let readiness: Readiness | undefined;
  for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs; await pause()) {
    const answer = await fetch(`${installation.url}/readyz`).catch(() => undefined);
    readiness = (await answer?.json()) as Readiness | undefined;
    if (readiness && isIt(readiness)) return readiness;
  }
  throw new Error(`it did not come: ${JSON.stringify(readiness)} ${output}`);
}

async function stop(): Promise<number | null> {
  const exited = once(child as ChildProcess, 'exit') as Promise<[number | null]>;
  child?.kill('SIGTERM');
  const [code] = await exited;
  return code;
}

test('serve is ready once every attack was refused, and leaves nothing in the bucket', async () => {
  await serve({});
  await until(({ ready }) => ready);
  expect(await bucketContents(testStore)).toMatchObject({ versions: [], uploads: [] });
  expect(await stop()).toBe(0);
});

test('serve is not ready while an attack succeeds, and says which', async () => {
  await serve({ copiesUnsigned: true, tagsUnsigned: true });
  const { reason } = await until(({ reason: why }) => why?.includes('abused') === true);
  expect(reason).toBe(
    'a presigned URL can be abused: copy-source-with-body, copy-source-without-body, tagging; set UPLOADS=proxy',
  );
  expect(output).toContain('a presigned URL can be abused');
  expect(output).not.toContain('X-Amz-');
  expect(await stop()).toBe(0);
});

test('serve is ready on the same store when uploads pass through it', async () => {
  await serve({ copiesUnsigned: true }, { UPLOADS: 'proxy' });
  await until(({ ready }) => ready);
  expect(await stop()).toBe(0);
});

test('serve waits for a store that is down at the start, and becomes ready', async () => {
  await serve({ status: 503 });
  await until(({ reason }) => reason?.includes('does not answer') === true);
  expect(output).toContain('the self-test waits for the store');
  holed.holes = {};
  await until(({ ready }) => ready);
  expect(await stop()).toBe(0);
});

test('serve refuses to start on a bucket that locks objects, with one clear line', async () => {
  const refused = await serve({ locks: true });
  const [code] = (await once(refused, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(output.trim().split('\n')).toHaveLength(1);
  expect(output).toContain('COMPLIANCE, 90 days');
  expect(output).not.toContain('listening');
});

test('serve stops when a store that was down turns out to lock objects', async () => {
  const refused = await serve({ status: 503 });
  await until(({ reason }) => reason?.includes('does not answer') === true);
  holed.holes = { locks: true };
  const [code] = (await once(refused, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(output).toContain('COMPLIANCE, 90 days');
});
