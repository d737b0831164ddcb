// A proxy between the adapter and a real store that spoils the requests which a test names, and counts all of them.
import { once } from 'node:events';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type FaultProxy = Awaited<ReturnType<typeof startFaultProxy>>;

/** A fault of one request. The store sees the request only if the fault calls `ask`, which can leave headers out. */
export type Fault = (
  response: http.ServerResponse,
  ask: (without?: readonly string[]) => Promise<Reply>,
  body: Buffer,
) => Promise<void> | void;

interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export const refused =
  (code: 'SlowDown' | 'InternalError' | 'ServiceUnavailable'): Fault =>
  (response) => {
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`;
    response.writeHead(503, { 'content-type': 'application/xml' }).end(body);
  };

export const reset: Fault = (response) => void response.destroy();

/** No answer, ever. */
export const stalled: Fault = () => {};

/** The store does what it was asked, and the connection is cut before the answer. */
export const replyLost: Fault = (response, ask) => ask().then(() => void response.destroy());

/** The store does it, and its answer is cut in the middle of its body. */
export const replyTorn: Fault = async (response, ask) => {
  const { status, headers, body } = await ask();
  response.writeHead(status, { ...headers, 'content-length': body.length + 1 });
  response.write(body.subarray(0, body.length / 2), () => response.destroy());
};

const replyChanged =
  (change: (reply: Reply) => Partial<Reply>): Fault =>
  async (response, ask) => {
    const reply = await ask();
    pass(response, { ...reply, ...change(reply) });
  };

/** Half of the body, with a content-length that matches the half. */
export const replyShortened = replyChanged(({ body }) => ({ body: body.subarray(0, body.length / 2) }));

export const replyEmptied = replyChanged(() => ({ body: Buffer.alloc(0) }));

/** The store's `Date` is wrong by this much. */
export const clockOff = (offsetMs: number) =>
  replyChanged(({ headers }) => {
    const date = new Date(Date.parse(headers.date ?? '') + offsetMs).toUTCString();
    return { headers: { ...headers, date } };
  });

/** The Host header stays as it was signed: the store checks the signature that was made for this proxy. */
export async function startFaultProxy(storeEndpoint: string) {
  let faultFor: (index: number) => Fault | undefined = () => undefined;
  let requests = 0;
  const server = http.createServer(async (incoming, response) => {
    requests += 1;
    const fault = faultFor(requests);
    try {
      const body = await buffer(incoming);
      const ask = (without: readonly string[] = []) => forward(storeEndpoint, incoming, body, without);
      await (fault ? fault(response, ask, body) : pass(response, await ask()));
    } catch {
      response.destroy();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** How many requests have come since the last `spoil`. */
    requests: () => requests,
    /** The `index`th request from now on, counted from 1, gets this fault; undefined: it is passed on unchanged. */
    spoil(next: typeof faultFor) {
      faultFor = next;
      requests = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function forward(to: string, incoming: http.IncomingMessage, body: Buffer, without: readonly string[]) {
  const { method, url: path } = incoming;
  const { hostname, port } = new URL(to);
  // The body is here already: nobody waits for a 100 any more.
  const headers = dropHeaders(incoming.headers, ['expect', 'connection', ...without]);
  const request = http.request({ hostname, port, method, path, headers }).end(body);
  const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
  const kept = dropHeaders(reply.headers, ['transfer-encoding', 'connection']);
  return { status: reply.statusCode ?? 0, headers: kept, body: await buffer(reply) };
}

export function pass(response: http.ServerResponse, { status, headers, body }: Reply): void {
  const hasNoBody = status === 204 || response.req.method === 'HEAD';
  response.sendDate = false;
  response.writeHead(status, hasNoBody ? headers : { ...headers, 'content-length': body.length }).end(body);
}

function dropHeaders(headers: http.IncomingHttpHeaders, names: readonly string[]): http.IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
