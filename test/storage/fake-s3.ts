// An HTTP server that answers as a test's script says: for the stores that no test can have here.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface FakeRequest {
  readonly method: string;
  /** As it was sent, still escaped. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface FakeReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Sends no `Date`. */
  readonly withoutDate?: boolean;
}

export type Script = (request: FakeRequest, index: number) => FakeReply;

/** Answers the n-th request, from 0, with what the script gives for it. */
export async function startFakeS3(script: Script) {
  const requests: FakeRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming;
    const { pathname: path, searchParams: query } = new URL(url, 'http://localhost');
    const request = { method, path, query, headers, body: await text(incoming) };
    const reply = script(request, requests.push(request) - 1);
    response.sendDate = reply.withoutDate !== true;
    response.writeHead(reply.status ?? 200, reply.headers).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    /** On `localhost`, so that the SDK may put the bucket before it. */
    endpoint: `http://localhost:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An S3 document with this root element. */
export function xml(root: string, content = ''): FakeReply {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
  return { headers: { 'content-type': 'application/xml' }, body };
}

/** The whole of a listing, as every store says of its last page. */
export function listing(root: string, content = ''): FakeReply {
  return xml(root, `<IsTruncated>false</IsTruncated>${content}`);
}

/** An S3 error document. */
export function s3Error(status: number, code: string): FakeReply {
  return { ...xml('Error', `<Code>${code}</Code><Message>as scripted</Message>`), status };
}
