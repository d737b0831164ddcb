// The embedded store in a process of its own, killed with SIGKILL under uploads and sweeps.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from '@jest/globals';
import type { TestService } from '../kit/service.ts';
import { startServiceOn } from '../kit/shifted-clock.ts';
import { hasExternalStore, openTestStore } from '../storage/stores.ts';
import { expectSweepsToSurvive, expectUploadsToSurvive, type KillableStore } from './killed-store.ts';

const CHILD = new URL('../local-s3/crash-child.ts', import.meta.url).pathname;

let dataDir: string;
let child: ChildProcess;
let service: TestService;
let store: KillableStore;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'killed-store-'));
  const endpoint = await startChild('0');
  const { port } = new URL(endpoint);
  store = {
    async kill() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    async start() {
      await startChild(port);
    },
  };
  service = startServiceOn(
    await openTestStore({
      started: {
        endpoint,
        region: 'us-east-1',
        bucket: 'recordings',
        keyPrefix: '',
        forcePathStyle: true,
        credentials: { accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' },
      },
    }),
  );
});
afterEach(async () => {
  await service.close();
  await store.kill();
  await rm(dataDir, { recursive: true, force: true });
});

async function startChild(port: string): Promise<string> {
  child = spawn(process.execPath, [CHILD, dataDir, port], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return String(line).trim();
}

// Where there is another store, test/external kills that.
(hasExternalStore ? describe.skip : describe)('the embedded store is killed, and', () => {
  test('uploads go on when it is back, and lose nothing', () => expectUploadsToSurvive(service, store));

  test('sweeps leave nothing due when it is back, and take nothing else', () => expectSweepsToSurvive(service, store));
});
