// A proxy between the service and a real store that spoils the requests which a test's rule names, and counts them.
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { operationOf } from './operations.ts';

/** What happens to one request. Where nothing else is said, the store never sees it. */
export type Fault =
  /** 503 and this code, such as SlowDown. */
  | { readonly kind: 'refused'; readonly code: 'SlowDown' | 'ServiceUnavailable' | 'InternalError' }
  | { readonly kind: 'reset' }
  /** No answer, ever. */
  | { readonly kind: 'stalled' }
  /** The store does what it was asked; the connection is cut before the answer. */
  | { readonly kind: 'reply-lost' }
  /** The store does it; its answer is cut in the middle of its body. */
  | { readonly kind: 'reply-truncated' }
  /** The same, and the length says that the half was all. */
  | { readonly kind: 'reply-shortened' }
  /** The same, and nothing is left of the body but its status. */
  | { readonly kind: 'reply-emptied' }
  /** CompleteMultipartUpload answers 200, and an error inside. */
  | { readonly kind: 'error-inside' }
  /** DeleteObjects answers 200, and an error for each key; nothing was deleted. */
  | { readonly kind: 'keys-refused' }
  /** The store does it; its `Date` is wrong by this much. */
  | { readonly kind: 'clock'; readonly offsetMs: number };

export interface ProxiedRequest {
  /** As the SDK calls it: `PutObject`, `ListObjectsV2`, … */
  readonly operation: string;
  /** From 1, since `rule` was set. */
  readonly index: number;
  readonly path: string;
}

export type Rule = (request: ProxiedRequest) => Fault | undefined;

export interface FaultProxy {
  readonly endpoint: string;
  /** From here on; undefined: every request passes. Both counts begin anew. */
  follow(rule: Rule | undefined): void;
  /** What came in since then, and what of it was spoilt. */
  readonly requests: ProxiedRequest[];
  readonly spoilt: number;
  close(): Promise<void>;
}

/** The Host header stays as it was signed: the store checks the signature that the service made for this proxy. */
export async function startFaultProxy(storeEndpoint: string): Promise<FaultProxy> {
  const store = new URL(storeEndpoint);
  const requests: ProxiedRequest[] = [];
  let rule: Rule | undefined;
  let spoilt = 0;

  const server = createServer(async (incoming, response) => {
    const body = await bodyOf(incoming).catch(() => undefined);
    if (body === undefined) return;
    const path = incoming.url ?? '';
    const request = { operation: operationOf(incoming.method ?? '', path), index: requests.length + 1, path };
    requests.push(request);
    const fault = rule?.(request);
    if (fault) spoilt += 1;
    try {
      await answer(response, fault, body, () => forward(store, incoming, body));
    } catch {
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get spoilt() {
      return spoilt;
    },
    follow(next) {
      rule = next;
      requests.length = 0;
      spoilt = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface StoreReply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

async function answer(
  response: ServerResponse,
  fault: Fault | undefined,
  body: Buffer,
  ask: () => Promise<StoreReply>,
): Promise<void> {
  switch (fault?.kind) {
    case undefined:
      return pass(response, await ask());
    case 'refused':
      return sendXml(response, 503, errorXml(fault.code));
    case 'reset':
      response.destroy();
      return;
    case 'stalled':
      return;
    case 'reply-lost':
      await ask();
      response.destroy();
      return;
    case 'reply-truncated': {
      const reply = await ask();
      response.writeHead(reply.status, [
        ...withoutLength(reply.headers),
        'content-length',
        String(reply.body.length + 1),
      ]);
      response.write(reply.body.subarray(0, reply.body.length / 2), () => response.destroy());
      return;
    }
    case 'reply-shortened': {
      const reply = await ask();
      return pass(response, { ...reply, body: reply.body.subarray(0, reply.body.length / 2) });
    }
    case 'reply-emptied':
      return pass(response, { ...(await ask()), body: Buffer.alloc(0) });
    case 'error-inside':
      return sendXml(response, 200, errorXml('InternalError'));
    case 'keys-refused': {
      const keys = [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key);
      const errors = keys.map((key) => `<Error><Key>${key}</Key><Code>InternalError</Code></Error>`);
      return sendXml(response, 200, `<DeleteResult>${errors.join('')}</DeleteResult>`);
    }
    case 'clock': {
      const reply = await ask();
      const headers = [...reply.headers];
      const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'date');
      headers[at + 1] = new Date(Date.parse(headers[at + 1] ?? '') + fault.offsetMs).toUTCString();
      return pass(response, { ...reply, headers });
    }
  }
}

function forward(store: URL, incoming: IncomingMessage, body: Buffer): Promise<StoreReply> {
  const { promise, resolve, reject } = Promise.withResolvers<StoreReply>();
  const { method = '', url: path = '' } = incoming;
  // The body is here already: nobody waits for a 100 any more.
  const headers = dropHeaders(incoming.rawHeaders, ['expect', 'connection']);
  const request = httpRequest({ host: store.hostname, port: store.port, method, path, headers }, async (reply) => {
    try {
      resolve({ status: reply.statusCode ?? 0, headers: reply.rawHeaders, body: await bodyOf(reply) });
    } catch (error) {
      reject(error as Error);
    }
  });
  request.on('error', reject);
  request.end(body);
  return promise;
}

function pass(response: ServerResponse, { status, headers, body }: StoreReply): void {
  const ofNoBody = status === 204 || status === 304 || response.req.method === 'HEAD';
  const length = ofNoBody ? [] : ['content-length', String(body.length)];
  response.sendDate = false;
  response.writeHead(status, [...(ofNoBody ? headers : withoutLength(headers)), ...length]).end(body);
}

function sendXml(response: ServerResponse, status: number, body: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>${body}`);
}

function errorXml(code: string): string {
  return `<Error><Code>${code}</Code><Message>as the test wants it</Message></Error>`;
}

function withoutLength(headers: readonly string[]): string[] {
  return dropHeaders(headers, ['content-length', 'transfer-encoding', 'connection']);
}

/** Names and values alternate, as Node gives raw headers. */
function dropHeaders(headers: readonly string[], names: readonly string[]): string[] {
  return headers.filter((_, index) => !names.includes((headers[index - (index % 2)] ?? '').toLowerCase()));
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(message as AsyncIterable<Buffer>));
}
