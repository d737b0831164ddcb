// A proxy between the adapter and a real store that spoils the requests which a test names, and counts all of them.
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FaultProxy {
  readonly endpoint: string;
  /** The `index`th request from now on, from 1, is spoilt so; undefined: it passes. The count begins again. */
  spoil(faultFor: (index: number) => Fault | undefined): void;
  /** How many requests have come since then. */
  readonly requests: number;
  close(): Promise<void>;
}

/** What is done to one request. The store never sees it unless `ask` is called. */
export type Fault = (response: ServerResponse, ask: Ask, body: Buffer) => Promise<void> | void;

/** Passes the request on, without some of its headers. */
type Ask = (without?: readonly string[]) => Promise<Reply>;

interface Reply {
  readonly status: number;
  /** Names and values alternate, as Node gives raw headers. */
  readonly headers: readonly string[];
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
export const replyLost: Fault = async (response, ask) => {
  await ask();
  response.destroy();
};

/** The store does it, and its answer is cut in the middle of its body. */
export const replyTorn: Fault = async (response, ask) => {
  const { status, headers, body } = await ask();
  response.writeHead(status, [...withoutLength(headers), 'content-length', String(body.length + 1)]);
  response.write(body.subarray(0, body.length / 2), () => response.destroy());
};

/** The same, and the length says that the half was all. */
export const replyShortened: Fault = async (response, ask) => {
  const reply = await ask();
  pass(response, { ...reply, body: reply.body.subarray(0, reply.body.length / 2) });
};

/** The same, and nothing is left of the body but its status. */
export const replyEmptied: Fault = async (response, ask) => pass(response, { ...(await ask()), body: Buffer.alloc(0) });

/** The store's `Date` is wrong by this much. */
export const clockOff =
  (offsetMs: number): Fault =>
  async (response, ask) => {
    const reply = await ask();
    const headers = [...reply.headers];
    const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'date');
    headers[at + 1] = new Date(Date.parse(headers[at + 1] ?? '') + offsetMs).toUTCString();
    pass(response, { ...reply, headers });
  };

/** The Host header stays as it was signed: the store checks the signature that was made for this proxy. */
export async function startFaultProxy(storeEndpoint: string): Promise<FaultProxy> {
  const store = new URL(storeEndpoint);
  let faultFor: (index: number) => Fault | undefined = () => undefined;
  let requests = 0;
  const server = createServer(async (incoming, response) => {
    requests += 1;
    const fault = faultFor(requests);
    try {
      const body = await bodyOf(incoming);
      const ask: Ask = (without = []) => forward(store, incoming, body, without);
      await (fault ? fault(response, ask, body) : pass(response, await ask()));
    } catch {
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    spoil(next) {
      faultFor = next;
      requests = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(store: URL, incoming: IncomingMessage, body: Buffer, without: readonly string[]): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const { method, url: path } = incoming;
  // The body is here already: nobody waits for a 100 any more.
  const headers = dropHeaders(incoming.rawHeaders, ['expect', 'connection', ...without]);
  const request = httpRequest({ host: store.hostname, port: store.port, method, path, headers }, (reply) => {
    const { statusCode: status = 0, rawHeaders } = reply;
    bodyOf(reply).then((answered) => resolve({ status, headers: rawHeaders, body: answered }), reject);
  });
  request.on('error', reject);
  request.end(body);
  return promise;
}

export function pass(response: ServerResponse, { status, headers, body }: Reply): void {
  const hasNoBody = status === 204 || response.req.method === 'HEAD';
  const length = hasNoBody ? [] : ['content-length', String(body.length)];
  response.sendDate = false;
  response.writeHead(status, [...(hasNoBody ? headers : withoutLength(headers)), ...length]).end(body);
}

function withoutLength(headers: readonly string[]): string[] {
  return dropHeaders(headers, ['content-length', 'transfer-encoding', 'connection']);
}

function dropHeaders(headers: readonly string[], names: readonly string[]): string[] {
  return headers.filter((_, index) => !names.includes((headers[index - (index % 2)] ?? '').toLowerCase()));
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>));
}
