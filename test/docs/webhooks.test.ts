// The page on webhooks: its request is one that the service sends, and its file of endpoints one that the service reads.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { EVENT_TYPES } from '../../src/bucket/outbox.ts';
import { readSettings } from '../../src/config.ts';
import { afterThisTest } from '../kit/cleanup.ts';
import { blocksOf, read } from './blocks.ts';

const PAGE = 'docs/webhooks.md';

test('the request is signed with the secret that the page names, and names its recording', async () => {
  const [request = ''] = await blocksOf(PAGE, 'http');
  const [head = '', body = '', ...others] = request.trimEnd().split('\n\n');
  expect(others).toEqual([]);
  const [start, ...lines] = head.split('\n');
  expect(start).toBe('POST /hooks HTTP/1.1');
  const headers = new Headers(lines.map((line) => line.split(': ') as [string, string]));
  const [, secret = ''] = /use the secret `(whsec_\S+)`/.exec(await read(PAGE)) ?? [];
  const id = headers.get('webhook-id') ?? '';
  const sentAt = new Date(Number(headers.get('webhook-timestamp')) * 1000);
  expect(headers.get('webhook-signature')).toBe(new Webhook(secret).sign(id, sentAt, body));
  expect(headers.get('content-type')).toBe('application/json');

  const { type, timestamp, data, checkpoint, ...rest } = JSON.parse(body);
  expect(EVENT_TYPES).toContain(type);
  expect(id).toBe(`${type.replace('.', '_')}_${data.recordingId}`);
  expect([timestamp, Date.parse(timestamp) <= sentAt.getTime()]).toEqual([data.deletedAt, true]);
  expect(checkpoint).toMatch(new RegExp(`^proctoring-recordings/${data.tenantId}\n\\d+\n`));
  expect(rest).toEqual({ receiptHash: expect.stringMatching(/^[\w-]{43}$/) });
});

test('the service reads the file of endpoints, with secrets in the place of the omitted ones', async () => {
  const [file = '', ...others] = await blocksOf(PAGE, 'json');
  expect(others).toEqual([]);
  let secrets = 0;
  const complete = file.replaceAll(/whsec_[^"]*…/g, () => {
    secrets += 1;
    return `whsec_${Buffer.alloc(32, secrets).toString('base64')}`;
  });
  const folder = await mkdtemp(join(tmpdir(), 'test-endpoints-'));
  afterThisTest(() => rm(folder, { recursive: true }));
  const path = join(folder, 'webhooks.json');
  await writeFile(path, complete);
  const { webhooks } = readSettings({ WEBHOOKS_FILE: path });
  const [acme, beta] = [webhooks.get('acme'), webhooks.get('beta')];
  expect([acme?.url.href, acme?.events.size, acme?.keys.length]).toEqual([
    'https://lms.acme.example/hooks/recordings',
    EVENT_TYPES.length,
    1,
  ]);
  expect([[...(beta?.events ?? [])], beta?.keys.length]).toEqual([['recording.due-soon', 'recording.erased'], 2]);
});
