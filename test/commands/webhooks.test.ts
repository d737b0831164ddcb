import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { webm } from '../kit/fixtures.ts';
import { isSignedBy, type Receiver, startReceiver } from '../webhooks/receiver.ts';
import { DUE_SOON, type Installation, install, pause } from './process.ts';

let installation: Installation;
let receiver: Receiver;
afterEach(async () => {
  await installation.remove();
  await receiver.close();
});

async function installWith(settings: Record<string, string> = {}): Promise<void> {
  receiver = await startReceiver();
  installation = await install(settings);
  const file = join(installation.dataDir, 'webhooks.json');
  await writeFile(file, JSON.stringify({ acme: { url: `${receiver.url}/t0ken-in-a-path`, secret: receiver.secret } }));
  installation.env.WEBHOOKS_FILE = file;
}

/** A stored recording; its path. */
async function record(attempt = 'a1'): Promise<string> {
  const recordings = `${installation.url}/v1/exams/math/attempts/${attempt}/recordings`;
  const headers = { authorization: `Bearer ${await installation.token('recordings:upload')}` };
  const created = await fetch(recordings, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({
      participantId: 'p1',
      kind: 'webcam',
      contentType: 'video/webm',
      consent: { givenAt: '2026-01-01T00:00:00Z', policyVersion: '1' },
    }),
  });
  const { recording } = (await created.json()) as { recording: { recordingId: string } };
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(webm)]), 'webcam.webm');
  const path = `${recordings}/${recording.recordingId}`;
  expect((await fetch(`${path}/content`, { method: 'POST', headers, body: form })).status).toBe(200);
  return path;
}

const metrics = async () => (await fetch(`${installation.url}/metrics`)).text();

describe('serve with WEBHOOKS_FILE', () => {
  test('kill -9 between the outbox and the delivery loses no event: the next start delivers it, signed', async () => {
    await installWith();
    receiver.answer = () => new Promise(() => {});
    const service = await installation.start();
    const path = await record();
    const headers = { authorization: `Bearer ${await installation.token('privacy:manage')}` };
    // The endpoint is dead, and the erasure is answered all the same.
    const erased = await fetch(`${path}?reason=erasure`, { method: 'DELETE', headers });
    expect(erased.status).toBe(200);
    await service.stop('SIGKILL');

    receiver.answer = () => 204;
    receiver.received.length = 0;
    const restarted = await installation.start();
    while (receiver.received.length < 2) await pause();
    const types = receiver.received.map(({ type }) => type).toSorted();
    expect(types).toEqual(['recording.erased', 'recording.stored']);
    expect(receiver.received.every((received) => isSignedBy(receiver.secret, received))).toBe(true);
    let told = await metrics();
    while (!/proctoring_webhook_deliveries_total\{result="delivered"\} 2/.test(told)) {
      await pause();
      told = await metrics();
    }
    expect(told).toMatch(/^proctoring_webhook_backlog \d+$/m);
    expect(await restarted.stop('SIGTERM')).toBe(0);
    expect((await installation.run('verify', '--json')).code).toBe(0);
  });

  test('tells of what it deletes on its schedule; no secret and no URL is ever logged', async () => {
    await installWith({ ...DUE_SOON, SWEEP_SCHEDULE: '* * * * * *', LOG_LEVEL: 'debug' });
    receiver.answer = ({ type }) => (type === 'recording.stored' ? 500 : 204);
    const service = await installation.start();
    await record();
    while (!receiver.received.some(({ type }) => type === 'recording.deleted')) await pause();
    while (!service.output().includes('an event was not delivered')) await pause();
    expect(service.output()).not.toMatch(/whsec_|t0ken-in-a-path|\/hook/);
    expect(await service.stop('SIGTERM')).toBe(0);
  });
});

describe('the warning before a loss, as an operator meets it', () => {
  test('in the report of sweep, as text and as JSON, and as a metric where a CronJob sweeps', async () => {
    await installWith({ RETENTION_UNASSESSED: '2d' });
    const service = await installation.start();
    await record();
    const text = await installation.run('sweep');
    expect(text).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/acme loses 1 unassessed recordings within 72 hours/),
    });
    const report = JSON.parse((await installation.run('sweep', '--json')).stdout) as Record<string, unknown>;
    expect(report).toMatchObject({ dueSoonUnassessed: [{ tenant: 'acme', count: 1 }], dueSoonMore: false });
    let told = await metrics();
    while (!told.includes('proctoring_due_soon_unassessed{')) {
      await pause();
      told = await metrics();
    }
    expect(told).toMatch(/^proctoring_due_soon_unassessed\{tenant="acme"\} 1$/m);
    while (!receiver.received.some(({ type }) => type === 'recording.due-soon')) await pause();
    await service.stop('SIGTERM');
  });
});
