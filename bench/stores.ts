// The stores that figures run on: the embedded one, and a real Ceph that ci/ceph-rgw brings up, each a process apart; and the
// one in memory, which a figure makes for itself.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, startServer } from './processes.ts';
import { SimulatedClock } from './simulated-clock.ts';

export type StoreName = 'embedded' | 'ceph' | 'memory';

export interface Store extends AsyncDisposable {
  readonly name: StoreName;
  /** The S3_… settings: of a bucket that is new, and empty. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the embedded store, which a service can share. */
  readonly clock?: SimulatedClock | undefined;
}

const EMBEDDED = {
  S3_REGION: 'local',
  S3_FORCE_PATH_STYLE: 'true',
  S3_ACCESS_KEY_ID: 'service',
  S3_SECRET_ACCESS_KEY: 'service-secret',
  S3_UPLOAD_ACCESS_KEY_ID: 'upload',
  S3_UPLOAD_SECRET_ACCESS_KEY: 'upload-secret',
};
const EMBEDDED_STORE = new URL('peers/embedded-store.ts', import.meta.url).pathname;
const CEPH = new URL('../ci/ceph-rgw', import.meta.url).pathname;
const MAKE_BUCKET = new URL('../ci/make-bucket.ts', import.meta.url).pathname;

export async function openStore(name: StoreName, cephPort: number): Promise<Store> {
  if (name === 'memory') return { name, env: {}, async [Symbol.asyncDispose]() {} };
  return name === 'embedded' ? openEmbedded() : openCeph(cephPort);
}

async function openEmbedded(): Promise<Store> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-store-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const env = { ...EMBEDDED, S3_BUCKET: newBucketName() };
  const clock = new SimulatedClock();
  const server = await startServer(EMBEDDED_STORE, [], {
    env: { ...process.env, ...env, DATA_DIR: folder },
    path: '/',
    nodeFlags: ['--conditions=source'],
    // Nobody may list its buckets.
    readyStatus: 403,
    clock,
  });
  stack.use(server);
  const resources = stack.move();
  const close = () => resources.disposeAsync();
  return { name: 'embedded', env: { ...env, S3_ENDPOINT: server.url }, clock, [Symbol.asyncDispose]: close };
}

async function openCeph(port: number): Promise<Store> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-ceph-'));
  stack.defer(async () => {
    await run(CEPH, ['down', folder]);
    await rm(folder, { recursive: true, force: true });
  });
  const printed = await run(CEPH, ['up', folder, String(port)]);
  const settings = printed
    .trim()
    .split('\n')
    .map((line) => line.split('=') as [string, string]);
  const env = { ...Object.fromEntries(settings), S3_BUCKET: newBucketName() };
  await run(process.execPath, [MAKE_BUCKET], { ...process.env, ...env });
  const resources = stack.move();
  return { name: 'ceph', env, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

function newBucketName(): string {
  return `bench-${Date.now().toString(36)}`;
}
