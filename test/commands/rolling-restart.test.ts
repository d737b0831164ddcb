// Two processes of `serve` behind a load balancer, stopped and started in turn under load: no request is lost.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { recordingPrefix } from '../../src/domain/keys.ts';
import { listAll } from '../../src/storage/object-store.ts';
import { createS3Client } from '../../src/storage/s3/client.ts';
import { S3ObjectStore } from '../../src/storage/s3/object-store.ts';
import { until } from '../http/expectations.ts';
import { webm } from '../kit/fixtures.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { type Installation, install } from './process.ts';

const STORE = new URL('../local-s3/crash-child.ts', import.meta.url).pathname;
const CREDENTIALS = { accessKeyId: 'ROOTKEY', secretAccessKey: 'root-secret' };
const CLIENTS = 20;
/** Between the recordings of a client: some sixty requests a second of all, so that one machine can be all of this. */
const PAUSE_MS = 1000;
/** Fifteen looks of the balancer. */
const SHUTDOWN_DELAY = '3s';
const EXAM = 'math';
const TENANT = 'acme';

let dataDir: string;
let store: ChildProcess;
let endpoint: string;
let installations: Installation[];
let balancer: Balancer;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'test-store-'));
  store = spawn(process.execPath, [STORE, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(store.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  endpoint = line.toString().trim();
  const settings = {
    S3_ENDPOINT: endpoint,
    S3_REGION: 'us-east-1',
    S3_BUCKET: 'recordings',
    S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'warn',
    SHUTDOWN_DELAY,
  };
  installations = [await install(settings), await install(settings)];
  balancer = await startBalancer(installations.map(({ url }) => url));
});

afterEach(async () => {
  await balancer.close();
  for (const installation of installations) await installation.remove();
  store.kill('SIGKILL');
  await once(store, 'exit');
  await rm(dataDir, { recursive: true, force: true });
});

/** What clients met, and the recordings that they were told are stored. */
interface Load {
  readonly lost: string[];
  readonly stored: { attempt: string; recording: string }[];
  answered: number;
}

/** Records again and again, each time another attempt: by parts, or in one piece through the service. */
async function client(number: number, token: string, load: Load, isOver: () => boolean): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  async function send(what: string, url: string, init: RequestInit): Promise<Response | undefined> {
    try {
      const answer = await fetch(url, init);
      // The whole answer counts.
      const body = await answer.arrayBuffer();
      load.answered += 1;
      if (answer.ok) return new Response(body, { status: answer.status });
      load.lost.push(`${what}: ${answer.status} ${Buffer.from(body).toString().slice(0, 200)}`);
    } catch (error) {
      load.lost.push(`${what}: ${String((error as Error).cause ?? error)}`);
    }
    return undefined;
  }
  const call = (what: string, path: string, body?: object) =>
    send(what, balancer.url + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body ?? {}),
    });

  async function record(attempt: string, byParts: boolean): Promise<void> {
    const recordings = `/v1/exams/${EXAM}/attempts/${attempt}/recordings`;
    const consent = { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' };
    const created = await call('create', recordings, {
      participantId: `p-${number}`,
      kind: 'webcam',
      contentType: 'video/webm',
      consent,
    });
    if (!created) return;
    const { recording } = (await created.json()) as { recording: { recordingId: string } };
    const path = `${recordings}/${recording.recordingId}`;
    if (byParts) {
      const signed = await call('parts', `${path}/parts`, { parts: [{ partNumber: 1, sizeBytes: webm.length }] });
      if (!signed) return;
      const { parts } = (await signed.json()) as { parts: { url: string }[] };
      await send('part', parts[0]?.url ?? '', { method: 'PUT', body: Buffer.from(webm) });
      if (!(await call('complete', `${path}/complete`))) return;
    } else {
      const body = new FormData();
      body.set('file', new Blob([new Uint8Array(webm)]), 'webcam.webm');
      if (!(await send('content', `${balancer.url}${path}/content`, { method: 'POST', headers, body }))) return;
    }
    load.stored.push({ attempt, recording: recording.recordingId });
    await send('read', balancer.url + path, { headers });
    await call('playback link', `${path}/playback-links`);
  }

  for (let round = 0; !isOver(); round += 1) {
    await record(`a-${number}-${round}`, (number + round) % 3 > 0);
    await sleep(PAUSE_MS);
  }
}

test('no request is lost, and every recording that was answered as complete is stored', async () => {
  const services = await Promise.all(installations.map((installation) => installation.start()));
  await until(() => balancer.isReady(0) && balancer.isReady(1));
  const token = (await installations[0]?.token('recordings:upload recordings:review')) ?? '';
  const load: Load = { lost: [], stored: [], answered: 0 };
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number, token, load, () => isOver));

  const codes: (number | null | undefined)[] = [];
  for (const [index, installation] of installations.entries()) {
    await until(() => (balancer.served[index] ?? 0) > 20);
    codes.push(await services[index]?.stop('SIGTERM'));
    await installation.start();
    balancer.served[index] = 0;
    await until(() => balancer.isReady(index) && (balancer.served[index] ?? 0) > 20);
  }
  isOver = true;
  await Promise.all(clients);

  expect(load.lost).toEqual([]);
  expect(codes).toEqual([0, 0]);
  expect(load.stored.length).toBeGreaterThan(CLIENTS);
  const s3 = createS3Client({
    endpoint,
    region: 'us-east-1',
    bucket: 'recordings',
    keyPrefix: '',
    forcePathStyle: true,
    credentials: CREDENTIALS,
  });
  const keys = new Set<string>();
  for await (const { key } of listAll(new S3ObjectStore(s3, { bucket: 'recordings', keyPrefix: '' }), 'attempts/')) {
    keys.add(key);
  }
  s3.destroy();
  const missing = load.stored.flatMap(({ attempt, recording }) => {
    const prefix = recordingPrefix({ tenant: TENANT, exam: EXAM, attempt, recording });
    return [`${prefix}media`, `${prefix}stored`].filter((key) => !keys.has(key));
  });
  expect(missing).toEqual([]);
});
