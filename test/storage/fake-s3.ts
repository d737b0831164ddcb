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

/** For short: `403 AccessDenied` or `501` is an error, and any other string the content of a document. */
export type Answer = FakeReply | string;

export type Script = (request: FakeRequest, index: number) => Answer;

/** Answers the n-th request, from 0, with what the script gives for it. */
export async function startFakeS3(script: Script) {
  const requests: FakeRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming;
    const { pathname: path, searchParams: query } = new URL(url, 'http://localhost');
    const request = { method, path, query, headers, body: await text(incoming) };
    const reply = replyOf(script(request, requests.push(request) - 1));
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

function replyOf(answer: Answer): FakeReply {
  if (typeof answer !== 'string') return answer;
  const [, status, code] = /^(\d{3})(?: (\w+))?$/.exec(answer) ?? [];
  if (status === undefined) return document(answer);
  const error = code === undefined ? {} : document(`<Code>${code}</Code><Message>as scripted</Message>`, 'Error');
  return { ...error, status: Number(status) };
}

/** The SDK takes a root element of any name. */
export function document(content: string, root = 'Answer'): FakeReply {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`;
  return { headers: { 'content-type': 'application/xml' }, body };
}
