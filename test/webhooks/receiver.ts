// An endpoint on loopback that keeps what it is sent, and answers as a test says.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { EVENT_TYPES, type EventType, type RecordingEvent } from '../../src/bucket/outbox.ts';
import type { Endpoint } from '../../src/webhooks/endpoint.ts';

interface Received extends Pick<RecordingEvent, 'id' | 'type' | 'data'> {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;

export async function startReceiver(name = 'a') {
  const key = Buffer.from(`the secret of receiver ${name}, long enough`);
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const { headers, url: path = '' } = request;
    // A sender that dies meanwhile has sent nothing.
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
    const { type, data } = JSON.parse(body) as RecordingEvent;
    const event = { id: String(headers['webhook-id']), type, data, headers, body, path };
    received.push(event);
    const status = await receiver.answer(event);
    response.writeHead(status, { location: '/elsewhere' }).end('an answer that nobody reads');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const receiver = {
    url,
    secret: `whsec_${key.toString('base64')}`,
    received,
    /** The status of the next answers; a promise is awaited first. */
    answer: (() => 204) as (received: Received) => number | Promise<number>,
    endpoint: (events: readonly EventType[] = EVENT_TYPES): Endpoint => {
      return { url: new URL(url), keys: [key], events: new Set(events) };
    },
    async close() {
      server.closeAllConnections();
      if (server.listening) await server[Symbol.asyncDispose]();
    },
  };
  return receiver;
}

/** Whether one of its signatures is by this secret, as the Standard Webhooks conventions define it. */
export function isSignedBy(secret: string, { id, headers, body }: Received): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = createHmac('sha256', key).update(`${id}.${String(headers['webhook-timestamp'])}.${body}`);
  return String(headers['webhook-signature'])
    .split(' ')
    .includes(`v1,${signed.digest('base64')}`);
}
