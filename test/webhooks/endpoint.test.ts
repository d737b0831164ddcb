import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createReceiver, type RecordingEvent as Taken } from '../../docs/examples/webhook-receiver.ts';
import { dueSoonEvent } from '../../src/domain/events.ts';
import { newRecordingId } from '../../src/domain/ids.ts';
import { backoffMs } from '../../src/webhooks/backoff.ts';
import { postEvent } from '../../src/webhooks/endpoint.ts';
import { isSignedBy, keyOf, type Receiver, startReceiver } from './receiver.ts';

const RECORDING = newRecordingId(Date.now(), (length) => new Uint8Array(length).fill(7));
const REF = { tenant: 'acme', exam: 'math', attempt: 'a1', recording: RECORDING };
const event = dueSoonEvent(REF, Date.now(), Date.now() + 1000);
const { signal } = new AbortController();

let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const post = (endpoint = receiver.endpoint()) => postEvent(endpoint, event, { nowMs: Date.now(), signal });

describe('an event is posted', () => {
  test('as the Standard Webhooks conventions have it: id, time and signature in the head, type, time and data in the body', async () => {
    expect(await post()).toBeUndefined();
    const [received] = receiver.received;
    expect(received && isSignedBy(receiver.secret, received)).toBe(true);
    expect(received?.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': `recording_due_soon_${RECORDING}`,
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
      'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    });
    expect(JSON.parse(received?.body ?? '')).toEqual({
      type: 'recording.due-soon',
      timestamp: event.timestamp,
      data: { tenantId: 'acme', examId: 'math', attemptId: 'a1', recordingId: RECORDING, deleteBy: expect.any(String) },
    });
  });

  test('so that the receiver of the documentation takes it, and refuses it with another secret or an old time', async () => {
    const taken: [string, Taken][] = [];
    const server = createReceiver(receiver.secret, async (id, taking) => void taken.push([id, taking])).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const endpoint = { ...receiver.endpoint(), url: new URL(`http://127.0.0.1:${port}/`) };
    expect(await post(endpoint)).toBeUndefined();
    expect(taken).toEqual([[event.id, expect.objectContaining({ type: 'recording.due-soon' })]]);
    const wrong = { ...endpoint, keys: [new Uint8Array(32)] };
    expect(await post(wrong)).toBe('http-400');
    expect(await postEvent(endpoint, event, { nowMs: Date.now() - 600_000, signal })).toBe('http-400');
    expect(taken).toHaveLength(1);
    server.close();
    const page = await readFile(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');
    const example = await readFile(new URL('../../docs/examples/webhook-receiver.ts', import.meta.url), 'utf8');
    expect(page).toContain(example.trim());
  });

  test('with a signature of each key while one is being replaced', async () => {
    const newer = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    await post({ ...receiver.endpoint(), keys: [keyOf(newer), keyOf(receiver.secret)] });
    const [received] = receiver.received;
    for (const secret of [newer, receiver.secret]) expect(received && isSignedBy(secret, received)).toBe(true);
  });
});

describe('why it was not taken', () => {
  test.each([301, 302, 307, 308])('a redirect is not followed: %i', async (status) => {
    receiver.answer = () => status;
    expect(await post()).toBe(`http-${status}`);
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook']);
  });

  test.each([400, 404, 410, 429, 500, 503])('%i', async (status) => {
    receiver.answer = () => status;
    expect(await post()).toBe(`http-${status}`);
  });

  test('nobody listens', async () => {
    await receiver.close();
    expect(await post()).toBe('ECONNREFUSED');
  });

  test('it was cut off', async () => {
    const stopping = new AbortController();
    receiver.answer = () => new Promise(() => {});
    const posting = postEvent(receiver.endpoint(), event, { nowMs: Date.now(), signal: stopping.signal });
    while (receiver.received.length === 0) await new Promise(setImmediate);
    stopping.abort();
    expect(await posting).toBe('network');
  });

  test('it hangs', async () => {
    receiver.answer = () => new Promise(() => {});
    expect(await postEvent(receiver.endpoint(), event, { nowMs: Date.now(), signal, timeoutMs: 50 })).toBe('timeout');
  });
});

test('the next attempt comes exponentially later, up to six hours, with jitter', () => {
  const seconds = (attempts: number, random: number) => backoffMs(attempts, random) / 1000;
  expect([1, 2, 3, 4].map((attempts) => seconds(attempts, 0))).toEqual([10, 20, 40, 80]);
  expect(seconds(1, 0.5)).toBe(7.5);
  expect(seconds(50, 0)).toBe(6 * 3600);
  expect(seconds(50, 0.999)).toBeGreaterThan(3 * 3600);
});
