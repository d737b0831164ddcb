// An endpoint on loopback that keeps what it is sent, and answers as a test says.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { EVENT_TYPES, type EventType } from '../../src/domain/events.ts';
import type { Endpoint } from '../../src/webhooks/endpoint.ts';

export interface Received {
  readonly id: string;
  readonly type: EventType;
  readonly data: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
}

export interface Receiver {
  readonly url: string;
  readonly secret: string;
  readonly received: Received[];
  /** The status of the next answers; a promise is waited for. Default: 204. */
  answer: (received: Received) => number | Promise<number>;
  endpoint(events?: readonly EventType[]): Endpoint;
  close(): Promise<void>;
}

export async function startReceiver({ port = 0, name = 'a' } = {}): Promise<Receiver> {
  const secret = `whsec_${Buffer.from(`the secret of receiver ${name}, long enough`).toString('base64')}`;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', async () => {
      const body = Buffer.concat(chunks).toString();
      const { type, data } = JSON.parse(body) as Pick<Received, 'type' | 'data'>;
      const id = String(request.headers['webhook-id']);
      const received = { id, type, data, headers: request.headers, body, path: request.url ?? '' };
      receiver.received.push(received);
      const status = await receiver.answer(received);
      response.writeHead(status, { location: '/elsewhere' }).end('an answer that nobody reads');
    });
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const receiver: Receiver = {
    url,
    secret,
    received: [],
    answer: () => 204,
    endpoint(events = EVENT_TYPES) {
      return { url: new URL(url), keys: [keyOf(secret)], events: new Set(events) };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close').catch(() => {});
    },
  };
  return receiver;
}

export function keyOf(secret: string): Uint8Array {
  return new Uint8Array(Buffer.from(secret.slice('whsec_'.length), 'base64'));
}

/** Whether it was signed with this secret, at whatever time of a turned clock. */
export function isSignedBy(secret: string, { id, headers, body }: Received): boolean {
  const at = new Date(Number(headers['webhook-timestamp']) * 1000);
  return String(headers['webhook-signature'])
    .split(' ')
    .includes(new Webhook(secret).sign(id, at, body));
}
