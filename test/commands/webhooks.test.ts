import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { isSignedBy, type Receiver, startReceiver } from '../webhooks/receiver.ts';
import { DUE_ONCE_ASSESSED, type Installation, install, pause } from './process.ts';

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

const metrics = async () => (await fetch(`${installation.url}/metrics`)).text();

describe('serve with WEBHOOKS_FILE', () => {
  test('kill -9 between the outbox and the delivery loses no event: the next start delivers it, signed', async () => {
    await installWith();
    receiver.answer = () => new Promise(() => {});
    const service = await installation.start();
    const path = await installation.record();
    // The endpoint is dead, and the erasure is answered all the same.
    const erased = await installation.call('DELETE', `${path}?reason=erasure`);
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
    await installWith({ ...DUE_ONCE_ASSESSED, SWEEP_SCHEDULE: '* * * * * *', LOG_LEVEL: 'debug' });
    receiver.answer = ({ type }) => (type === 'recording.stored' ? 500 : 204);
    const service = await installation.start();
    await installation.record();
    await installation.makeDue();
    while (!receiver.received.some(({ type }) => type === 'recording.deleted')) await pause();
    while (!service.output().includes('an event was not delivered')) await pause();
    expect(service.output()).not.toMatch(/whsec_|t0ken-in-a-path|\/hook/);
    expect(await service.stop('SIGTERM')).toBe(0);
  });
});

describe('the warning before a loss, as an operator meets it', () => {
  // The report of the command is in sweep.test.ts.
  test('as a metric where a CronJob sweeps, and as an event', async () => {
    await installWith({ RETENTION_UNASSESSED: '2d' });
    const service = await installation.start();
    await installation.record();
    expect((await installation.run('sweep')).code).toBe(0);
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
